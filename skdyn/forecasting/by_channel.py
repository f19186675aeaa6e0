"""Forecasters of a series whose variables do not all end together: of those that were observed at the same times.

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
    """The blend of a series (L,), (L, D), or where its complete rows end early those of its variables that are alike.

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
    alike, group = np.unique(there, axis=1, return_inverse=True)
    parts = [np.flatnonzero(group.reshape(-1) == g) for g in range(alike.shape[1])]
    blends = [one(network, times[own], values[np.ix_(own, part)]) for own, part in zip(alike.T, parts, strict=True)]
    return PartBlends(parts, blends)


class PartBlends:
    """Blends of some variables each, as one of all.

    Parameters
    ----------
    parts : sequence of integer arrays
        Which variables; each of D is in one.
    blends : sequence of Blend
        One a part.

    Attributes
    ----------
    weights : dict of str to float
        Means over the variables; they sum to one.
    """

    def __init__(self, parts: Sequence[np.ndarray], blends: Sequence[Any]) -> None:
        self._parts, self._blends = parts, blends
        names = dict.fromkeys(name for blend in blends for name in blend.weights)
        counts = [len(part) for part in parts]
        self.weights = {
            name: float(np.average([blend.weights.get(name, 0.0) for blend in blends], weights=counts))
            for name in names
        }

    def over(self, curve: Any) -> PartCurves:
        """The network's curve of all variables, with the forecasters of each part after its own last observation."""
        return PartCurves(
            self._parts, [blend.over(_Part(curve, own)) for blend, own in zip(self._blends, self._parts, strict=True)]
        )


class PartCurves:
    """Curves of some variables each, as one of all.

    Parameters
    ----------
    parts : sequence of integer arrays
        Which variables; each of D is in one.
    curves : sequence of curves
        One a part.
    """

    def __init__(self, parts: Sequence[np.ndarray], curves: Sequence[Any]) -> None:
        self._order, self._curves = np.argsort(np.concatenate(parts)), curves
        self.start, self.end = curves[0].start, curves[0].end

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,) up to the last time of interest."""
        return np.concatenate([curve.values(times) for curve in self._curves], axis=1)[:, self._order]

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        return np.concatenate([curve.slopes(times) for curve in self._curves], axis=1)[:, self._order]


class _Part:
    """Some variables of a curve."""

    def __init__(self, curve: Any, own: np.ndarray) -> None:
        self._curve, self._own = curve, own
        self.start, self.end = curve.start, curve.end

    def values(self, times: np.ndarray) -> np.ndarray:
        return np.asarray(self._curve.values(times)[:, self._own])

    def slopes(self, times: np.ndarray) -> np.ndarray:
        return np.asarray(self._curve.slopes(times)[:, self._own])
