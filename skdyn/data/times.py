"""Read time axes of any kind as float64 numbers in one unit, without losing small differences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from skdyn.data.date_forms import date_form
from skdyn.data.time_axis import TimeAxis, count, in_one_unit, since
from skdyn.data.zones import shared_zone
from skdyn.exceptions import TrajectoryError

_EXACT = 2**53  # integers beyond this are not all float64 numbers
_CALENDAR = (np.dtype("datetime64[Y]"), np.dtype("datetime64[M]"))  # whose differences are no fixed number of seconds


def read_times(
    raw: Sequence[Any], lengths: Sequence[int], unit: str | None = None, axis: TimeAxis | None = None
) -> tuple[list[np.ndarray], TimeAxis]:
    """Read the time axes of all trajectories.

    Dates become numbers since the earliest date of all trajectories; integers too large for float64 (epoch
    nanoseconds) are counted from the smallest one. Differences are taken before any cast. Dates without a zone are
    taken for UTC. Nothing is said about order.

    Parameters
    ----------
    raw : sequence of length K
        For each trajectory: None (unit steps), a step (number or timedelta), or an array of length L_k.
    lengths : sequence of int
    unit : str, optional
        In which dates and durations are counted, seconds by default; of numbers, what they are counted in already.
    axis : TimeAxis, optional
        Of earlier times, whose unit is taken.

    Returns
    -------
    times : list of float64 arrays of shape (L_k,)
    axis : TimeAxis
    """
    unit = axis.unit if axis is not None else unit
    axes = [_axis(value, length, k) for k, (value, length) in enumerate(zip(raw, lengths, strict=True))]
    axes = [part.astype("datetime64[D]") if part.dtype in _CALENDAR else part for part in axes]
    kinds = {"M" if part.dtype.kind == "M" else "m" if part.dtype.kind == "m" else "f" for part in axes}
    if len(kinds) > 1:
        raise TrajectoryError("the time axes are a mixture of dates, durations and numbers")
    if kinds == {"M"}:
        _refuse_nat(axes)
        axes = in_one_unit(axes)
        origin = min(part.min() for part in axes)
        return [count(since(part, origin), unit) for part in axes], TimeAxis(
            "date", origin, unit or "second", shared_zone(raw)
        )
    if kinds == {"m"}:
        _refuse_nat(axes)
        return [count(part, unit) for part in axes], TimeAxis("duration", None, unit or "second")
    counts = [part for part in axes if part.dtype.kind in "iu" and len(part)]
    if max((abs(int(bound)) for part in counts for bound in (part.min(), part.max())), default=0) > _EXACT:
        if any(part.dtype.kind == "f" for part in axes):
            raise TrajectoryError(
                "the time axes are a mixture of very large integers and other numbers, which would lose the last "
                "digits of the integers: give integers in all, or dates"
            )
        least = min(int(part.min()) for part in axes)
        counted = [np.array([int(value) - least for value in part], dtype=np.float64) for part in axes]
        return counted, TimeAxis("number", least, unit)
    with np.errstate(over="ignore"):
        return [part.astype(np.float64) for part in axes], TimeAxis("number", None, unit)


def _axis(value: Any, length: int, k: int) -> np.ndarray:
    if value is None:
        return np.arange(length, dtype=np.float64)
    masked = [item is np.ma.masked for item in value] if isinstance(value, (list, tuple)) else np.ma.getmask(value)
    if np.any(masked):
        raise TrajectoryError(f"trajectory {k}, row {int(np.argmax(masked))}: the time is masked")
    try:
        axis = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrajectoryError(f"trajectory {k}: its times cannot be read as an array: {error}") from None
    if axis.ndim == 0:
        return _steps(value, length)
    if axis.ndim == 2 and 1 in axis.shape:
        axis = axis.reshape(-1)
    if axis.shape != (length,):
        raise TrajectoryError(f"trajectory {k} has {length} states but times of shape {axis.shape}")
    if axis.dtype.kind == "O":
        axis = _objects(axis, k)
    if axis.dtype.kind not in "fiuMm":
        mend = f": {_of_text(axis.tolist())}" if axis.dtype.kind == "U" else ""
        raise TrajectoryError(f"trajectory {k}: times of type {axis.dtype} are neither numbers nor dates{mend}")
    return axis


def _steps(value: Any, length: int) -> np.ndarray:
    """Times that a step makes: numbers, or durations for a duration."""
    array = np.asarray(value)
    if array.dtype.kind == "m" or hasattr(value, "total_seconds"):
        return _steps_of_a_duration(value, length)
    if array.dtype.kind not in "fiu":
        raise TrajectoryError(f"t={value!r} is neither a time step nor an array of times")
    step = float(value)
    if not (np.isfinite(step) and step > 0):
        raise TrajectoryError(f"the time step t={value!r} must be positive and finite")
    with np.errstate(over="ignore"):  # what overflows is refused with its row
        return step * np.arange(length, dtype=np.float64)


def _steps_of_a_duration(value: Any, length: int) -> np.ndarray:
    step = value.to_timedelta64() if hasattr(value, "to_timedelta64") else np.asarray(value, dtype="timedelta64")[()]
    if np.isnat(step) or step.astype(np.int64) <= 0:
        raise TrajectoryError(f"the time step t={value!r} must be positive and finite")
    if int(step.astype(np.int64)) * length >= 2**63:
        raise TrajectoryError(
            f"{length} time steps of t={value!r} last longer than durations of type {step.dtype} can: give the step "
            "as numpy.timedelta64(..., 's')"
        )
    return np.asarray(step * np.arange(length))


def _objects(axis: np.ndarray, k: int) -> np.ndarray:
    """Convert Python dates, time-zone aware dates, periods, durations or boxed numbers; without a zone is UTC."""
    try:
        if all(hasattr(value, "total_seconds") for value in axis):
            return _durations(axis)
        if all(hasattr(value, "start_time") for value in axis):  # pandas' periods
            axis = np.array([value.start_time for value in axis], dtype=object)
        if all(hasattr(value, "timestamp") for value in axis):
            return _moments(axis, k)
        if all(isinstance(value, date) for value in axis):
            if any(hasattr(value, "timestamp") for value in axis):
                raise TypeError("dates with and without a time of day are mixed")
            return axis.astype("datetime64[D]")
        if words := [value for value in axis if isinstance(value, (str, bytes, bool))]:
            mend = f"; {_of_text(words)}" if isinstance(words[0], str) else ""
            raise TypeError(f"{words[0]!r} is a {type(words[0]).__name__}{mend}")
        if all(isinstance(value, int) for value in axis):
            return np.array(axis.tolist(), dtype=np.int64)
        return axis.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise TrajectoryError(f"trajectory {k}: times are neither numbers nor dates: {error}") from None


def _durations(axis: np.ndarray) -> np.ndarray:
    if any(value != value for value in axis):
        return np.array([np.timedelta64("NaT") if value != value else np.timedelta64(0) for value in axis])
    return np.array([np.timedelta64(value.to_timedelta64() if hasattr(value, "to_timedelta64") else value) for value in
                     axis]).astype("timedelta64[ns]")  # fmt: skip


def _moments(axis: np.ndarray, k: int) -> np.ndarray:
    """Moments in UTC: Python subtracts two dates of one zone by the clock on the wall, whatever happened to it."""
    if (absent := np.array([value != value for value in axis])).any():  # NaT
        raise TrajectoryError(f"trajectory {k}, row {int(absent.argmax())}: the time is missing (NaT)")
    if len({value.tzinfo is None for value in axis}) > 1:
        raise TypeError("dates with and without a time zone are mixed")
    moments = [value if value.tzinfo is None else value.astimezone(UTC) for value in axis]
    plain = [moment.replace(tzinfo=None) for moment in moments]
    if all(hasattr(moment, "nanosecond") for moment in plain) and all(1678 <= m.year <= 2261 for m in plain):
        return np.array([moment.to_datetime64() for moment in plain]).astype("datetime64[ns]")
    return np.array(
        [
            np.datetime64(datetime(m.year, m.month, m.day, m.hour, m.minute, m.second, m.microsecond), "us")
            for m in plain
        ]
    )


def _refuse_nat(axes: list[np.ndarray]) -> None:
    for k, axis in enumerate(axes):
        if (missing := np.isnat(axis)).any():
            raise TrajectoryError(f"trajectory {k}, row {int(missing.argmax())}: the time is missing (NaT)")


def _of_text(texts: Sequence[Any]) -> str:
    """How texts become times."""
    form = date_form([text for text in texts if isinstance(text, str)])
    said = f", format={form!r}" if form else ""
    return f"pandas.to_datetime(times{said}) makes dates of text, numpy.asarray(times, dtype=float) numbers"
