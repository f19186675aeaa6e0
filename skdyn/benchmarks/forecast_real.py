"""Forecasts of recorded series beside statistical models: ``python -m skdyn.benchmarks forecast --real``.

No parameter of any forecaster of this project is chosen on these series. Letters: L points, N seen, H ahead.
"""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from skdyn.benchmarks.comparison import bootstrap_interval
from skdyn.benchmarks.real_series import PACKAGES, Recorded, is_installed, laser_windows, recorded_series
from skdyn.estimators.registry import make_estimator

Array = NDArray[np.float64]

ORIGINS = (0.6, 0.7, 0.8)
"""Shares of a series after which a fifth of it is forecast; the last is the headline."""
_AHEAD = 0.2
_SHARE = 0.8
_STATISTICAL = ("AutoARIMA", "AutoETS", "AutoTheta")
NAIVE = "seasonal naive"


class Answer(NamedTuple):
    """Median (H,) and the ends of an interval that should hold four fifths (H,), NaN where there is none."""

    median: Array
    low: Array
    high: Array


class Score(NamedTuple):
    """What one method made of one series from one origin."""

    method: str
    series: str
    origin: float
    mase: float
    smape: float
    coverage: float
    seconds: float


Method = Callable[[Array, int, int], Answer]
"""Maps what is seen (N,), the season and how many values to an answer."""


def methods(model: str, ensembles: Sequence[str | None]) -> dict[str, Method]:
    """Everybody who forecasts here, by name: statistical models where statsforecast is installed."""
    found: dict[str, Method] = {NAIVE: _seasonal_naive}
    if is_installed("statsforecast"):
        found |= {name: _statistical(name) for name in _STATISTICAL}
    for ensemble in ensembles:
        name = "lass-ode" if ensemble is None else f"lass-ode, {ensemble}"
        found[name] = _own(model, ensemble)
    return found


def _seasonal_naive(seen: Array, season: int, ahead: int) -> Answer:
    median = seen[len(seen) - season + np.arange(ahead) % season]
    steps = 1 + np.arange(ahead) // season
    width = 1.2816 * np.std(seen[season:] - seen[:-season]) * np.sqrt(steps)
    return Answer(median, median - width, median + width)


def _statistical(name: str) -> Method:
    def forecast(seen: Array, season: int, ahead: int) -> Answer:
        from statsforecast import models

        answer = getattr(models, name)(season_length=season).forecast(y=seen, h=ahead, level=[round(100 * _SHARE)])
        low, high = (answer[f"{end}-{round(100 * _SHARE)}"] for end in ("lo", "hi"))
        return Answer(answer["mean"], low, high)

    return forecast


def _own(model: str, ensemble: str | None) -> Method:
    def forecast(seen: Array, season: int, ahead: int) -> Answer:
        # What the statistical models are told; without a year, everybody has to look for a season.
        known = {"season": season} if ensemble is not None and season > 1 else {}
        estimator = make_estimator("lass-ode", model=model, ensemble=ensemble, **known).fit([seen[:, None]])
        answer = estimator.predict(horizon=ahead, quantiles=(0.1, 0.5, 0.9))[:, 0]
        return Answer(answer[:, 1], answer[:, 0], answer[:, 2])

    return forecast


def score(method: str, forecast: Method, series: Recorded, origin: float) -> Score:
    """Forecast a fifth of a series from an origin."""
    count, ahead = round(origin * len(series.values)), round(_AHEAD * len(series.values))
    seen, truth = series.values[:count], series.values[count : count + ahead]
    start = time.perf_counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        answer = forecast(seen, series.season, len(truth))
    seconds = time.perf_counter() - start
    scale = np.mean(np.abs(seen[series.season :] - seen[: -series.season]))
    error = np.abs(answer.median - truth)
    size = np.maximum(np.abs(answer.median) + np.abs(truth), 1e-12)
    held = (answer.low <= truth) & (truth <= answer.high)
    coverage = float(held.mean()) if np.isfinite(answer.low).all() else float("nan")
    return Score(
        method, series.name, origin, float(error.mean() / scale), float(np.mean(200 * error / size)), coverage, seconds
    )


def run(model: str, ensembles: Sequence[str | None], processes: int | None) -> list[Score]:
    """Score everybody on every series and print the tables."""
    for package in [name for name in (*PACKAGES, "statsforecast", "reservoirpy") if not is_installed(name)]:
        print(f"{package} is not installed: its part is left out")
    everybody = methods(model, ensembles)
    jobs = [
        (name, forecast, series, origin)
        for series in recorded_series()
        for origin in ORIGINS
        for name, forecast in everybody.items()
    ]
    bar = tqdm(jobs, desc="real series", unit="forecast")
    scores = Parallel(processes)(delayed(score)(*job) for job in bar)
    print_tables(scores, list(everybody))
    if is_installed("reservoirpy"):
        print_laser(everybody)
    return scores


def print_tables(scores: Iterable[Score], names: Sequence[str]) -> None:
    """Print one row a method, and the MASE of every series from the last origin."""
    by_method: dict[str, list[Score]] = defaultdict(list)
    for result in scores:
        by_method[result.method].append(result)
    for title, origins in (("the last fifth", ORIGINS[-1:]), ("three origins, a fifth ahead of each", ORIGINS)):
        chosen = {name: [s for s in by_method[name] if s.origin in origins] for name in names}
        count = len({s.series for s in chosen[names[0]]})
        print(f"\n{count} real series, {title}")
        print(f"{'':20}{'MASE, geometric mean':>22}{'95% interval':>17}{'median':>8}{'sMAPE':>8}"
              f"{'in 80%':>8}{'best':>6}{'seconds':>9}")  # fmt: skip
        best = np.argmin([[s.mase for s in chosen[name]] for name in names], axis=0)
        for place, name in enumerate(names):
            rows = chosen[name]
            logs = np.log([s.mase for s in rows])
            interval = bootstrap_interval(logs, [s.series for s in rows], rng=np.random.default_rng(0))
            low, high = np.exp([interval.low, interval.high])
            print(f"{name:20}{np.exp(logs.mean()):>22.3f}{f'[{low:.2f}, {high:.2f}]':>17}"
                  f"{np.median(np.exp(logs)):>8.2f}{np.mean([s.smape for s in rows]):>8.1f}"
                  f"{100 * np.nanmean([s.coverage for s in rows]):>8.1f}{(best == place).sum():>6d}"
                  f"{np.mean([s.seconds for s in rows]):>9.2f}")  # fmt: skip
    print("\nMASE of the last fifth")
    print(f"{'':20}" + "".join(f"{name[-14:]:>16}" for name in names))
    last = {(s.method, s.series): s.mase for s in scores if s.origin == ORIGINS[-1]}
    for series in dict.fromkeys(series for _, series in last):
        print(f"{series:20}" + "".join(f"{last[name, series]:>16.2f}" for name in names))
    print(
        "MASE: mean absolute error over that of the seasonal naive forecast within what is seen; in 80%: the truth "
        "between the 10% and the 90% quantile; best: series and origins where the method's MASE is the smallest"
    )


def print_laser(everybody: dict[str, Method]) -> None:
    """Print the errors of forecasts of the laser, in variances of what is seen."""
    windows = list(laser_windows())
    print(f"\nlaser: {len(windows)} windows, {len(windows[0][0])} values seen, {len(windows[0][1])} ahead")
    print(f"{'':20}{'median NMSE':>14}{'mean NMSE':>12}{'seconds':>10}")
    for name, forecast in everybody.items():
        errors, start = [], time.perf_counter()
        for seen, truth in windows:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answer = forecast(seen, 1, len(truth))
            errors.append(np.mean((answer.median - truth) ** 2) / seen.var())
        seconds = (time.perf_counter() - start) / len(windows)
        print(f"{name:20}{np.median(errors):>14.4f}{np.mean(errors):>12.4f}{seconds:>10.2f}")
