"""What a user gives to a forecast and asks of it: series, times and levels of quantiles, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import norm

from skdyn.data.calendar import Calendar, calendar_of
from skdyn.data.cleaning import check_increasing
from skdyn.data.parameters import check_number, check_size
from skdyn.data.times import read_times
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError

LEAST_POINTS = 3
"""Values of a variable that a forecast needs."""

_LARGEST = 1e150
_RESHAPE = "if X is one state and not a list of times: Reshape your data with X.reshape(1, -1)"


def is_listed(times: Any) -> bool:
    """Whether times are a list of one array for each series, and not one array for all."""
    return isinstance(times, (list, tuple)) and len(times) > 0 and all(np.ndim(part) == 1 for part in times)


def requested_times(times: Any, horizon: Any, context: Trajectories) -> list[np.ndarray]:
    """Times (T_k,) for each of K series, as numbers on the context's own axis.

    Parameters
    ----------
    times : array of shape (T,), list of K arrays of shape (T_k,), or None
    horizon : int or None
        So many steps after each series' last observation, in place of times: of its calendar, or else median ones.
    context : Trajectories
        The observed series.

    Raises
    ------
    ValueError
        Saying what is wrong with the times or the horizon.
    """
    if (times is None) == (horizon is None):
        raise ValueError("give either the times of the forecast or horizon=, a number of steps")
    if times is None:
        check_number("horizon", horizon, whole=True)
        check_size("the forecast", len(context), horizon, context.n_features)
        with np.errstate(over="ignore"):  # a time that overflows is too far ahead, as the forecast will say
            return [_next(t, horizon, calendar_of(context.axis, t)) for t in context.times]
    listed = is_listed(times)
    if listed and len(times) != len(context):
        raise ValueError(f"X lists {len(times)} arrays of times for {len(context)} fitted series")
    parts = list(times) if listed else [times]
    for part in parts:
        if np.ndim(part) != 1 or len(part) == 0:
            raise ValueError(f"times have shape {np.shape(part)}: expected (T,), at least one of them")
    try:
        read, axis = read_times(parts, [len(part) for part in parts], axis=context.axis)
        for k, part in enumerate(read):
            check_increasing(part, partial("array {}, row {}".format, k))
        shift = context.axis.shift_of(axis, "the requested times")
    except TrajectoryError as error:
        raise ValueError(f"times: {str(error).replace('trajectory', 'array')}; {_RESHAPE}") from None
    read = [part + shift for part in read]
    read = read if listed else read * len(context)
    for k, (part, observed) in enumerate(zip(read, context.times, strict=True)):
        if part[0] < observed[0]:
            raise ValueError(
                f"times: the first ({part[0]:g}) is before the first observation of series {k} ({observed[0]:g}); "
                f"{_RESHAPE}"
            )
    return read


def _next(times: np.ndarray, count: int, calendar: Calendar | None) -> np.ndarray:
    """The times after a series."""
    if calendar is not None:
        return calendar.ahead(float(times[-1]), count)
    return times[-1] + np.median(np.diff(times)) * np.arange(1, count + 1)


def checked_levels(quantiles: Any, known: Sequence[float]) -> np.ndarray:
    """Levels (Q,) as an array, all between the least and the largest of those that the model predicts."""
    levels = np.asarray(quantiles)
    if levels.ndim != 1 or levels.size == 0 or levels.dtype.kind not in "fiu":
        raise ValueError(f"quantiles must be a list of levels such as (0.1, 0.5, 0.9), got {quantiles!r}")
    slack = 1e-9
    bad = ~((levels >= known[0] - slack) & (levels <= known[-1] + slack))
    if bad.any():
        raise ValueError(
            f"the quantile level {levels[bad][0]:g} is not between {known[0]:g} and {known[-1]:g}, the levels that "
            "this model predicts"
        )
    return levels.astype(np.float64)


def at_levels(values: np.ndarray, known: Sequence[float], levels: np.ndarray) -> np.ndarray:
    """Quantiles (..., Q) at other levels from those (..., P) at known ones, linear in the Gaussian quantile."""
    if len(known) == 1:
        return np.repeat(values, len(levels), axis=-1)
    knots, wanted = norm.ppf(known), norm.ppf(levels)
    right = np.clip(np.searchsorted(knots, wanted), 1, len(knots) - 1)
    share = np.clip((wanted - knots[right - 1]) / (knots[right] - knots[right - 1]), 0, 1)
    return values[..., right - 1] + share * (values[..., right] - values[..., right - 1])


def check_values(context: Trajectories, counts: np.ndarray) -> None:
    """Refuse series with too few values (K, D) of a variable, or too large ones."""
    if (counts < LEAST_POINTS).any():
        k, d = np.argwhere(counts < LEAST_POINTS)[0]
        raise TrajectoryError(
            f"trajectory {k}, column {d}: {counts[k, d]} sample(s); at least {LEAST_POINTS} are needed to forecast"
        )
    for k, x in enumerate(context.states):
        if not np.nanmax(np.abs(x)) < _LARGEST:
            raise TrajectoryError(
                f"trajectory {k}: a state exceeds {_LARGEST:g}, too large for float64 arithmetic: choose another unit"
            )


def arranged(answers: list[np.ndarray], times: Any) -> Any:
    """One array for one series, one of all series where they share their times, else a list."""
    if is_listed(times):
        return answers
    return answers[0] if len(answers) == 1 else np.stack(answers)
