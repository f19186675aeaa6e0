"""Which points of a long trajectory the checks look at: few of them, and close enough together to follow the motion."""

from __future__ import annotations

import numpy as np

_COARSE = 0.3
"""What leaving points out may add to the mean square jump, in twice the variance; eight points a cycle add it."""


def followed(x: np.ndarray, widest: int, count: int, unit: np.ndarray, fewest: int) -> list[slice]:
    """Rows of a trajectory: every n-th of all, or closer ones of some stretches where the motion is too fast for that.

    Parameters
    ----------
    x : array of shape (L, D)
    widest : int
        The n by which the trajectory has as few points as wished for.
    count : int
        Stretches, evenly through the trajectory, which have as many points together.
    unit : array of shape (D,)
        Deviations of the variables.
    fewest : int
        Points of a stretch.

    Returns
    -------
    list of slice
        All of the same step.
    """
    step, close = 1, _jumps(x, 1, unit)
    while step < widest:  # by doubling: a step of whole cycles would look as if nothing moved
        wider = min(2 * step, widest)
        if (_jumps(x, wider, unit) - close > _COARSE).any():
            break
        step = wider
    if step == widest:
        return [slice(None, None, widest)]
    step = max(1, step // 2)
    width = max(fewest, len(x) // widest // count) * step
    first = np.unique(np.linspace(0, max(len(x) - width, 0), count).astype(int)).tolist()
    return [slice(start, start + width, step) for start in first]


def _jumps(x: np.ndarray, step: int, unit: np.ndarray) -> np.ndarray:
    """Mean square change (D,) from one row to the next, of twice the variance, where every so many rows are kept."""
    changes: np.ndarray = np.mean(np.square(np.diff(x[::step], axis=0) / unit), axis=0) / 2
    return changes
