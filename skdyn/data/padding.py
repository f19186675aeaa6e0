"""Contexts of ragged trajectories as arrays of one shape, with a mask of what was observed.

Letters: B contexts, K trajectories, L points, D variables, G given columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skdyn.data.trajectories import Trajectories


def pad(contexts: Sequence[Trajectories]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stack ragged contexts as states (B, K, L, D), times (B, K, L) and a mask (B, K, L), padded at the ends."""
    paths = max(len(context) for context in contexts)
    points = max(len(t) for context in contexts for t in context.times)
    states = np.zeros((len(contexts), paths, points, contexts[0].n_features))
    times = np.zeros(states.shape[:-1])
    mask = np.zeros(states.shape[:-1], dtype=bool)
    for b, context in enumerate(contexts):
        for k, (t, x) in enumerate(context):
            states[b, k, : len(t)], times[b, k, : len(t)], mask[b, k, : len(t)] = x, t, True
            times[b, k, len(t) :] = t[-1]
    return states, times, mask


def pad_outside(contexts: Sequence[Trajectories], mask: np.ndarray) -> np.ndarray:
    """Stack inputs and parameters as (B, K, L, G), in the places of a mask (B, K, L)."""
    values = np.zeros((*mask.shape, len(contexts[0].given)))
    for b, context in enumerate(contexts):
        for k, outside in enumerate(context.outside):
            values[b, k, : len(outside)] = outside
    return values
