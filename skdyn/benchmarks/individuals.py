"""Individuals that differ, with and without what they differ by: ``python -m skdyn.benchmarks individuals``.

A dozen individuals are measured at fifteen times, clean or with relative noise; others are simulated from their true
first states. An estimator is fitted twice, with the covariate as a parameter and without. The error of a case is the
root mean square over held-out individuals of their errors, each variable in standard deviations over all of them.
``--real`` runs the recorded tables of `skdyn.benchmarks.individuals_real` instead.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from skdyn.benchmarks import individuals_real
from skdyn.benchmarks.fields import (
    Fit,
    add_estimators,
    cell,
    estimators_of,
    fit,
    print_ratios,
    print_reasons,
    reference_of,
    simulate,
)
from skdyn.benchmarks.individual_systems import SYSTEMS, IndividualSystem
from skdyn.benchmarks.options import add_jobs, chosen, write_cases
from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory

_FITTED, _TESTED, _POINTS = 12, 8, 15
_FAILED = 10.0
"""Standard deviations that an individual's error counts as at most: so much where the simulation diverges."""
_WORST = 1e3
WITH, WITHOUT = "with", "without"


class Job(NamedTuple):
    """The individuals of one system: measured ones, and the exact paths of others."""

    system: IndividualSystem
    noise: float
    seed: int
    times: np.ndarray
    covariates: np.ndarray
    measured: np.ndarray
    others: np.ndarray
    paths: np.ndarray


class Result(NamedTuple):
    """The error of one fit; None where an estimator refuses, and then why."""

    estimator: str
    covariate: str
    system: str
    noise: float
    seed: int
    error: float | None
    fit_seconds: float
    reason: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_estimators(parser)
    parser.add_argument("--real", action="store_true", help="recorded individuals in place of simulated ones")
    names = [system.name for system in SYSTEMS]
    parser.add_argument("--systems", default=",".join(names), help="separated by commas (default: %(default)s)")
    parser.add_argument("--noises", default="0,.05", help="relative, separated by commas (default: %(default)s)")
    parser.add_argument("--seeds", default="0,1,2", help="of individuals and noise (default: %(default)s)")
    add_jobs(parser)
    parser.add_argument("--json", type=Path, help="write every case")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    estimators = estimators_of(options)
    if options.real:
        return individuals_real.run(estimators, options.jobs, options.json)
    reference = reference_of(options, list(estimators))
    noises = [float(text) for text in options.noises.split(",")]
    jobs = [
        make_job(system, noise, int(seed))
        for system in chosen(options.systems, SYSTEMS)
        for noise in noises
        for seed in options.seeds.split(",")
    ]
    calls = [
        delayed(solve)(name, estimator, job, covariate)
        for job in jobs
        for name, estimator in estimators.items()
        for covariate in (WITH, WITHOUT)
    ]
    results = list(
        tqdm(Parallel(options.jobs, return_as="generator")(calls), total=len(calls), desc="individuals", unit="fit")
    )
    for noise in noises:
        print_tables([result for result in results if result.noise == noise], noise, reference)
    print_reasons((result.estimator, result.reason) for result in results)
    if options.json:
        write_cases(options.json, (result._asdict() for result in results), params=options.params)
    return 0


def make_job(system: IndividualSystem, noise: float, seed: int) -> Job:
    """Draw individuals, the same for every noise and estimator."""
    rng = np.random.default_rng([seed, zlib.crc32(system.name.encode())])
    times = np.linspace(0.0, system.duration, _POINTS)
    drawn = [system.draw(rng) for _ in range(_FITTED + _TESTED)]
    covariates = np.array([covariate for covariate, _ in drawn])
    paths = np.stack([system.path(covariate, state, times) for covariate, state in drawn])
    measured = paths[:_FITTED] * (1.0 + noise * rng.normal(size=paths[:_FITTED].shape))
    return Job(system, noise, seed, times, covariates[:_FITTED], measured, covariates[_FITTED:], paths[_FITTED:])


def context_of(job: Job, covariate: str) -> Trajectories:
    """The measured individuals, with or without what they differ by."""
    if covariate == WITHOUT:
        return Trajectories([Trajectory(job.times, x) for x in job.measured])
    names = [job.system.covariate]
    return Trajectories(
        [
            Trajectory(job.times, x, p=value, parameter_names=names)
            for value, x in zip(job.covariates, job.measured, strict=True)
        ]
    )


def solve(name: str, estimator: Any, job: Job, covariate: str) -> Result:
    """Fit the measured individuals and simulate the others."""
    fitted = fit(estimator, context_of(job, covariate))
    error = None if fitted.refusal else held_out_error(fitted, job, covariate)
    return Result(name, covariate, job.system.name, job.noise, job.seed, error, fitted.seconds, fitted.refusal)


def held_out_error(fitted: Fit, job: Job, covariate: str) -> float:
    """Root mean square over individuals; see the module."""
    given = {"parameters": job.others[:, None]} if covariate == WITH else {}
    found = simulate(fitted.estimator, job.paths[:, 0], job.times, **given)
    scale = job.paths.reshape(-1, job.paths.shape[-1]).std(axis=0)
    with np.errstate(all="ignore"):
        errors = np.sqrt(np.mean(np.square((found - job.paths) / scale), axis=(1, 2)))
    return float(np.sqrt(np.mean(np.square(np.minimum(np.nan_to_num(errors, nan=_FAILED), _FAILED)))))


def print_tables(results: list[Result], noise: float, reference: str) -> None:
    """Print errors by system, how much the covariate helps, and estimators beside each other."""
    names = list(dict.fromkeys(result.estimator for result in results))
    seeds = len({result.seed for result in results})
    print(
        f"\nnoise {noise:g}: errors on held-out individuals, with the covariate / without; medians over {seeds} seeds"
    )
    print(f"{'':14}" + "".join(f"{name:>22}" for name in names))
    for system in dict.fromkeys(result.system for result in results):
        cells = [
            " / ".join(_median(results, name, covariate, system) for covariate in (WITH, WITHOUT)) for name in names
        ]
        print(f"{system:14}" + "".join(f"{text:>22}" for text in cells))
    print("errors with the covariate over those without, geometric means; 95% intervals resample systems")
    for name in names:
        rows = {covariate: _errors(results, name, covariate) for covariate in (WITHOUT, WITH)}
        print_ratios({WITHOUT: rows[WITHOUT], name: rows[WITH]}, WITHOUT, _systems(rows[WITHOUT]), _WORST)
    print(f"errors with the covariate over those of {reference}")
    rows = {name: _errors(results, name, WITH) for name in names}
    print_ratios(rows, reference, _systems(rows[reference]), _WORST)
    print("seconds a fit: " + ", ".join(f"{name} {_seconds(results, name):.2f}" for name in names))


def _errors(results: list[Result], name: str, covariate: str) -> dict[Any, float]:
    return {
        (result.system, result.seed): result.error
        for result in results
        if (result.estimator, result.covariate) == (name, covariate) and result.error is not None
    }


def _systems(errors: dict[Any, float]) -> dict[Any, str]:
    return {case: case[0] for case in errors}


def _median(results: list[Result], name: str, covariate: str, system: str) -> str:
    found = [error for (own, _), error in _errors(results, name, covariate).items() if own == system]
    return cell(float(np.median(found)) if found else "refused", 0)


def _seconds(results: list[Result], name: str) -> float:
    return float(np.mean([result.fit_seconds for result in results if result.estimator == name]))
