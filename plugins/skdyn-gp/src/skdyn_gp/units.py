"""What a fit is computed in: few enough points, in one order, in units without dimension.

Letters: K trajectories, L points, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn import Trajectories
from skdyn.plugins import state_moments, warn

Array = NDArray[np.float64]
Pairs = list[tuple[Array, Array]]


@dataclass(frozen=True)
class Units:
    """Scaled units ``z = (x - center) / scale`` and ``tau = (t - t_0) / duration``, t_0 each trajectory's first time.

    Attributes
    ----------
    center, scale : arrays of shape (D,)
        Mean and deviation of each variable; a constant variable takes the largest deviation.
    duration : float
        That of the longest trajectory.
    """

    center: Array
    scale: Array
    duration: float

    @classmethod
    def of(cls, context: Trajectories) -> Units:
        """Measure a context."""
        states = np.ascontiguousarray(np.concatenate(context.states))  # sums depend on the layout
        mean, std = state_moments(states[None, None], np.ones((1, 1, len(states)), dtype=bool))
        scale = np.where(std[0] > 0, std[0], std[0].max())
        return cls(mean[0], scale, max(float(t[-1] - t[0]) for t in context.times))

    def pairs(self, context: Trajectories) -> Pairs:
        """The trajectories as pairs (tau, z), in an order that does not depend on the one that they came in.

        They are rounded to twelve decimals, so that the last digits of an input's units decide nothing.
        """
        scaled = [
            (((t - t[0]) / self.duration).round(12), np.ascontiguousarray((x - self.center) / self.scale).round(12))
            for t, x in context
        ]
        return sorted(scaled, key=lambda pair: (len(pair[0]), tuple(pair[1].ravel())))


def thinned(context: Trajectories, most: int) -> Trajectories:
    """At most about ``most`` points of a context, evenly chosen from each trajectory, with a warning.

    Where two points of each are too many, they are of the longest trajectories, evenly chosen from those of one length.
    """
    if context.n_points <= most:
        return context
    kept, left_out = context, ""
    counts = [max(2, len(t) * most // context.n_points) for t in context.times]
    if sum(counts) > most:
        kept = context[_longest(np.array([len(t) for t in context.times]), max(1, min(most // 2, len(context))))]
        spare, length = most - 2 * len(kept), kept.n_points - 2 * len(kept)
        counts = [2 + (len(t) - 2) * spare // max(length, spare, 1) for t in kept.times]
        if len(kept) < len(context):
            left_out = f", of {len(kept)} of {len(context)} trajectories"
    warn(
        f"{context.n_points} points are thinned evenly to about {most}{left_out}, because the cost grows with their "
        "cube: raise max_points to use more"
    )
    return kept.rows([np.unique(np.linspace(0, len(t) - 1, n).round().astype(int)) for t, n in zip(kept.times, counts)])


def _longest(lengths: Array, count: int) -> Array:
    """Which so many are the longest, evenly chosen from those of the least length among them."""
    least = np.sort(lengths)[-count]
    longer, alike = np.flatnonzero(lengths > least), np.flatnonzero(lengths == least)
    some = alike[np.linspace(0, len(alike) - 1, count - len(longer)).round().astype(int)]
    return np.sort(np.concatenate([longer, some]))
