"""What a fit is computed in: units without dimension, in one order.

Letters: K trajectories, L points, D variables, G inputs and parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn import Trajectories
from skdyn.plugins import state_moments

Array = NDArray[np.float64]
Pairs = list[tuple[Array, Array]]


@dataclass(frozen=True)
class Units:
    """Scaled units ``z = (x - center) / scale`` and ``tau = (t - t_0) / duration``, t_0 each trajectory's first time.

    Attributes
    ----------
    center, scale : arrays of shape (D + G,)
        Mean and deviation of each variable, and behind them of each input and parameter. A constant variable takes the
        largest deviation. The scale of an input or a parameter that is constant is infinite: nothing was seen of what
        it does, and its value decides nothing.
    duration : float
        That of the longest trajectory.
    """

    center: Array
    scale: Array
    duration: float

    @classmethod
    def of(cls, context: Trajectories) -> Units:
        """Measure a context."""
        mean, std = _moments(context.states)
        outside_mean, outside_std = _moments(context.outside)
        varies = np.any([(u != context.outside[0][0]).any(axis=0) for u in context.outside], axis=0)
        scale = np.append(np.where(std > 0, std, std.max()), np.where(varies, outside_std, np.inf))
        return cls(np.append(mean, outside_mean), scale, max(float(t[-1] - t[0]) for t in context.times))

    def pairs(self, context: Trajectories) -> Pairs:
        """The trajectories as pairs (tau, z), in an order that does not depend on the one that they came in.

        Each z (L, D + G) holds the states and behind them what is given from outside. All are rounded to twelve
        decimals, so that the last digits of an input's units decide nothing.
        """
        scaled = [
            (((t - t[0]) / self.duration).round(12), ((np.hstack([x, u]) - self.center) / self.scale).round(12))
            for (t, x), u in zip(context, context.outside, strict=True)
        ]
        return sorted(scaled, key=lambda pair: (len(pair[0]), tuple(pair[1].ravel()), tuple(pair[0])))


def _moments(parts: tuple[Array, ...]) -> tuple[Array, Array]:
    """Mean and deviation of each column of arrays (L_k, columns)."""
    ordered = sorted(parts, key=lambda part: (len(part), tuple(part.ravel())))
    rows = np.ascontiguousarray(np.concatenate(ordered))  # sums depend on the order and the layout
    mean, std = state_moments(rows[None, None], np.ones((1, 1, len(rows)), dtype=bool))
    return mean[0], std[0]
