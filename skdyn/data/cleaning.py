"""Put points in order, merge repeated times, leave out missing rows: what the user asked for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from skdyn.data.given import Given
from skdyn.data.source import Source
from skdyn.exceptions import TrajectoryError

Missing = Literal["raise", "drop"]
Gaps = Literal["raise", "drop", "keep"]
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

    missing: Gaps = "raise"
    sort: bool = False
    duplicates: Duplicates = "raise"

    @classmethod
    def of(cls, missing: Any, sort: Any, duplicates: Any, gaps: bool = False) -> Cleaning:
        """Check what a user gave; ``gaps`` allows ``missing="keep"``.

        Raises
        ------
        TrajectoryError
        """
        if not (isinstance(missing, str) and missing in (get_args(Gaps) if gaps else get_args(Missing))):
            kept = (
                "; Trajectories.with_gaps and from_dataframe can keep such rows"
                if isinstance(missing, str) and missing == "keep"
                else ""
            )
            allowed = "'raise', 'drop' or 'keep'" if gaps else "'raise' or 'drop'"
            raise TrajectoryError(f"missing must be {allowed}, got {missing!r}{kept}")
        if not isinstance(sort, (bool, np.bool_)):
            raise TrajectoryError(f"sort must be True or False, got {sort!r}")
        if not (isinstance(duplicates, str) and duplicates in ("raise", "mean", "first")):
            raise TrajectoryError(f"duplicates must be 'raise', 'mean' or 'first', got {duplicates!r}")
        return cls(missing, bool(sort), duplicates)  # type: ignore[arg-type]

    def put_in_order(
        self, t: np.ndarray, x: np.ndarray, rows: np.ndarray, k: int, source: Source, given: Given
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times (L,), states with what is given (L, D + G) and rows (L,) of trajectory ``k``, in order and merged.

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
            what = _kind(int(column), x, given)
            raise TrajectoryError(f"{source.place(k, rows[row], int(column))}: the {what} is infinity (inf)")
        if self.duplicates != "raise" and len(t) > 1:
            t, x, rows = self._merged(t, x, rows)
        check_increasing(t, lambda row: source.place(k, rows[row]), source)
        return t, x, rows

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

    def stays(self, x: np.ndarray, rows: np.ndarray, k: int, source: Source, given: Given) -> np.ndarray:
        """Which rows (L,) of states with what is given (L, D + G) stay: those without NaN, or with something else.

        Raises
        ------
        TrajectoryError
            Naming the first value that is missing, where nothing is to be dropped.
        """
        absent = np.isnan(x)
        if self.missing == "raise" and absent.any():
            row, column = map(int, np.argwhere(absent)[0])
            raise TrajectoryError(
                f"{source.place(k, rows[row], column)}: the {_kind(column, x, given)} is NaN; pass "
                f"{source.dropping} to drop such rows"
            )
        return ~(absent.all(axis=1) if self.missing == "keep" else absent.any(axis=1))


def _kind(column: int, x: np.ndarray, given: Given) -> str:
    """What a column of states with what is given beside them (L, D + G) is."""
    first = x.shape[1] - len(given)
    return "state" if column < first else given.kind(column - first)


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
        name = columns.names[column]
        raise TrajectoryError(
            f"{named.place(k, rows[row], column)}: the {columns.kind(column)} is {values[row, column]}, not finite: "
            f"fill in what is known, such as frame.fillna({{{name!r}: 0}}) or frame[{name!r}].ffill()"
        )


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
