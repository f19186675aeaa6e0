"""Cut a table into groups, and groups into batches that are fitted together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdyn.data.reading import is_dataframe

_MOST_GROUPS, _MOST_ROWS = 256, 16_384
"""Of a batch, padded to its longest group."""


@dataclass(frozen=True)
class Groups:
    """The groups of a table, in the order of their keys.

    Attributes
    ----------
    by : tuple of names
    keys : list of tuples
        One value for each name.
    tables : list of DataFrames
        Without the columns of the keys.
    """

    by: tuple[Hashable, ...]
    keys: list[tuple[Any, ...]]
    tables: list[Any]

    def batches(self) -> list[np.ndarray]:
        """Places of groups of about the same length that are fitted together; the same for the same table."""
        lengths = np.array([len(table) for table in self.tables])
        batches: list[np.ndarray] = []
        batch: list[int] = []
        for place in np.argsort(lengths, kind="stable"):
            if batch and (len(batch) == _MOST_GROUPS or (len(batch) + 1) * lengths[place] > _MOST_ROWS):
                batches.append(np.array(batch))
                batch = []
            batch.append(int(place))
        return [*batches, np.array(batch)]


def cut(table: Any, by: Any) -> Groups:
    """Cut a pandas or polars table by one or several of its columns.

    Raises
    ------
    ValueError
        If it is no table, has no rows, or a column is missing, stands twice or has missing values.
    """
    if not is_dataframe(table):
        raise ValueError(f"table must be a pandas or polars DataFrame, got a {type(table).__name__}")
    names: Sequence[Hashable] = by if isinstance(by, (list, tuple)) else [by]
    columns = list(table.columns)
    for name in names:
        if not _may_name(name):
            raise ValueError(
                f"by must be the name of a column or a list of names, got a {type(name).__name__}: name columns of "
                "the table, such as by='patient'"
            )
        if name not in columns:
            raise ValueError(f"by={by!r}: the table has no column {name!r}, only {columns}")
        if columns.count(name) > 1 or list(names).count(name) > 1:
            where = "the table" if columns.count(name) > 1 else "by"
            raise ValueError(f"by={by!r}: the column {name!r} stands twice in {where}: leave one of them out")
    if not names or len(table) == 0:
        raise ValueError(f"by={by!r} leaves no groups: the table has {len(table)} rows")
    for name in names:
        column = table[name]
        if bool((column.isna() if hasattr(column, "isna") else column.is_null()).any()):
            raise ValueError(f"by={by!r}: the column {name!r} has missing values")
    if hasattr(table, "partition_by"):
        parts = table.partition_by(list(names), as_dict=True, maintain_order=True)
        found = [(key, part.drop(list(names))) for key, part in parts.items()]
        found.sort(key=lambda pair: pair[0])
    else:
        found = list(table.drop(columns=list(names)).groupby([table[name] for name in names], observed=True))
    return Groups(tuple(names), [key for key, _ in found], [part for _, part in found])


def _may_name(value: Any) -> bool:
    """Whether a value can be the name of a column; a column itself cannot."""
    try:
        hash(value)
    except TypeError:
        return False
    return True
