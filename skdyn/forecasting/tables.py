"""Forecasts as tables with times and names, for those who came with tables.

Letters: K series, T times, D variables, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from skdyn.data.trajectories import Trajectories


def table_library(X: Any) -> str | None:
    """The library of a table, "pandas" or "polars"; None for anything else."""
    library = type(X).__module__.partition(".")[0]
    return library if library in ("pandas", "polars") and hasattr(X, "columns") else None


def check_header(names: Sequence[str]) -> None:
    """Refuse a table of which two columns would have one name.

    Raises
    ------
    ValueError
    """
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(
                f"two columns of the table would be called {name!r}: rename the variable in the data"
                + (", or choose levels of quantiles that differ in their first six digits" if "_" in name else "")
            )


def forecast_table(
    library: str,
    context: Trajectories,
    times: Sequence[np.ndarray],
    answers: Sequence[np.ndarray],
    names: Sequence[str],
    levels: Sequence[float] | None,
) -> Any:
    """One row a time of a series: its identity where there are several, its time or date, and the values.

    Parameters
    ----------
    library : {"pandas", "polars"}
    context : Trajectories
        The fitted series.
    times : sequence of K arrays of shape (T_k,)
    answers : sequence of K arrays of shape (T_k, D) or (T_k, D, Q)
    names : sequence of D str
    levels : sequence of Q floats, or None
        Where there are quantiles, whose columns are named like ``x_0.1``.

    Raises
    ------
    ValueError
        If two columns would have one name.
    """
    columns = list(names) if levels is None else [f"{name}_{level:g}" for name in names for level in levels]
    values = np.concatenate([answer.reshape(len(answer), -1) for answer in answers])
    several = len(context) > 1
    check_header([*(["id"] if several else []), "t", *columns])
    table: dict[str, Any] = {}
    if several:
        table["id"] = [identity for identity, part in zip(context.ids, times, strict=True) for _ in part]
    table["t"] = context.axis.labels(np.concatenate(list(times)))
    table |= dict(zip(columns, values.T, strict=True))
    return import_module(library).DataFrame(table)
