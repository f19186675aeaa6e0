"""Where multiple shooting starts, steps and compares, as rectangular arrays for any ragged input."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.context import Context

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: An interval longer than this many median intervals is crossed in several steps.
_LONG_GAP = 2.5


@dataclass(frozen=True)
class Segments:
    """A partition of K trajectories into at most M shooting segments each; S = K M, padded ones idle.

    Neighbours share the row between them: the later one's start is compared with the observation, the
    earlier one's end with that start.

    Attributes
    ----------
    shape : tuple of int
        (K, M).
    start : ndarray of int, shape (S,)
        Row of the context where each segment starts.
    steps : ndarray, shape (J, S)
        Step lengths of the integration; 0 keeps the state.
    at : ndarray of int, shape (O, S)
        After how many steps each observation is met.
    row : ndarray of int, shape (O, S)
        Row of the context of each observation.
    used : ndarray of bool, shape (O, S)
        False where there is no observation (padding).
    linked : ndarray of bool, shape (S,)
        The segment ends where the next one starts.
    """

    shape: tuple[int, int]
    start: Index
    steps: Array
    at: Index
    row: Index
    used: NDArray[np.bool_]
    linked: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """Number of segments S, padding included."""
        return len(self.start)


def split(context: Context, n_segments: int, substeps: int) -> Segments:
    """Split every trajectory into at most ``n_segments`` segments of at least two intervals.

    Parameters
    ----------
    context : Context
        The observations.
    n_segments : int
        Wanted number M of segments a trajectory.
    substeps : int
        Runge-Kutta steps in an interval of ordinary length; long gaps get more.
    """
    bounds = context.bounds
    n_trajectories = len(bounds) - 1
    intervals = np.concatenate([np.diff(context.tau[a:b]) for a, b in pairwise(bounds)])
    longest = _LONG_GAP * float(np.median(intervals))
    plan: list[list[tuple[int, int, bool]]] = []
    for a, b in pairwise(bounds):
        pieces = max(1, min(n_segments, (b - a - 1) // 2))
        cuts = np.linspace(a, b - 1, pieces + 1).round().astype(int)
        plan.append([(cuts[m], cuts[m + 1], m + 1 < pieces) for m in range(pieces)])
    width = max(len(pieces) for pieces in plan)

    size = n_trajectories * width
    start = np.zeros(size, dtype=np.intp)
    linked = np.zeros(size, dtype=bool)
    lengths: list[Array] = [np.zeros(0)] * size
    reached: list[Index] = [np.zeros(0, dtype=np.intp)] * size
    rows: list[Index] = [np.zeros(0, dtype=np.intp)] * size
    for k, pieces in enumerate(plan):
        start[k * width : (k + 1) * width] = bounds[k]
        for m, (first, last, more) in enumerate(pieces):
            s = k * width + m
            gaps = np.diff(context.tau[first : last + 1])
            counts = np.minimum(np.maximum(1, np.ceil(gaps / longest)), 8).astype(int) * substeps
            start[s], linked[s] = first, more
            lengths[s] = np.repeat(gaps / counts, counts)
            stop = last if more else last + 1
            rows[s] = np.arange(first, stop)
            reached[s] = np.concatenate([[0], np.cumsum(counts)])[: stop - first]

    steps = np.zeros((max(len(h) for h in lengths), size))
    depth = max(len(r) for r in rows)
    at = np.zeros((depth, size), dtype=np.intp)
    row = np.zeros((depth, size), dtype=np.intp)
    used = np.zeros((depth, size), dtype=bool)
    for s in range(size):
        steps[: len(lengths[s]), s] = lengths[s]
        at[: len(rows[s]), s] = reached[s]
        row[: len(rows[s]), s] = rows[s]
        used[: len(rows[s]), s] = True
    return Segments((n_trajectories, width), start, steps, at, row, used, linked)
