"""Forecasts as tables with times and names, for those who came with tables.

Letters: K series, T times, D variables, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from skdyn.data.columns import is_time_name
from skdyn.data.reading import is_series
from skdyn.data.source import library_of
from skdyn.data.trajectories import Trajectories


def table_of(X: Any) -> Any:
    """A Series of pandas, which has times in its index, as a table; anything else as it is."""
    return X.to_frame() if library_of(X) == "pandas" and is_series(X) else X


def table_library(X: Any) -> str | None:
    """The library of a table, "pandas" or "polars"; None for anything else."""
    library = type(X).__module__.partition(".")[0]
    return library if library in ("pandas", "polars") and hasattr(X, "columns") else None


@dataclass(frozen=True)
class TableLabels:
    """What a table calls its identities and times, and which of them are its index.

    Attributes
    ----------
    names : dict
        Of ``"id"`` and ``"time"``; None for a level of the index that has no name.
    index : tuple of str
        Which of the two are levels of the index, in their order.
    """

    names: dict[str, Hashable] = field(default_factory=lambda: {"id": "id", "time": "t"})
    index: tuple[str, ...] = ()

    @classmethod
    def of(cls, X: Any, context: Trajectories) -> TableLabels:
        """Those of a table that a context was read from; the default of anything else, and of what the table lacks."""
        labels = cls()
        if table_library(X) is None:
            return labels
        columns = {repr(column): column for column in X.columns}
        inside = tuple(role for role in labels.names if role in context.roles and context.roles[role] not in columns)
        names = labels.names | {role: columns[read] for role, read in context.roles.items() if read in columns}
        if len(inside) == 2 and (is_time_name(X.index.names[0]) or context.ids[0] not in X.index.levels[0]):
            inside = inside[::-1]
        return cls(names | dict(zip(inside, X.index.names if inside else ())), inside)

    def to_json(self) -> dict[str, Any] | None:
        """The labels as JSON holds them; None where a name is no text."""
        named = all(name is None or isinstance(name, str) for name in self.names.values())
        return {"names": self.names, "index": list(self.index)} if named else None

    @classmethod
    def from_json(cls, saved: Any) -> TableLabels:
        """What `to_json` gave.

        Raises
        ------
        ValueError
            If it is nothing of the kind.
        """
        try:
            names, index = dict(saved["names"]), tuple(saved["index"])
        except (TypeError, KeyError, ValueError):
            names, index = {}, ()
        whole = names.keys() == cls().names.keys() and len({*index} & names.keys()) == len(index)
        if not whole or not all(isinstance(n, str) or (n is None and role in index) for role, n in names.items()):
            raise ValueError(f"labels must be the names of identities and times of a table, got {saved!r:.80}")
        return cls(names, index)


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
    labels: TableLabels,
    context: Trajectories,
    times: Sequence[np.ndarray],
    answers: Sequence[np.ndarray],
    names: Sequence[str],
    levels: Sequence[float] | None,
) -> Any:
    """One row a time of a series: its identity where there are several, its time or date, and the values.

    As in the table that was fitted, identities and times are columns or the index.

    Parameters
    ----------
    library : {"pandas", "polars"}
    labels : TableLabels
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
    cells: dict[str, Any] = {}
    if len(context) > 1:
        cells["id"] = [identity for identity, part in zip(context.ids, times, strict=True) for _ in part]
    cells["time"] = context.axis.column(np.concatenate(list(times)), library)
    before = {role: labels.names[role] for role in cells if role not in labels.index}
    check_header([*map(str, before.values()), *columns])
    table = {name: cells[role] for role, name in before.items()} | dict(zip(columns, values.T, strict=True))
    inside = [role for role in labels.index if role in cells]
    made = import_module(library)
    if not inside:
        return made.DataFrame(table)
    parts = [made.Index(cells[role], name=labels.names[role]) for role in inside]
    return made.DataFrame(table, index=parts[0] if len(parts) == 1 else made.MultiIndex.from_arrays(parts))
