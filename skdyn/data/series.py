"""Read one column of a table: times and identities as they are, states as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.data.numbers import read_numbers
from skdyn.data.source import library_of
from skdyn.exceptions import TrajectoryError


def series_values(series: Any, name: Any) -> np.ndarray:
    """Values (M,) of a column that holds times or identities."""
    if library_of(series) == "pandas" and str(series.dtype).startswith("period"):
        series = series.dt.to_timestamp()
    if _has_zone(series):
        return np.array([*series.to_list(), None], dtype=object)[:-1]  # dates of Python, which know their zone
    values = np.asarray(series.to_numpy())
    if values.ndim != 1:
        raise TrajectoryError(f"column {name!r} holds several values a row: give each a column of its own")
    return values


def _has_zone(series: Any) -> bool:
    """Whether a column of polars holds dates of a zone, all of which dates of Python can be."""
    zone, unit = (getattr(series.dtype, name, None) for name in ("time_zone", "time_unit"))
    return zone is not None and unit != "ns" and not series.null_count()


def series_numbers(
    series: Any, place: str, what: str = "states must be real numbers", *, booleans: bool = False
) -> np.ndarray:
    """Numbers (M,) of a column; categories, structures and lists are refused even if numbers are inside.

    Parameters
    ----------
    series : pandas or polars Series
    place, what, booleans
        See `read_numbers`.
    """
    kind = str(series.dtype)
    if booleans and kind.casefold() in ("bool", "boolean"):
        series = series.astype("Float64") if library_of(series) == "pandas" else series.cast(float)
    if library_of(series) == "polars":
        if not (series.dtype.is_numeric() or kind in ("Null", "Object")):
            raise TrajectoryError(f"{place} has type {kind}: {what}")
        return read_numbers(series.to_numpy(), place, what, booleans=booleans)
    if not isinstance(series.dtype, np.dtype):
        if getattr(series.dtype, "kind", "O") not in "fiu":
            raise TrajectoryError(f"{place} cannot be read as numbers: its type is {kind}")
        return read_numbers(series.to_numpy(dtype=np.float64, na_value=np.nan), place, what)
    return read_numbers(series.to_numpy(), place, what, booleans=booleans)
