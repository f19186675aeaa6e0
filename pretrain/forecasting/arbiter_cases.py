"""Cases for the arbiter of forecasts: what it is asked of a series, and what came.

Series are those of the training families and of random ODEs, observed as the network's are in training, and draws that
look like what people record. Held-out families and real series are never among them.
Letters: N observed points, T times ahead, D channels, E forecasters, P features, M questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pretrain.forecasting.batches import _recording
from pretrain.forecasting.corruption import ObservationConfig, observe
from pretrain.priors.library import Librarian, Library, LibraryConfig
from pretrain.priors.real_like import growth, real_like, recurrent
from skdyn.forecasting.arbitrated import Evidence, Questions, ask, median
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import LEAST_POINTS
from skdyn.forecasting.experts.registry import STANDARD, get_expert

Array = NDArray[np.float64]

OBSERVATION = ObservationConfig(seen=1, unseen=24)
_POINTS = (60, 100, 140, 200)
_SYSTEMS = {1: 100, 2: 400, 3: 300}
_SEEN = (0.6, 0.92)
_ONE_ORIGIN = 0.2
_LEAST_UNIT = 0.1


@dataclass(frozen=True)
class Series:
    """What is seen of a series, (N,) and (N, D), what came, (T,) and (T, D), and the unit of errors (D,).

    The unit is half of the range of the whole, as in the benchmark; ``kind`` is one of `KINDS`.
    """

    kind: str
    times: Array
    values: Array
    future: Array
    truth: Array
    unit: Array


KINDS = {"family": 0.42, "random": 0.16, "real-like": 0.30, "recurrent": 0.06, "growth": 0.06}
"""Kinds of series and their shares."""


class Source:
    """Series of a seed, one after the other.

    Parameters
    ----------
    seed : int
    kinds : sequence of str
        Of `KINDS`, whose shares they keep among themselves.
    per_family : int
    prior_systems : mapping of dimension to number
        See `pretrain.priors.library.LibraryConfig`.
    """

    def __init__(
        self,
        seed: int,
        kinds: Sequence[str] = tuple(KINDS),
        per_family: int = 60,
        prior_systems: Mapping[int, int] = _SYSTEMS,
    ) -> None:
        self._rng = np.random.default_rng([seed, 77])
        self._kinds = list(kinds)
        self._shares = np.array([KINDS[kind] for kind in kinds]) / sum(KINDS[kind] for kind in kinds)
        self._libraries: dict[str, Library] = {}
        if "random" in kinds:
            self._libraries["random"] = Librarian(LibraryConfig(per_family, "mixture", prior_systems)).draw(self._rng)
        if "family" in kinds:
            self._libraries["family"] = Librarian(LibraryConfig(per_family, "", {})).draw(self._rng)

    def draw(self) -> Series:
        """The next series that has points enough and moves."""
        while True:
            kind = str(self._rng.choice(self._kinds, p=self._shares))
            if kind in self._libraries:
                series = self._of_library(kind, self._libraries[kind])
            elif kind == "recurrent":
                series = self._cut(kind, recurrent(self._rng), 1 - self._rng.uniform(0.03, 0.1))
            elif kind == "growth":
                series = self._cut(kind, growth(self._rng), self._rng.uniform(0.4, 0.8))
            else:
                series = self._cut(kind, real_like(self._rng), self._rng.uniform(*_SEEN))
            if len(series.times) >= LEAST_POINTS and (np.ptp(series.values, axis=0) > 0).all():
                return series

    def _of_library(self, kind: str, library: Library) -> Series:
        weights = np.array(list(OBSERVATION.dims.values()))
        dim = int(self._rng.choice(list(OBSERVATION.dims), p=weights / weights.sum()))
        recording = _recording(library, dim, OBSERVATION, self._rng)
        cut = observe(recording, int(self._rng.choice(_POINTS)), OBSERVATION, self._rng)
        future, first = np.unique(cut.target_times, return_index=True)
        later = future > cut.times[-1]
        return Series(kind, cut.times, cut.values, future[later], cut.targets[first][later], cut.half_range)

    def _cut(self, kind: str, values: Array, share: float) -> Series:
        values = values[:, None]
        count = int(len(values) * share)
        future = np.arange(count, len(values))
        picked = self._rng.choice(future, min(OBSERVATION.unseen, len(future)), replace=False)
        asked = np.unique(np.append(picked, future[-1]))
        unit = np.ptp(values, axis=0) / 2
        return Series(kind, np.arange(count, dtype=float), values[:count], asked.astype(float), values[asked], unit)


def rows_of(network: Any, series: Series, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """What the arbiter is asked, one row a time and channel; now and then with a single origin."""
    fits = {name: get_expert(name).fit for name in STANDARD}
    evidence = Evidence(network, series.times, series.values, fits)
    quantiles = Curve(network, series.times, series.values, float(series.future[-1])).values(series.future)
    forecasts = np.concatenate([evidence.experts.ahead(series.future), median(quantiles)[None]])
    leads = (series.future - series.times[-1]) / (series.times[-1] - series.times[0])
    backtests = (None, evidence.backtests[1]) if rng.random() < _ONE_ORIGIN else evidence.backtests
    asked = ask(forecasts, quantiles[..., -1] - quantiles[..., 0], leads, series.values, backtests)
    return packed(asked, series.truth, series.unit)


def packed(asked: Questions, truth: Array, unit: Array) -> dict[str, NDArray[Any]]:
    """Questions, targets (T, D) and units of errors (D,) as arrays of one row a time and channel."""
    count = asked.spread.size
    forecasts = asked.forecasts.transpose(1, 2, 0).reshape(count, -1)
    units = np.broadcast_to(np.maximum(unit / asked.half, _LEAST_UNIT), asked.spread.shape)
    return {
        "of_forecasters": asked.of_forecasters.reshape(count, *asked.of_forecasters.shape[2:]).astype(np.float32),
        "of_times": asked.of_times.reshape(count, -1).astype(np.float32),
        "forecasts": np.nan_to_num(forecasts).astype(np.float32),
        "there": np.isfinite(forecasts),
        "spread": asked.spread.reshape(count).astype(np.float32),
        "target": ((truth - asked.middle) / asked.half).reshape(count).astype(np.float32),
        "unit": units.reshape(count).astype(np.float32),
        "weight": np.full(count, 1 / count, dtype=np.float32),
    }
