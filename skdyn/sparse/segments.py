"""Where multiple shooting starts, steps and compares, as rectangular arrays for any ragged input.

Letters: K trajectories, W shooting segments of one, S = K W; J steps of integration and O observed points of a segment,
D variables; R rows of a library, C candidate fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: An interval longer than this many median intervals is crossed in several steps.
_LONG_GAP = 2.5


@dataclass(frozen=True)
class Segments:
    """A partition of K trajectories into at most W shooting segments each; padded ones idle.

    Neighbours share the row between them: the later one's start is compared with the observation, the
    earlier one's end with that start.

    Attributes
    ----------
    shape : tuple of int
        (K, W).
    start : int array of shape (S,)
        Row of the context where each segment starts.
    steps : array of shape (J, S)
        Step lengths of the integration; 0 keeps the state.
    at : int array of shape (O, S)
        After how many steps each point is met.
    row : int array of shape (O, S)
        Row of the context of each point.
    used : boolean array of shape (O, S)
        False where there is no point (padding).
    linked : boolean array of shape (S,)
        The segment ends where the next one starts.
    outside : array of shape (J, 3, G, S)
        Inputs and parameters at the beginning, in the middle and at the end of each step.
    """

    shape: tuple[int, int]
    start: Index
    steps: Array
    at: Index
    row: Index
    used: NDArray[np.bool_]
    linked: NDArray[np.bool_]
    outside: Array

    @property
    def size(self) -> int:
        """Number of segments S, padding included."""
        return len(self.start)

    def layout(self, coefficients: Array, starts: Array) -> tuple[Array, Array, Array, Array]:
        """Lay C fields (C, R, D) and their starts (C, S, D) out as one batch of C S roll-outs.

        Returns
        -------
        coefficients : array of shape (R, D, C S)
        starts : array of shape (D, C S)
        steps : array of shape (J, C S)
        outside : array of shape (J, 3, G, C S)
        """
        n, _, dim = coefficients.shape
        fields = np.repeat(coefficients.transpose(1, 2, 0), self.size, axis=2)
        begin = np.ascontiguousarray(starts.transpose(2, 0, 1)).reshape(dim, -1)
        return fields, begin, np.tile(self.steps, n), np.tile(self.outside, n)

    def at_points(self, states: Array) -> Array:
        """Return states (O, S, D, C) at the observed points from roll-outs (J + 1, D, C S)."""
        table = states.reshape(*states.shape[:2], -1, self.size)
        return table[self.at, :, :, np.arange(self.size)]


def split(context: ScaledContext, n_segments: int) -> Segments:
    """Split every trajectory into at most ``n_segments`` segments of at least two intervals.

    An interval takes ``context.substeps`` Runge-Kutta steps; long gaps take more.

    Parameters
    ----------
    context : ScaledContext
    n_segments : int
        Wanted number W of segments a trajectory.

    Returns
    -------
    Segments

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> from skdyn.sparse.scaled_context import scale_context
    >>> t = np.linspace(0.0, 6.0, 9)
    >>> segments = split(scale_context(Trajectories([(t, np.sin(t))])), 2)
    >>> segments.start.tolist(), segments.linked.tolist()
    ([0, 4], [True, False])
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
    given: list[Array] = [np.zeros((0, 3, context.outside.shape[1]))] * size
    reached: list[Index] = [np.zeros(0, dtype=np.intp)] * size
    rows: list[Index] = [np.zeros(0, dtype=np.intp)] * size
    for k, pieces in enumerate(plan):
        start[k * width : (k + 1) * width] = bounds[k]
        for m, (first, last, more) in enumerate(pieces):
            s = k * width + m
            gaps = np.diff(context.tau[first : last + 1])
            counts = np.minimum(np.maximum(1, np.ceil(gaps / longest)), 8).astype(int) * context.substeps
            start[s], linked[s] = first, more
            lengths[s] = np.repeat(gaps / counts, counts)
            given[s] = _given(context, first, counts)
            stop = last if more else last + 1
            rows[s] = np.arange(first, stop)
            reached[s] = np.concatenate([[0], np.cumsum(counts)])[: stop - first]

    steps = np.zeros((max(len(h) for h in lengths), size))
    outside = np.zeros((len(steps), *given[0].shape[1:], size))
    depth = max(len(r) for r in rows)
    at = np.zeros((depth, size), dtype=np.intp)
    row = np.zeros((depth, size), dtype=np.intp)
    used = np.zeros((depth, size), dtype=bool)
    for s in range(size):
        steps[: len(lengths[s]), s] = lengths[s]
        outside[: len(lengths[s]), ..., s] = given[s]
        at[: len(rows[s]), s] = reached[s]
        row[: len(rows[s]), s] = rows[s]
        used[: len(rows[s]), s] = True
    return Segments((n_trajectories, width), start, steps, at, row, used, linked, outside)


def _given(context: ScaledContext, first: int, counts: Index) -> Array:
    """Inputs and parameters (J, 3, G) at the beginning, middle and end of so many steps in each interval."""
    interval = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(interval)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (within[:, None] + np.array([0.0, 0.5, 1.0])) / counts[interval][:, None]
    before, after = context.outside[first + interval][:, None], context.outside[first + interval + 1][:, None]
    if context.holds:
        return np.repeat(before, 3, axis=1)
    return before + share[..., None] * (after - before)
