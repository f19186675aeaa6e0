"""Drift, diffusion and paths of known stochastic systems: ``python -m skdyn.benchmarks sde``.

A context is one path of 5000 points, with every first, fifth, tenth or hundredth step of 0.002 kept, and with noise of
0, 5 or 10 percent of half its range. Estimates are compared with the true drift and diffusion on each system's grid,
and where an independent path of 50,000 steps goes. That path, cut into 100 pieces, is also what 100 paths simulated
from the pieces' first points are compared with, by the squared maximum mean discrepancy under a signature kernel.
Because each simulated path shares its first point with a piece, the truth itself comes out slightly below zero.

The protocol is that of FIM-SDE (arXiv:2502.19049). All estimators see the same contexts and the same random numbers.
Groups of other contexts follow (`skdyn.benchmarks.sde_groups`): many short paths, irregular steps, measurement noise.
``--real`` judges recordings instead (`skdyn.benchmarks.sde_real`).
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from skdyn.benchmarks.options import add_jobs, write_cases
from skdyn.benchmarks.sde_groups import GROUPS, ORNSTEIN_UHLENBECK, make_windows, measure_windows, print_groups
from skdyn.benchmarks.sde_peers import PEERS
from skdyn.benchmarks.sde_real import run_real
from skdyn.benchmarks.sde_report import draw, print_losses, print_summary, print_tables
from skdyn.data.trajectories import Trajectories
from skdyn.datasets.sde_systems import SDESystem, load_sde_systems, observe, simulate_sde
from skdyn.dynamics.sde import euler_maruyama
from skdyn.dynamics.signature_kernel import SignatureMMD
from skdyn.dynamics.units import state_units
from skdyn.estimators.registry import make_estimator
from skdyn.exceptions import ConvergenceWarning, TrajectoryError

DT = 0.002
_PATHS = "paths"
TRUTH = "truth"  # the system itself as its own estimate: what sampling alone does to the discrepancy
_PIECES = 100  # of the reference path
_PIECE = 500  # points of each
_PATH_STEP = 50  # every how many points of the reference path the fields are compared
_CONTEXT, _REFERENCE, _NOISE, _SIMULATION = range(4)  # streams of random numbers


class Context(NamedTuple):
    """One noisy path, and what is needed to judge an estimate from it."""

    system: SDESystem
    every: int
    noise: float
    seed: int
    observed: Trajectories
    reference: np.ndarray
    mmd: SignatureMMD | None
    mmd_stride: int


class Result(NamedTuple):
    """Errors of one estimate; NaN where an estimator failed.

    On the grid, mean squares over points and variables; on the reference path, the same over the truth's mean square
    there. ``mmd`` is None where it was not asked for, and NaN where any simulated path diverged, as ``diverged`` did.
    """

    estimator: str
    system: str
    tau: float
    noise: float
    seed: int
    drift_grid: float
    diffusion_grid: float
    drift_path_relative: float
    diffusion_path_relative: float
    mmd: float | None
    diverged: int
    fit_seconds: float
    query_seconds: float
    simulate_seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--estimators",
        default=f"fim-sde,{','.join(PEERS)},{TRUTH}",
        help="registered names, peers, and 'truth' for the system itself, separated by commas; the first is compared "
        "with the others (default: %(default)s)",
    )
    parser.add_argument("--params", type=json.loads, default={}, help="parameters of registered estimators as JSON")
    parser.add_argument("--systems", help="names, separated by commas (default: the eight usual ones)")
    parser.add_argument("--every", help="steps between points, separated by commas (default: 1,5,10,100)")
    parser.add_argument("--noise", help="noise levels, separated by commas (default: 0,0.05,0.1)")
    parser.add_argument("--seeds", help="realisations, separated by commas (default: 0,1,2,3,4)")
    parser.add_argument("--points", type=int, default=5000, help="points of a context (default: %(default)s)")
    parser.add_argument(
        "--mmd",
        choices=("none", "clean", "all"),
        default="clean",
        help="contexts from which paths are simulated and compared (default: %(default)s)",
    )
    parser.add_argument(
        "--mmd-stride",
        type=int,
        default=10,
        help="compare every n-th point; 1 is the full protocol (default: %(default)s)",
    )
    parser.add_argument(
        "--groups",
        default=f"{_PATHS},{','.join(GROUPS)}",
        help="kinds of contexts, separated by commas; 'paths' are the usual protocol (default: %(default)s)",
    )
    parser.add_argument("--real", action="store_true", help="recordings that optional packages ship, instead")
    parser.add_argument("--quick", action="store_true", help="unless said otherwise: --every 1,10 --noise 0 --seeds 0")
    add_jobs(parser)
    parser.add_argument("--json", type=Path, help="write every case")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw the errors over the time step")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    if options.real:
        return run_real(options.estimators.split(",")[0], options.params, options.json)
    groups = options.groups.split(",")
    unknown = [name for name in groups if name not in (_PATHS, *GROUPS)]
    if unknown:
        raise ValueError(f"no group of contexts {unknown[0]!r}: choose from {_PATHS}, {', '.join(GROUPS)}")
    systems = load_sde_systems(options.systems.split(",") if options.systems else None)
    steps = [int(text) for text in _list(options.every, "1,10" if options.quick else "1,5,10,100")]
    levels = [float(text) for text in _list(options.noise, "0" if options.quick else "0,0.05,0.1")]
    seeds = [int(text) for text in _list(options.seeds, "0" if options.quick else "0,1,2,3,4")]
    points = options.points
    if not 1 <= options.mmd_stride <= _PIECE // 2:
        raise ValueError(f"--mmd-stride must be from 1 to {_PIECE // 2}, got {options.mmd_stride}")
    names = options.estimators.split(",")
    own = [name for name in names if name != TRUTH]
    estimators = {name: _make(name, options.params) for name in names}
    cases: list[dict[str, Any]] = []
    if _PATHS in groups:
        start = time.perf_counter()
        contexts = make_contexts(systems, steps, levels, seeds, points, options.mmd, options.mmd_stride)
        tasks = ((name, estimator, context) for context in contexts for name, estimator in estimators.items())
        total = len(systems) * len(steps) * len(levels) * len(seeds) * len(names)
        solved = Parallel(options.jobs, return_as="generator")(delayed(measure)(*task) for task in tasks)
        results = list(tqdm(solved, total=total, desc="SDE", unit="fit"))
        seconds = time.perf_counter() - start
        cases = [result._asdict() for result in results]
        print_tables(cases, names, options.mmd_stride)
        print_summary(cases, names)
        print_losses(cases, own)
        _print_seconds(results, names, seconds)
    windows = make_windows((*systems, ORNSTEIN_UHLENBECK), groups, seeds)
    judged = (delayed(measure_windows)(name, estimators[name], each) for each in windows for name in own)
    grouped = list(Parallel(options.jobs, return_as="generator")(judged))
    if grouped:
        print_groups(grouped, own)
    if options.json:
        write_cases(
            options.json,
            (
                {key: _plain(value) for key, value in case.items()}
                for case in (*cases, *(case._asdict() for case in grouped))
            ),
            estimators={name: _parameters(estimator) for name, estimator in estimators.items()},
            points=points,
            mmd_stride=options.mmd_stride,
        )
    if options.plot and cases:
        draw(cases, names, options.plot)
        print(f"Errors drawn in {options.plot}")
    return 0


def _list(text: str | None, default: str) -> list[str]:
    return (text or default).split(",")


def make_contexts(
    systems: tuple[SDESystem, ...], steps: list[int], levels: list[float], seeds: list[int], points: int, mmd: str,
    stride: int,
) -> Iterator[Context]:  # fmt: skip
    """Contexts of all systems; a context depends on its own system, step, noise and seed only.

    Parameters
    ----------
    systems : tuple of SDESystem
    steps : list of int
        Steps of 0.002 between the points of a context.
    levels : list of float
        Noise levels, see `skdyn.datasets.sde_systems.observe`.
    seeds : list of int
        Realisations.
    points : int
        Points of a context.
    mmd : {"none", "clean", "all"}
        Contexts whose simulated paths are to be compared with the reference.
    stride : int
        Points of the reference's pieces to keep for that: every ``stride``-th.

    Yields
    ------
    Context
    """
    for system in systems:
        number = zlib.crc32(system.name.encode())
        paths = simulate_sde(
            system, (points - 1) * max(steps) + 1, dt=DT, seeds=[(seed, number, _CONTEXT) for seed in seeds]
        )
        references = simulate_sde(system, _PIECES * _PIECE, dt=DT, seeds=[(seed, number, _REFERENCE) for seed in seeds])
        for seed, path, reference in zip(seeds, paths, references, strict=True):
            pieces = reference.reshape(_PIECES, _PIECE, system.dim)
            discrepancy = None if mmd == "none" else SignatureMMD(pieces[:, ::stride])
            for every in steps:
                t = DT * every * np.arange(points)
                for noise in levels:
                    rng = np.random.default_rng((seed, number, _NOISE, every, round(1000 * noise)))
                    observed = Trajectories([(t, observe(path[::every][:points], noise, rng))])
                    compared = discrepancy if mmd == "all" or noise == 0 else None
                    yield Context(system, every, noise, seed, observed, pieces, compared, stride)


def measure(name: str, estimator: Any, context: Context) -> Result:
    """Fit one context and compare with the truth. A context that an estimator refuses is one that it fails."""
    system = context.system
    key = (name, system.name, DT * context.every, context.noise, context.seed)
    grid, path = system.grid(), context.reference.reshape(-1, system.dim)[::_PATH_STEP]
    fitting = time.perf_counter()
    try:
        coefficients = system.drift_diffusion if estimator is None else estimator.fit(context.observed)._coefficients
        querying = time.perf_counter()
        on_grid, on_path = coefficients(grid), coefficients(path)
    except TrajectoryError as error:
        warnings.warn(f"{name}, {system.name}: {error}", UserWarning, stacklevel=2)
        nan = float("nan")
        return Result(*key, nan, nan, nan, nan, None if context.mmd is None else nan, 0, nan, nan, nan)
    simulating = time.perf_counter()
    drift_grid, diffusion_grid = map(_mean_square_error, on_grid, system.drift_diffusion(grid))
    truth = system.drift_diffusion(path)
    drift_path, diffusion_path = (
        _mean_square_error(a, b) / float(np.square(b).mean()) for a, b in zip(on_path, truth, strict=True)
    )
    mmd, diverged = (None, 0) if context.mmd is None else _discrepancy(coefficients, context, context.mmd)
    done = time.perf_counter()
    seconds = (querying - fitting, simulating - querying, done - simulating)
    return Result(*key, drift_grid, diffusion_grid, drift_path, diffusion_path, mmd, diverged, *seconds)


def _mean_square_error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a - b).mean())


def _make(name: str, params: dict[str, Any]) -> Any:
    """An unfitted estimator, or None for the truth."""
    if name == TRUTH:
        return None
    return PEERS[name]() if name in PEERS else make_estimator(name, **params)


def _discrepancy(coefficients: Any, context: Context, mmd: SignatureMMD) -> tuple[float, int]:
    """Squared discrepancy of paths simulated from the reference's pieces, and how many of them diverged."""
    center, scale = state_units(context.reference.reshape(-1, context.system.dim))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # they are counted instead
        paths = euler_maruyama(
            coefficients,
            context.reference[:, 0],
            DT * np.arange(_PIECE),
            rng=np.random.default_rng((context.seed, zlib.crc32(context.system.name.encode()), _SIMULATION)),
            substeps=1,
            center=center,
            scale=scale,
        )[:, 0]
    diverged = int(np.isnan(paths).any(axis=(1, 2)).sum())
    return (float("nan") if diverged else mmd(paths[:, :: context.mmd_stride])), diverged


def _print_seconds(results: list[Result], names: list[str], total: float) -> None:
    print(f"\nMean seconds of a context; all: {total:.0f} s\n{'':20}{'fit':>10}{'fields':>10}{'paths and MMD':>16}")
    for name in names:
        own = [result for result in results if result.estimator == name]
        compared = [result.simulate_seconds for result in own if result.mmd is not None]
        paths = f"{np.nanmean(compared):16.2f}" if np.isfinite(compared).any() else f"{'':16}"
        fit, query = (np.mean([getattr(r, key) for r in own]) for key in ("fit_seconds", "query_seconds"))
        print(f"{name:20}{fit:10.2f}{query:10.2f}{paths}")


def _parameters(estimator: Any) -> dict[str, str]:
    return (
        {key: str(value) for key, value in estimator.get_params().items()} if hasattr(estimator, "get_params") else {}
    )


def _plain(value: Any) -> Any:
    """JSON knows no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
