"""Cases for the arbiter of forecasts: what it is asked of a series, and what came.

Series are those of the training families and of random ODEs, observed as the network's are in training, and draws that
look like what people record. Held-out families and real series are never among them.
Letters: T times ahead, D channels, E forecasters, P features, M questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pretrain.forecasting.batches import _recording
from pretrain.forecasting.corruption import ObservationConfig, observe
from pretrain.forecasting.real_like import real_like
from pretrain.priors.library import Library
from skdyn.forecasting.arbitrated import Evidence
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import LEAST_POINTS
from skdyn.forecasting.experts.registry import STANDARD, get_expert

Array = NDArray[np.float64]

OBSERVATION = ObservationConfig(seen=1, unseen=24)
_POINTS = (60, 100, 140, 200)
_REAL_LIKE = 0.35
_SEEN = (0.5, 0.92)


@dataclass(frozen=True)
class Series:
    """What is seen of a series and what came after, with half of the range of the whole as the unit of errors."""

    times: Array
    values: Array
    future: Array
    truth: Array
    unit: Array


def draw(library: Library, rng: np.random.Generator) -> Series:
    """A series that a forecaster may meet."""
    while True:
        series = _of_people(rng) if rng.random() < _REAL_LIKE else _of_library(library, rng)
        if len(series.times) >= LEAST_POINTS and (np.ptp(series.values, axis=0) > 0).all():
            return series


def _of_people(rng: np.random.Generator) -> Series:
    values = real_like(rng)[:, None]
    count = int(len(values) * rng.uniform(*_SEEN))
    asked = np.unique(np.linspace(count, len(values) - 1, OBSERVATION.unseen).astype(int))
    unit = np.ptp(values, axis=0) / 2
    return Series(np.arange(count, dtype=float), values[:count], asked.astype(float), values[asked], unit)


def _of_library(library: Library, rng: np.random.Generator) -> Series:
    dims = [dim for dim in OBSERVATION.dims if dim <= max(library)]
    weights = np.array([OBSERVATION.dims[dim] for dim in dims])
    dim = int(rng.choice(dims, p=weights / weights.sum()))
    cut = observe(_recording(library, dim, OBSERVATION, rng), int(rng.choice(_POINTS)), OBSERVATION, rng)
    asked, first = np.unique(cut.target_times, return_index=True)
    later = asked > cut.times[-1]
    return Series(cut.times, cut.values, asked[later], cut.targets[first][later], cut.half_range)


def questions(network: Any, series: Series) -> dict[str, NDArray[Any]]:
    """What the arbiter is asked, one row a time and channel, with targets and units of errors in half-ranges."""
    fits = {name: get_expert(name).fit for name in STANDARD}
    evidence = Evidence(network, series.times, series.values, fits)
    quantiles = Curve(network, series.times, series.values, float(series.future[-1])).values(series.future)
    asked = evidence.questions(series.future, quantiles)
    forecasts = (asked.forecasts - evidence.middle) / evidence.half
    count = forecasts.shape[1] * forecasts.shape[2]
    rows = forecasts.transpose(1, 2, 0).reshape(count, -1)
    target = ((series.truth - evidence.middle) / evidence.half).reshape(count)
    unit = np.maximum(series.unit / evidence.half, 0.1)
    return {
        "of_forecasters": asked.of_forecasters.reshape(count, *asked.of_forecasters.shape[2:]).astype(np.float32),
        "of_times": asked.of_times.reshape(count, -1).astype(np.float32),
        "forecasts": np.nan_to_num(rows).astype(np.float32),
        "there": np.isfinite(rows),
        "spread": asked.spread.reshape(count).astype(np.float32),
        "target": target.astype(np.float32),
        "unit": np.broadcast_to(unit, forecasts.shape[1:]).reshape(count).astype(np.float32),
    }
