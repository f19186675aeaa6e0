"""What times mean: numbers, durations or dates, counted in a unit from a moment, shown by the clock of a zone.

Letters: L points, T times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from skdyn.data.zones import by_clock, is_zone, moments_of, zone_of, zoned_column
from skdyn.exceptions import TrajectoryError

_FINEST = ("as", "fs", "ps")  # units in which NumPy cannot hold the dates of a lifetime, nor their seconds
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
    zone : str or None
        The time zone that dates came with, see `skdyn.data.zones`.
    """

    kind: Literal["number", "duration", "date"] = "number"
    origin: Any = None
    unit: str | None = None
    zone: str | None = None

    def __str__(self) -> str:
        counted = _KINDS[self.kind] if self.unit is None else f"{_KINDS[self.kind]}, counted in {self.unit}s"
        zone = "" if self.zone is None else f" UTC, by the clock of {zone_of(self.zone)}"
        return counted if self.origin is None else f"{counted} since {self.origin}{zone}"

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
        """Times (L,) as they were given: dates (in UTC, where they have a zone), durations or numbers."""
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

    def shown(self, times: np.ndarray) -> np.ndarray:
        """Times (L,) as people read them: `labels`, but dates by the clock of their zone."""
        labels = self.labels(times)
        return labels if self.zone is None else by_clock(labels, self.zone)

    def column(self, times: np.ndarray, library: str) -> Any:
        """Times (L,) as a column of a table of pandas or polars, in the zone that they came with."""
        labels = self.labels(times)
        return labels if self.zone is None else zoned_column(library, labels, self.zone)

    def numbers(self, dates: np.ndarray) -> np.ndarray:
        """Dates (T,) as numbers on this axis of dates; what `shown` undoes."""
        moments = dates if self.zone is None else moments_of(dates, self.zone)
        return np.asarray(count(moments - self.origin.astype(moments.dtype), self.unit))

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
            return float(count(_common(other.origin, self.origin), self.unit))
        return float(other.origin - self.origin)


_KINDS = {"number": "numbers", "duration": "durations", "date": "dates"}


def axis_to_json(axis: TimeAxis) -> dict[str, Any]:
    """An axis as plain values."""
    origin = axis.origin
    if axis.kind == "date":
        origin = [str(origin), np.datetime_data(origin.dtype)[0]]
    zone = {} if axis.zone is None else {"zone": axis.zone}
    return {"kind": axis.kind, "origin": origin, "unit": axis.unit} | zone


def axis_from_json(values: Any) -> TimeAxis:
    """The axis of `axis_to_json`.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the values are none.
    """
    kind, origin, unit, zone = values["kind"], values["origin"], values["unit"], values.get("zone")
    if kind not in _KINDS:
        raise ValueError(f"there is no time axis of the kind {kind!r}")
    if kind == "date":
        origin = np.datetime64(*origin)
        if np.isnat(origin):
            raise ValueError("the origin of the time axis is no date")
    elif not (origin is None or (type(origin) is int and kind == "number")):
        raise ValueError(f"the origin of the time axis is {origin!r}")
    if zone is not None and (kind != "date" or not is_zone(zone)):
        raise ValueError(f"the time zone {zone!r:.80} is not known")
    return TimeAxis(kind, origin, parse_unit(unit), zone)


def count(durations: Any, unit: str | None) -> Any:
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


def in_one_unit(axes: list[np.ndarray]) -> list[np.ndarray]:
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
    one, other = in_one_unit([np.atleast_1d(first), np.atleast_1d(second)])
    return since(one, other[0])[0]


def since(dates: np.ndarray, origin: Any) -> np.ndarray:
    """Durations (L,) from a date of the same unit; nanoseconds wrap after 292 years, microseconds do not."""
    if np.datetime_data(dates.dtype)[0] == "ns":
        years = np.append(dates, origin).astype("datetime64[Y]").astype(int)
        if len(dates) and np.ptp(years) >= _LONGEST:
            return dates.astype("datetime64[us]") - origin.astype("datetime64[us]")
    return dates - origin


def _fits_nanoseconds(dates: np.ndarray) -> bool:
    return bool((np.abs(dates.astype("datetime64[Y]").astype(int)) < _LONGEST).all())
