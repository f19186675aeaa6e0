"""Put points in order, merge repeated times, leave out missing rows: what the user asked for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from skdyn.data.given import Given
from skdyn.data.source import Source
from skdyn.exceptions import TrajectoryError

Missing = Literal["raise", "drop"]
Duplicates = Literal["raise", "mean", "first"]


@dataclass(frozen=True)
class Cleaning:
    """How to mend trajectories.

    Attributes
    ----------
    missing : {"raise", "drop", "keep"}
        What to do with rows that hold a NaN.
    sort : bool
        Put points in the order of their times.
    duplicates : {"raise", "mean", "first"}
        What to do with points of the same time.
    """

    missing: Literal["raise", "drop", "keep"] = "raise"
    sort: bool = False
    duplicates: Duplicates = "raise"

    @classmethod
    def of(cls, missing: Any, sort: Any, duplicates: Any) -> Cleaning:
        """Check what a user gave.

        Raises
        ------
        TrajectoryError
        """
        if not (isinstance(missing, str) and missing in ("raise", "drop")):
            raise TrajectoryError(f"missing must be 'raise' or 'drop', got {missing!r}")
        if not isinstance(sort, (bool, np.bool_)):
            raise TrajectoryError(f"sort must be True or False, got {sort!r}")
        if not (isinstance(duplicates, str) and duplicates in ("raise", "mean", "first")):
            raise TrajectoryError(f"duplicates must be 'raise', 'mean' or 'first', got {duplicates!r}")
        return cls(missing, bool(sort), duplicates)  # type: ignore[arg-type]

    def clean(
        self, t: np.ndarray, x: np.ndarray, rows: np.ndarray, k: int, source: Source
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times (L,), states (L, D) and rows (L,) of trajectory ``k``, mended.

        Raises
        ------
        TrajectoryError
            Naming the first place that is wrong and what to do.
        """
        if self.sort:
            order = np.argsort(t, kind="stable")
            t, x, rows = t[order], x[order], rows[order]
        if np.isinf(x).any():
            row, column = np.argwhere(np.isinf(x))[0]
            raise TrajectoryError(f"{source.place(k, rows[row], int(column))}: the state is infinity (inf)")
        if self.duplicates != "raise" and len(t) > 1:
            t, x, rows = self._merged(t, x, rows)
        check_increasing(t, lambda row: source.place(k, rows[row]), source)
        if np.isfinite(x).all():
            return t, x, rows
        return self._without_missing(t, x, rows, k, source)

    def _merged(self, t: np.ndarray, x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One point for each run of equal times."""
        starts = np.flatnonzero(np.append(True, t[1:] != t[:-1]))
        if self.duplicates == "first" or len(starts) == len(t):
            return t[starts], x[starts], rows[starts]
        there = ~np.isnan(x)
        sums = np.add.reduceat(np.where(there, x, 0.0), starts, axis=0)
        counts = np.add.reduceat(there.astype(float), starts, axis=0)
        least, most = np.fmin.reduceat(x, starts, axis=0), np.fmax.reduceat(x, starts, axis=0)
        with np.errstate(invalid="ignore"):
            # The mean of equal values may round to another.
            return t[starts], np.where(least == most, least, sums / counts), rows[starts]

    def _without_missing(
        self, t: np.ndarray, x: np.ndarray, rows: np.ndarray, k: int, source: Source
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Drop rows with NaN, or with nothing else, where that was asked for; otherwise name the first bad value."""
        absent = np.isnan(x)
        if self.missing == "raise":
            row, column = np.argwhere(absent)[0]
            raise TrajectoryError(
                f"{source.place(k, rows[row], int(column))}: the state is NaN; pass "
                f"{source.flag(missing='drop')} to drop such rows"
            )
        keep = ~(absent.all(axis=1) if self.missing == "keep" else absent.any(axis=1))
        return t[keep], x[keep], rows[keep]


def check_given(values: np.ndarray, columns: Given, rows: np.ndarray, k: int, source: Source) -> None:
    """Refuse inputs and parameters (L, G) of trajectory ``k`` that are not finite.

    Raises
    ------
    TrajectoryError
        Naming the place, and what to do.
    """
    named = replace(source, names=columns.names)
    if not np.isfinite(values).all():
        row, column = map(int, np.argwhere(~np.isfinite(values))[0])
        kind = "input" if column < len(columns.inputs) else "parameter"
        raise TrajectoryError(f"{named.place(k, rows[row], column)}: the {kind} is {values[row, column]}, not finite")


def check_parameters(values: np.ndarray, columns: Given, rows: np.ndarray, k: int, source: Source) -> None:
    """Refuse parameters, the last of the given columns (L, G) of trajectory ``k``, that change; NaN are left alone.

    Raises
    ------
    TrajectoryError
        Naming the place, and what to do.
    """
    for column in range(len(columns.inputs), len(columns)):
        there = np.flatnonzero(~np.isnan(values[:, column]))
        changes = there[values[there, column] != values[there[:1], column]]
        if len(changes):
            raise TrajectoryError(
                f"{replace(source, names=columns.names).place(k, rows[changes[0]], column)}: a parameter is constant "
                f"within a trajectory, but this one changes from {values[there[0], column]} to "
                f"{values[changes[0], column]}: name it among the inputs, or name the column that tells trajectories "
                "apart"
            )


def check_increasing(t: np.ndarray, place: Callable[[int], str], source: Source | None = None) -> None:
    """Refuse times (L,) that are not finite, do not increase or last longer than a number can be.

    Parameters
    ----------
    t : array of shape (L,)
    place : callable (row) -> str
        Where a time stands.
    source : Source, optional
        How to mend it, where it can be mended.

    Raises
    ------
    TrajectoryError
    """
    if not np.isfinite(t).all():
        row = int((~np.isfinite(t)).argmax())
        raise TrajectoryError(f"{place(row)}: the time is {t[row]}, not finite (NaN or infinity)")
    if len(t) > 1 and (bad := t[1:] <= t[:-1]).any():
        row = int(bad.argmax()) + 1
        repeated = bool(t[row] == t[row - 1])
        word, done = ("repeats", "average such points") if repeated else ("decreases", "put the points in order")
        problem = f"{place(row)}: time {word} ({float(t[row - 1])} then {float(t[row])}): they must increase"
        if source is None:
            raise TrajectoryError(problem)
        mend = source.flag(duplicates="mean") if repeated else source.flag(sort=True)
        raise TrajectoryError(f"{problem}; pass {mend} to {done}, or name the column that tells trajectories apart")
    if len(t) > 1 and t[-1] / 2 - t[0] / 2 > np.finfo(np.float64).max / 2:
        raise TrajectoryError(
            f"{place(len(t) - 1)}: the times from {t[0]:g} to {t[-1]:g} last longer than a number can be: choose "
            "another unit"
        )
