"""The index of a pandas table beside times: it may be these times, other ones, or only say which rows these were."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.source import library_of
from skdyn.exceptions import TrajectoryError

_CLOSE = 1e-9
"""Of the span of times, what rounding may change."""


def is_row_numbers(index: Any) -> bool:
    """Whether an index is the one that pandas makes where the user gives none."""
    return index.name is None and index.dtype.kind in "iu" and bool((index == np.arange(len(index))).all())


def is_moment(index: Any) -> bool:
    """Whether an index holds dates, durations or periods."""
    return type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex", "PeriodIndex")


def counts_rows(index: Any) -> bool:
    """Whether an index may say which rows of a larger table these were: whole numbers that increase, without a name."""
    return index.name is None and index.dtype.kind in "iu" and bool(index.is_monotonic_increasing)


def times_in_index(values: Any) -> Any:
    """The index of a pandas Series or DataFrame whose rows it puts in time; else None."""
    index = values.index if library_of(values) == "pandas" and hasattr(values, "iloc") else None
    if index is None or index.nlevels > 1 or is_row_numbers(index) or not (is_moment(index) or _is_number(index)):
        return None
    return begins_of(index)


def begins_of(index: Any) -> Any:
    """An index of periods as that of their begins; any other as it is."""
    return index.to_timestamp() if type(index).__name__ == "PeriodIndex" else index


def refuse_other_times(values: Any, t: Any, place: str) -> None:
    """Refuse a pandas Series or DataFrame with times in its index that are not those beside it.

    Raises
    ------
    TrajectoryError
        With the call to make.
    """
    index = times_in_index(values)
    if index is None or len(index) != len(t) or _agree(index, t) or counts_rows(index):
        return
    raise TrajectoryError(
        f"{place} is a {type(values).__name__} whose index ({index[0]}, ...) is not the times beside it: pass its "
        ".to_numpy() if its rows are at those times, or .loc[t] to put them in their order"
    )


def _agree(index: Any, t: Any) -> bool:
    """Whether an index holds these times, or they are a Series of the same index."""
    if library_of(t) == "pandas" and hasattr(t, "iloc"):
        if t.index.equals(index):
            return True
        t = t.to_numpy()
    if _is_number(index):
        t = np.asarray(t)
        return t.dtype.kind in "iuf" and np.allclose(index, t, rtol=0, atol=_CLOSE * float(np.ptp(t)))
    return bool(np.all(index == (t if library_of(t) == "pandas" else np.asarray(t))))


def _is_number(index: Any) -> bool:
    return getattr(index.dtype, "kind", "O") in "iuf"
