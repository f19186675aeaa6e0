"""Combine forecasts by how well their makers forecast the end of the prefix itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from skdyn.benchmarks.forecast_cases import CLIP, Case

_HELD_OUT = 0.3
_FLOOR = 1e-4


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


def blend(
    case: Case, forecasts: Mapping[str, NDArray[np.float64]], backtests: Mapping[str, float]
) -> NDArray[np.float64]:
    """Mean of the forecasts (H, D) with weights of one over their backtest errors.

    Each is cut off `CLIP` half-ranges of the prefix from its middle, so that one that diverges does not decide.

    Parameters
    ----------
    case : Case
    forecasts : mapping of str to array of shape (H, D)
    backtests : mapping of str to float
        Errors on `backtest_case`.
    """
    low, high = case.values.min(axis=0), case.values.max(axis=0)
    middle, reach = (low + high) / 2, CLIP * (high - low) / 2
    weights = np.array([1 / (backtests[name] + _FLOOR) for name in forecasts])
    bounded = [np.clip(np.nan_to_num(f, nan=0.0), middle - reach, middle + reach) for f in forecasts.values()]
    return np.tensordot(weights / weights.sum(), np.stack(bounded), axes=1)


def select(forecasts: Mapping[str, NDArray[np.float64]], backtests: Mapping[str, float]) -> NDArray[np.float64]:
    """The forecast (H, D) whose maker had the smallest backtest error."""
    return forecasts[min(forecasts, key=lambda name: backtests[name])]
