"""Known systems of 4 to 30 variables: ``python -m skdyn.benchmarks large``.

Contexts are recordings from random states, clean or with relative noise; tests are recordings from other states. Three
numbers are printed: the error of the field on the clean test paths, in root mean squares of the true field, each
variable in its own; the share of a test path until a simulation from its first state is 0.4 standard deviations away
(root mean square over the variables); and the seconds of a fit. An estimator may refuse a number of variables.
"""

from __future__ import annotations

import argparse
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy.integrate import solve_ivp
from tqdm import tqdm

from skdyn.benchmarks.comparison import bootstrap_interval
from skdyn.benchmarks.fields import (
    add_estimators,
    cell,
    estimators_of,
    fit,
    print_ratios,
    print_reasons,
    reference_of,
    simulate,
)
from skdyn.benchmarks.large_systems import LargeSystem, load_large_systems
from skdyn.benchmarks.limited import LimitedCalls
from skdyn.benchmarks.options import add_jobs, add_settings, chosen, write_cases
from skdyn.benchmarks.protocol import Setting, corrupt
from skdyn.data.trajectories import Trajectories

ANSWERED, REFUSED, SLOW = "answered", "refused", "slow"
_TESTS = 2
_VALID = 0.4  # standard deviations
_WORST = 1e3  # what larger errors of the field, and failures, count as in the comparison


class Job(NamedTuple):
    """One context and the recordings to be foretold."""

    system: LargeSystem
    setting: Setting
    seed: int
    observed: Trajectories
    times: np.ndarray
    tests: np.ndarray


class Result(NamedTuple):
    """Errors of one estimate; None where there is none, and then why."""

    estimator: str
    system: str
    dim: int
    sigma: float
    rho: float
    seed: int
    field_error: float | None
    valid: float | None
    fit_seconds: float
    outcome: str
    reason: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_estimators(parser)
    names = [system.name for system in load_large_systems()]
    parser.add_argument("--systems", default=",".join(names), help="separated by commas (default: %(default)s)")
    add_settings(parser, Setting, "noise and share of dropped points, each as sigma,rho (default: 0,0 .05,0)")
    parser.add_argument("--seeds", default="0,1,2", help="of states and noise, by commas (default: %(default)s)")
    parser.add_argument("--trajectories", type=int, default=3, help="recordings of a context (default: %(default)s)")
    parser.add_argument("--points", type=int, default=100, help="points of a recording (default: %(default)s)")
    add_jobs(parser)
    parser.add_argument(
        "--limit", type=float, help="most seconds of a fit and its tests, one at a time (default: none)"
    )
    parser.add_argument("--json", type=Path, help="write every case")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    estimators = estimators_of(options)
    reference = reference_of(options, list(estimators))
    settings = options.settings or [Setting(0, 0), Setting(0.05, 0)]
    jobs = [
        make_job(system, setting, int(seed), options.trajectories, options.points)
        for system in chosen(options.systems, load_large_systems())
        for setting in settings
        for seed in options.seeds.split(",")
    ]
    calls = [(name, estimator, job) for job in jobs for name, estimator in estimators.items()]
    solved = _limited(calls, options.limit) if options.limit else _spread(calls, options.jobs)
    results = list(tqdm(solved, total=len(calls), desc="large", unit="fit"))
    print_tables(results, settings)
    print_comparison(results, settings, reference)
    print_reasons((result.estimator, result.reason) for result in results)
    if options.json:
        about = {name: getattr(options, name) for name in ("params", "trajectories", "points", "limit")}
        write_cases(options.json, (result._asdict() for result in results), **about)
    return 0


def make_job(system: LargeSystem, setting: Setting, seed: int, trajectories: int, points: int) -> Job:
    """Simulate a system: the same recordings for every setting, the same noise for every estimator."""
    rng = np.random.default_rng([seed, zlib.crc32(system.name.encode())])
    times = np.linspace(0.0, system.duration, points)
    paths = [_record(system, times, rng) for _ in range(trajectories + _TESTS)]
    noise = np.random.default_rng([seed, round(1000 * setting.sigma), round(1000 * setting.rho)])
    corrupted = [corrupt(path, *setting, noise) for path in paths[_TESTS:]]
    observed = Trajectories([(times[kept], noisy) for kept, noisy in corrupted])
    return Job(system, setting, seed, observed, times, np.stack(paths[:_TESTS]))


def _record(system: LargeSystem, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    ends = (0.0, system.transient + times[-1])
    options = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-11}
    solution = solve_ivp(
        lambda _, x: system.field(x), ends, system.start(rng), t_eval=system.transient + times, **options
    )
    if not solution.success:
        raise RuntimeError(f"{system.name}: {solution.message}")
    return solution.y.T


def _limited(calls: list[tuple[str, Any, Job]], seconds: float) -> Iterator[Result]:
    """Results of fits one by one, each with so many seconds."""
    limited = LimitedCalls(seconds)
    for name, estimator, job in calls:
        try:
            yield limited(solve, name, estimator, job)
        except TimeoutError as error:
            yield _result(name, job, None, None, seconds, SLOW, str(error))
    limited.close()


def _spread(calls: list[tuple[str, Any, Job]], n_jobs: int | None) -> Iterator[Result]:
    """Results of fits that so many processes share."""
    yield from Parallel(n_jobs, return_as="generator")(delayed(solve)(*call) for call in calls)


def solve(name: str, estimator: Any, job: Job) -> Result:
    """Fit a context, and compare field and simulations with the tests."""
    fitted, refusal, seconds = fit(estimator, job.observed)
    if refusal:
        return _result(name, job, None, None, seconds, REFUSED, refusal)
    return _result(name, job, *errors(fitted, job), seconds)


def errors(fitted: Any, job: Job) -> tuple[float, float]:
    """The error of a fitted estimator's field, and the share of the test paths that its simulations follow."""
    paths = simulate(fitted, job.tests[:, 0], job.times)
    valid = float(np.mean([valid_share(path, test) for path, test in zip(paths, job.tests, strict=True)]))
    return field_error(fitted.vector_field, job), valid


def field_error(field: Callable[[np.ndarray], np.ndarray], job: Job) -> float:
    """Root mean square of the error on the test paths over that of the true field, a mean square over variables."""
    truth = job.system.field(job.tests).reshape(-1, job.system.dim)
    try:
        found = field(job.tests.reshape(-1, job.system.dim))
    except ValueError:  # too far from the data to be computed
        return np.inf
    return float(np.sqrt(np.mean(np.square(found - truth).mean(axis=0) / np.square(truth).mean(axis=0))))


def valid_share(path: np.ndarray, test: np.ndarray) -> float:
    """Share of the points (L, D) before the first whose error is larger than 0.4 standard deviations, or not finite."""
    with np.errstate(all="ignore"):
        error = np.sqrt(np.square((path - test) / test.std(axis=0)).mean(axis=1))
    wrong = ~(error <= _VALID)
    return float(wrong.argmax() / len(wrong)) if wrong.any() else 1.0


def _result(
    name: str,
    job: Job,
    error: float | None,
    valid: float | None,
    seconds: float,
    outcome: str = ANSWERED,
    reason: str = "",
) -> Result:
    system = job.system
    return Result(name, system.name, system.dim, *job.setting, job.seed, error, valid, seconds, outcome, reason)


def print_tables(results: list[Result], settings: list[Setting]) -> None:
    """Print medians over seeds, a table a setting and measure, then seconds."""
    columns = list(dict.fromkeys(result.estimator for result in results))
    for setting in settings:
        chosen = [result for result in results if (result.sigma, result.rho) == setting]
        for title, measure in (("relative error of the field", "field_error"), ("valid share of a path", "valid")):
            _print_table(f"{title}, noise {setting.sigma:g}, dropped {setting.rho:g}", chosen, columns, measure)
    _print_table("seconds a fit, all settings", results, columns, "fit_seconds")


def _print_table(title: str, results: list[Result], columns: list[str], measure: str) -> None:
    found: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        found[result.system, result.estimator].append(result)
    print(f"\n{title}: medians over {len({result.seed for result in results})} seeds")
    print(f"{'':18}" + "".join(f"{name:>16}" for name in columns))
    for system in dict.fromkeys(result.system for result in results):
        print(f"{system:18}" + "".join(_median(found[system, name], measure) for name in columns))


def _median(results: list[Result], measure: str) -> str:
    """Median over the answers, and how many there are of how many where some are missing."""
    answers = [getattr(result, measure) for result in results if result.outcome == ANSWERED]
    if not answers:
        return cell(results[0].outcome, 16)
    count = "" if len(answers) == len(results) else f" ({len(answers)}/{len(results)})"
    return cell(cell(float(np.median(answers)), 0) + count, 16)


def print_comparison(results: list[Result], settings: list[Setting], reference: str) -> None:
    """Print, for each setting, paired ratios of errors and differences of valid shares; intervals resample systems."""
    for setting in settings:
        errors: dict[str, dict[Any, float]] = {result.estimator: {} for result in results}
        valid: dict[str, dict[Any, float]] = {result.estimator: {} for result in results}
        for result in results:
            if (result.sigma, result.rho) == setting and result.field_error is not None and result.valid is not None:
                errors[result.estimator][result.system, result.seed] = result.field_error
                valid[result.estimator][result.system, result.seed] = result.valid
        systems = {case: case[0] for row in errors.values() for case in row}
        label = f"noise {setting.sigma:g}, dropped {setting.rho:g}"
        print(
            f"\n{label}: errors of the field over those of {reference}, geometric means; 95% intervals resample systems"
        )
        print_ratios(errors, reference, systems, _WORST)
        print(f"valid share less that of {reference}, in points of a path")
        for row in errors:
            cases = [case for case in valid[reference] if case in valid[row]]
            if row != reference and cases:
                points = [100.0 * (valid[row][case] - valid[reference][case]) for case in cases]
                rng = np.random.default_rng(0)
                interval = bootstrap_interval(points, [case[0] for case in cases], rng=rng)
                print(f"  {row}: {interval.estimate:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}] of {len(cases)}")
