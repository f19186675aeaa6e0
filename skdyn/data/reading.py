"""Recognise the accepted forms of input and hand each to its reader."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.arrays import is_one, read_arrays
from skdyn.data.frames import given_of, read_dataframe, read_series
from skdyn.data.row_labels import is_row_numbers
from skdyn.data.source import Raw, library_of
from skdyn.data.xarrays import read_xarray
from skdyn.exceptions import TrajectoryError


def is_dataframe(X: Any) -> bool:
    """Whether ``X`` is a pandas or polars DataFrame, without importing either."""
    return library_of(X) in ("pandas", "polars") and hasattr(X, "columns")


def is_series(X: Any) -> bool:
    """Whether ``X`` is a pandas or polars Series, without importing either."""
    return library_of(X) in ("pandas", "polars") and any(kind.__name__ == "Series" for kind in type(X).__mro__)


def is_recording(item: Any) -> bool:
    """Whether an item of a list is a recording (L, D) or a pair of times and recording, not a row of numbers."""
    if isinstance(item, list):
        return len(item) > 0 and np.ndim(item[0]) > 0
    return isinstance(item, tuple) or getattr(item, "ndim", 1) == 2


def read_any(X: Any, t: Any) -> Raw:
    """Read any accepted form but `Trajectories` themselves.

    Raises
    ------
    TrajectoryError
        Saying what is wrong, where, and what to do.
    """
    library = library_of(X)
    if library == "polars" and type(X).__name__ == "LazyFrame":
        raise TrajectoryError("X is a polars LazyFrame, which holds no data yet: pass X.collect()")
    if library == "xarray":
        _refuse_times(t, "the coordinate of the time")
        return read_xarray(X)
    if is_dataframe(X):
        _refuse_times(t, "name the DataFrame's time column instead")
        return read_dataframe(X, given=given_of(X))
    if is_series(X):
        return read_series([X], t, listed=False)
    if isinstance(X, (list, tuple)) and len(X) > 0 and (not is_one(X) or _have_times(X)):
        if any(is_dataframe(item) for item in X):
            raise TrajectoryError("X is a list of DataFrames: join them into one long DataFrame with an id column")
        if any(library_of(item) == "xarray" for item in X):
            raise TrajectoryError("X is a list of xarray's arrays: join them along a dimension 'id' with xarray.concat")
        series = [is_series(item) for item in X]
        if all(series):
            return read_series(X, t, listed=True)
        if any(series):
            raise TrajectoryError(
                f"trajectory {series.index(False)} is no Series, unlike trajectory {series.index(True)}, which has its "
                "times in its index: give all as Series, or all as (t, x) pairs"
            )
    return read_arrays(X, t)


def _have_times(X: Any) -> bool:
    """Whether all are Series, and some have an index of their own: two without one may be times and states."""
    return all(map(is_series, X)) and any(library_of(x) == "pandas" and not is_row_numbers(x.index) for x in X)


def _refuse_times(t: Any, instead: str) -> None:
    if t is not None:
        raise TrajectoryError(f"t is given twice: {instead}")
