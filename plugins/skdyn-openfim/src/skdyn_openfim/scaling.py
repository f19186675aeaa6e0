"""The authors' scaling (arXiv 2602.08733, 2502.19049): standardised states, time steps centred in the logarithm."""

from __future__ import annotations

import numpy as np

from skdyn import TrajectoryError
from skdyn.plugins import Scaling, state_moments

_STD_FLOOR = 1e-6
_ROUNDING = 1e-13  # a deviation below this fraction of the mean is the rounding of a constant
MEAN_STEP = 0.01


def delta_log_scaling(states: np.ndarray, times: np.ndarray, mask: np.ndarray) -> Scaling:
    """Scale of states and time of OpenFIM's FIM-ODE and FIM-SDE.

    States are standardised by the mean and the population standard deviation of all observed points. The authors clip
    every deviation at 1e-6; here only that of a constant is, so that states may have any unit. The speed gives the
    normalised time steps a geometric mean of 0.01.

    Parameters
    ----------
    states : array of shape (B, K, L, D), float64
    times : array of shape (B, K, L), float64
        Increasing along L where observed.
    mask : boolean array of shape (B, K, L)
        Observed points come first in each trajectory.

    Returns
    -------
    Scaling

    Raises
    ------
    TrajectoryError
        If a context has no two successive points.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[0.0], [2.0], [4.0]]]])
    >>> scaling = delta_log_scaling(x, np.array([[[0.0, 0.5, 1.0]]]), np.ones((1, 1, 3), dtype=bool))
    >>> scaling.mean, scaling.speed
    (array([[2.]]), array([0.02]))
    """
    mean, std = state_moments(states, mask)
    steps = np.diff(times, axis=-1)
    moved = mask[..., 1:] & mask[..., :-1] & (steps > 0)
    counts = moved.sum(axis=(1, 2))
    if not counts.all():
        place = "" if len(counts) == 1 else f"context {int(np.argmin(counts))}: "
        raise TrajectoryError(f"{place}no trajectory has two points at different times")
    logs = np.log(np.where(moved, steps, 1.0)).sum(axis=(1, 2)) / counts
    constant = std <= _ROUNDING * np.abs(mean)
    return Scaling(mean, np.where(constant, np.maximum(std, _STD_FLOOR), std), MEAN_STEP * np.exp(-logs))
