"""Inputs of rows that are left out because a state is missing: doses, say, that the rows that stay know nothing of.

Letters: L points, U inputs, N points of all trajectories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skdyn.data.given import Given
from skdyn.data.source import Source
from skdyn.exceptions import TrajectoryError, warn

_MOST_LOST = 0.1  # of an input's changes; what sporadic gaps lose is less, and is warned of
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Thinned:
    """A trajectory before rows are left out.

    Attributes
    ----------
    t : array of shape (L,)
    u : array of shape (L, U)
        Inputs, NaN where missing.
    stays : bool array of shape (L,)
        Which rows do.
    rows : int array of shape (L,)
        Which of the data they are, for errors.
    k : int
        Which trajectory it is.
    """

    t: np.ndarray
    u: np.ndarray
    stays: np.ndarray
    rows: np.ndarray
    k: int

    def compared(self, column: int, holds: bool) -> np.ndarray:
        """Trajectory, row, value, the value that is left, and how long it lasts, (N, 5), where an input is known.

        Nothing lasts before the first row that stays, or after the last one.
        """
        kept = np.flatnonzero(self.stays)
        known = np.flatnonzero(~np.isnan(self.u[:, column]))
        t, u = self.t[known], self.u[kept, column]
        ends = np.clip(t, self.t[kept[0]], self.t[kept[-1]])
        lasts = np.diff(ends, append=ends[-1])
        if holds:
            left = u[np.maximum(np.searchsorted(kept, known, side="right") - 1, 0)]
        else:
            left = np.interp(t, self.t[kept], u)
            lasts = (lasts + np.diff(ends, prepend=ends[0])) / 2
        lasts[(known < kept[0]) | (known > kept[-1])] = 0.0
        return np.column_stack([np.full(len(known), self.k), self.rows[known], self.u[known, column], left, lasts])


def check_lost_inputs(trajectories: Sequence[Thinned], given: Given, source: Source) -> None:
    """Refuse to leave out rows whose inputs the rows that stay do not imply; warn where it is little that is lost.

    How much is lost is measured by the area between the input and what is left of it, beside that between the input and
    its mean. What came before the first row that stays, or after the last one, has no part in it, unless the input
    changes nowhere else.

    Raises
    ------
    TrajectoryError
        Naming the first such row, and how to keep it.
    """
    if all(each.stays.all() for each in trajectories):
        return
    for column, name in enumerate(given.inputs):
        ks, rows, path, left, lasts = np.concatenate([each.compared(column, given.holds) for each in trajectories]).T
        # Relative to the largest, no area overflows.
        size = np.abs(path).max() or 1.0
        lasts /= lasts.max()
        away, mean = np.abs(path / size - left / size), path / size @ lasts / lasts.sum()
        lost, moved = away @ lasts, np.abs(path / size - mean) @ lasts
        remaining = np.concatenate([each.u[each.stays, column] for each in trajectories])
        unseen = (remaining == remaining[0]).all() and (path != path[0]).any()
        share = 1.0 if unseen else lost / moved if moved else 0.0
        if share <= _ROUNDING:
            continue
        weight = away if unseen else away * lasts
        one = int((weight > weight.max() / 2).argmax())  # the first that matters
        place = replace(source, names=given.inputs).place(int(ks[one]), int(rows[one]), column)
        problem = (
            f"{place}: something in the row is missing, but its input is {path[one]:.6g}, and would be {left[one]:.6g} "
            f"without the row (interpolation={given.interpolation!r}). Of how {name!r} changes, "
            f"{100 * min(share, 1):.3g}% would be lost with such rows: keep them, {source.keeping}, for estimators "
            "that take missing='keep'"
        )
        if share > _MOST_LOST:
            raise TrajectoryError(
                f"{problem}, such as SparseODERegressor. If the input does not matter there, take the rows out of the "
                "data, such as frame.dropna(subset=[...])"
            )
        warn(problem)
