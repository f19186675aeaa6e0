"""Time and size of the usual operations beside their limits: ``python -m skdyn.benchmarks speed``.

The limits hold for two quiet cores; with ``--busy`` everything is measured once more while another process keeps one
core busy. The time that this process was given a processor, over all its threads, is printed beside the time that
passed: other work on the machine lengthens the second above all. Beside other packages the same work is done in the
same run.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

_IMPORT = """
import time
start, given = time.perf_counter(), time.process_time()
import skdyn
print(time.perf_counter() - start, time.process_time() - given)
"""
_FIRST_FIT = """
import numpy as np, time, torch
t = np.linspace(0, 10, 200)
x = np.column_stack([np.cos(t), -np.sin(t)])
start, given = time.perf_counter(), time.process_time()
from skdyn import FIMODERegressor
FIMODERegressor(device="cpu").fit([(t, x)] * 9)
print(time.perf_counter() - start, time.process_time() - given)
"""
_SKLEARN = """
import time, numpy, torch
start, given = time.perf_counter(), time.process_time()
import sklearn.base, sklearn.utils.validation
print(time.perf_counter() - start, time.process_time() - given)
"""
_BUSY_FIT = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--repeats", type=int, default=5, help="times each is run; the median counts (default: 5)")
    parser.add_argument("--busy", action="store_true", help="measure once more with one core kept busy")


def run(options: argparse.Namespace) -> int:
    """Measure everything and print it beside its limit."""
    import torch

    repeats = options.repeats
    print(f"{torch.get_num_threads()} threads; the median of {repeats} runs")
    data = _Data()
    _measure(data, repeats, "as the machine is")
    if options.busy:
        with _one_busy_core():
            _measure(data, repeats, "with one core busy", fit_limit=_BUSY_FIT)
    _compare(data, repeats)
    return 0


class _Data:
    """What is fitted and asked for."""

    def __init__(self) -> None:
        from skdyn.datasets.classics import make_trajectories

        self.rng = rng = np.random.default_rng(0)
        t = np.linspace(0, 12, 200)
        starts = rng.normal(0, 1.5, (9, 2))
        self.context = make_trajectories("van_der_pol", starts, t, noise=0.01, random_state=0)
        self.points = rng.normal(0, 1.5, (10_000, 2))
        self.x0, self.times = rng.normal(0, 1.5, (100, 2)), np.linspace(0, 12, 500)
        self.walk = np.cumsum(rng.normal(0, 0.05, (5_000, 2)), axis=0)
        clock = np.linspace(0, 10, 200)
        phases = rng.uniform(0, 2 * np.pi, (16, 1, 3))
        self.series = [(clock, np.sin(clock[:, None] * (1 + rng.uniform(0, 1, 3)) + phase)) for phase in phases]
        self.wide = _chain(10)


def _chain(dim: int) -> Any:
    """A chain of damped oscillators' first-order cousins: linear, each variable driven by its neighbours."""
    from scipy.linalg import expm

    matrix = np.diag(np.full(dim - 1, 1.0), 1) - np.diag(np.full(dim - 1, 1.0), -1) - 0.1 * np.eye(dim)
    t = np.linspace(0, 8, 200)
    starts = np.random.default_rng(1).normal(size=(3, dim))
    step = expm(matrix * (t[1] - t[0]))
    paths = []
    for x in starts:
        path = [x]
        for _ in t[1:]:
            path.append(step @ path[-1])
        paths.append((t, np.array(path)))
    return paths


def _measure(data: _Data, repeats: int, when: str, fit_limit: float = 0.15) -> None:
    from skdyn import FIMODERegressor, FIMSDERegressor, LASSODEForecaster, SparseODERegressor

    print(f"\n{when:58}{'passed':>10}{'processor':>11}{'limit':>8}")
    _row("import skdyn (s)", _subprocess(_IMPORT, repeats), 0.1)
    _row("first fit with bundled weights, torch imported (s)", _subprocess(_FIRST_FIT, max(1, repeats // 2)), 1.5)
    of_sklearn = _subprocess(_SKLEARN, max(1, repeats // 2))
    _pair("  of which scikit-learn takes to be imported (s)", of_sklearn)
    estimator = FIMODERegressor(device="cpu").fit(data.context)
    fitted = _median(lambda: FIMODERegressor(device="cpu").fit(data.context), repeats)
    _row("warm fit of 9 x 200 points (s)", fitted, fit_limit)
    one = data.points[:1]
    estimator.vector_field(one)
    _row("field at one point (ms)", 1e3 * _median(lambda: estimator.vector_field(one), 20 * repeats), 1.5)
    _row("field at 10,000 points (s)", _median(lambda: estimator.vector_field(data.points), repeats), 0.7)
    simulated = _median(lambda: estimator.simulate(data.x0, data.times), max(1, repeats // 2))
    _row("100 initial states x 500 steps simulated (s)", simulated, 3.0)
    _row("equilibria in 2-D (s)", _median(estimator.equilibria, repeats), 0.7)
    refined = _each(lambda k: FIMODERegressor(device="cpu", refine="sparse").fit(data.context[k : k + 1]), 5)
    _row("refined fit of 200 points, mean of 5 contexts (s)", refined.mean(axis=0), 1.0)
    _row("refined fit of 200 points, worst of 5 contexts (s)", refined.max(axis=0), 3.0)
    sparse = _median(lambda: SparseODERegressor().fit(data.wide), 1)
    _row("sparse fit of 3 x 200 points of 10 variables (s)", sparse, 5.0)
    size = sum(array.nbytes for array in (*estimator.context_.times, *estimator.context_.states))
    over = (len(pickle.dumps(estimator)) - size) / 1e6
    print(
        f"{'pickle over the context (MB)':58}{over:10.3f}{'':11}{1.0:8.2f}{'' if over < 1.0 else '   OVER'}", flush=True
    )
    sde = FIMSDERegressor(device="cpu").fit(data.walk, t=0.01)
    fitted = _median(lambda: FIMSDERegressor(device="cpu").fit(data.walk, t=0.01), repeats)
    _row("SDE: fit of 5,000 points (s)", fitted, 4.0)
    states = data.walk[::5]
    _row("SDE: drift and diffusion at 1,000 points (s)", _median(lambda: sde.diffusion(states), repeats), 1.5)

    def forecast() -> None:
        LASSODEForecaster(device="cpu", ensemble=None).fit(data.series).predict(horizon=100)

    forecast()
    _row("forecast of 16 x 200 points x 3 channels (s)", _median(forecast, repeats), 0.15)


def _compare(data: _Data, repeats: int) -> None:
    """Our time over that of others for the same work; those that are not installed are named."""
    from skdyn import FIMODERegressor, LASSODEForecaster

    print(f"\n{'our time over theirs, same data, same run':58}{'passed':>10}{'processor':>11}")
    estimator = FIMODERegressor(device="cpu").fit(data.context)
    simulation = _median(lambda: estimator.simulate(data.x0, data.times), 1)
    _compare_with_scipy(data, simulation, repeats)
    if find_spec("pysindy") is None:
        print("pysindy is not installed: no ratio to it")
    else:
        fit = _median(lambda: FIMODERegressor(device="cpu").fit(data.context), repeats)
        field = _median(lambda: estimator.vector_field(data.points), repeats)
        _compare_with_pysindy(data, fit, field, simulation, repeats)
    if find_spec("statsforecast") is None:
        print("statsforecast is not installed: no ratio to it")
    else:
        forecaster = LASSODEForecaster(device="cpu", ensemble=None)
        forecast = _median(lambda: forecaster.fit(data.series).predict(horizon=100), repeats)
        _compare_with_statsforecast(data, forecast)


def _compare_with_scipy(data: _Data, simulation: np.ndarray, repeats: int) -> None:
    from scipy.integrate import solve_ivp

    from skdyn.datasets.classics import van_der_pol
    from skdyn.dynamics.simulate import integrate

    center, scale = np.zeros(2), np.ones(2)
    ours = _median(lambda: integrate(van_der_pol, data.x0, data.times, center=center, scale=scale), repeats)

    def theirs() -> None:
        for x in data.x0:
            solve_ivp(lambda _, x: van_der_pol(x), (0, 12), x, "RK45", data.times, rtol=1e-5, atol=1e-6)

    theirs_took = _median(theirs, 1)
    _pair("scipy's RK45, state by state: an equation, 100 x 500", ours / theirs_took)
    _pair("scipy's RK45 of the equation; ours of the network's field", simulation / theirs_took)


def _compare_with_pysindy(
    data: _Data, fit: np.ndarray, field: np.ndarray, simulation: np.ndarray, repeats: int
) -> None:
    import pysindy

    states, clocks = [x for _, x in data.context], [t for t, _ in data.context]

    def fitted() -> Any:
        return pysindy.SINDy(feature_library=pysindy.PolynomialLibrary(degree=3)).fit(states, t=clocks)

    model = fitted()
    few = data.x0[:3]
    _pair("pysindy: fit", fit / _median(fitted, repeats))
    _pair("pysindy: field at 10,000 points", field / _median(lambda: model.predict(data.points), repeats))
    theirs = _each(lambda k: model.simulate(few[k], data.times), len(few)).mean(axis=0) * len(data.x0)
    _pair("pysindy: 100 initial states x 500 steps (3, scaled)", simulation / theirs)


def _compare_with_statsforecast(data: _Data, forecast: np.ndarray) -> None:
    from statsforecast.models import AutoARIMA

    columns = data.series[0][1].T
    theirs = _each(lambda k: AutoARIMA().forecast(columns[k], 100), len(columns)).sum(axis=0) * len(data.series)
    _pair("statsforecast's AutoARIMA: 16 x 3 series (3, scaled)", forecast / theirs)


@contextmanager
def _one_busy_core() -> Iterator[None]:
    """Another process that does nothing but compute."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def _row(label: str, measured: np.ndarray, limit: float) -> None:
    """Print the time that has passed, and what of it this process was given, beside the limit of the first."""
    over = "" if measured[0] < limit else "   OVER"
    print(f"{label:58}{measured[0]:10.3f}{measured[1]:11.3f}{limit:8.2f}{over}", flush=True)


def _pair(label: str, both: np.ndarray) -> None:
    print(f"{label:58}{both[0]:10.2f}{both[1]:11.2f}", flush=True)


def _each(call: Callable[[int], Any], count: int) -> np.ndarray:
    """Seconds (count, 2) that each of some calls takes: as they passed, and of this process's processors."""
    seconds = np.empty((count, 2))
    for k in range(count):
        start = np.array([time.perf_counter(), time.process_time()])
        call(k)
        seconds[k] = np.array([time.perf_counter(), time.process_time()]) - start
    return seconds


def _median(call: Callable[[], Any], repeats: int) -> np.ndarray:
    """Medians of both clocks (2,)."""
    return np.median(_each(lambda _: call(), repeats), axis=0)


def _subprocess(code: str, repeats: int) -> np.ndarray:
    """Medians of what a fresh interpreter prints, after a first one that leaves compiled files behind."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, check=True, capture_output=True, env=environment) for _ in range(repeats + 1)]
    return np.median([[float(part) for part in run.stdout.split()] for run in runs[1:]], axis=0)
