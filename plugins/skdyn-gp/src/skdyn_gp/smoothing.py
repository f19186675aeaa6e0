"""Gaussian-process smoothing of trajectories, with the posterior of their slopes.

Letters: K trajectories, L points, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skdyn_gp.evidence import Array, Block, Kernel, Range, fit_kernel
from skdyn_gp.units import Pairs

_LEVEL = 10.0  # variance of each trajectory's own level
_VARIANCE, _NOISES = (1e-4, 1e2), (1e-6, 1.0)
_LENGTHS, _LONGEST = (0.03, 0.15), 5.0
_SHORTEST = 0.5  # length, in the median time between neighbours: a shorter one would take motion for noise
_NOISE = 1e-2


@dataclass(frozen=True)
class Smooth:
    """States and slopes at some times, each with the variance of its posterior; all of shape (L, D)."""

    states: Array
    state_variances: Array
    slopes: Array
    slope_variances: Array


@dataclass(frozen=True)
class Smoother:
    """One kernel in time for each variable, shared by all trajectories."""

    kernels: tuple[Kernel, ...]

    @classmethod
    def of(cls, pairs: Pairs) -> Smoother:
        """Fit to trajectories (tau, z) in units without dimension."""
        shortest = _SHORTEST * float(np.median(np.concatenate([np.diff(tau) for tau, _ in pairs])))
        bounds = Range(_VARIANCE, (shortest, _LONGEST), _NOISES)
        lengths = [max(length, shortest) for length in _LENGTHS]
        kernels = []
        for d in range(pairs[0][1].shape[1]):
            blocks = [Block(tau[:, None], z[:, d], np.zeros(len(tau))) for tau, z in pairs]
            kernels.append(fit_kernel(blocks, bounds, lengths, _NOISE, _LEVEL))
        return cls(tuple(kernels))

    def at(self, when: Array, tau: Array, z: Array) -> Smooth:
        """The posterior at times ``when`` of a trajectory that was observed as ``z`` (L, D) at ``tau`` (L,).

        References
        ----------
        Rasmussen and Williams (2006), equations (2.25) and (2.26), with covariances of derivatives by (9.1).
        """
        columns = [_posterior(kernel, when, tau, z[:, d]) for d, kernel in enumerate(self.kernels)]
        return Smooth(*(np.column_stack(parts) for parts in zip(*columns, strict=True)))


def _posterior(kernel: Kernel, when: Array, tau: Array, z: Array) -> tuple[Array, Array, Array, Array]:
    factor = cho_factor(kernel(tau[:, None], tau[:, None]) + kernel.noise * np.eye(len(tau)), lower=True)
    weights = cho_solve(factor, z)
    cross = kernel(when[:, None], tau[:, None])
    length = kernel.lengths[0]
    slope = -(when[:, None] - tau) / length**2 * (cross - kernel.constant)
    answers = []
    for rows, prior in ((cross, kernel.variance + kernel.constant), (slope, kernel.variance / length**2)):
        explained = (rows * cho_solve(factor, rows.T).T).sum(axis=1)
        answers += [rows @ weights, np.maximum(prior - explained, 1e-12 * prior)]
    return answers[0], answers[1], answers[2], answers[3]
