"""How well a forecaster follows series whose values are known.

Errors are mean squares over observed values in half ranges of each variable, so that a full swing counts as 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.experts.grid import ROUNDING

NOMINAL_RATIO = 0.6
"""Share of the prefix in a window where no times are requested."""

WORST = 5.0
"""Larger errors of a forecast, in half ranges, count as this."""

_LEAST_POINTS = 3


def nominal_curves(network: Any, series: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[Curve]:
    """The curves of series (L,), (L, D), each up to where the series is 0.6 of it."""
    ends = [(t, x, float(t[0] + (t[-1] - t[0]) / NOMINAL_RATIO), float(t[0])) for t, x in series]
    return Curve.of_many(network, ends)


def reconstruction_error(answer: np.ndarray, values: np.ndarray) -> float:
    """Error of quantiles (L, D, Q) at the points (L, D) that they were made from."""
    return float(np.nanmean(((answer[..., answer.shape[-1] // 2] - values) / _half_ranges(values)) ** 2))


def unseen_error(curve: Callable[..., Any], times: np.ndarray, values: np.ndarray, name: str) -> float:
    """Error of the forecast of a series' last two fifths from what is before them, with single errors clipped.

    Parameters
    ----------
    curve : callable (times, values, until, since) -> Curve or the like
    times, values : arrays of shape (L,) and (L, D)
    name : str
        Of the series.

    Raises
    ------
    TrajectoryError
        If there is too little before or nothing after, or the end is too far ahead to be forecast.
    """
    seen = times <= times[0] + (NOMINAL_RATIO + ROUNDING) * (times[-1] - times[0])
    if ((~np.isnan(values[seen])).sum(axis=0) < _LEAST_POINTS).any() or np.isnan(values[~seen]).all():
        raise TrajectoryError(
            f"{name} cannot be scored: each variable needs {_LEAST_POINTS} values in the first 60% of its duration, "
            "and there must be one after them"
        )
    last = float(times[seen][-1])
    try:
        forecast = curve(times[seen], values[seen], float(times[-1]), last)
    except ValueError as reason:
        raise TrajectoryError(f"{name} cannot be scored: {reason}") from None
    answer = forecast.values(times[~seen])
    error = (answer[..., answer.shape[-1] // 2] - values[~seen]) / _half_ranges(values)
    return float(np.nanmean(np.clip(error, -WORST, WORST) ** 2))


def _half_ranges(values: np.ndarray) -> np.ndarray:
    """Half ranges (D,) of the observed values; a constant counts as having a thousandth of its value."""
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    half = high / 2 - low / 2
    return np.where(half > 0, half, np.maximum(1e-3 * np.abs(high), 1e-150))
