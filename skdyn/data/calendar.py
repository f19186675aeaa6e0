"""Dates of calendar months, quarters or years, or of working days: even steps, though what lies between them is not.

Letters: L points, T times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.data.time_axis import TimeAxis, conversion
from skdyn.data.trajectories import Trajectories

_DAYS_OF_A_MONTH = 365.2425 / 12
_MOST_STEPS = 100_000
_MARGIN = 5
"""Steps further than their mean length says, so that weekends and short months are covered."""
_LEAST_WORKDAYS = 10
_LEAP_CYCLE = 48  # steps, of which some are not in a leap year
_DAY = np.timedelta64(1, "D")
_LEAST_DAY = 0.9
"""Of a day, the shortest by a clock that is put forward."""


@dataclass(frozen=True)
class Months:
    """So many months from row to row, of which the first is in a given one.

    Attributes
    ----------
    first : datetime64[M]
    step : int
    offset : timedelta64
        From the begin of its month to a row, which is on the last day of a month that is too short; where it is
        negative, from the end.
    """

    first: np.datetime64
    step: int
    offset: np.timedelta64

    @property
    def days(self) -> float:
        """Mean length of a step."""
        return self.step * _DAYS_OF_A_MONTH

    def dates(self, steps: NDArray[np.int64]) -> np.ndarray:
        """Dates (T,) so many steps after the first row."""
        months = self.first + self.step * steps
        begins, ends = (edge.astype("datetime64[us]") for edge in (months, months + 1))
        if self.offset < np.timedelta64(0):
            return np.asarray(ends + self.offset)
        return np.minimum(begins + self.offset, ends - _DAY + self.offset % _DAY)


@dataclass(frozen=True)
class WorkingMonths:
    """A row on the first or the last working day of a month, so many months from row to row.

    Attributes
    ----------
    first : datetime64[M]
    step : int
    last : bool
        Whether it is the last day.
    offset : timedelta64
        From the begin of its day to a row.
    """

    first: np.datetime64
    step: int
    last: bool
    offset: np.timedelta64

    @property
    def days(self) -> float:
        """Mean length of a step."""
        return self.step * _DAYS_OF_A_MONTH

    def dates(self, steps: NDArray[np.int64]) -> np.ndarray:
        """Dates (T,) so many steps after the first row."""
        edges = (self.first + self.step * steps + self.last).astype("datetime64[D]")
        days = np.busday_offset(edges, -1 if self.last else 0, roll="forward")
        return np.asarray(days.astype("datetime64[us]") + self.offset)


@dataclass(frozen=True)
class Workdays:
    """A row every day from Monday to Friday.

    Attributes
    ----------
    first : datetime64[D]
    offset : timedelta64
        From the begin of its day to a row.
    """

    first: np.datetime64
    offset: np.timedelta64

    @property
    def days(self) -> float:
        """Mean length of a step."""
        return 7 / 5

    def dates(self, steps: NDArray[np.int64]) -> np.ndarray:
        """Dates (T,) so many steps after the first row."""
        return np.asarray(np.busday_offset(self.first, steps).astype("datetime64[us]") + self.offset)


@dataclass(frozen=True)
class Days:
    """So many days from row to row, at the same time by a clock that may be put forward and back.

    Attributes
    ----------
    first : datetime64[D]
    step : int
    offset : timedelta64
        From the begin of its day to a row.
    """

    first: np.datetime64
    step: int
    offset: np.timedelta64

    @property
    def days(self) -> float:
        """Mean length of a step."""
        return float(self.step)

    def dates(self, steps: NDArray[np.int64]) -> np.ndarray:
        """Dates (T,) so many steps after the first row."""
        return np.asarray((self.first + self.step * steps).astype("datetime64[us]") + self.offset)


class Calendar:
    """The steps of a dated series, such as the first of every month, the last of every quarter, or working days.

    They are those of the clock, where the dates have a time zone.

    Parameters
    ----------
    axis : TimeAxis
        Of dates.
    rows : Months, WorkingMonths, Workdays or Days

    Attributes
    ----------
    length : float
        Mean length of a step, in the unit of the axis.
    """

    def __init__(self, axis: TimeAxis, rows: Months | WorkingMonths | Workdays | Days) -> None:
        self._axis, self._rows = axis, rows
        self.length = rows.days * conversion("day", axis.unit)
        self._start = float(self.times(np.array([0]))[0])

    def times(self, steps: NDArray[np.int64]) -> np.ndarray:
        """Times (T,) after so many steps from the first row, on the axis."""
        return self._axis.numbers(self._rows.dates(steps))

    def ahead(self, last: float, count: int) -> np.ndarray:
        """The next times (count,) after one of the series'."""
        begin = round(float(self._places(np.array([last]))[0]))
        return self.times(begin + np.arange(1, count + 1))

    def even(self, times: np.ndarray) -> np.ndarray:
        """Times (T,) as if every step were as long as the mean one; the first row's own time stays as it is."""
        return self._start + self.length * self._places(times)

    def rate(self, times: np.ndarray) -> np.ndarray:
        """By how much even times grow with times (T,)."""
        before = np.clip(np.floor(self._places(times)), 0, _MOST_STEPS - 1).astype(np.int64)
        return self.length / (self.times(before + 1) - self.times(before))

    def _places(self, times: np.ndarray) -> np.ndarray:
        """Numbers of steps (T,) from the first row."""
        furthest = (times.max(initial=self._start) - self._start) / self.length
        knots = self.times(np.arange(int(min(furthest, _MOST_STEPS)) + _MARGIN))
        beyond = np.maximum(times - knots[-1], 0.0)
        return np.interp(times, knots, np.arange(len(knots))) + beyond / self.length


def calendar_of(axis: TimeAxis, times: np.ndarray) -> Calendar | None:
    """The calendar that a series of times (L,) follows, rows of which may be missing; None where it follows none.

    Its rows are a month or more apart, all at the same time of their month, counted from its begin or from its end, or
    on its first or last working day; or they are working days, over weekends of which not one has a row; or, by the
    clock of a time zone, days.
    """
    if axis.kind != "date" or len(times) < 3 or (np.diff(times) * conversion(axis.unit, "day") < _LEAST_DAY).any():
        return None
    # To the millisecond, as times in years hold no more.
    dates = (axis.shown(times).astype("datetime64[us]") + np.timedelta64(500, "us")).astype("datetime64[ms]")
    rows = _months(dates) or _workdays(dates) or (None if axis.zone is None else _days(dates))
    return None if rows is None else Calendar(axis, rows)


def _months(dates: np.ndarray) -> Months | WorkingMonths | None:
    months = dates.astype("datetime64[M]")
    jumps = np.diff(months.astype(np.int64))
    if (jumps < 1).any():
        return None
    first, step = months[0], int(np.gcd.reduce(jumps))
    since, until = (dates - edges.astype("datetime64[ms]") for edges in (months, months + 1))
    clock = (dates - dates.astype("datetime64[D]").astype("datetime64[ms]"))[0]
    by_begin, by_end = (Months(first, step, offset) for offset in (since.max(), until[0]))
    found: list[Months | WorkingMonths] = []
    if since.min() < since.max():
        found = [by_end, by_begin] if until[0] >= -28 * _DAY else [by_begin]
    elif _is_in_every_month(by_begin):
        found = [by_begin]
    elif until[0] >= -_DAY:  # of another day that some months do not have, nothing says what is done there
        found = [by_end]
    found += [WorkingMonths(first, step, last, clock) for last in (True, False)]
    places = np.append(0, np.cumsum(jumps)) // step
    return next((rows for rows in found if (rows.dates(places) == dates).all()), None)


def _is_in_every_month(rows: Months) -> bool:
    """Whether no month is too short for a row."""
    months = rows.first + rows.step * np.arange(_LEAP_CYCLE)
    return bool((rows.dates(np.arange(_LEAP_CYCLE)) == months.astype("datetime64[us]") + rows.offset).all())


def _workdays(dates: np.ndarray) -> Workdays | None:
    days = dates.astype("datetime64[D]")
    offsets = dates - days.astype("datetime64[ms]")
    jumps = np.diff(days) // _DAY
    if len(days) < _LEAST_WORKDAYS or (offsets != offsets[0]).any() or (jumps < 1).any():
        return None
    if np.median(jumps) != 1 or not np.is_busday(days).all():
        return None
    return Workdays(days[0], offsets[0])


def _days(dates: np.ndarray) -> Days | None:
    days = dates.astype("datetime64[D]")
    offsets = dates - days.astype("datetime64[ms]")
    jumps = np.diff(days) // _DAY
    if (offsets != offsets[0]).any() or (jumps < 1).any():
        return None
    return Days(days[0], int(np.gcd.reduce(jumps)), offsets[0])


def calendars_of(context: Trajectories) -> list[Calendar | None]:
    """The calendar of each series."""
    return [calendar_of(context.axis, times) for times in context.times]


def even_times(times: Sequence[np.ndarray], calendars: Sequence[Calendar | None]) -> list[np.ndarray]:
    """Times (T_k,) of each series with even steps where it follows a calendar."""
    pairs = zip(times, calendars, strict=True)
    return [own if calendar is None else calendar.even(own) for own, calendar in pairs]


def evenly(context: Trajectories, calendars: Sequence[Calendar | None]) -> Trajectories:
    """The series with even steps where they follow a calendar."""
    return context.with_times(even_times(context.times, calendars)) if any(calendars) else context
