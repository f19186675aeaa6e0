"""Autoregression of each channel, on differences where those are forecast better.

Letters: N points of an even grid, D channels, W regressions, P lags, H values ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skdyn.forecasting.experts.grid import Array, StepForecast, on_grid, require
from skdyn.forecasting.experts.registry import Expert
from skdyn.forecasting.experts.seasons import season_of

_ORDERS = (1, 2, 4, 8, 16, 32)
_MOST_POINTS = 2000
_ORIGINS = (0.55, 0.7, 0.85)
_TESTED = 0.25
_MOST_WAYS, _NEAR_BEST = 6, 2.0
_RIDGE = 1e-4
_LARGEST = 1e150


def _autoregression(even: Array, season: int | None = None) -> StepForecast:
    require(len(even) >= 16, "too short for an autoregression")
    channels = [_best(channel[-_MOST_POINTS:], season) for channel in even.T]
    return lambda count: np.column_stack([channel(count) for channel in channels])


AUTOREGRESSION = Expert(
    "autoregression", on_grid(_autoregression), "correlated noise and seasons, from 16 points", seasonal=True
)
"""Linear autoregressions: several numbers of lags, of values or of differences from the step or the season before.

The mean of up to six whose forecasts of a quarter of the prefix from three origins were best, within twice the best.
"""


def _best(values: Array, season: int | None) -> StepForecast:
    counts = [int(origin * len(values)) for origin in _ORIGINS]
    tried = list(_ways(values[: counts[0]], season))
    require(len(tried) > 0, "too short for an autoregression from its first half")
    total = np.zeros(len(tried))
    for count in counts:
        truth = values[count : count + max(2, round(_TESTED * len(values)))]
        forecasts = _ahead([_Fitted(values[:count], *way) for way in tried], len(truth))
        errors = np.mean(np.abs(forecasts - truth), axis=1)
        total += np.where(np.isfinite(errors), errors, np.inf)
    chosen = [i for i in np.argsort(total, kind="stable")[:_MOST_WAYS] if total[i] <= _NEAR_BEST * total.min()]
    fitted = [_Fitted(values, *tried[i]) for i in chosen]
    return lambda count: _ahead(fitted, count).mean(axis=0)


def _ways(values: Array, season: int | None) -> Iterator[tuple[int, bool, int]]:
    """Lags, whether of differences, and the season whose differences are taken."""
    season = season_of(values, season)
    for lag in (1, season) if 1 < season <= len(values) // 3 else (1,):
        for order in _ORDERS:
            if 3 * order + lag < len(values) - 4:
                yield order, False, lag
                yield order, True, lag


class _Fitted:
    """An autoregression of values, of their differences, or of either's differences over a season."""

    def __init__(self, values: Array, order: int, differences: bool, season: int) -> None:
        self.values, self.differences, self.season = values, differences, season
        y = values if season == 1 else values[season:] - values[:-season]
        self.seasonal = y
        y = np.diff(y) if differences else y
        self.center = 0.0 if differences and season > 1 else y.mean()
        y = y - self.center
        self.order = min(order, max(1, (len(y) - 2) // 2))
        design = np.lib.stride_tricks.sliding_window_view(y, self.order)[:-1, ::-1]
        gram = design.T @ design
        ridge = _RIDGE * np.trace(gram) / self.order + 1e-300
        self.weights = np.linalg.solve(gram + ridge * np.eye(self.order), design.T @ y[self.order :])
        self.recent = y[-self.order :]

    def restored(self, answer: Array) -> Array:
        """Values (H,) after the last from what the regression says of their differences."""
        answer = answer + self.center
        if self.differences:
            answer = self.seasonal[-1] + np.cumsum(answer)
        if self.season > 1:
            rises = np.pad(answer, (0, -len(answer) % self.season)).reshape(-1, self.season)
            answer = (self.values[-self.season :] + np.cumsum(rises, axis=0)).ravel()[: len(answer)]
        return answer


def _ahead(fitted: Sequence[_Fitted], count: int) -> Array:
    """So many values (W, count) after the last, by all W regressions side by side."""
    most = max(way.order for way in fitted)
    weights, path = np.zeros((len(fitted), most)), np.zeros((len(fitted), most + count))
    for row, way in enumerate(fitted):
        weights[row, most - way.order :] = way.weights[::-1]
        path[row, most - way.order : most] = way.recent
    for step in range(count):
        value = np.einsum("wp,wp->w", weights, path[:, step : step + most])
        path[:, most + step] = np.minimum(np.maximum(value, -_LARGEST), _LARGEST)
    return np.stack([way.restored(part) for way, part in zip(fitted, path[:, most:], strict=True)])
