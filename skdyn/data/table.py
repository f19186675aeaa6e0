"""Read trajectories from CSV files with the standard library alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skdyn.data.reading import choose_columns
from skdyn.data.trajectories import Trajectories, Trajectory
from skdyn.exceptions import TrajectoryError


def read_csv(
    path: Path,
    time: str | None = None,
    group: str | None = None,
    features: Sequence[str] | None = None,
    missing: Literal["raise", "drop"] = "raise",
) -> Trajectories:
    """Read a long CSV file with a header line, one row a point.

    Parameters
    ----------
    path : path
    time, group : str, optional
        Columns of the time (numbers or ISO dates) and of the trajectory's id; see `Trajectories` for the default.
    features : sequence of str, optional
        State columns; all others by default.
    missing : {"raise", "drop"}, default="raise"
        What to do with empty cells.

    Raises
    ------
    TrajectoryError
        Naming the file and line of a cell that is not a number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            lines = list(csv.reader(file))
        except (csv.Error, UnicodeDecodeError) as error:
            raise TrajectoryError(f"{path} is not a CSV file: {error}") from None
    if len(lines) < 2:
        raise TrajectoryError(f"{path} holds {len(lines)} lines: a header and at least two rows are needed")
    header = [name.strip() for name in lines[0]]
    if len(set(header)) < len(header):
        raise TrajectoryError(f"{path}: a column name is repeated in the header {header}")
    time, group, chosen = choose_columns(header, time, group, features, str(path))
    if not chosen:
        raise TrajectoryError(f"{path} has no state column beside its time and id columns")

    groups: dict[str, list[tuple[int, list[str]]]] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise TrajectoryError(f"{path}, line {number}: {len(cells)} cells under a header of {len(header)}")
        groups.setdefault(cells[header.index(group)] if group else "", []).append((number, cells))
    trajectories = []
    for rows in groups.values():
        columns = [
            [_number(cells[header.index(name)], path, number, name) for number, cells in rows] for name in chosen
        ]
        when = _times([cells[header.index(time)] for _, cells in rows], path, rows[0][0]) if time else None
        x = np.array(columns).T
        trajectories.append(Trajectory(np.arange(len(x)) if when is None else when, x, tuple(chosen)))
    return Trajectories(trajectories, missing=missing)


def _number(cell: str, path: Path, line: int, name: str) -> float:
    if cell.strip().lower() in ("", "na", "nan", "null"):
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise TrajectoryError(f"{path}, line {line}, column {name!r}: {cell!r} is not a number") from None


def _times(cells: list[str], path: Path, line: int) -> Any:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        try:
            return np.array([cell.strip() for cell in cells], dtype="datetime64[ns]")
        except ValueError as error:
            raise TrajectoryError(
                f"{path}, near line {line}: a time is neither a number nor an ISO date: {error}"
            ) from None
