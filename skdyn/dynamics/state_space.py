"""Moments of a diffusion over a step, and the likelihood of noisy observations by a Kalman filter of its linearisation.

Between two observations the mean follows the drift and the covariance its slope, linearised anew in every substep;
both are exact where the drift is linear and the diffusion constant. The filter is the extended Kalman filter with the
observed states as points of linearisation (Jazwinski, Stochastic Processes and Filtering Theory, 1970, chapter 8;
local linearisation: Ozaki 1992, Statistica Sinica 2:113).

Letters: M transitions, D variables, R candidates for the noise, K windows of W transitions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

DriftDiffusion = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_FINE = 0.05  # slope times step below which a few terms of a series are enough
_STEEP = 50.0  # largest slope times step that is followed
_SHIFT = 1e-2  # of a variable's scale: the differences that make the slope of the drift
WORST = -1e12  # least log-density that a transition counts with, so that a mean stays finite
_LEAST_DOUBT = 1e-8  # squared relative doubt of a variance below which a density is as good as normal
_NOISELESS = 1e-8  # a transition's standard deviation is taken as at least this fraction of the data's


@dataclass(frozen=True)
class Transitions:
    """How states move over steps: to a normal state around ``mean + slope (x - start)``.

    Attributes
    ----------
    mean : array of shape (M, D)
    slope, covariance : array of shape (M, D, D)
    """

    mean: np.ndarray
    slope: np.ndarray
    covariance: np.ndarray


def transition_moments(
    drift_diffusion: DriftDiffusion,
    starts: np.ndarray,
    steps: np.ndarray,
    substeps: np.ndarray,
    scale: np.ndarray,
    correlation: np.ndarray,
) -> Transitions:
    """Mean, slope and covariance of the states after steps.

    Parameters
    ----------
    drift_diffusion : callable, (M, D) -> (M, D), (M, D)
    starts : array of shape (M, D)
    steps : array of shape (M,)
    substeps : integer array of shape (M,)
        How often each step is linearised anew.
    scale : array of shape (D,)
        Of the variables, for differences.
    correlation : array of shape (D, D)
        Of the noise of the variables.

    Examples
    --------
    An Ornstein-Uhlenbeck process over a long step:

    >>> import numpy as np
    >>> one = np.ones(1)
    >>> moved = transition_moments(lambda x: (-2 * x, 0 * x + 1), one[None], one, one.astype(int), one, np.eye(1))
    >>> bool(np.allclose(moved.mean, np.exp(-2))), bool(np.allclose(moved.covariance, (1 - np.exp(-4)) / 4))
    (True, True)
    """
    count, dim = starts.shape
    whole = Transitions(starts.copy(), np.tile(np.eye(dim), (count, 1, 1)), np.zeros((count, dim, dim)))
    for i in range(int(substeps.max(initial=0))):
        rows = np.flatnonzero(substeps > i)
        here = whole.mean[rows]
        drift, slope, square = _linearised(drift_diffusion, here, scale, correlation)
        moved, matrix, added = _linear_step(drift, slope, square, steps[rows] / substeps[rows])
        whole.mean[rows] = here + moved
        whole.slope[rows] = matrix @ whole.slope[rows]
        whole.covariance[rows] = matrix @ whole.covariance[rows] @ matrix.transpose(0, 2, 1) + added
    return whole


def _linearised(
    drift_diffusion: DriftDiffusion, points: np.ndarray, scale: np.ndarray, correlation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drift (M, D), its slope (M, D, D) by central differences, and G G' (M, D, D)."""
    count, dim = points.shape
    shifts = np.diag(_SHIFT * scale)
    asked = np.concatenate([points, *(points + shift for shift in shifts), *(points - shift for shift in shifts)])
    drift, diffusion = drift_diffusion(asked)
    parts = drift.reshape(2 * dim + 1, count, dim)
    slope = (parts[1 : dim + 1] - parts[dim + 1 :]) / (2 * _SHIFT * scale)[:, None, None]
    g = diffusion[:count]
    return parts[0], np.moveaxis(slope, 0, -1), g[:, :, None] * g[:, None, :] * correlation


def _linear_step(
    drift: np.ndarray, slope: np.ndarray, square: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Change of the mean (M, D), matrix and covariance (M, D, D) of linear equations, by series and doubling."""
    size = np.abs(slope).sum(axis=2).max(axis=1) * step
    slope = slope * (_STEEP / np.maximum(size, _STEEP))[:, None, None]
    doublings = int(np.ceil(np.log2(max(min(np.nanmax(size, initial=0.0), _STEEP) / _FINE, 1.0))))
    h = (step / 2**doublings)[:, None, None]
    once = slope * h
    eye = np.eye(slope.shape[1])
    moved = ((eye + once @ (eye + once @ (eye + once / 4) / 3) / 2) @ drift[..., None])[..., 0] * h[..., 0]
    matrix = eye + once @ (eye + once @ (eye + once @ (eye + once / 4) / 3) / 2)
    # V = sum of (L^k Q) h / (k + 1)! with L V = J V + V J'.
    term, added = square * h, square * h
    for k in (2, 3, 4):
        term = (once @ term + term @ once.transpose(0, 2, 1)) / k
        added = added + term
    for _ in range(doublings):
        moved = moved + (matrix @ moved[..., None])[..., 0]
        added = added + matrix @ added @ matrix.transpose(0, 2, 1)
        matrix = matrix @ matrix
    return moved, matrix, added


@dataclass(frozen=True)
class Windows:
    """Observed windows, padded at the ends, and how states move in them.

    Attributes
    ----------
    observed : array of shape (K, W + 1, D)
    mean : array of shape (K, W, D)
    slope, covariance : array of shape (K, W, D, D)
    valid : boolean array of shape (K, W)
    scale : array of shape (D,)
    doubt : array of shape (K, W, D), optional
        Variances of the variances, where these are not certain.
    """

    observed: np.ndarray
    mean: np.ndarray
    slope: np.ndarray
    covariance: np.ndarray
    valid: np.ndarray
    scale: np.ndarray
    doubt: np.ndarray | None = None

    def log_likelihoods(self, variances: np.ndarray) -> np.ndarray:
        """Log-densities (R, K, W) of each observation given those before it in its window; zero where there is none.

        They are normal, or Student's where the variances are in doubt: an inverse gamma distribution of a variance with
        mean V and variance ``c^2 V^2`` makes ``4 + 2 / c^2`` degrees of freedom; the most doubtful variable's count.

        Parameters
        ----------
        variances : array of shape (R, D)
            Of the noise of the observations, for each candidate.
        """
        innovations, sizes = self.filter(variances)
        with np.errstate(all="ignore"):
            solved = np.linalg.solve(sizes, innovations[..., None])[..., 0]
            _, log_size = np.linalg.slogdet(sizes)
            square, dim = (innovations * solved).sum(-1), self.scale.size
            if self.doubt is None:
                density = -0.5 * (square + log_size + dim * np.log(2 * np.pi))
            else:
                relative = np.nan_to_num(self.doubt / np.diagonal(sizes, axis1=-2, axis2=-1) ** 2).max(-1)
                n = 4 + 2 / relative.clip(min=_LEAST_DOUBT)
                constant = gammaln((n + dim) / 2) - gammaln(n / 2) - dim / 2 * np.log((n - 2) * np.pi)
                density = constant - 0.5 * log_size - (n + dim) / 2 * np.log1p(square / (n - 2))
        density = np.where(np.isfinite(density), density, WORST).clip(min=WORST)
        return np.where(self.valid, density, 0.0)

    def filter(self, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Innovations (R, K, W, D) and their covariances (R, K, W, D, D), for noises (R, D)."""
        count, transitions, dim = self.mean.shape
        candidates = len(variances)
        noise = variances[:, None, :, None] * np.eye(dim)
        floor = np.diag((_NOISELESS * self.scale) ** 2)
        eye = np.eye(dim)
        covariance = np.where(self.valid[..., None, None], self.covariance + floor, eye)
        covariance = np.where(np.isfinite(covariance).all((-1, -2), keepdims=True), covariance, eye)
        ahead = self.observed[:, 1:] - self.mean
        if not variances.any():
            return (
                np.broadcast_to(ahead, (candidates, *ahead.shape)),
                np.broadcast_to(covariance, (candidates, *covariance.shape)),
            )
        # The state's difference from the observation, and its covariance.
        off = np.zeros((candidates, count, dim))
        spread = np.broadcast_to(noise, (candidates, count, dim, dim))
        innovations, sizes = [], []
        with np.errstate(all="ignore"):
            for i in range(transitions):
                slope = self.slope[:, i]
                innovation = ahead[:, i] - (slope @ off[..., None])[..., 0]
                predicted = slope @ spread @ slope.transpose(0, 2, 1) + covariance[:, i]
                size = predicted + noise
                innovations.append(innovation)
                sizes.append(size)
                gain = np.linalg.solve(size, predicted).swapaxes(-1, -2)
                off = -innovation + (gain @ innovation[..., None])[..., 0]
                spread = predicted - gain @ predicted
                spread = (spread + spread.swapaxes(-1, -2)) / 2
        return np.stack(innovations, 2), np.stack(sizes, 2)
