"""Score a field by simulating observed trajectories from their first states."""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import Field, integrate


def rollout_scores(field: Field, observed: Trajectories, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """R2 of each trajectory simulated from its first state over its own times.

    All trajectories are integrated in one solve over the union of their times.

    Parameters
    ----------
    field : callable, (N, D) -> (N, D)
    observed : Trajectories
    center, scale : arrays of shape (D,)
        Units of the tolerances and of the divergence bound.

    Returns
    -------
    array of shape (K,)
        Between -1 and 1; a worse score, or a simulation that diverges, counts as -1.
    """
    elapsed = [times - times[0] for times in observed.times]
    grid = np.unique(np.concatenate(elapsed))
    paths = integrate(field, np.stack([x[0] for x in observed.states]), grid, center=center, scale=scale)
    scores = [
        variance_weighted_r2(x, path[np.searchsorted(grid, times)])
        for x, times, path in zip(observed.states, elapsed, paths, strict=True)
    ]
    return np.clip(scores, -1.0, 1.0)
