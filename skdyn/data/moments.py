"""Mean and deviation of observed states, of NumPy arrays and of torch tensors alike.

Letters: B contexts, K trajectories, L points, D variables.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or torch.Tensor

#: Keeps divisions finite for constant data; the estimators refuse such data at the door.
TINY = 1e-150


def namespace(x: Array) -> Any:
    """Return the module whose functions take ``x``: numpy or torch."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def state_moments(states: Array, mask: Array) -> tuple[Array, Array]:
    """Mean and population standard deviation of the observed points.

    Parameters
    ----------
    states : array of shape (B, K, L, D)
    mask : boolean array of shape (B, K, L)
        True where a point is observed.

    Returns
    -------
    mean, std : arrays of shape (B, D)
    """
    xp = namespace(states)
    batch, dim = states.shape[0], states.shape[-1]
    points = states.shape[1] * states.shape[2]  # not -1, which nothing follows from where there are no columns
    flat = states.reshape(batch, points, dim)
    keep = mask.reshape(batch, points)[..., None]
    count = xp.clip(keep.sum(axis=1), 1, None)
    zero = xp.zeros_like(flat)
    flat = xp.where(keep, flat, zero)
    # Dividing by the size of the largest value first keeps the squares of 1e200 finite; a power of two rounds nothing.
    least = max(TINY, float(xp.finfo(flat.dtype).tiny))
    peak = xp.exp2(xp.floor(xp.log2(xp.clip(xp.amax(xp.abs(flat), axis=1), least, None))))
    relative = flat / peak[:, None]
    mean = relative.sum(axis=1) / count
    deviation = xp.where(keep, relative - mean[:, None], zero)
    # A second pass removes the rounding of the first mean (a mean of 1e9 with a deviation of 1).
    correction = deviation.sum(axis=1) / count
    deviation = xp.where(keep, deviation - correction[:, None], zero)
    std = xp.sqrt((deviation**2).sum(axis=1) / count)
    return (mean + correction) * peak, std * peak
