"""Score a field by simulating observed trajectories from their first states."""

from __future__ import annotations

import numpy as np

from skdyn.dynamics.simulate import Field, integrate
from skdyn.metrics import variance_weighted_r2
from skdyn.trajectories import Trajectories


def rollout_scores(field: Field, observed: Trajectories, data: np.ndarray) -> np.ndarray:
    """R2 of each trajectory simulated from its first state over its own times.

    All trajectories are integrated in one solve over the union of their times.

    Parameters
    ----------
    field : callable, (N, D) -> (N, D)
    observed : Trajectories
    data : array of shape (M, D)
        States that set the units of tolerances and of the divergence bound.

    Returns
    -------
    array of shape (K,)
        Between -1 and 1; a worse score, or a simulation that diverges, counts as -1.
    """
    elapsed = [times - times[0] for times in observed.times]
    grid = np.unique(np.concatenate(elapsed))
    scale = data.std(axis=0)
    paths = integrate(
        field,
        np.stack([x[0] for x in observed.states]),
        grid,
        center=data.mean(axis=0),
        scale=np.where(scale > 0, scale, scale.max()),
    )
    scores = [
        variance_weighted_r2(x, path[np.searchsorted(grid, times)])
        for x, times, path in zip(observed.states, elapsed, paths, strict=True)
    ]
    return np.clip(scores, -1.0, 1.0)
