"""The posterior of a vector field whose components are Gaussian processes.

Letters: N queries, M centres, D variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skdyn_gp.evidence import Array

_CHUNK = 128  # rows of one pass, always: an answer depends neither on the other queries nor on their number


@dataclass(frozen=True)
class FieldPosterior:
    """Means ``k(x) weights`` and variances ``variance - k(x) shrinkage k(x)`` of each component.

    Rasmussen and Williams (2006), equations (2.25) and (2.26).

    Attributes
    ----------
    centers : array of shape (M, D)
    variances : array of shape (D,)
    lengths : array of shape (D, D)
        Row d holds those of component d.
    weights : array of shape (D, M)
    shrinkages : array of shape (D, M, M)
    """

    centers: Array
    variances: Array
    lengths: Array
    weights: Array
    shrinkages: Array

    def mean(self, z: Array) -> Array:
        """Field (N, D) at points (N, D)."""
        return _in_chunks(lambda rows: np.einsum("dnm,dm->nd", self._cross(rows), self.weights), z)

    def mean_and_deviation(self, z: Array) -> tuple[Array, Array]:
        """Field and its standard deviation, both (N, D), at points (N, D)."""

        def answer(rows: Array) -> Array:
            cross = self._cross(rows)
            explained = np.einsum("dnm,dnm->nd", cross @ self.shrinkages, cross)
            variance = np.maximum(self.variances - explained, 1e-12 * self.variances)
            return np.stack([np.einsum("dnm,dm->nd", cross, self.weights), np.sqrt(variance)], axis=1)

        both = _in_chunks(answer, z)
        return both[:, 0], both[:, 1]

    def jacobian(self, z: Array) -> Array:
        """Derivative (N, D, D) of component i by variable j at points (N, D)."""

        def answer(rows: Array) -> Array:
            weighted = self._cross(rows) * self.weights[:, None]
            differences = rows[:, None] - self.centers
            return -np.einsum("dnm,nmj->ndj", weighted, differences) / np.square(self.lengths)

        return _in_chunks(answer, z)

    def covariance(self, z: Array) -> Array:
        """Covariances (D, N, N) of the field between points (N, D), for a few of them."""
        cross = self._cross(z)
        return kernels(z, z, self.variances, self.lengths) - cross @ self.shrinkages @ cross.transpose(0, 2, 1)

    def _cross(self, z: Array) -> Array:
        return kernels(z, self.centers, self.variances, self.lengths)


def kernels(a: Array, b: Array, variances: Array, lengths: Array) -> Array:
    """Prior covariances (D, n, m) of each component between points (n, D) and (m, D)."""
    scaled = (a[:, None] - b)[None] / lengths[:, None, None]
    return variances[:, None, None] * np.exp(-0.5 * np.square(scaled).sum(axis=3))


def _in_chunks(answer: Callable[[Array], Array], points: Array) -> Array:
    """Answers to points (N, D) in passes of one size, the last filled up with zeros."""
    count = max(1, -(-len(points) // _CHUNK))
    padded = np.zeros((count * _CHUNK, points.shape[1]))
    padded[: len(points)] = points
    return np.concatenate([answer(rows) for rows in np.split(padded, count)])[: len(points)]
