"""Whether what inputs and parameters do can be told apart, from each other and from what the states do.

Letters: M points of all trajectories, D variables, G columns that are given from outside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check

REPEATED = 1e-6
_MOST_ROWS = 4000
_CONSTANT = 1e-12
_PART = 1e-3


def told_apart(context: Trajectories) -> list[Check]:
    """A check of the column from outside that the others repeat most; none where nothing is given from outside.

    The evidence is the share of its variance that a constant, the states and the other columns leave: a column that is
    the same throughout has none, nor has one of as many parameters as there are individuals.
    """
    if not len(context.given):
        return []
    columns, names, first = _standardised(context.points), context.column_names, context.n_features
    asked = range(first, len(names))
    left = {column: _left(columns, column) for column in asked}
    repeated = [column for column in asked if left[column][0] < REPEATED]
    worst = repeated[-1] if repeated else min(asked, key=lambda column: left[column][0])
    evidence, parts = left[worst]
    likely, advice = _cause(context, worst - first, [names[c] for c in np.flatnonzero(np.abs(parts) > _PART)])
    return [
        Check("inputs and parameters told apart", evidence, REPEATED, "below",
              f"the share of the variance of {names[worst]!r} that a constant, the states and the other inputs and "
              "parameters leave", likely, advice, warned=True)
    ]  # fmt: skip


def _standardised(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns (M, D + G) of mean zero and variance one, where they are not constant; at most some thousand rows."""
    rows = points[np.isfinite(points).all(axis=1)]
    rows = rows[:: max(1, -(-len(rows) // _MOST_ROWS))]
    if not len(rows):
        return np.zeros(points.shape)
    moving = np.ptp(rows, axis=0) > _CONSTANT * np.abs(rows).max(axis=0)
    return np.where(moving, (rows - rows.mean(axis=0)) / np.where(moving, rows.std(axis=0), 1.0), 0.0)


def _left(columns: NDArray[np.float64], which: int) -> tuple[float, NDArray[np.float64]]:
    """The share of a column's variance that the others leave, and how much of each is in it."""
    others = columns.copy()
    others[:, which] = 0.0
    parts = np.asarray(np.linalg.lstsq(others, columns[:, which], rcond=None)[0], dtype=np.float64)
    return float(np.mean((columns[:, which] - others @ parts) ** 2)), parts


def _cause(context: Trajectories, which: int, partners: list[str]) -> tuple[str, str]:
    """Why the others repeat a column from outside, and what to try."""
    if not partners:
        return "it is the same throughout: what it does cannot be seen", "data in which it differs, or without it"
    likely = f"it follows from {', '.join(map(repr, partners))}: what each of them does cannot be told apart"
    first, count = len(context.given.inputs), len(context.given.parameters)
    individuals = len({tuple(outside[0, first:]) for outside in context.outside})
    if which >= first and individuals <= count:
        return f"{likely} by {individuals} individuals", "more individuals, or fewer parameters"
    return likely, "one of them alone, or data in which they differ"
