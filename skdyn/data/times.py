"""Read time axes of any kind as float64 seconds (or the user's own unit) without losing small differences."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError

_EXACT = 2**53  # integers beyond this are not all float64 numbers
_CALENDAR = (np.dtype("datetime64[Y]"), np.dtype("datetime64[M]"))  # whose differences are no fixed number of seconds


def read_times(raw: list[Any], lengths: list[int]) -> tuple[list[np.ndarray], Any]:
    """Read the time axes of all trajectories.

    Dates become seconds since the earliest date of all trajectories; integers too large for float64 (epoch
    nanoseconds) are counted from the smallest one. Differences are taken before any cast.

    Parameters
    ----------
    raw : list of length K
        For each trajectory: None (unit steps), a step (number or timedelta), or an array of length L_k.
    lengths : list of int

    Returns
    -------
    times : list of float64 arrays of shape (L_k,), finite and strictly increasing
    origin : the moment that time 0 stands for, or None where times are as given
    """
    axes = [_axis(value, length, k) for k, (value, length) in enumerate(zip(raw, lengths, strict=True))]
    axes = [axis.astype("datetime64[D]") if axis.dtype in _CALENDAR else axis for axis in axes]
    kinds = {axis.dtype.kind for axis in axes}
    if kinds & set("Mm") and len(kinds - set("Mm")) + len(kinds & set("Mm")) > 1:
        raise TrajectoryError("the time axes are a mixture of dates, durations and numbers")
    origin: Any = None
    if kinds == {"M"}:
        _refuse_nat(axes)
        origin = min(axis.min() for axis in axes)
        times = [_seconds(axis - origin) for axis in axes]
    elif kinds == {"m"}:
        _refuse_nat(axes)
        times = [_seconds(axis) for axis in axes]
    elif (
        kinds <= set("iu") and max(int(abs(int(bound))) for axis in axes for bound in (axis.min(), axis.max())) > _EXACT
    ):
        origin = min(int(axis.min()) for axis in axes)
        times = [np.array([int(value) - origin for value in axis], dtype=np.float64) for axis in axes]
    else:
        times = [axis.astype(np.float64) for axis in axes]
    for k, t in enumerate(times):
        _check_increasing(t, k)
    return times, origin


def _axis(value: Any, length: int, k: int) -> np.ndarray:
    if value is None:
        return np.arange(length, dtype=np.float64)
    try:
        axis = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrajectoryError(f"trajectory {k}: its times cannot be read as an array: {error}") from None
    if axis.ndim == 0:
        return _step(value) * np.arange(length, dtype=np.float64)
    if np.ma.is_masked(value):
        raise TrajectoryError(f"trajectory {k}, row {int(np.ma.getmaskarray(value).argmax())}: the time is masked")
    if axis.ndim == 2 and 1 in axis.shape:
        axis = axis.reshape(-1)
    if axis.shape != (length,):
        raise TrajectoryError(f"trajectory {k} has {length} states but times of shape {axis.shape}")
    if axis.dtype.kind == "O":
        axis = _objects(axis, k)
    if axis.dtype.kind not in "fiuMm":
        raise TrajectoryError(f"trajectory {k}: times of type {axis.dtype} are neither numbers nor dates")
    return axis


def _step(value: Any) -> float:
    """A step between points as a number; a duration counts in seconds."""
    array = np.asarray(value)
    if array.dtype.kind == "m":
        step = _seconds(array)
    elif hasattr(value, "total_seconds"):
        step = value.total_seconds()
    elif array.dtype.kind in "fiu":
        step = float(value)
    else:
        raise TrajectoryError(f"t={value!r} is neither a time step nor an array of times")
    if not (np.isfinite(step) and step > 0):
        raise TrajectoryError(f"the time step t={value!r} must be positive and finite")
    return float(step)


def _seconds(durations: np.ndarray) -> Any:
    """Durations of any unit as float64 seconds; dividing in their own unit overflows nowhere."""
    if np.datetime_data(durations.dtype)[0] in ("Y", "M"):
        raise TrajectoryError(f"durations of type {durations.dtype} have no fixed length: give days or seconds")
    return durations / np.timedelta64(1, "s")


def _objects(axis: np.ndarray, k: int) -> np.ndarray:
    """Convert Python dates, time-zone aware dates, durations or boxed numbers; dates without a zone count as UTC."""
    try:
        if all(hasattr(value, "total_seconds") for value in axis):
            return np.array([value.total_seconds() for value in axis])
        if all(hasattr(value, "timestamp") for value in axis):
            # In UTC first: Python subtracts two dates of one zone by the clock on the wall, whatever happened to it.
            moments = [value if value.tzinfo is None else value.astimezone(UTC) for value in axis]
            start = moments[0].replace(tzinfo=None)
            seconds = np.array([(moment - moments[0]).total_seconds() for moment in moments])
            unit: Any = "ns" if hasattr(start, "nanosecond") else "us"
            per_second = 1e9 if unit == "ns" else 1e6
            return np.datetime64(start, unit) + np.round(seconds * per_second).astype(f"timedelta64[{unit}]")
        if all(isinstance(value, date) for value in axis):
            return axis.astype("datetime64[D]")
        return axis.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise TrajectoryError(f"trajectory {k}: times are neither numbers nor dates: {error}") from None


def _refuse_nat(axes: list[np.ndarray]) -> None:
    for k, axis in enumerate(axes):
        if (missing := np.isnat(axis)).any():
            raise TrajectoryError(f"trajectory {k}, row {int(missing.argmax())}: the time is missing (NaT)")


def _check_increasing(t: np.ndarray, k: int) -> None:
    if not np.isfinite(t).all():
        row = int((~np.isfinite(t)).argmax())
        raise TrajectoryError(f"trajectory {k}, row {row}: the time is {t[row]}, not finite (NaN or infinity)")
    if len(t) > 1 and (bad := t[1:] <= t[:-1]).any():
        row = int(bad.argmax()) + 1
        word = "repeats" if t[row] == t[row - 1] else "decreases"
        raise TrajectoryError(
            f"trajectory {k}, row {row}: time {word} ({float(t[row - 1])} then {float(t[row])}): they must increase"
        )
