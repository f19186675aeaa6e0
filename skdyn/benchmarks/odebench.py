"""ODEBench for any registered estimator: ``python -m skdyn.benchmarks odebench``."""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from tqdm import tqdm

from skdyn.benchmarks.comparison import bootstrap_interval, mcnemar
from skdyn.benchmarks.options import add_estimator, add_jobs, add_settings, estimator_of, write_cases
from skdyn.benchmarks.protocol import (
    R2_THRESHOLD,
    SETTINGS,
    SUBSTEPS,
    TASKS,
    Setting,
    corrupt,
    corruption_rng,
    percent_passed,
    published,
)
from skdyn.data.trajectories import Trajectories
from skdyn.datasets.odebench import ODEBenchSystem, load_odebench, odebench_times, simulate_odebench
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.simulate import rk4
from skdyn.estimators._gaps import encoded
from skdyn.exceptions import SkdynError


class Result(NamedTuple):
    """The score of one case, and the seconds that its context took to fit."""

    task: str
    sigma: float
    rho: float
    seed: int
    system: int
    dim: int
    context: int
    r2: float
    fit_seconds: float


class Keyed(Protocol):
    """A context to be fitted."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from all others."""


AnyJob = TypeVar("AnyJob", bound=Keyed)

_OF_ENGINE = ("model", "device", "precision", "query_chunk")  # parameters of `FIMODERegressor` that a batch keeps to


class Job(NamedTuple):
    """One corrupted context; it is asked for the system's both trajectories."""

    system: ODEBenchSystem
    context: int
    setting: Setting
    seed: int
    observed: Trajectories
    clean: np.ndarray

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this context from all others."""
        return self.system.id, self.context, self.setting, self.seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_case_options(parser, "some settings, each as sigma,rho")
    parser.add_argument("--grid", action="store_true", help="all six settings of noise and gaps, not only clean data")
    parser.add_argument(
        "--substeps", type=int, default=SUBSTEPS, help="RK4 steps in an interval (default: %(default)s)"
    )
    parser.add_argument(
        "--missing-entries",
        type=float,
        default=0.0,
        help="share of single values that are missing; other estimators than fim-ode in one pass need "
        "the parameter missing='keep' (default: %(default)s)",
    )


def add_case_options(parser: argparse.ArgumentParser, settings: str) -> None:
    """Declare what every benchmark on the systems has: estimator, settings, seeds, dimensions and what is written."""
    add_estimator(parser)
    add_jobs(parser, "estimators fitted one by one")
    add_settings(parser, Setting, settings)
    parser.add_argument("--seeds", default="0", help="noise seeds, separated by commas (default: %(default)s)")
    parser.add_argument("--dims", default="1,2,3", help="dimensions, separated by commas (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write every case, for paired comparison")
    parser.add_argument("--compare", type=Path, nargs="*", default=[], help="files of --json to compare with, in pairs")


def seeds_and_dims(options: argparse.Namespace) -> tuple[list[int], tuple[int, ...]]:
    """The seeds and the dimensions that the options name."""
    return [int(seed) for seed in options.seeds.split(",")], tuple(int(dim) for dim in options.dims.split(","))


def tell(
    options: argparse.Namespace,
    estimator: Any,
    results: list[Result],
    settings: tuple[Setting, ...],
    beside_published: bool = True,
    **about: Any,
) -> None:
    """Print the table, write the cases and print the comparisons that the options ask for."""
    name = options.estimator + (f" --refine {options.refine}" if options.refine else "")
    print_table(name, results, settings, beside_published)
    if options.json:
        params = {name: str(value) for name, value in estimator.get_params().items()}
        write_cases(options.json, (result._asdict() for result in results), estimator=name, params=params, **about)
    for path in options.compare:
        print_comparison(name, results, path, **about)


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    seeds, dims = seeds_and_dims(options)
    settings = tuple(options.settings or ()) or (SETTINGS if options.grid else SETTINGS[:1])
    estimator, _ = estimator_of(options)
    if not 0 <= options.missing_entries < 1:
        raise ValueError(
            f"--missing-entries: expected a share of at least 0 and below 1, got {options.missing_entries}"
        )
    results = evaluate(estimator, settings, seeds, dims, options.substeps, options.jobs, options.missing_entries)
    about = {"benchmark": "odebench", "substeps": options.substeps, "missing_entries": options.missing_entries}
    tell(options, estimator, results, settings, **about)
    share = followed_by_the_truth(dims, options.substeps)
    print(f"\nThe true equations, integrated in the same way: {share:.1f}% of the paths")
    return 0


def followed_by_the_truth(dims: tuple[int, ...] = (1, 2, 3), substeps: int = SUBSTEPS) -> float:
    """Percentage of the paths with R2 > 0.9 of the true equations, integrated as an inferred field is.

    Two solutions of a chaotic system part even where nothing but the solver differs.
    """
    truth = simulate_odebench(dims)
    scores = []
    for system in load_odebench(dims):
        with np.errstate(all="ignore"):
            paths = rk4(system.field, np.array(system.initial_states), odebench_times(), substeps)
        scores += [variance_weighted_r2(*pair) for pair in zip(truth[system.id], paths, strict=True)]
    return percent_passed(scores)


def evaluate(
    estimator: Any,
    settings: tuple[Setting, ...] = SETTINGS,
    seeds: list[int] | None = None,
    dims: tuple[int, ...] = (1, 2, 3),
    substeps: int = SUBSTEPS,
    n_jobs: int | None = None,
    missing: float = 0.0,
) -> list[Result]:
    """Score an estimator on both tasks.

    Parameters
    ----------
    estimator : unfitted estimator of a vector field
        `skdyn.FIMODERegressor` encodes all contexts of one dimension and setting at once; others are fitted one by
        one.
    settings : tuple of Setting
    seeds : list of int, optional
        Seeds of the noise; ``[0]`` by default.
    dims : tuple of int
    substeps : int, default=8
        RK4 steps in each of the 199 intervals.
    n_jobs : int, optional
        Processes that share estimators fitted one by one, as joblib has it.
    missing : float, default=0.0
        Share of single values that are missing, at random.

    Returns
    -------
    list of Result
        In the order settings, seeds, systems, contexts, tasks.
    """
    jobs = [job for setting in settings for seed in seeds or [0] for job in make_jobs(setting, seed, dims, missing)]
    batched = is_batched(estimator)
    groups = _groups(jobs) if batched or _is_one_pass(estimator, refine="auto") else [[job] for job in jobs]
    solve = partial(_batched if batched else _single, estimator, substeps=substeps)
    return score_jobs(jobs, groups, solve, results_of, 1 if batched else n_jobs, "ODEBench")


def is_batched(estimator: Any) -> bool:
    """Whether all contexts of one kind are encoded at once: where one pass of a model is all that is asked for."""
    return _is_one_pass(estimator)


def _is_one_pass(estimator: Any, refine: str | None = None) -> bool:
    """Whether nothing is asked for but one pass of a model, and this refinement."""
    from skdyn.estimators._fim_ode import FIMODERegressor

    if not isinstance(estimator, FIMODERegressor):
        return False
    plain = FIMODERegressor(**{name: getattr(estimator, name) for name in _OF_ENGINE}).get_params() | {"refine": refine}
    given = estimator.get_params()
    return given["missing"] in ("raise", "keep") and given | {"missing": plain["missing"]} == plain


def score_jobs(
    jobs: list[AnyJob],
    groups: list[list[AnyJob]],
    solve: Callable[[list[AnyJob]], tuple[Any, float]],
    results_of: Callable[[AnyJob, np.ndarray, float], Iterator[Result]],
    n_jobs: int | None,
    title: str,
) -> list[Result]:
    """Solve groups of jobs, and score each job's paths; in the order of the jobs.

    Parameters
    ----------
    jobs : list of jobs
    groups : list of lists of the same jobs
        Which are solved together.
    solve : callable
        From a group to the paths of each of its jobs, and the seconds that the fits took.
    results_of : callable
        From a job, its paths and its seconds to its results.
    n_jobs : int, optional
        Processes, as joblib has it.
    title : str
        Of the progress bar.
    """
    solved = Parallel(n_jobs, return_as="generator")(delayed(solve)(group) for group in groups)
    results: dict[tuple[Any, ...], list[Result]] = {}
    with tqdm(total=len(jobs), desc=title, unit="context") as bar:
        for group, (paths, seconds) in zip(groups, solved, strict=True):
            for job, both in zip(group, paths, strict=True):
                results[job.key] = list(results_of(job, both, seconds / len(group)))
            bar.update(len(group))
    return [result for job in jobs for result in results[job.key]]


def make_jobs(setting: Setting, seed: int, dims: tuple[int, ...], missing: float = 0.0) -> Iterator[Job]:
    """Corrupt every context of the systems of these dimensions."""
    t = odebench_times()
    clean = simulate_odebench(dims)
    for system in load_odebench(dims):
        for context in (0, 1):
            rng = corruption_rng(system.id, context, setting, seed)
            kept, noisy = corrupt(clean[system.id][context], *setting, rng)
            if missing:
                noisy = np.where(rng.random(noisy.shape) < missing, np.nan, noisy)
            observed = Trajectories.with_gaps([(t[kept], noisy)])
            yield Job(system, context, setting, seed, observed, clean[system.id][context])


def _groups(jobs: list[Job]) -> list[list[Job]]:
    groups = defaultdict(list)
    for job in jobs:
        groups[job.setting, job.seed, job.system.dim].append(job)
    return list(groups.values())


def _batched(estimator: Any, jobs: list[Job], substeps: int) -> tuple[np.ndarray, float]:
    """Encode all contexts and integrate both initial states of all systems at once: paths (B, 2, 200, D)."""
    from skdyn.models.inference import Engine
    from skdyn.models.weights import load_model

    model = load_model(estimator.model)
    engine = Engine(model, estimator.device, estimator.precision, query_chunk=2)
    start = time.perf_counter()
    context = encoded(Engine(model, estimator.device, estimator.precision), [job.observed for job in jobs])
    seconds = time.perf_counter() - start
    x0 = np.array([job.system.initial_states for job in jobs])

    def field(x: np.ndarray) -> np.ndarray:
        return engine.decode(context, x.reshape(x0.shape))[0].reshape(x.shape)

    with np.errstate(all="ignore"):
        paths = rk4(field, x0.reshape(-1, x0.shape[-1]), odebench_times(), substeps)
    return paths.reshape(*x0.shape[:2], *paths.shape[1:]), seconds


def _single(estimator: Any, jobs: list[Job], substeps: int) -> tuple[np.ndarray, float]:
    """Fit each context by itself and integrate both initial states: paths (B, 2, 200, D).

    Fields that a choice keeps as one pass has them are integrated together.
    """
    start = time.perf_counter()
    fitted = [_fitted(estimator, job) for job in jobs]
    seconds = time.perf_counter() - start
    paths = np.full((len(jobs), 2, len(odebench_times()), jobs[0].system.dim), np.nan)
    kept = [k for k, one in enumerate(fitted) if _is_one_pass(one, refine="auto") and not one.refined_]
    if kept:
        paths[kept] = _batched(estimator, [jobs[k] for k in kept], substeps)[0]
    for k, one in enumerate(fitted):
        if one is not None and k not in kept:
            paths[k] = integrate(one, jobs[k], substeps)
    return paths, seconds


def _fitted(estimator: Any, job: Job) -> Any:
    """An estimator fitted to one context; None where it refuses, which is a case that it fails."""
    try:
        return clone(estimator).fit(job.observed)
    except SkdynError as error:
        warnings.warn(f"system {job.system.id}, context {job.context}: {error}", UserWarning, stacklevel=2)
        return None


def integrate(fitted: Any, job: Job, substeps: int) -> np.ndarray:
    """Integrate a fitted field from both initial states of the job's system: paths (2, 200, D)."""
    x0 = np.array(job.system.initial_states)
    with np.errstate(all="ignore"):
        return rk4(fitted._velocity, x0, odebench_times(), substeps)


def results_of(job: Job, paths: np.ndarray, seconds: float) -> Iterator[Result]:
    """Score the paths (2, 200, D) that a field gives from both initial states, on both tasks."""
    truth = simulate_odebench((job.system.dim,))[job.system.id]
    for task in TASKS:
        target = job.context ^ int(task == "generalization")
        r2 = variance_weighted_r2(truth[target], paths[target])
        yield Result(task, *job.setting, job.seed, job.system.id, job.system.dim, job.context, r2, seconds)


def print_table(name: str, results: list[Result], settings: tuple[Setting, ...], beside_published: bool = True) -> None:
    """Print percentages of cases with R2 > 0.9, with intervals from resampling systems, and published rows."""
    seeds = sorted({result.seed for result in results})
    seconds = [result.fit_seconds for result in results]
    print(f"\n{name}: % of cases with R2 > {R2_THRESHOLD}, seeds {seeds}; 95% intervals resample systems")
    for task in TASKS:
        print(f"\n{task + ' (sigma, rho)':38}" + "".join(f"{f'({s.sigma:g}, {s.rho:g})':>19}" for s in settings))
        rows: dict[str, list[str]] = defaultdict(list)
        for setting in settings:
            chosen = [result for result in results if result.task == task and (result.sigma, result.rho) == setting]
            interval = bootstrap_interval(
                [100.0 * (result.r2 > R2_THRESHOLD) for result in chosen],
                [result.system for result in chosen],
                rng=np.random.default_rng(0),
            )
            rows[name].append(f"{interval.estimate:.1f} [{interval.low:.1f}, {interval.high:.1f}]")
            for dim in sorted({result.dim for result in chosen}):
                of_dim = [result.r2 for result in chosen if result.dim == dim]
                rows[f"  {dim}-D ({len(of_dim)} cases)"].append(f"{percent_passed(of_dim):.1f}")
            known = {row.method: row.percent for row in published(task, setting)} if beside_published else {}
            for method in ("FIM-ODE", "ODEFormer"):
                rows[f"  published {method}"].append(f"{known[method]:.1f}" if method in known else "")
        for label, cells in rows.items():
            if any(cells):
                print(f"{label:38}" + "".join(f"{cell:>19}" for cell in cells))
    print(f"\nSeconds a fit: mean {np.mean(seconds):.3f}, largest {np.max(seconds):.3f}")


def print_comparison(name: str, results: list[Result], path: Path, **about: Any) -> None:
    """Print the paired difference to the cases that another run wrote, and what else was different in that run."""
    other = json.loads(path.read_text(encoding="utf-8"))
    if other.get("benchmark", about["benchmark"]) != about["benchmark"]:
        raise ValueError(f"--compare {path}: these are cases of {other['benchmark']}, not of {about['benchmark']}")
    theirs = {_key(case): case["r2"] for case in other["cases"]}
    differs = "".join(f", {key}={other[key]}" for key, value in about.items() if other.get(key, value) != value)
    print(f"\n{name} less {other['estimator']} ({path}{differs}), in points, on the cases of both")
    pairs: dict[tuple[str, float, float], list[tuple[int, int, bool, bool]]] = defaultdict(list)
    for result in results:
        case = result._asdict()
        if _key(case) in theirs:
            row = (result.system, result.seed, result.r2 > R2_THRESHOLD, theirs[_key(case)] > R2_THRESHOLD)
            pairs[result.task, result.sigma, result.rho].append(row)
    if not pairs:
        raise ValueError(f"--compare {path}: none of its cases is one of these")
    for (task, sigma, rho), rows in pairs.items():
        systems, seeds, ours, others = map(np.array, zip(*rows, strict=True))
        difference = 100.0 * (ours.astype(float) - others)
        interval = bootstrap_interval(difference, systems, rng=np.random.default_rng(0))
        first = seeds == seeds.min()
        test = mcnemar(ours[first], others[first])
        print(
            f"  {task:15} ({sigma:g}, {rho:g}): {interval.estimate:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]; "
            f"seed {seeds.min()}: only ours {test.first}, only theirs {test.second}, McNemar p = {test.p_value:.3g}"
        )


def _key(case: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(case[name] for name in ("task", "sigma", "rho", "seed", "system", "context"))
