"""A vector field beside a curve: a linear model of velocity against state, fitted around each query.

Letters: M points of the curve, D variables, N queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdyn.exceptions import PluginError

REACH = 0.25
"""Largest distance from the curve, as a share of half its extent, at which the field is answered."""

_RIDGE = 1e-4
_BLOCK = 256
_CURVE_POINTS, _ALL_POINTS = 400, 8000  # of each series at most, and of all


class LocalLinearField:
    """Locally weighted linear regression of velocities on states.

    Beside the curve the field is an extrapolation: directions in which the curve does not extend locally do not
    change it.

    Parameters
    ----------
    states, velocities : arrays of shape (M, D)
    """

    def __init__(self, states: np.ndarray, velocities: np.ndarray) -> None:
        low, high = states.min(axis=0), states.max(axis=0)
        half = high / 2 - low / 2
        self.center = low / 2 + high / 2
        self.half = np.where(half > 0, half, max(half.max(), 1.0))
        self.states = (states - self.center) / self.half
        self.velocities = velocities / self.half
        self.neighbours = min(3 * states.shape[1] + 3, len(states) - 1)

    @classmethod
    def near(cls, curves: Sequence[Any]) -> LocalLinearField:
        """The field near the medians of curves, as `skdyn.forecasting.curve.Curve` is one.

        Raises
        ------
        PluginError
            If there are none.
        """
        if not curves:
            raise PluginError(
                "there is no curve to find a field beside: `_reference_curves` of the forecaster returned none; let it "
                "return one for each fitted series"
            )
        states, velocities = [], []
        count = max(40, min(_CURVE_POINTS, _ALL_POINTS // len(curves)))
        for curve in curves:
            grid = np.linspace(curve.start, curve.end, count)
            quantiles = curve.values(grid)
            states.append(quantiles[..., quantiles.shape[-1] // 2])
            velocities.append(curve.slopes(grid))
        return cls(np.concatenate(states), np.concatenate(velocities))

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D) at points (N, D), however far they are."""
        parts = [self._answer(part) for part in _blocks(points)]
        fields, jacobians = (np.concatenate(part) for part in zip(*parts, strict=True))
        return fields * self.half, jacobians * self.half[:, None] / self.half

    def is_far(self, points: np.ndarray) -> np.ndarray:
        """Whether points (N, D) are further than `REACH` from every point of the curve, in its half extents."""
        squares = [((part[:, None] - self.states) ** 2).sum(-1).min(axis=1) for part in _blocks(self._scaled(points))]
        return np.concatenate(squares) > REACH**2

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        return (points - self.center) / self.half

    def _answer(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = self._scaled(points)
        squares = ((z[:, None] - self.states) ** 2).sum(-1)  # (N, M)
        width = np.partition(squares, self.neighbours, axis=1)[:, self.neighbours]
        squares = squares - squares.min(axis=1, keepdims=True)
        weights = np.exp(-squares / (2 * np.maximum(width, 1e-12))[:, None])
        weights /= weights.sum(axis=1, keepdims=True)
        state, velocity = weights @ self.states, weights @ self.velocities
        offsets = self.states - state[:, None]  # (N, M, D)
        weighted = weights[..., None] * offsets
        covariance = np.swapaxes(weighted, 1, 2) @ offsets
        ridge = _RIDGE * np.trace(covariance, axis1=1, axis2=2)[:, None, None] + 1e-12
        slopes = np.linalg.solve(covariance + ridge * np.eye(z.shape[1]), np.swapaxes(weighted, 1, 2) @ self.velocities)
        jacobian = np.swapaxes(slopes, 1, 2)
        return velocity + (jacobian @ (z - state)[..., None])[..., 0], jacobian


def _blocks(points: np.ndarray) -> list[np.ndarray]:
    return np.array_split(points, max(1, len(points) // _BLOCK))
