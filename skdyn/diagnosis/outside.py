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
    likely, advice = _cause(context, worst, np.flatnonzero(np.abs(parts) > _PART))
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


def _cause(context: Trajectories, which: int, partners: NDArray[np.intp]) -> tuple[str, str]:
    """Why the others repeat a column from outside, and what to try."""
    if not len(partners):
        return "it is the same throughout: what it does cannot be seen", "data in which it differs, or without it"
    names, given = context.column_names, context.n_features
    together = np.sort([*partners, which])
    if together[0] >= given and (total := _constant_sum(context.points[:, together])) is not None:
        listed = ", ".join(repr(names[c]) for c in together)
        return f"{listed} sum to {total:.4g} throughout: each follows from the others", "leaving one of them out"
    likely = (
        f"it follows from {', '.join(repr(names[c]) for c in partners)}: what each of them does cannot be told apart"
    )
    inputs, count = len(context.given.inputs), len(context.given.parameters)
    different = len({tuple(outside[0, inputs:]) for outside in context.outside})
    if which >= given + inputs and different <= count:
        return f"{likely} by {different} different sets of parameters", "individuals with others, or fewer parameters"
    return likely, "one of them alone, or data in which they differ"


def _constant_sum(columns: NDArray[np.float64]) -> float | None:
    """What columns sum to in every row, as those of a category do that is coded by zeros and ones."""
    totals = columns.sum(axis=1)
    return float(totals[0]) if np.ptp(totals) <= REPEATED * np.abs(columns).max() else None
