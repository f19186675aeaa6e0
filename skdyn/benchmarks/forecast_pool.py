"""Combine forecasts by how well their makers forecast the end of the prefix itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from skdyn.benchmarks.forecast_cases import Case
from skdyn.forecasting.ensemble import HELD_OUT, kept_near, weights_by


def backtest_case(case: Case) -> Case:
    """The same prefix with its last 30% held out, as a case of its own in which only the prefix is known."""
    count = max(3, round((1 - HELD_OUT) * len(case.times)))
    low, high = case.values.min(axis=0), case.values.max(axis=0)
    return dataclasses.replace(
        case,
        times=case.times[:count],
        values=case.values[:count],
        future=case.times[count:],
        truth=case.values[count:],
        middle=(low + high) / 2,
        half_range=(high - low) / 2,
    )


def bounded(case: Case, forecasts: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The forecasts (H, D), kept within two half-ranges of the prefix from its middle, lest a wild one decide."""
    low, high = case.values.min(axis=0), case.values.max(axis=0)
    return {name: kept_near(forecast, low, high) for name, forecast in forecasts.items()}


def blend(forecasts: Mapping[str, NDArray[np.float64]], backtests: Mapping[str, float]) -> NDArray[np.float64]:
    """Mean of the forecasts (H, D) with weights of one over their errors on `backtest_case`."""
    weights = weights_by({name: backtests[name] for name in forecasts})
    return np.sum([weights[name] * forecast for name, forecast in forecasts.items()], axis=0)


def select(forecasts: Mapping[str, NDArray[np.float64]], backtests: Mapping[str, float]) -> NDArray[np.float64]:
    """The forecast (H, D) whose maker had the smallest error on `backtest_case`."""
    return forecasts[min(forecasts, key=lambda name: backtests[name])]
