"""Van der Pol, FitzHugh-Nagumo and human motion: ``python -m skdyn.benchmarks classic``.

Small tasks that methods for a single data set are measured on: continue an oscillator, fill a missing quadrant,
continue a walk in a few principal components. Conventions are in `skdyn.benchmarks.classic_tasks`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from skdyn.benchmarks.classic_tasks import MOTION, MSE, PUBLISHED, TASKS, Task, make_task
from skdyn.benchmarks.fields import (
    Fit,
    add_estimators,
    attempt,
    cell,
    estimators_of,
    fit,
    print_ratios,
    print_reasons,
    reference_of,
    simulate,
)
from skdyn.benchmarks.options import write_cases

ADAPTED = "fim-ode:adapted"
_LABEL = 30  # width of the rows' names
_WORST = 1e4  # what larger errors, and failures, count as in the comparison


class Result(NamedTuple):
    """One mean square error; infinite where a path diverged, None where the estimator refused the context."""

    estimator: str
    task: str
    source: str
    measure: str
    mse: float | None
    fit_seconds: float
    refusal: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_estimators(parser)
    parser.add_argument("--tasks", default=",".join(TASKS), help="separated by commas (default: %(default)s)")
    parser.add_argument(
        "--components",
        default="3",
        help="principal components of motion capture, up to 5, separated by commas (default: %(default)s)",
    )
    parser.add_argument(
        "--adapt", metavar="SEEDS", help=f"also rows {ADAPTED!r}: an adapter trained on each context, with these seeds"
    )
    parser.add_argument("--json", type=Path, help="write every case")


def run(options: argparse.Namespace) -> int:
    """Run the benchmark and print its tables."""
    estimators = estimators_of(options)
    reference = reference_of(options, list(estimators))
    seeds = [int(seed) for seed in options.adapt.split(",")] if options.adapt else []
    tasks = make_tasks(options.tasks.split(","), [int(count) for count in options.components.split(",")])
    results: list[Result] = []
    with tqdm(total=len(tasks) * (len(estimators) + len(seeds)), desc="classic", unit="fit") as bar:
        for task in tasks:
            for name, estimator in estimators.items():
                results += _judge(name, fit(estimator, task.context), task)
                bar.update()
            for seed in seeds:
                results += _adapted(options.params.get("fim-ode", {}), task, seed)
                bar.update()
    print_tables(results, tasks)
    print_comparison(results, reference)
    if options.json:
        write_cases(options.json, (result._asdict() for result in results), params=options.params)
    return 0


def make_tasks(names: list[str], components: list[int]) -> list[Task]:
    """Tasks by name, those of motion capture once for each number of components."""
    counts = {name: components if name in MOTION else components[:1] for name in names}
    return [make_task(name, count) for name in names for count in counts[name]]


def _judge(name: str, answer: Fit, task: Task) -> list[Result]:
    paths = np.full((len(task.starts), len(task.times), task.context.n_features), np.nan)
    if not answer.refusal:
        paths = simulate(answer.estimator, task.starts, task.times)
    return [
        Result(name, task.name, task.source, measure, None if answer.refusal else mse, answer.seconds, answer.refusal)
        for measure, mse in task.measure(paths).items()
    ]


def _adapted(params: dict[str, Any], task: Task, seed: int) -> list[Result]:
    from skdyn.adaptation import adapt  # it loads torch
    from skdyn.estimators._fim_ode import FIMODERegressor

    with tempfile.TemporaryDirectory() as folder:

        def build() -> FIMODERegressor:
            adapt(params.get("model", "fim-ode"), task.context, seed=seed).save(folder)
            return FIMODERegressor(**params, adapter=folder).fit(task.context)

        return _judge(f"{ADAPTED}, seed {seed}", attempt(build), task)


def print_tables(results: list[Result], tasks: list[Task]) -> None:
    """Print a table a measure, with published rows below and seconds at the end."""
    found = {(result.estimator, result.task, result.measure): result for result in results}
    rows = list(dict.fromkeys(result.estimator for result in results))
    for measure in dict.fromkeys(result.measure for result in results):
        columns = [task for task in tasks if (rows[0], task.name, measure) in found]
        for block in (columns[i : i + 6] for i in range(0, len(columns), 6)):
            widths = [max(10, len(task.name) + 2) for task in block]
            print(f"\n{measure:{_LABEL}}" + "".join(f"{task.name:>{w}}" for task, w in zip(block, widths, strict=True)))
            for row in rows:
                errors = ["refused" if (mse := found[row, task.name, measure].mse) is None else mse for task in block]
                cells = (cell(error, width) for error, width in zip(errors, widths, strict=True))
                print(f"{row:{_LABEL}}" + "".join(cells))
            if measure == MSE:
                _print_others(block, widths)
    print("\nSeconds a fit: mean, largest")
    for row in rows:
        seconds = [found[row, task.name, MSE].fit_seconds for task in tasks if not found[row, task.name, MSE].refusal]
        if seconds:
            print(f"{row:{_LABEL}}{np.mean(seconds):9.2f}{np.max(seconds):9.2f}")
    print_reasons((result.estimator, result.refusal) for result in results)


def _print_others(tasks: list[Task], widths: list[int]) -> None:
    """Print what is known of these tasks: the least error that components allow, and published errors."""
    known: dict[str, dict[str, float]] = defaultdict(dict)
    for task in tasks:
        if task.floor is not None:
            known["projection alone"][task.name] = task.floor
    for row in PUBLISHED:
        known[f"published {row.method}"][row.task] = row.mse
    for label, values in known.items():
        cells = [f"{values[task.name]:.3g}" if task.name in values else "" for task in tasks]
        if any(cells):
            print(f"{label:{_LABEL}}" + "".join(f"{text:>{w}}" for text, w in zip(cells, widths, strict=True)))


def print_comparison(results: list[Result], reference: str) -> None:
    """Print ratios of every row's errors to the reference's; intervals resample the data sets."""
    errors: dict[str, dict[str, float]] = {result.estimator: {} for result in results}
    for result in results:
        if result.measure == MSE and result.mse is not None:
            errors[result.estimator][result.task] = result.mse
    sources = {result.task: result.source for result in results}
    count = len(set(sources.values()))
    print(f"\nErrors over those of {reference}, geometric means over tasks; 95% intervals resample {count} data sets")
    print_ratios(errors, reference, sources, _WORST)
