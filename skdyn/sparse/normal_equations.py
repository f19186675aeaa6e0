"""The normal equations of multiple shooting, one batch of candidates at once.

The starts of one trajectory meet those of another only through the coefficients, so that they are eliminated trajectory
by trajectory (Bock's condensing) and many trajectories stay cheap.

Letters: C candidate fields, P coefficients in use, K trajectories, Q unknown starts of one trajectory: its segments
times the variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_JITTER = 1e-11

Within = Callable[[int, Array, Array, Array], Array]
"""Step of a candidate under constraints, in scaled units, from its number, matrix (P, P), gradient and size (P,)."""
Directions = Callable[[int], Array]
"""Directions (P, F) in which the coefficients of a candidate may move."""


@dataclass(frozen=True)
class NormalEquations:
    """Starts by trajectory, coefficients, and between them, in units that make the diagonal one.

    Attributes
    ----------
    starts : array of shape (C, K, Q, Q)
    mixed : array of shape (C, K, Q, P)
    params : array of shape (C, P, P)
    start_gradient : array of shape (C, K, Q)
    param_gradient : array of shape (C, P)
    start_size : array of shape (C, K, Q)
        Square root of the unscaled diagonal.
    param_size : array of shape (C, P)
    """

    starts: Array
    mixed: Array
    params: Array
    start_gradient: Array
    param_gradient: Array
    start_size: Array
    param_size: Array

    @classmethod
    def scaled(
        cls, starts: Array, mixed: Array, params: Array, start_gradient: Array, param_gradient: Array
    ) -> NormalEquations:
        """Scale to a unit diagonal; an unknown that nothing depends on stands still."""
        start_size = np.sqrt(np.diagonal(starts, axis1=2, axis2=3))
        param_size = np.sqrt(np.diagonal(params, axis1=1, axis2=2))
        start_size = np.where(start_size > 0, start_size, 1.0)
        param_size = np.where(param_size > 0, param_size, 1.0)
        starts = starts / (start_size[..., :, None] * start_size[..., None, :])
        params = params / (param_size[:, :, None] * param_size[:, None, :])
        for matrix in (starts, params):
            index = np.arange(matrix.shape[-1])
            matrix[..., index, index] = 1.0
        return cls(
            starts,
            mixed / (start_size[..., None] * param_size[:, None, None, :]),
            params,
            start_gradient / start_size,
            param_gradient / param_size,
            start_size,
            param_size,
        )

    def condense(self, damping: Array) -> tuple[Array, Array, Array]:
        """Eliminate the starts.

        Parameters
        ----------
        damping : array of shape (C,)
            Added to the diagonal, as Levenberg and Marquardt do.

        Returns
        -------
        matrix : array of shape (C, P, P)
            Of the coefficients alone.
        gradient : array of shape (C, P)
        inner : array of shape (C, K, Q, P + 1)
            Inverse of the starts' block times ``(mixed | start_gradient)``.
        """
        grow = damping + _JITTER
        size, n_params = self.starts.shape[-1], self.params.shape[-1]
        starts = self.starts + grow[:, None, None, None] * np.eye(size)
        right = np.concatenate([self.mixed, self.start_gradient[..., None]], axis=-1)
        inner = np.linalg.solve(starts, right)
        matrix = self.params + grow[:, None, None] * np.eye(n_params)
        matrix = matrix - np.einsum("ckip,ckiq->cpq", self.mixed, inner[..., :-1])
        gradient = self.param_gradient - np.einsum("ckip,cki->cp", self.mixed, inner[..., -1])
        return matrix, gradient, inner

    def step(self, damping: Array, within: Within | None = None) -> tuple[Array, Array]:
        """Return the change (C, P) of the coefficients and that (C, K, Q) of the starts, both to be subtracted.

        Constraints on the coefficients, where there are any, are kept by ``within``.
        """
        matrix, gradient, inner = self.condense(damping)
        if within is None:
            change = np.linalg.solve(matrix, gradient[..., None])[..., 0]
        else:
            change = np.stack([within(c, matrix[c], gradient[c], self.param_size[c]) for c in range(len(matrix))])
        start_change = inner[..., -1] - np.einsum("ckip,cp->cki", inner[..., :-1], change)
        return change / self.param_size, start_change / self.start_size

    def covariances(self, directions: Directions | None = None) -> Array:
        """Return the covariances (C, P, P) of the coefficients, the starts being free.

        Along the ``directions`` alone, where there are any.
        """
        matrix, _, _ = self.condense(np.zeros(len(self.params)))
        if directions is None:
            return np.linalg.inv(matrix) / (self.param_size[:, :, None] * self.param_size[:, None, :])
        out = np.zeros_like(matrix)
        for c, (own, size) in enumerate(zip(matrix, self.param_size, strict=True)):
            along = directions(c)
            out[c] = along @ np.linalg.inv(along.T @ (own * np.outer(size, size)) @ along) @ along.T
        return out

    def variances(self, directions: Directions | None = None) -> Array:
        """Return the variances (C, P) of the coefficients, the starts being free."""
        return np.abs(np.diagonal(self.covariances(directions), axis1=1, axis2=2))
