"""The box and the units of observed states, which tolerances, searches and boxes of queries are measured in.

Letters: M points of all trajectories together, D variables.
"""

from __future__ import annotations

import numpy as np

from skdyn.data.moments import state_moments


def widened_box(data: np.ndarray, share: float = 0.25) -> np.ndarray:
    """Lower and upper corners (2, D) of the box of states (M, D), widened by a share of it on each side."""
    low, high = data.min(axis=0), data.max(axis=0)
    margin = share * (high - low)
    return np.stack([low - margin, high + margin])


def state_units(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (D,) of states (M, D); a constant variable takes the largest deviation."""
    mean, std = state_moments(data[None, None], np.ones((1, 1, len(data)), dtype=bool))
    return mean[0], np.where(std[0] > 0, std[0], std[0].max(initial=0.0))
