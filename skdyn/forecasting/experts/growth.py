"""Curves of growth and decay by nonlinear least squares, for what grows under noise.

Every channel on its own. Levels enter linearly, and are solved for at each rate and turning point.
Letters: N points, H times ahead, D channels, S shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from skdyn.forecasting.experts.grid import Array, Forecast, require
from skdyn.forecasting.experts.registry import Expert

_FEWEST = 12
_MOST_POINTS = 400
_MOST_LEFT, _MOST_AT_START = 0.05, 0.15
_RATES = (-16.0, -8.0, -4.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_TURNS = (0.2, 0.6, 1.0, 1.4)
_FASTEST, _EARLIEST, _LATEST = 40.0, -4.0, 8.0
_MOST_TRIED = 60
_LARGEST = 600.0
_EXACT = 1e-9


def _exponential(u: Array, rate: float) -> Array:
    return np.exp(np.clip(rate * u, -_LARGEST, _LARGEST))


def _logistic(u: Array, rate: float, turn: float) -> Array:
    return 1 / (1 + np.exp(np.clip(-rate * (u - turn), -_LARGEST, _LARGEST)))


def _gompertz(u: Array, rate: float, turn: float) -> Array:
    return np.exp(-np.exp(np.clip(-rate * (u - turn), -_LARGEST, _LARGEST)))


_SHAPES: tuple[tuple[Callable[..., Array], list[tuple[float, ...]]], ...] = (
    (_exponential, [(rate,) for rate in _RATES]),
    (_logistic, [(rate, turn) for rate in _RATES for turn in _TURNS]),
    (_gompertz, [(rate, turn) for rate in _RATES for turn in _TURNS]),
)
"""Shapes of the time since the first observation, in durations of the prefix, and where the search for each begins."""


def _growth(times: Array, values: Array) -> Forecast:
    require(len(times) >= _FEWEST, "too short for a curve of growth")
    every = slice(None, None, -(-len(times) // _MOST_POINTS))
    span = times[-1] - times[0]
    curves = [_likeliest((times[every] - times[0]) / span, channel[every]) for channel in values.T]
    require(any(curve is not None for curve in curves), "no curve of growth leaves little of any channel")

    def forecast(future: Array) -> Array:
        u = (future - times[0]) / span
        return np.column_stack([np.full(len(u), np.nan) if curve is None else curve(u) for curve in curves])

    return forecast


GROWTH = Expert("growth", _growth, "exponential or sigmoid growth or decay with little noise, from 12 points")
"""The likeliest of three curves, each with and without a level that it starts from, by Schwarz's criterion.

It has nothing to say where a line or a parabola is likelier, or more than a twentieth of the range is left.
B. Gompertz, *Phil. Trans. R. Soc.* 115, 513 (1825); P.-F. Verhulst (1838); G. Schwarz, *Ann. Statist.* 6, 461 (1978).
"""


class _Curve:
    """A shape with or without a level that it starts from, fitted to values (N,) at times (N,)."""

    def __init__(self, shape: Callable[..., Array], starts: list[tuple[float, ...]], level: bool) -> None:
        self._shape, self._starts, self._level = shape, starts, level
        self._parameters: NDArray[np.floating[Any]] = np.zeros(0)
        self._levels: NDArray[np.floating[Any]] = np.zeros(0)
        self.terms = len(starts[0]) + 1 + level

    def fit(self, u: Array, z: Array) -> Array | None:
        """Fit, and return what is left (N,); None where the search would begin too far from the values."""
        left, begin = self._best_start(u, z)
        if left > _MOST_AT_START:
            return None
        turns = len(begin) - 1
        low, high = (-_FASTEST, *turns * (_EARLIEST,)), (_FASTEST, *turns * (_LATEST,))
        found = least_squares(self._left, begin, bounds=(low, high), max_nfev=_MOST_TRIED, args=(u, z))
        self._parameters = found.x
        self._levels = np.linalg.lstsq(self._columns(found.x, u), z, rcond=None)[0]
        return found.fun

    def _best_start(self, u: Array, z: Array) -> tuple[float, tuple[float, ...]]:
        """The least deviation of what is left, and where the search begins."""
        shapes = np.stack([self._shape(u, *start) for start in self._starts])
        if self._level:
            shapes, z = shapes - shapes.mean(axis=1, keepdims=True), z - z.mean()
        explained = (shapes @ z) ** 2 / np.maximum(np.square(shapes).sum(axis=1), 1e-300)
        best = int(explained.argmax())
        return float(np.sqrt(max(z @ z - explained[best], 0.0) / len(z))), self._starts[best]

    def __call__(self, u: Array) -> Array:
        return self._columns(self._parameters, u) @ self._levels

    def _columns(self, parameters: Sequence[float] | NDArray[np.floating[Any]], u: Array) -> Array:
        moving = self._shape(u, *parameters)
        return np.column_stack([moving, np.ones(len(u))] if self._level else [moving])

    def _left(self, parameters: Sequence[float] | Array, u: Array, z: Array) -> Array:
        columns = self._columns(parameters, u)
        return z - columns @ np.linalg.lstsq(columns, z, rcond=None)[0]


def _likeliest(u: Array, y: Array) -> Callable[[Array], Array] | None:
    """The likeliest curve of values (N,) at times (N,), or none."""
    unit = float(np.ptp(y))
    if not unit > 0:
        return None
    z = y / unit
    least = min(_criterion(z - np.polyval(np.polyfit(u, z, degree), u), degree + 1) for degree in (1, 2))
    found = None
    for shape, starts in _SHAPES:
        for level in (False, True):
            curve = _Curve(shape, starts, level)
            left = curve.fit(u, z)
            if left is None or np.std(left) > _MOST_LEFT:
                continue
            criterion = _criterion(left, curve.terms)
            if criterion < least:
                least, found = criterion, curve
    return None if found is None else lambda later: unit * found(later)


def _criterion(left: Array, terms: int) -> float:
    """Schwarz's for normal noise, of residuals (N,) and the number of terms."""
    size = max(float(np.mean(np.square(left))), _EXACT**2)
    return float(len(left) * np.log(size) + terms * np.log(len(left)))
