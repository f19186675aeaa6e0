"""Cases for the arbiter of forecasts: what it is asked of a series, and what came.

Series are those of the training families and of random ODEs, observed as the network's are in training, draws that look
like what people record, and windows of recorded series. Held-out families and the series of the benchmarks are never
among them.
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
from pretrain.priors.recorded import recorded
from skdyn.forecasting.arbitrated import Evidence, Questions
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import LEAST_POINTS
from skdyn.forecasting.experts.registry import STANDARD, get_expert

Array = NDArray[np.float64]

OBSERVATION = ObservationConfig(seen=1, unseen=16)
_EARLIER = 12
"""Questions of each later backtest that are kept of a series."""
_POINTS = (60, 100, 140, 200)
_SYSTEMS = {1: 100, 2: 400, 3: 300}
_SEEN = (0.6, 0.92)
_WINDOWS = (40, 400)
_TOLD = 0.6
_LEAST_UNIT = 0.1
_LEAST_STEPS = 0.02


@dataclass(frozen=True)
class Series:
    """What is seen of a series, (N,) and (N, D), what came, (T,) and (T, D), and the unit of errors (D,).

    The unit of systems is half of the range of the whole, as in their benchmark, that of others twice the mean step
    over a season, as in the benchmark of real series. ``season`` is what forecasters are told; ``kind`` is one of
    `KINDS`.
    """

    kind: str
    times: Array
    values: Array
    future: Array
    truth: Array
    unit: Array
    season: int | None = None


KINDS = {"family": 0.34, "random": 0.12, "real-like": 0.18, "recorded": 0.24, "recurrent": 0.06, "growth": 0.06}
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
    progress : bool
        Show bars while these are simulated.
    """

    def __init__(
        self,
        seed: int,
        kinds: Sequence[str] = tuple(KINDS),
        per_family: int = 60,
        prior_systems: Mapping[int, int] = _SYSTEMS,
        progress: bool = False,
    ) -> None:
        self._rng = np.random.default_rng([seed, 77])
        self._kinds = list(kinds)
        self._shares = np.array([KINDS[kind] for kind in kinds]) / sum(KINDS[kind] for kind in kinds)
        self._libraries: dict[str, Library] = {}
        if "random" in kinds:
            config = LibraryConfig(per_family, "mixture", prior_systems)
            self._libraries["random"] = Librarian(config).draw(self._rng, progress)
        if "family" in kinds:
            self._libraries["family"] = Librarian(LibraryConfig(per_family, "", {})).draw(self._rng, progress)
        self._recorded = recorded() if "recorded" in kinds else []

    def draw(self) -> Series:
        """The next series that has points enough and moves."""
        while True:
            kind = str(self._rng.choice(self._kinds, p=self._shares))
            if kind in self._libraries:
                series = self._of_library(kind, self._libraries[kind])
            elif kind == "recorded":
                series = self._window()
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

    def _window(self) -> Series:
        """A window of a recorded series, of which the season is often told, as it is where people know it."""
        season, values = self._recorded[self._rng.integers(len(self._recorded))]
        length = min(int(np.exp(self._rng.uniform(*np.log(_WINDOWS)))), len(values))
        first = self._rng.integers(len(values) - length + 1)
        share = self._rng.uniform(*_SEEN)
        known = season if 1 < season < share * length / 2 else 1
        told = known if known > 1 and self._rng.random() < _TOLD else None
        return self._cut("recorded", values[first : first + length], share, known, told)

    def _cut(self, kind: str, values: Array, share: float, season: int = 1, told: int | None = None) -> Series:
        values = values[:, None]
        count = int(len(values) * share)
        future = np.arange(count, len(values))
        picked = self._rng.choice(future, min(OBSERVATION.unseen, len(future)), replace=False)
        asked = np.unique(np.append(picked, future[-1]))
        seen = values[:count]
        steps = 2 * np.abs(seen[season:] - seen[:-season]).mean(axis=0)
        unit = np.ptp(values, axis=0) / 2
        if kind != "recurrent":
            unit = np.clip(steps, _LEAST_STEPS * unit, unit)
        return Series(kind, np.arange(count, dtype=float), seen, asked.astype(float), values[asked], unit, told)


def rows_of(network: Any, series: Series, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """What the arbiter is asked, one row a time and channel: of the future, and of each backtest by those before."""
    fits = {name: get_expert(name).told(series.season) for name in STANDARD}
    evidence = Evidence(network, series.times, series.values, fits)
    quantiles = Curve(network, series.times, series.values, float(series.future[-1])).values(series.future)
    later = packed(
        evidence.questions(series.future, quantiles), series.truth, series.unit, np.zeros(len(series.future))
    )
    parts = [later]
    for asked, truth, leads in evidence.earlier():
        rows = packed(asked, truth, series.unit, leads)
        kept = np.sort(rng.choice(len(rows["target"]), min(_EARLIER, len(rows["target"])), replace=False))
        parts.append({name: values[kept] for name, values in rows.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in later}


def packed(asked: Questions, truth: Array, unit: Array, leads: Array) -> dict[str, NDArray[Any]]:
    """Questions, targets (T, D), units of errors (D,) and leads of a backtest (T,) as arrays of one row each.

    A lead of zero says that it is no backtest.
    """
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
        "lead": np.repeat(leads, asked.spread.shape[1]).astype(np.float32),
    }
