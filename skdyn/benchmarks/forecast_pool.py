"""Combine forecasts by how well their makers forecast the end of the prefix itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from skdyn.benchmarks.forecast_cases import Case

_HELD_OUT = 0.3
_FLOOR = 1e-4
_REACH = 2.0


def backtest_case(case: Case) -> Case:
    """The same prefix with its last 30% held out, as a case of its own in which only the prefix is known."""
    count = max(3, round((1 - _HELD_OUT) * len(case.times)))
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
    middle, reach = (low + high) / 2, _REACH * (high - low) / 2
    return {
        name: np.clip(np.where(np.isfinite(f), f, middle), middle - reach, middle + reach)
        for name, f in forecasts.items()
    }


def blend(forecasts: Mapping[str, NDArray[np.float64]], backtests: Mapping[str, float]) -> NDArray[np.float64]:
    """Mean of the forecasts (H, D) with weights of one over their errors on `backtest_case`."""
    weights = np.array([1 / (backtests[name] + _FLOOR) for name in forecasts])
    return np.tensordot(weights / weights.sum(), np.stack(list(forecasts.values())), axes=1)


def select(forecasts: Mapping[str, NDArray[np.float64]], backtests: Mapping[str, float]) -> NDArray[np.float64]:
    """The forecast (H, D) whose maker had the smallest error on `backtest_case`."""
    return forecasts[min(forecasts, key=lambda name: backtests[name])]
