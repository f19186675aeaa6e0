"""Names of variables: put in order what comes by name, refuse what is unknown or missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from skdyn.data.series import series_numbers
from skdyn.data.source import library_of, refuse_other_table
from skdyn.exceptions import TrajectoryError


def order_of(names: Sequence[Any], wanted: Sequence[Any], what: str) -> list[int]:
    """Where each wanted name stands among the given ones.

    Raises
    ------
    TrajectoryError
        Naming those that are unknown, missing or given twice.
    """
    if repeated := [name for name in names if list(names).count(name) > 1]:
        raise TrajectoryError(f"{what} has the variable {repeated[0]!r} more than once")
    unknown, missing = [n for n in names if n not in wanted], [n for n in wanted if n not in names]
    if unknown or missing:
        raise TrajectoryError(
            f"{what} has the variables {list(names)}, but {list(wanted)} are expected"
            + (f": unknown: {', '.join(map(repr, unknown))}" if unknown else "")
            + (f"{';' if unknown else ':'} missing: {', '.join(map(repr, missing))}" if missing else "")
        )
    return [list(names).index(name) for name in wanted]


def names_of(values: Any, along: Literal["columns", "index"] = "columns") -> tuple[str, ...] | None:
    """Names of the columns of a table, or the labels of a Series, where all are text; None of anything else."""
    names = list(getattr(values, along, ())) if library_of(values) in ("pandas", "polars") else []
    return tuple(names) if names and all(isinstance(name, str) for name in names) else None


def named_states(points: Any, wanted: Sequence[str] | None, what: str, *, booleans: bool = False) -> Any:
    """States of a DataFrame (N, D) or Series (D,) as plain numbers in the wanted order; anything else as it is.

    Parameters
    ----------
    points : object
    wanted : sequence of D str, or None
        Names of the fit; without any, the order of the columns counts.
    what : str
        What errors call it.
    booleans : bool, default=False
        Read True and False as 1 and 0.

    Raises
    ------
    TrajectoryError
        If names are unknown or missing, a column holds no numbers, or it is a table of another library.
    """
    library = library_of(points)
    if library not in ("pandas", "polars"):
        refuse_other_table(points, what)
        return points
    if type(points).__name__ == "LazyFrame":
        raise TrajectoryError(f"{what} is a polars LazyFrame, which holds no data yet: pass its collect()")
    if hasattr(points, "columns"):
        names = list(points.columns)
        order = list(range(len(names)))
        if wanted is not None and all(isinstance(name, str) for name in names):
            order = order_of(names, wanted, what)
        columns = [points.iloc[:, i] if library == "pandas" else points.to_series(i) for i in order]
        places = [f"{what}, column {names[i]!r}" for i in order]
        numbers = [series_numbers(*pair, booleans=booleans) for pair in zip(columns, places, strict=True)]
        return np.column_stack(numbers) if numbers else np.empty((len(points), 0))
    if not hasattr(points, "dtype"):
        return points
    index = list(points.index) if library == "pandas" and hasattr(points, "index") else None
    if wanted is not None and index is not None and all(isinstance(name, str) for name in index):
        points = points.iloc[order_of(index, wanted, what)]
    return series_numbers(points, what, booleans=booleans)


def states_table(states: np.ndarray, names: Sequence[str]) -> Any:
    """States (N, D) as a DataFrame of pandas.

    Raises
    ------
    ImportError
        If pandas is not there.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ImportError('columns are chosen by name, which needs pandas: pip install "skdyn[dataframe]"') from None
    return pd.DataFrame(states, columns=list(names))
