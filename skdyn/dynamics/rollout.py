"""Score a field by simulating observed trajectories from their first states."""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import Field, integrate


def rollout_scores(
    field: Field,
    observed: Trajectories,
    center: np.ndarray,
    scale: np.ndarray,
    most_evaluations: int = 2500,
) -> np.ndarray:
    """R2 of each trajectory simulated from its first state over its own times.

    All trajectories are integrated in one solve over the union of their times.

    Parameters
    ----------
    field : callable, (N, D) -> (N, D)
    observed : Trajectories
    center, scale : arrays of shape (D,)
        Units of the tolerances and of the divergence bound.
    most_evaluations : int, default=2500
        Of the field, each at all K states; what lies after them counts as a simulation that diverges.

    Returns
    -------
    array of shape (K,)
        Between -1 and 1; a worse score, or a simulation that diverges, counts as -1.
    """
    elapsed = [times - times[0] for times in observed.times]
    grid = np.unique(np.concatenate(elapsed))
    start = np.stack([x[0] for x in observed.states])
    paths = integrate(field, start, grid, center=center, scale=scale, most_evaluations=most_evaluations)
    scores = [
        variance_weighted_r2(x, path[np.searchsorted(grid, times)])
        for x, times, path in zip(observed.states, elapsed, paths, strict=True)
    ]
    return np.clip(scores, -1.0, 1.0)
