"""Forecasters of a series whose variables do not all end together: of each by itself, from its own last value.

Experts read complete rows, which show how variables act on each other. What was observed after the last of these they
do not see: a little may be left to the network, more may not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_LEFT = 0.05
"""Share of a variable's values that may come after the last complete row."""


def blended(
    one: Callable[[Any, np.ndarray, np.ndarray], Any], network: Any, times: np.ndarray, values: np.ndarray
) -> Any:
    """The blend of a series (L,), (L, D), or where its complete rows end early those of its variables.

    Parameters
    ----------
    one : BlendOf
        Of a series by its complete rows.
    network : LASSODE
    times, values : arrays of shape (L,) and (L, D)
        NaN where missing.
    """
    there = ~np.isnan(values)
    complete = np.flatnonzero(there.all(axis=1))
    late = there[complete[-1] + 1 :] if len(complete) else there
    if (late.sum(axis=0) <= _LEFT * there.sum(axis=0)).all():
        return one(network, times, values)
    return ChannelBlends([one(network, times[own], values[own, d, None]) for d, own in enumerate(there.T)])


class ChannelBlends:
    """Blends of the variables of one series, one each.

    Parameters
    ----------
    blends : sequence of D Blend

    Attributes
    ----------
    weights : dict of str to float
        Means over the variables; they sum to one.
    """

    def __init__(self, blends: Sequence[Any]) -> None:
        self._blends = blends
        names = dict.fromkeys(name for blend in blends for name in blend.weights)
        self.weights = {name: float(np.mean([blend.weights.get(name, 0.0) for blend in blends])) for name in names}

    def over(self, curve: Any) -> ChannelCurves:
        """The network's curve of all variables, with the forecasters of each after its own last observation."""
        return ChannelCurves([blend.over(_Channel(curve, d)) for d, blend in enumerate(self._blends)])


class ChannelCurves:
    """Curves of one variable each, as one of all.

    Parameters
    ----------
    curves : sequence of D curves
    """

    def __init__(self, curves: Sequence[Any]) -> None:
        self._curves = curves
        self.start, self.end = curves[0].start, curves[0].end

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,) up to the last time of interest."""
        return np.concatenate([curve.values(times) for curve in self._curves], axis=1)

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        return np.concatenate([curve.slopes(times) for curve in self._curves], axis=1)


class _Channel:
    """One variable of a curve."""

    def __init__(self, curve: Any, d: int) -> None:
        self._curve, self._d = curve, [d]
        self.start, self.end = curve.start, curve.end

    def values(self, times: np.ndarray) -> np.ndarray:
        return np.asarray(self._curve.values(times)[:, self._d])

    def slopes(self, times: np.ndarray) -> np.ndarray:
        return np.asarray(self._curve.slopes(times)[:, self._d])
