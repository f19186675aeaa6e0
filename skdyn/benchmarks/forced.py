"""Systems under a known input, for estimators that take inputs: ``python -m skdyn.benchmarks forced``.

The 61 systems of ODEBench with an input on one variable, added to its rate or multiplied with it. A context is one
trajectory under one input; it must be reproduced (reconstruction), and so must the trajectory from the other initial
state under an input of another kind (generalization). Scores are those of ODEBench.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import odeint
from sklearn.base import clone

from skdyn.benchmarks.odebench import Result, add_case_options, is_batched, score_jobs, seeds_and_dims, tell
from skdyn.benchmarks.options import estimator_of
from skdyn.benchmarks.protocol import SUBSTEPS, TASKS, Setting, corrupt, corruption_rng
from skdyn.data.given import Interpolation
from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.datasets.odebench import ODEBenchSystem, load_odebench, odebench_times, simulate_odebench
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import rk4_driven
from skdyn.exceptions import SkdynError

SETTINGS = (Setting(0.0, 0.0), Setting(0.05, 0.0))
_STRENGTHS = (0.6, 0.3, 0.15, 0.08, 0.04, 0.02)
"""Of the input, in typical rates of its variable: the first under which both trajectories stay within the bound."""
_BOUND = 5.0
"""In ranges of the free trajectories."""

Input = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def sines(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sum of three sines of random periods and phases."""
    periods, phases = rng.uniform(1.5, 8.0, 3), rng.uniform(0, 2 * np.pi, 3)
    return np.sin(2 * np.pi * t[:, None] / periods + phases).sum(axis=1) / np.sqrt(1.5)


def chirp(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sine whose frequency grows fourfold."""
    slow = rng.uniform(0.08, 0.15)
    return np.sqrt(2) * np.sin(2 * np.pi * slow * t * (1 + 1.5 * t / t[-1]) + rng.uniform(0, 2 * np.pi))


def steps(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two to four jumps between minus one and one."""
    jumps = np.sort(rng.uniform(0.1, 0.9, rng.integers(2, 5))) * t[-1]
    return rng.choice([-1.0, 1.0]) * (-1.0) ** np.searchsorted(jumps, t, side="right")


def pieces(t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ten constant pieces of random height."""
    return rng.normal(size=10)[np.minimum((10 * t / t[-1]).astype(int), 9)]


INPUTS: tuple[tuple[Input, bool], ...] = ((sines, False), (chirp, False), (steps, True), (pieces, True))
"""Each kind, and whether it is held between two times."""


class Forced(NamedTuple):
    """A system under an input.

    Attributes
    ----------
    system : ODEBenchSystem
    variable : int
        On which the input acts.
    multiplied : bool
        Whether it changes the rate by a share, and is not added to it.
    strength : float
    values : array of shape (2, 200)
        The input of each of the two trajectories.
    holds : (bool, bool)
    paths : array of shape (2, 200, D)
    """

    system: ODEBenchSystem
    variable: int
    multiplied: bool
    strength: float
    values: np.ndarray
    holds: tuple[bool, bool]
    paths: np.ndarray


class Job(NamedTuple):
    """One corrupted context."""

    forced: Forced
    context: int
    setting: Setting
    seed: int
    observed: Trajectories

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this context from all others."""
        return self.forced.system.id, self.context, self.setting, self.seed


@cache
def load_forced(dims: tuple[int, ...] = (1, 2, 3)) -> tuple[Forced, ...]:
    """All systems under their inputs, with the true trajectories; drawn anew, and the same, in every process.

    Examples
    --------
    >>> forced = load_forced((1,))
    >>> len(forced), forced[0].paths.shape
    (23, (2, 200, 1))
    """
    return tuple(_force(system) for system in load_odebench(dims))


def _force(system: ODEBenchSystem) -> Forced:
    rng = np.random.default_rng((system.id, 14))
    t = odebench_times()
    variable, multiplied = int(rng.integers(system.dim)), bool(rng.integers(2))
    kinds = rng.choice(len(INPUTS), 2, replace=False)
    values = np.stack([INPUTS[kind][0](t, rng) for kind in kinds])
    holds = (INPUTS[kinds[0]][1], INPUTS[kinds[1]][1])
    free = np.concatenate(simulate_odebench((system.dim,))[system.id])
    typical = float(np.sqrt(np.mean(np.square(system.field(free)[:, variable])))) or 1.0
    reach = _BOUND * np.ptp(free, axis=0).max()
    kinds_of_action = [multiplied] if multiplied else [False, True]  # some amounts never stand a subtraction
    for multiplied, strength in product(kinds_of_action, _STRENGTHS):
        unit = strength if multiplied else strength * typical

        def rates(x: np.ndarray, u: float, unit: float = unit, multiplied: bool = multiplied) -> np.ndarray:
            found = system.field(x)
            found[variable] += unit * u * (found[variable] if multiplied else 1.0)
            return found

        paths = np.stack([_solve(rates, system.initial_states[i], t, values[i], holds[i]) for i in (0, 1)])
        if (np.abs(paths - free.mean(axis=0)) <= reach).all():
            return Forced(system, variable, multiplied, strength, values, holds, paths)
    raise RuntimeError(f"system {system.id} diverges under every input")


def _solve(
    rates: Callable[[np.ndarray, float], np.ndarray],
    start: tuple[float, ...],
    t: np.ndarray,
    values: np.ndarray,
    holds: bool,
) -> np.ndarray:
    """The true path (200, D), NaN where it ends early."""
    last = len(t) - 1

    def field(x: np.ndarray, time: float) -> np.ndarray:
        before = min(max(int(np.searchsorted(t, time, side="right")) - 1, 0), last - 1)
        share = 0.0 if holds else (time - t[before]) / (t[before + 1] - t[before])
        return rates(x, values[before] + share * (values[before + 1] - values[before]))

    jumps = t[1:][np.diff(values) != 0] if holds else t[1:]
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        path, info = odeint(field, start, t, rtol=1e-8, atol=1e-10, tcrit=np.append(jumps, t[-1]), full_output=True)
    return path if info["message"] == "Integration successful." else np.full_like(path, np.nan)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_case_options(parser, "settings, each as noise,dropped (default: 0,0 and .05,0)")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    seeds, dims = seeds_and_dims(options)
    settings = tuple(options.settings or SETTINGS)
    estimator, _ = estimator_of(options)
    results = evaluate(estimator, settings, seeds, dims, options.jobs)
    tell(options, estimator, results, settings, beside_published=False, benchmark="forced")
    return 0


def evaluate(
    estimator: Any,
    settings: tuple[Setting, ...] = SETTINGS,
    seeds: list[int] | None = None,
    dims: tuple[int, ...] = (1, 2, 3),
    n_jobs: int | None = None,
) -> list[Result]:
    """Score an estimator that takes inputs on both tasks; see `skdyn.benchmarks.odebench.evaluate`."""
    jobs = [job for setting in settings for seed in seeds or [0] for job in make_jobs(setting, seed, dims)]
    together = is_batched(estimator)
    groups = _groups(jobs) if together else [[job] for job in jobs]
    solve = partial(_batched if together else _single, estimator)
    return score_jobs(jobs, groups, solve, results_of, 1 if together else n_jobs, "forced")


def make_jobs(setting: Setting, seed: int, dims: tuple[int, ...]) -> Iterator[Job]:
    """Corrupt every context; the inputs are known exactly."""
    t = odebench_times()
    for forced in load_forced(dims):
        for context in (0, 1):
            rng = corruption_rng(forced.system.id, context, setting, seed)
            kept, noisy = corrupt(forced.paths[context], *setting, rng)
            interpolation: Interpolation = "previous" if forced.holds[context] else "linear"
            item = Trajectory(t[kept], noisy, u=forced.values[context][kept], interpolation=interpolation)
            yield Job(forced, context, setting, seed, Trajectories([item]))


def _groups(jobs: list[Job]) -> list[list[Job]]:
    groups = defaultdict(list)
    for job in jobs:
        groups[job.setting, job.seed, job.forced.system.dim, job.observed.given].append(job)
    return list(groups.values())


def _batched(estimator: Any, jobs: list[Job]) -> tuple[list[np.ndarray], float]:
    """Encode all contexts and integrate both trajectories of each at once: paths (2, 200, D) of each job."""
    from skdyn.models.inference import Engine
    from skdyn.models.weights import load_model

    engine = Engine(load_model(estimator.model), estimator.device, estimator.precision, query_chunk=2)
    start = time.perf_counter()
    context = engine.encode([job.observed for job in jobs])
    seconds = time.perf_counter() - start

    paths = np.empty((len(jobs), 2, *jobs[0].forced.paths.shape[1:]))
    for holds in (False, True):  # a batch has one kind of inputs
        cases = [(k, i) for k, job in enumerate(jobs) for i in (0, 1) if job.forced.holds[i] == holds]
        if cases:
            own = context.take(np.array([k for k, _ in cases]))
            field = partial(_field, engine, own)
            for case, path in zip(cases, _integrated(field, [(jobs[k].forced, i) for k, i in cases]), strict=True):
                paths[case] = path
    return list(paths), seconds


def _field(engine: Any, context: Any, points: np.ndarray) -> np.ndarray:
    """The field (C, D) of each context at its own point (C, D + G)."""
    return np.asarray(engine.decode(context, points[:, None])[0][:, 0])


def _single(estimator: Any, jobs: list[Job]) -> tuple[list[np.ndarray], float]:
    """Fit one context and integrate both trajectories."""
    (job,) = jobs
    start = time.perf_counter()
    try:
        fitted = clone(estimator).fit(job.observed)
    except SkdynError as error:  # a context that an estimator refuses is a case that it fails
        warnings.warn(f"system {job.forced.system.id}, context {job.context}: {error}", UserWarning, stacklevel=2)
        return [np.full(job.forced.paths.shape, np.nan)], time.perf_counter() - start
    seconds = time.perf_counter() - start
    return [integrate(fitted, job)], seconds


def integrate(fitted: Any, job: Job) -> np.ndarray:
    """Paths (2, 200, D) of a fitted estimator from both initial states, each under its own input."""
    return np.concatenate([_integrated(fitted._velocity, [(job.forced, i)]) for i in (0, 1)])


def _integrated(field: Callable[[np.ndarray], np.ndarray], cases: list[tuple[Forced, int]]) -> np.ndarray:
    """Paths (C, 200, D) from one of the initial states of each system, under its input; all inputs of one kind."""
    starts = np.array([forced.system.initial_states[i] for forced, i in cases])
    values = np.stack([forced.values[i] for forced, i in cases])
    holds = cases[0][0].holds[cases[0][1]]
    with np.errstate(all="ignore"):
        return rk4_driven(field, starts, odebench_times(), values[..., None], holds, SUBSTEPS)


def results_of(job: Job, paths: np.ndarray, seconds: float) -> Iterator[Result]:
    """R2 of both tasks from paths (2, 200, D)."""
    system = job.forced.system
    for task in TASKS:
        target = job.context ^ int(task == "generalization")
        r2 = variance_weighted_r2(job.forced.paths[target], paths[target])
        yield Result(task, *job.setting, job.seed, system.id, system.dim, job.context, r2, seconds)
