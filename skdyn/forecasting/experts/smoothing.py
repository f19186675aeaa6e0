"""Exponential smoothing with damped trends and seasons, and the theta method.

Every channel on its own; parameters are those of a coarse grid whose forecasts of single steps were best. The grid is
smoothed at once, so that a thousand points take some milliseconds (statsmodels' optimiser takes about a second).
Letters: N points of an even grid, D channels, G settings, S steps of a season.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.experts.grid import Array, StepForecast, on_grid, require
from skdyn.forecasting.experts.registry import Expert
from skdyn.forecasting.experts.seasons import season_of

_MOST_POINTS = 600
_SETTINGS: NDArray[np.float64] = np.array(
    [
        (level, trend, season, damping)
        for level, (trend, damping), season in itertools.product(
            (0.02, 0.1, 0.3, 0.6, 0.95),
            ((0.0, 0.0), (0.05, 0.9), (0.3, 0.9), (0.05, 0.98), (0.3, 0.98), (0.1, 1.0)),
            (0.02, 0.2, 0.6),
        )
    ]
)
"""Of level, trend and season each its gain, and the damping of the trend."""


def _damped_trend(even: Array, season: int | None = None) -> StepForecast:
    require(len(even) >= 8, "too short to be smoothed")
    channels = [_Smoothed.best(channel[-_MOST_POINTS:], season) for channel in even.T]
    return lambda count: np.column_stack([channel.ahead(count) for channel in channels])


DAMPED_TREND = Expert(
    "damped-trend", on_grid(_damped_trend), "level, trend and season under noise, from 8 points", seasonal=True
)
"""Exponential smoothing of level, damped trend and season; of the logarithm where that is the likelier.

C. C. Holt (1957), P. R. Winters (1960); the damping is Gardner's and McKenzie's (*Management Science* 31, 1237, 1985).
"""


def _theta(even: Array, season: int | None = None) -> StepForecast:
    require(len(even) >= 8, "too short for the theta method")
    parts = [_theta_of(channel[-_MOST_POINTS:], season) for channel in even.T]
    return lambda count: np.column_stack([part(count) for part in parts])


THETA = Expert("theta", on_grid(_theta), "slow trends under noise, from 8 points", seasonal=True)
"""Half the slope of the line through the whole, added to a smoothed level, times or plus the season.

V. Assimakopoulos and K. Nikolopoulos, *Int. J. Forecasting* 16, 521 (2000), as simple smoothing with half the slope (R.
Hyndman and B. Billah, *Int. J. Forecasting* 19, 287, 2003).
"""


class _Smoothed:
    """One smoothed channel: its last level, trend and season with their setting."""

    def __init__(self, values: Array, season: int, log: bool) -> None:
        self.log, self.season = log, season
        y = np.log(values) if log else values
        settings = _SETTINGS if season > 1 else _SETTINGS[_SETTINGS[:, 2] == _SETTINGS[0, 2]]
        gain, slope, cycle, damping = settings.T
        first = season if season > 1 else max(2, min(5, len(y) // 4))
        start = y[:first].mean()
        level = np.full(len(settings), start)
        early = min(len(y) - first, 2 * first)
        trend = np.full(len(settings), (y[early : early + first].mean() - start) / early) * (slope > 0)
        seasonal = np.zeros((max(season, 1), len(settings)))
        if season > 1:
            seasonal += _profile(y, season)[:, None]
        errors, counted = np.zeros(len(settings)), 0
        for row, value in enumerate(y):
            place = row % len(seasonal)
            ahead = level + damping * trend + (seasonal[place] if season > 1 else 0.0)
            error = value - ahead
            if row >= first:
                errors += error**2
                counted += 1
            new = level + damping * trend + gain * error
            trend = damping * trend + gain * slope * error
            level = new
            if season > 1:
                seasonal[place] = seasonal[place] + cycle * (1 - gain) * error
        best = int(errors.argmin())
        self.level, self.trend, self.damping = level[best], trend[best], damping[best]
        self.seasonal, self.phase = seasonal[:, best], len(y) % len(seasonal)
        free = 3 + (season if season > 1 else 0)
        scatter = max(errors[best] / max(counted, 1), 1e-300)
        # A point counts the same whatever a way leaves out at the beginning, so that units do not matter.
        jacobian = 2 * np.log(values[first:]).mean() if log else 0.0
        self.criterion = len(y) * (np.log(scatter) + jacobian) + 2 * free

    @classmethod
    def best(cls, values: Array, season: int | None) -> _Smoothed:
        """The likeliest of the ways to smooth values (N,)."""
        season = season_of(values, season)
        ways = [(1, False)]
        if 1 < season <= len(values) // 2:
            ways.append((season, False))
        if (values > 0).all() and values.max() > 1.5 * values.min():
            ways += [(s, True) for s, _ in ways]
        return min((cls(values, *way) for way in ways), key=lambda tried: tried.criterion)

    def ahead(self, count: int) -> Array:
        """So many values (count,) after the last."""
        steps = np.arange(1, count + 1)
        growth = np.cumsum(self.damping**steps) if self.damping < 1 else steps
        answer = self.level + self.trend * growth
        if self.season > 1:
            answer = answer + self.seasonal[(self.phase + steps - 1) % self.season]
        return np.exp(np.minimum(answer, 700.0)) if self.log else answer


def _theta_of(values: Array, season: int | None) -> StepForecast:
    season = season_of(values, season)
    season = season if 1 < season <= len(values) // 2 else 1
    log = season > 1 and bool((values > 0).all())
    y = np.log(values) if log else values
    profile = _profile(y, season) if season > 1 else np.zeros(1)
    plain = y - profile[np.arange(len(y)) % season]
    plain = np.exp(plain) if log else plain
    clock = np.arange(len(plain)) - (len(plain) - 1) / 2
    slope = (clock @ plain) / (clock @ clock)
    gains = np.linspace(0.05, 1.0, 20)
    level, errors = np.full(len(gains), plain[0]), np.zeros(len(gains))
    for value in plain[1:]:
        errors += (value - level) ** 2
        level = level + gains * (value - level)
    best = int(errors.argmin())
    gain, start, phase, n = gains[best], level[best], len(y) % season, len(y)

    def ahead(count: int) -> Array:
        steps = np.arange(count)
        line = start + 0.5 * slope * (steps + (1 - (1 - gain) ** n) / gain)
        cycle = profile[(phase + steps) % season]
        return line * np.exp(cycle) if log else line + cycle

    return ahead


def _profile(y: Array, season: int) -> Array:
    """Mean deviation (S,) of each phase of the season from a moving mean over a season."""
    kernel = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    if len(y) < len(kernel) + season:
        clock = np.arange(len(y)) - (len(y) - 1) / 2
        left, offset = y - y.mean() - clock * (clock @ y) / (clock @ clock), 0
    else:
        offset = len(kernel) // 2
        left = y[offset : len(y) - offset] - np.convolve(y, kernel, "valid")
    phases = (np.arange(len(left)) + offset) % season
    means = np.bincount(phases, left, season) / np.maximum(np.bincount(phases, minlength=season), 1)
    return means - means.mean()
