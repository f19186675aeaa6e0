"""Forecasts without a model: the last value, its drift, the mean, and the last season once more.

Letters: N points of an even grid, D channels.
"""

from __future__ import annotations

import numpy as np

from skdyn.forecasting.experts.grid import Array, Forecast, StepForecast, on_grid, require
from skdyn.forecasting.experts.registry import Expert
from skdyn.forecasting.experts.seasons import season_of


def last_value(times: Array, values: Array) -> Forecast:
    """The last observation for ever."""
    return lambda future: np.repeat(values[-1:], len(future), axis=0)


def mean(times: Array, values: Array) -> Forecast:
    """The mean of the prefix for ever."""
    return lambda future: np.repeat(values.mean(axis=0, keepdims=True), len(future), axis=0)


def drift(times: Array, values: Array) -> Forecast:
    """The line from the first observation through the last."""
    slope = (values[-1] - values[0]) / (times[-1] - times[0])
    return lambda future: values[-1] + (future[:, None] - times[-1]) * slope


def _seasonal_naive(even: Array, season: int | None = None) -> StepForecast:
    seasons = [season_of(channel, season) for channel in even.T]
    require(max(seasons) <= len(even), "shorter than the season")
    require(max(seasons) > 1, "no channel has a season")

    def ahead(count: int) -> Array:
        steps = np.arange(count)
        return np.column_stack(
            [channel[len(channel) - season + steps % season] for channel, season in zip(even.T, seasons, strict=True)]
        )

    return ahead


SEASONAL_NAIVE = Expert("seasonal-naive", on_grid(_seasonal_naive), "a season, seen twice", seasonal=True)
"""The last season of each channel once more, with a season found in its autocorrelation."""

LAST_VALUE = Expert("last-value", last_value, "random walks")
MEAN = Expert("mean", mean, "noise about a level")
DRIFT = Expert("drift", drift, "random walks with a drift")
