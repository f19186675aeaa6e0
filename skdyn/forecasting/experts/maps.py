"""Quadratic maps of delayed states, iterated: where steps are too coarse for a velocity.

Letters: N points of an even grid, D channels, E delays, P terms.
"""

from __future__ import annotations

import numpy as np

from skdyn.forecasting.experts.grid import Array, StepForecast, on_grid, require
from skdyn.forecasting.experts.registry import Expert

_RIDGES = (1e-12, 1e-8, 1e-5, 1e-3)
_MOST_POINTS = 2000
_MOST_TERMS = 60
_TESTED = 0.25
_FAR = 1000.0


def _quadratic_map(even: Array) -> StepForecast:
    even = even[-_MOST_POINTS:]
    dim = even.shape[1]
    deviation = np.maximum(even.std(axis=0), 1e-12 * np.abs(even).max() + 1e-300)
    center = even.mean(axis=0)
    scaled = (even - center) / deviation
    delays = (3 if dim == 1 else 2) if dim <= 3 else 1
    require(len(even) >= 20, "too short for a quadratic map")
    count = len(scaled) - max(2, round(_TESTED * len(scaled)))
    truth = scaled[count:]
    errors = []
    for ridge in _RIDGES:
        ahead = _Map(scaled[:count], delays, ridge).ahead(len(truth))
        errors.append(float(np.mean(np.minimum(np.abs(ahead - truth), 3.0) ** 2)))
    fitted = _Map(scaled, delays, _RIDGES[int(np.argmin(errors))])
    return lambda ahead: fitted.ahead(ahead) * deviation + center


QUADRATIC_MAP = Expert("quadratic-map", on_grid(_quadratic_map), "steps too coarse for a velocity, from 20 points")
"""Change of the next step as a quadratic function of the last states; the ridge by a forecast of the last quarter.

D. Gauthier, E. Bollt, A. Griffith and W. Barbosa, *Next generation reservoir computing*, Nat. Commun. 12, 5564 (2021).
"""


class _Map:
    """A quadratic map of delays of a scaled series, kept within a thousand ranges of it."""

    def __init__(self, scaled: Array, delays: int, ridge: float) -> None:
        size = delays * scaled.shape[1]
        self.rows: np.ndarray = np.arange(size)
        self.columns: np.ndarray = np.arange(size)
        if size * (size + 1) // 2 <= _MOST_TERMS - size:
            self.rows, self.columns = np.triu_indices(size)
        self.dim = scaled.shape[1]
        states = np.column_stack([scaled[delays - 1 - lag : len(scaled) - lag] for lag in range(delays)])
        design, change = self._terms(states[:-1]), np.diff(scaled[delays - 1 :], axis=0)
        gram = design.T @ design
        size_of = np.maximum(np.diag(gram), 1e-300)
        root = np.sqrt(size_of)
        gram = gram / root[:, None] / root
        cross = design.T @ change / root[:, None]
        self.weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), cross) / root[:, None]
        low, high = scaled.min(axis=0), scaled.max(axis=0)
        self.low, self.high = low - _FAR * (high - low), high + _FAR * (high - low)
        self.state = states[-1]

    def ahead(self, count: int) -> Array:
        """So many values (count, D) after the last."""
        state, answer = self.state, np.empty((count, self.dim))
        for row in range(count):
            answer[row] = np.clip(state[: self.dim] + self._terms(state) @ self.weights, self.low, self.high)
            state = np.concatenate([answer[row], state[: -self.dim]])
        return answer

    def _terms(self, states: Array) -> Array:
        ones = np.ones((*states.shape[:-1], 1))
        return np.concatenate([ones, states, states[..., self.rows] * states[..., self.columns]], axis=-1)
