"""Write trajectories down as a table, and a table as a file, in ways that people have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl


def table(truth):
    """One row a point, in the order of the trajectories, with the id and the time in front."""
    columns = {
        truth.id: np.repeat(np.array(truth.ids, dtype=object), truth.lengths),
        truth.time: np.concatenate(truth.marks),
    }
    columns |= {name: np.concatenate([x[:, d] for x in truth.states]) for d, name in enumerate(truth.names)}
    return pd.DataFrame(columns).infer_objects()


def interleaved(rng, frame, lengths):
    """Mix the rows of trajectories, each still in its order, that appear in the same order for the first time."""
    count = len(lengths)
    drawn = np.concatenate([np.arange(count), rng.permutation(np.repeat(np.arange(count), np.array(lengths) - 1))])
    rows = np.empty(len(frame), dtype=int)
    starts = np.cumsum([0, *lengths])
    for k in range(count):
        rows[drawn == k] = np.arange(starts[k], starts[k + 1])
    return frame.iloc[rows].reset_index(drop=True)


def as_polars(frame):
    """The same table in polars."""
    columns = {}
    for name, column in frame.items():
        values = column.to_numpy()
        if values.dtype.kind not in "fiumM":
            values = [None if value != value else value for value in values.tolist()]
        columns[name] = values
    return pl.DataFrame(columns, strict=False)


def write_csv(rng, frame, folder):
    """Write a file in a random dialect, with all digits of its numbers.

    Returns
    -------
    path
    """
    separator = str(rng.choice([",", ";", "\t", "|"]))
    decimal = "," if separator != "," and rng.integers(2) else "."
    quote, between = ('"' if rng.integers(2) else ""), ("T" if rng.integers(2) else " ")

    def cell(value):
        if isinstance(value, float):
            return "" if np.isnan(value) else repr(float(value)).replace(".", decimal)
        if isinstance(value, pd.Timestamp):
            return value.isoformat(sep=between)
        return "" if value is None or value is pd.NaT else str(value)

    lines = [[f"{quote}{name}{quote}" for name in frame.columns]]
    lines += [[cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    text = str(rng.choice(["\n", "\r\n"])).join(separator.join(line) for line in lines)
    path = folder / f"table{rng.integers(10**9)}.csv"
    path.write_bytes((text + "\n" * int(rng.integers(3))).encode(str(rng.choice(["utf-8", "utf-8-sig", "cp1252"]))))
    return path
