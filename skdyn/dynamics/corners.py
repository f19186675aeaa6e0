"""Points of polylines at which they turn: a step of a solver that passes one may pass a whole event.

Letters: N lines, M points of all of them one after the other, U columns.
"""

from __future__ import annotations

import numpy as np

_APART = 0.01
"""Of a column's range, how far a line may leave the chord between two corners."""
_REST = 1e-9
"""Of a column's range, what counts as no change from one point to the next."""


def corners(times: np.ndarray, values: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Which points are ends of a line, ends of a rest, or needed for chords that stay near the line.

    Parameters
    ----------
    times : array of shape (M,)
        Increasing along each line.
    values : array of shape (M, U)
    start, stop : int arrays of shape (N,)
        First point of each line, and the one after its last.

    Returns
    -------
    boolean array of shape (M,)

    Examples
    --------
    A shower after three dry days:

    >>> import numpy as np
    >>> rain = np.array([[0.0], [0.0], [0.0], [0.0], [1.0], [0.0], [0.0]])
    >>> corners(np.arange(7.0), rain, np.array([0]), np.array([7])).nonzero()[0]
    array([0, 3, 4, 5, 6])
    """
    kept = np.zeros(len(times), dtype=bool)
    kept[start] = kept[stop - 1] = True
    span = np.maximum.reduceat(values, start) - np.minimum.reduceat(values, start)
    values = values / np.where(span > 0, span, 1.0).repeat(stop - start, axis=0)
    rests = np.abs(np.diff(values, axis=0)) < _REST
    kept[1:-1] |= (rests[1:] != rests[:-1]).any(axis=1)
    while True:
        at = np.flatnonzero(kept)
        piece = np.cumsum(kept) - 1
        before, after = at[piece], at[np.minimum(piece + 1, len(at) - 1)]
        share = (times - times[before]) / np.where(kept, 1.0, times[after] - times[before])
        chord = values[before] + share[:, None] * (values[after] - values[before])
        apart = np.abs(values - chord).max(axis=1, initial=0.0)
        turns = (apart > _APART) & (apart == np.maximum.reduceat(apart, at)[piece])
        if not turns.any():
            return kept
        kept |= turns
