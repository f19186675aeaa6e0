"""Dates and times of the day that are written as numbers, such as 20240131, 202401 or 950: their differences are none.

Letters: L points, N points of all trajectories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdyn.data.columns import plain_name
from skdyn.data.source import Source
from skdyn.exceptions import TrajectoryError

_DATE_NAMES = frozenset(("date", "datetime", "timestamp", "ds"))
_MONTH_NAMES = frozenset(("month", "months"))
_FIRST_YEAR, _LAST_YEAR = 1500, 2199
_LEAST = 4  # values that must all be possible dates
_EVEN = 0.9  # of the steps are equal


def refuse_written_times(times: Sequence[np.ndarray], name: Any, source: Source) -> None:
    """Refuse times that are dates or times of the day, written as numbers, where their differences are wrong.

    All must be such, and not evenly spaced as the numbers that they are; months (without a name that says so) and times
    of the day must be so as what they stand for. Days are refused at any spacing under a name that dates have.

    Parameters
    ----------
    times : sequence of K arrays of shape (L,)
    name : name of the column, or None
    source : Source

    Raises
    ------
    TrajectoryError
        With how to read them.
    """
    values = np.concatenate(times)
    with np.errstate(invalid="ignore"):
        if not ((values >= 0) & (values < 10**8) & (values % 1 == 0)).all():
            return
    numbers = values.astype(np.int64)
    ends = np.cumsum([len(t) for t in times])[:-1]
    plain = plain_name(name)
    for form, what, decode in _FORMS:
        meant = decode(numbers)
        if meant is None:
            continue
        steps, real = (np.concatenate(list(map(np.diff, np.split(one, ends)))) for one in (numbers, meant))
        wrong = len(values) >= _LEAST and (steps != real).any() and (steps != steps[0]).any()
        if form == "%H%M":
            # From 50 to 100, once, is a step like any other.
            several = (steps != real).sum() > 1 or numbers.min() >= 100
            found = wrong and several and _is_even(real)
        elif form == "%Y%m%d":
            found = wrong or plain in _DATE_NAMES
        else:
            found = wrong and (plain in _DATE_NAMES | _MONTH_NAMES or _is_even(real))
        if found:
            column = "" if name is None else f" in column {name!r}"
            raise TrajectoryError(
                f"{source.table}: the times{column} are {what} written as numbers, such as {numbers[0]}: "
                f"{source.dated(form)}. If they count something else, count from the first, such as times - times.min()"
            )


def _is_even(steps: np.ndarray) -> bool:
    """Whether nearly all steps (N,) are the same, and none is zero."""
    return bool(steps.all() and np.unique(steps, return_counts=True)[1].max() >= _EVEN * len(steps))


def _months(numbers: np.ndarray) -> np.ndarray | None:
    """Months (N,) since year 0 that numbers like 202401 are, or None."""
    years, months = numbers // 100, numbers % 100
    fits = (years >= _FIRST_YEAR) & (years <= _LAST_YEAR) & (months >= 1) & (months <= 12)
    return years * 12 + months - 1 if fits.all() else None


def _days(numbers: np.ndarray) -> np.ndarray | None:
    """Days (N,) since 1970 that numbers like 20240131 are, or None."""
    months, days = _months(numbers // 100), numbers % 100
    if months is None:
        return None
    begins = (months - 1970 * 12).astype("datetime64[M]")
    dates = begins.astype("datetime64[D]") + (days - 1)
    return dates.astype(np.int64) if (dates.astype("datetime64[M]") == begins).all() else None


def _minutes(numbers: np.ndarray) -> np.ndarray | None:
    """Minutes (N,) since midnight that numbers like 950 are, or None."""
    hours, minutes = numbers // 100, numbers % 100
    return hours * 60 + minutes if ((hours < 24) & (minutes < 60)).all() else None


_FORMS = (("%Y%m%d", "dates", _days), ("%Y%m", "months", _months), ("%H%M", "times of the day", _minutes))
