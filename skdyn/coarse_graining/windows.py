"""Draw from recordings what one training step needs: windows for a context, and transitions to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Windows:
    """Windows of consecutive frames, padded at the end.

    Attributes
    ----------
    frames : integer array of shape (K, L)
        Which frame, counted through all recordings; padding repeats a window's last.
    mask : boolean array of shape (K, L)
        False where padding is.
    """

    frames: np.ndarray
    mask: np.ndarray


def draw_windows(lengths: Sequence[int], length: int, most: int, rng: np.random.Generator) -> Windows:
    """Cut every recording at random into windows that share their ends, and choose some.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each recording, at least 2.
    length : int
        Transitions in a window; those at the ends of a recording may have fewer.
    most : int
        Frames to choose at most; one window is chosen however few.
    rng : numpy.random.Generator

    Returns
    -------
    Windows
        No window crosses from one recording to another, and no transition is in two windows.

    Examples
    --------
    >>> import numpy as np
    >>> draw_windows([5, 3], 10, 100, np.random.default_rng(0)).mask.sum()
    np.int64(8)
    """
    cuts: list[tuple[int, int]] = []
    start = 0
    for count in lengths:
        first = rng.integers(1, length + 1) if count - 1 > length else count - 1
        edges = [0, *range(int(first), count - 1, length), count - 1]
        cuts += [(start + a, start + b + 1) for a, b in pairwise(edges)]
        start += count
    chosen = [cuts[i] for i in rng.permutation(len(cuts))]
    ends = np.cumsum([b - a for a, b in chosen])
    chosen = sorted(chosen[: max(1, int(np.searchsorted(ends, most, side="right")))])
    width = max(b - a for a, b in chosen)
    place = np.arange(width)
    begin, end = np.array(chosen).T[:, :, None]
    return Windows(np.minimum(begin + place, end - 1), begin + place < end)


def draw_transitions(
    lengths: Sequence[int], ahead: int, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose frames at random, and for each the one that lies some frames ahead in its recording, or the last one.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each recording, at least 2.
    ahead : int
        At least 1.
    most : int
        Frames to choose at most, none twice and none that is the last of its recording.
    rng : numpy.random.Generator

    Returns
    -------
    now, later : integer arrays of shape (N,)
        Frames, counted through all recordings.

    Examples
    --------
    >>> import numpy as np
    >>> now, later = draw_transitions([5, 3], 2, 100, np.random.default_rng(0))
    >>> sorted(zip(now.tolist(), later.tolist()))
    [(0, 2), (1, 3), (2, 4), (3, 4), (5, 7), (6, 7)]
    """
    ends = np.cumsum(lengths) - 1
    chosen = rng.permutation(sum(lengths) - len(lengths))[:most]
    recording = np.searchsorted(ends - np.arange(len(ends)), chosen, side="right")
    now = chosen + recording
    return now, np.minimum(now + ahead, ends[recording])
