"""Read time axes of any kind as float64 numbers in one unit, without losing small differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np

from skdyn.exceptions import TrajectoryError

_EXACT = 2**53  # integers beyond this are not all float64 numbers
_CALENDAR = (np.dtype("datetime64[Y]"), np.dtype("datetime64[M]"))  # whose differences are no fixed number of seconds
_FINEST = ("as", "fs", "ps")  # units in which NumPy cannot hold the dates of a lifetime, nor their seconds
_OF_TEXT = "pandas.to_datetime(times) makes dates of text, numpy.asarray(times, dtype=float) numbers"
_LONGEST = 290  # years that nanoseconds can count
_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
    "week": 604800.0,
    "year": 31557600.0,
}
_SHORT = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second", "sec": "second", "min": "minute",
          "h": "hour", "hr": "hour", "d": "day", "w": "week", "y": "year", "yr": "year", "a": "year"}  # fmt: skip


def parse_unit(unit: Any, what: str = "time_unit") -> str | None:
    """The name of a unit of time, such as ``"day"`` for ``"days"`` and ``"d"``; None stays None."""
    if unit is None:
        return None
    word = unit.strip().lower() if isinstance(unit, str) else ""
    name = _SHORT.get(word, word.removesuffix("s"))
    if name not in _SECONDS:
        raise TrajectoryError(f"{what} must be one of {', '.join(_SECONDS)}, got {unit!r}")
    return name


def conversion(unit: str | None, other: str | None) -> float:
    """How many of the other unit one of the first is; one where either is not known."""
    return 1.0 if unit is None or other is None else _SECONDS[unit] / _SECONDS[other]


@dataclass(frozen=True)
class TimeAxis:
    """What the times of a context mean.

    Attributes
    ----------
    kind : {"number", "duration", "date"}
        What they were given as.
    origin : datetime64, int or None
        What time 0 stands for when dates or very large integers were given.
    unit : str or None
        The unit of the numbers, such as ``"day"``; None where only the user knows.
    """

    kind: Literal["number", "duration", "date"] = "number"
    origin: Any = None
    unit: str | None = None

    def __str__(self) -> str:
        counted = _KINDS[self.kind] if self.unit is None else f"{_KINDS[self.kind]}, counted in {self.unit}s"
        return counted if self.origin is None else f"{counted} since {self.origin}"

    def counted_in(self, unit: str | None) -> tuple[float, TimeAxis]:
        """What times are multiplied by to count in another unit, and their axis then.

        Raises
        ------
        TrajectoryError
            If they count from an integer, which is not a whole number of another unit.
        """
        factor = conversion(self.unit, unit)
        if factor != 1.0 and self.kind == "number" and self.origin is not None:
            raise TrajectoryError(
                f"times that are {self} cannot be counted in {unit}s: read them as dates, such as "
                "times.astype('datetime64[ns]'), or count them from a smaller number"
            )
        return factor, replace(self, unit=self.unit if unit is None else unit)

    def labels(self, times: np.ndarray) -> np.ndarray:
        """Times (L,) as they were given: dates, durations or numbers."""
        if self.kind == "number":
            return times if self.origin is None else np.array([self.origin + round(value) for value in times])
        seconds = times * _SECONDS[self.unit or "second"]
        ticks, exact = _microseconds(seconds)
        if np.abs(seconds).max(initial=0) < _LONGEST * _SECONDS["year"]:
            fine = np.where(exact, ticks.astype("timedelta64[ns]"), np.round(seconds * 1e9).astype("timedelta64[ns]"))
            if self.kind == "duration":
                return fine
            if _fits_nanoseconds(self.origin + ticks):
                return self.origin.astype("datetime64[ns]") + fine
        return ticks if self.kind == "duration" else self.origin + ticks

    def numbers(self, dates: np.ndarray) -> np.ndarray:
        """Dates (T,) as numbers on this axis of dates; what `labels` undoes."""
        return np.asarray(_count(dates - self.origin.astype(dates.dtype), self.unit))

    def refuse_other(self, other: TimeAxis, what: str) -> None:
        """Refuse times of another kind.

        Raises
        ------
        TrajectoryError
            With the reason.
        """
        if self.kind != other.kind:
            mine, theirs = _KINDS[self.kind], _KINDS[other.kind]
            counted = f", counted in {self.unit}s" if self.kind != "number" else ""
            raise TrajectoryError(f"{what} are {theirs}, but those of the fit are {mine}{counted}: give {mine}")

    def shift_of(self, other: TimeAxis, what: str) -> float:
        """What to add to times on another axis to count from the same moment as on this one.

        Raises
        ------
        TrajectoryError
            If the two are of different kinds, or one counts from a large integer and the other does not.
        """
        self.refuse_other(other, what)
        if self.origin is None and other.origin is None:
            return 0.0
        if self.origin is None or other.origin is None:
            raise TrajectoryError(
                f"{what} are very large integers and those of the fit are not, or the other way round"
            )
        if self.kind == "date":
            return float(_count(_common(other.origin, self.origin), self.unit))
        return float(other.origin - self.origin)


_KINDS = {"number": "numbers", "duration": "durations", "date": "dates"}


def axis_to_json(axis: TimeAxis) -> dict[str, Any]:
    """An axis as plain values."""
    origin = axis.origin
    if axis.kind == "date":
        origin = [str(origin), np.datetime_data(origin.dtype)[0]]
    return {"kind": axis.kind, "origin": origin, "unit": axis.unit}


def axis_from_json(values: Any) -> TimeAxis:
    """The axis of `axis_to_json`.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the values are none.
    """
    kind, origin, unit = values["kind"], values["origin"], values["unit"]
    if kind not in _KINDS:
        raise ValueError(f"there is no time axis of the kind {kind!r}")
    if kind == "date":
        origin = np.datetime64(*origin)
        if np.isnat(origin):
            raise ValueError("the origin of the time axis is no date")
    elif not (origin is None or (type(origin) is int and kind == "number")):
        raise ValueError(f"the origin of the time axis is {origin!r}")
    return TimeAxis(kind, origin, parse_unit(unit))


def read_times(
    raw: Sequence[Any], lengths: Sequence[int], unit: str | None = None, axis: TimeAxis | None = None
) -> tuple[list[np.ndarray], TimeAxis]:
    """Read the time axes of all trajectories.

    Dates become numbers since the earliest date of all trajectories; integers too large for float64 (epoch
    nanoseconds) are counted from the smallest one. Differences are taken before any cast. Nothing is said about order.

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
        axes = _in_one_unit(axes)
        origin = min(part.min() for part in axes)
        return [_count(_since(part, origin), unit) for part in axes], TimeAxis("date", origin, unit or "second")
    if kinds == {"m"}:
        _refuse_nat(axes)
        return [_count(part, unit) for part in axes], TimeAxis("duration", None, unit or "second")
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
        mend = f": {_OF_TEXT}" if axis.dtype.kind == "U" else ""
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


def _count(durations: Any, unit: str | None) -> Any:
    """Durations as float64 numbers of a unit; dividing in their own unit overflows nowhere."""
    name = np.datetime_data(durations.dtype)[0]
    if name in ("Y", "M"):
        raise TrajectoryError(f"durations of type {durations.dtype} have no fixed length: give days or seconds")
    if name in _FINEST:
        raise TrajectoryError(f"durations of type {durations.dtype} are finer than nanoseconds: give numbers")
    return durations / np.timedelta64(1, "s") / _SECONDS[unit or "second"]


def _microseconds(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Durations (T,) in the coarsest of seconds, milliseconds and microseconds that differs by rounding only.

    Also which (T,) of them differ by no more than that.
    """
    rounding = 4 * np.spacing(np.abs(seconds))  # of converting to a unit and back
    ticks, exact = np.round(seconds * 1e6), np.zeros(seconds.shape, dtype=bool)
    for per_second in (1e6, 1e3, 1.0):
        whole = np.round(seconds * per_second) / per_second
        near = np.abs(whole - seconds) <= rounding
        ticks, exact = np.where(near, np.round(whole * 1e6), ticks), exact | near
    return ticks.astype("timedelta64[us]"), exact


def _in_one_unit(axes: list[np.ndarray]) -> list[np.ndarray]:
    """Dates of several units in the finest one; refused where that cannot hold them, instead of wrapping around."""
    units = {np.datetime_data(part.dtype)[0] for part in axes}
    if units & set(_FINEST):
        raise TrajectoryError(f"dates of type {axes[0].dtype} are finer than nanoseconds: give numbers")
    if len({part.dtype for part in axes}) == 1:
        return axes
    finest = np.result_type(*axes)
    common = [part.astype(finest) for part in axes]
    for part, mine in zip(common, axes, strict=True):
        if (part.astype(mine.dtype) != mine).any():
            raise TrajectoryError(
                f"dates of types {', '.join(sorted(str(axis.dtype) for axis in axes))} have no common unit that holds "
                "them all: give all in one, such as datetime64[us]"
            )
    return common


def _common(first: Any, second: Any) -> Any:
    """The difference of two dates of any unit."""
    one, other = _in_one_unit([np.atleast_1d(first), np.atleast_1d(second)])
    return _since(one, other[0])[0]


def _since(dates: np.ndarray, origin: Any) -> np.ndarray:
    """Durations (L,) from a date of the same unit; nanoseconds wrap after 292 years, microseconds do not."""
    if np.datetime_data(dates.dtype)[0] == "ns":
        years = np.append(dates, origin).astype("datetime64[Y]").astype(int)
        if len(dates) and np.ptp(years) >= _LONGEST:
            return dates.astype("datetime64[us]") - origin.astype("datetime64[us]")
    return dates - origin


def _fits_nanoseconds(dates: np.ndarray) -> bool:
    return bool((np.abs(dates.astype("datetime64[Y]").astype(int)) < _LONGEST).all())


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
            raise TypeError(f"{words[0]!r} is a {type(words[0]).__name__}{f'; {_OF_TEXT}' * isinstance(words[0], str)}")
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
