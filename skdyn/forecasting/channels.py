"""One observed series as the channels that the network reads, each with its own points.

Letters: L points of a series, D channels, N points of the longest channel.
"""

from __future__ import annotations

import numpy as np

MAX_POINTS = 512
"""Points of a channel that are read; longer ones are averaged in blocks."""


def split_channels(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leave out missing values, and average channels of more than 512 points in blocks, but for their last point.

    Parameters
    ----------
    times : array of shape (L,)
    values : array of shape (L, D)
        NaN where missing.

    Returns
    -------
    values, times : arrays of shape (D, N)
        Observed points first, zeros after them.
    mask : boolean array of shape (D, N)
    """
    channels = [_shortened(times[there], column[there]) for column, there in _observed(values)]
    longest = max(len(t) for t, _ in channels)
    padded = np.zeros((2, len(channels), longest))
    mask = np.zeros((len(channels), longest), dtype=bool)
    for d, (t, x) in enumerate(channels):
        padded[0, d, : len(t)], padded[1, d, : len(t)], mask[d, : len(t)] = x, t, True
    return padded[0], padded[1], mask


def last_observed(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Time and value (D,) of each channel's last observed point."""
    rows = np.array([int(np.flatnonzero(there)[-1]) for _, there in _observed(values)])
    return times[rows], values[rows, np.arange(values.shape[1])]


def _observed(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(column, ~np.isnan(column)) for column in values.T]


def _shortened(t: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(t) <= MAX_POINTS:
        return t, x
    blocks = np.arange(len(t) - 1) * (MAX_POINTS - 1) // (len(t) - 1)
    count = np.bincount(blocks)
    # Differences are averaged, so that a late epoch or a large level keeps its digits.
    means = [np.bincount(blocks, part[:-1] - part[0]) / count + part[0] for part in (t, x)]
    return np.append(means[0], t[-1]), np.append(means[1], x[-1])
