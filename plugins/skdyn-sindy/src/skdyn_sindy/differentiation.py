"""Slopes of observed trajectories, by pysindy's differentiation methods and two of the same kind."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pysindy.differentiation import BaseDifferentiation, FiniteDifference, SmoothedFiniteDifference
from scipy.interpolate import make_smoothing_spline
from scipy.signal import savgol_filter

Smoothing = Literal["spline"] | int | None

_UNIFORM = 1e-6  # largest relative deviation of a step on a grid that counts as uniform
_ORDER = 3  # of the local polynomials, the default of pysindy's own smoothed differences
_SPLINE_POINTS = 5  # fewest that a smoothing spline takes
_PENALTIES = 25  # tried, evenly spaced in their logarithm


class SmoothingSpline(BaseDifferentiation):
    """Cubic smoothing spline of each variable, with the penalty that generalised cross-validation chooses.

    The degrees of freedom of a penalty come from approximate eigenvalues of the smoother (Silverman, 1984, JASA
    79:584; here with the discrete spline's own dispersion, which matters near the sampling frequency), so that the
    cost grows linearly with the number of points.
    """

    def _differentiate(self, x: Any, t: Any = 1) -> np.ndarray:
        times, states = np.asarray(t, dtype=np.float64), np.asarray(x, dtype=np.float64)
        count = len(times)
        scale = (np.diff(times) ** 0.75).sum() ** 4
        angle = np.pi * (np.arange(3, count + 1) - 1.5) / count
        symbol = 12 * (1 - np.cos(angle)) ** 2 / (2 + np.cos(angle))
        roughness = np.concatenate([[0.0, 0.0], symbol * count**4 / scale])
        best = np.full(states.shape[1], np.inf)
        smooth, slopes = states.copy(), np.zeros_like(states)
        for penalty in np.geomspace(1.0 / roughness[-1], 10.0 / roughness[2], _PENALTIES):
            spline = make_smoothing_spline(times, states, lam=penalty)
            values = spline(times)
            freedom = (1.0 / (1.0 + penalty * roughness)).sum()
            score = np.square(states - values).mean(axis=0) / (1.0 - freedom / count) ** 2
            better = score < best
            best[better] = score[better]
            smooth[:, better] = values[:, better]
            slopes[:, better] = spline.derivative()(times)[:, better]
        self.smoothed_x_ = smooth
        return slopes


class LocalPolynomial(BaseDifferentiation):
    """The least squares of Savitzky and Golay on times that are not uniform.

    A cubic is fitted to the ``window`` points around each time (the first or last ones near the ends); its value and
    slope at that time are the smoothed state and slope.
    """

    def __init__(self, window: int) -> None:
        self.window = window

    def _differentiate(self, x: Any, t: Any = 1) -> np.ndarray:
        times, states = np.asarray(t, dtype=np.float64), np.asarray(x, dtype=np.float64)
        first = np.clip(np.arange(len(times)) - self.window // 2, 0, len(times) - self.window)
        near = first[:, None] + np.arange(self.window)
        offset = times[near] - times[:, None]
        width = np.abs(offset).max(axis=1)
        powers = (offset / width[:, None])[..., None] ** np.arange(_ORDER + 1)
        cubics = np.linalg.pinv(powers) @ states[near]
        self.smoothed_x_ = cubics[:, 0]
        return cubics[:, 1] / width[:, None]


def differentiation(smoothing: Smoothing, t: np.ndarray) -> BaseDifferentiation:
    """Choose how to differentiate a trajectory with times ``t`` (L,); see `SINDyRegressor` for ``smoothing``."""
    if smoothing == "spline" and len(t) >= _SPLINE_POINTS:
        return SmoothingSpline()
    if isinstance(smoothing, (int, np.integer)):
        window = min(int(smoothing), len(t) - 1 + len(t) % 2)
        if window > _ORDER:
            steps = np.diff(t)
            if np.ptp(steps) > _UNIFORM * steps.mean():
                return LocalPolynomial(window)
            settings = {"window_length": window, "polyorder": _ORDER}
            return SmoothedFiniteDifference(smoother=savgol_filter, smoother_kws=settings)
    return FiniteDifference(order=2 if len(t) > 2 else 1)


def slopes(t: np.ndarray, x: np.ndarray, smoothing: Smoothing) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed states and their time derivatives, both (L, D), of one trajectory."""
    method = differentiation(smoothing, t)
    derivative = np.asarray(method(x, t), dtype=np.float64)
    return np.asarray(method.smoothed_x_, dtype=np.float64), derivative


def check_smoothing(smoothing: object) -> None:
    """Refuse what `slopes` does not take."""
    window = isinstance(smoothing, (int, np.integer)) and not isinstance(smoothing, bool)
    if window and smoothing > _ORDER and smoothing % 2 == 1:  # type: ignore[operator]
        return
    if smoothing is None or (isinstance(smoothing, str) and smoothing == "spline"):
        return
    raise ValueError(f"smoothing must be None, 'spline' or an odd window of at least 5 points, got {smoothing!r}")
