"""Units in which states are measured: their mean and deviation, and the box that holds them."""

from __future__ import annotations

import numpy as np

from skdyn.models.normalization import state_moments


def widened_box(data: np.ndarray) -> np.ndarray:
    """Lower and upper corners (2, D) of the box of states (M, D), widened by a quarter on each side."""
    low, high = data.min(axis=0), data.max(axis=0)
    margin = 0.25 * (high - low)
    return np.stack([low - margin, high + margin])


def state_units(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (D,) of states (M, D); a constant variable takes the largest deviation."""
    mean, std = state_moments(data[None, None], np.ones((1, 1, len(data)), dtype=bool))
    return mean[0], np.where(std[0] > 0, std[0], std[0].max())
