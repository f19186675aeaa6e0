"""Hyperparameters of a Gaussian process by the largest marginal likelihood.

Letters: n points, P inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """``variance exp(-sum_p (a_p - b_p)^2 / (2 lengths_p^2)) + constant``, observed with noise.

    The squared exponential with a length for each input, Rasmussen and Williams (2006), equation (5.1).

    Attributes
    ----------
    variance, noise, constant : float
    lengths : array of shape (P,)
    """

    variance: float
    lengths: Array
    noise: float
    constant: float = 0.0

    def __call__(self, a: Array, b: Array) -> Array:
        """Covariances (n, m) of points (n, P) and (m, P)."""
        square = np.square((a[:, None] - b[None]) / self.lengths).sum(axis=2)
        return self.variance * np.exp(-0.5 * square) + self.constant


@dataclass(frozen=True)
class Block:
    """Observations that are independent of those of other blocks, but for the hyperparameters.

    Attributes
    ----------
    inputs, targets : arrays of shapes (n, P) and (n,)
    noise : array of shape (n,)
        Known variances, added to the one that is fitted.
    """

    inputs: Array
    targets: Array
    noise: Array


@dataclass(frozen=True)
class Range:
    """Least and largest variance, length and noise that are tried."""

    variance: tuple[float, float]
    length: tuple[float, float]
    noise: tuple[float, float]


def fit_kernel(
    blocks: Sequence[Block], bounds: Range, lengths: Sequence[float], noise: float, constant: float = 0.0
) -> Kernel:
    """The hyperparameters of largest marginal likelihood, from several starts.

    Parameters
    ----------
    blocks : sequence of Block
    bounds : Range
    lengths : sequence of float
        Lengths to start from, each for all inputs.
    noise : float
        Variance to start from.
    constant : float
        Variance of a constant that is added to each block; fixed.

    Returns
    -------
    Kernel

    References
    ----------
    Rasmussen and Williams (2006), equations (5.8) and (5.9).
    """
    inputs = blocks[0].inputs.shape[1]
    squares = [np.square(block.inputs[:, None] - block.inputs[None]).transpose(2, 0, 1) for block in blocks]
    limits = np.log([bounds.variance, *[bounds.length] * inputs, bounds.noise])
    found = [
        minimize(
            _negative_evidence,
            np.log([1.0, *[length] * inputs, noise]),
            args=(blocks, squares, constant),
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options={"maxiter": 100, "ftol": 1e-11},
        )
        for length in lengths
    ]
    best = np.exp(min(found, key=lambda result: result.fun).x)
    return Kernel(float(best[0]), best[1:-1], float(best[-1]), constant)


def _negative_evidence(
    logs: Array, blocks: Sequence[Block], squares: Sequence[Array], constant: float
) -> tuple[float, Array]:
    """The negative logarithm of the marginal likelihood and its gradient by the logarithms of the hyperparameters."""
    variance, lengths, noise = np.exp(logs[0]), np.exp(logs[1:-1]), np.exp(logs[-1])
    value, gradient = 0.0, np.zeros_like(logs)
    for block, square in zip(blocks, squares, strict=True):
        scaled = square / lengths[:, None, None] ** 2
        smooth = variance * np.exp(-0.5 * scaled.sum(axis=0))
        factor = cho_factor(smooth + constant + np.diag(block.noise + noise), lower=True, check_finite=False)
        inverse = cho_solve(factor, np.eye(len(smooth)), check_finite=False)
        weights = inverse @ block.targets
        value += 0.5 * block.targets @ weights + np.log(np.diag(factor[0])).sum()
        outer = inverse - np.outer(weights, weights)
        shared = outer * smooth
        gradient[0] += 0.5 * shared.sum()
        gradient[1:-1] += 0.5 * (scaled * shared).sum(axis=(1, 2))
        gradient[-1] += 0.5 * noise * np.trace(outer)
    return value, gradient
