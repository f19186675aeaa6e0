"""Time and size of the usual operations beside their limits: ``python -m skdyn.benchmarks speed``."""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

_IMPORT = "import time; start = time.perf_counter(); import skdyn; print(time.perf_counter() - start)"
_FIRST_FIT = """
import numpy as np, time, torch
t = np.linspace(0, 10, 200)
x = np.column_stack([np.cos(t), -np.sin(t)])
start = time.perf_counter()
from skdyn import FIMODERegressor
FIMODERegressor(device="cpu").fit([(t, x)] * 9)
print(time.perf_counter() - start)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--repeats", type=int, default=5, help="times each is run; the median counts (default: 5)")


def run(options: argparse.Namespace) -> int:
    """Measure everything and print it beside its limit."""
    import torch

    from skdyn import FIMODERegressor
    from skdyn.datasets.classics import make_trajectories

    repeats = options.repeats
    rng = np.random.default_rng(0)
    t = np.linspace(0, 12, 200)
    context = make_trajectories("van_der_pol", rng.normal(0, 1.5, (9, 2)), t, noise=0.01, random_state=0)
    print(f"{torch.get_num_threads()} threads; the median of {repeats} runs\n")
    print(f"{'':58}{'measured':>10}{'limit':>10}")
    _row("import skdyn (s)", _subprocess(_IMPORT, repeats), 0.3)
    _row("first fit with bundled weights, torch imported (s)", _subprocess(_FIRST_FIT, repeats), 1.5)
    estimator = FIMODERegressor(device="cpu").fit(context)
    fit = _median(lambda: FIMODERegressor(device="cpu").fit(context), repeats)
    _row("warm fit of 9 x 200 points (s)", fit, 0.15)
    points = rng.normal(0, 1.5, (10_000, 2))
    field = _median(lambda: estimator.vector_field(points), repeats)
    _row("field at 10,000 points (s)", field, 1.0)
    x0, times = rng.normal(0, 1.5, (100, 2)), np.linspace(0, 12, 500)
    simulation = _median(lambda: estimator.simulate(x0, times), max(1, repeats // 2))
    _row("100 initial states x 500 steps simulated (s)", simulation, 6.0)
    _row("equilibria in 2-D (s)", _median(estimator.equilibria, repeats), 1.5)
    size = sum(array.nbytes for array in (*estimator.context_.times, *estimator.context_.states))
    _row("pickle over the context (MB)", (len(pickle.dumps(estimator)) - size) / 1e6, 1.0)
    _other_models(rng, repeats)
    if find_spec("pysindy") is None:
        print("\npysindy is not installed: no ratio to it")
    else:
        _compare_with_pysindy(context, points, x0, times, fit, field, simulation, repeats)
    return 0


def _other_models(rng: np.random.Generator, repeats: int) -> None:
    from skdyn import FIMSDERegressor, LASSODEForecaster

    walk = np.cumsum(rng.normal(0, 0.05, (5_000, 2)), axis=0)
    sde = FIMSDERegressor(device="cpu").fit(walk, t=0.01)
    _row("SDE: fit of 5,000 points (s)", _median(lambda: FIMSDERegressor(device="cpu").fit(walk, t=0.01), repeats), 4.0)
    states = walk[rng.integers(0, len(walk), 1024)]
    _row("SDE: drift and diffusion at 1,024 points (s)", _median(lambda: sde.diffusion(states), repeats), 1.5)
    t = np.linspace(0, 10, 200)
    phases = rng.uniform(0, 2 * np.pi, (16, 1, 3))
    series = [(t, np.sin(t[:, None] * (1 + rng.uniform(0, 1, 3)) + phase)) for phase in phases]

    def forecast() -> None:
        LASSODEForecaster(device="cpu").fit(series).predict(horizon=100)

    forecast()
    _row("forecast of 16 x 200 points x 3 channels (s)", _median(forecast, repeats), 2.0)


def _compare_with_pysindy(
    context: Any, points: np.ndarray, x0: np.ndarray, times: np.ndarray, fit: float, field: float, simulation: float,
    repeats: int,
) -> None:  # fmt: skip
    import pysindy

    states, clocks = [x for _, x in context], [t for t, _ in context]

    def fitted() -> Any:
        return pysindy.SINDy(feature_library=pysindy.PolynomialLibrary(degree=3)).fit(states, t=clocks)

    model = fitted()
    few = x0[:3]
    print("\nFIM-ODE's time over pysindy's, same data, same run (below 1: FIM-ODE is faster)")
    print(f"  fit                                    {fit / _median(fitted, repeats):10.2f}")
    print(f"  field at 10,000 points                 {field / _median(lambda: model.predict(points), repeats):10.2f}")
    start = time.perf_counter()
    for state in few:
        model.simulate(state, times)
    theirs = (time.perf_counter() - start) / len(few) * len(x0)
    print(f"  100 initial states x 500 steps         {simulation / theirs:10.2f}   (pysindy: 3 states, scaled to 100)")


def _row(label: str, measured: float, limit: float) -> None:
    print(f"{label:58}{measured:10.3f}{limit:10.2f}{'' if measured < limit else '   OVER'}", flush=True)


def _median(call: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def _subprocess(code: str, repeats: int) -> float:
    """Median of what a fresh interpreter prints."""
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True) for _ in range(repeats)]
    return float(np.median([float(run.stdout) for run in runs]))
