"""How well a simulated trajectory agrees with an observed one."""

import math

import numpy as np
from numpy.typing import ArrayLike


def variance_weighted_r2(truth: ArrayLike, prediction: ArrayLike) -> float:
    """R2 of a predicted trajectory: ``1 - SS_res / (SS_tot + 1e-15)`` per dimension, weighted by SS_tot.

    Parameters
    ----------
    truth : array-like of shape (L, D)
        Clean trajectory.
    prediction : array-like of shape (L, D)
        Trajectory to score.

    Returns
    -------
    float
        At most 1; minus infinity, never NaN, for a prediction that is not finite or overflows. Where the truth
        is constant in all dimensions, their plain mean.

    Raises
    ------
    ValueError
        If the shapes are not (L, D) and equal, or the truth is not finite.

    Examples
    --------
    >>> variance_weighted_r2([[0.0], [1.0]], [[0.0], [1.0]])
    1.0
    >>> variance_weighted_r2([[0.0], [1.0]], [[0.0], [float("nan")]])
    -inf
    """
    truth = np.asarray(truth, dtype=np.float64)
    prediction = np.asarray(prediction, dtype=np.float64)
    if truth.ndim != 2 or truth.size == 0 or truth.shape != prediction.shape:
        raise ValueError(
            f"truth and prediction: equal shapes (L, D) are needed, got {truth.shape} and {prediction.shape}"
        )
    if not np.isfinite(truth).all():
        raise ValueError("truth: finite states are needed")
    with np.errstate(all="ignore"):
        residual = np.square(truth - prediction).sum(axis=0)
        total = np.square(truth - truth.mean(axis=0)).sum(axis=0)
        r2 = 1.0 - residual / (total + 1e-15)
        score = float(r2 @ total / total.sum() if total.any() else r2.mean())
    # Every dimension must be finite: one of no variance has no weight, yet a NaN there is a failure.
    return score if math.isfinite(score) and np.isfinite(r2).all() else -math.inf
