"""Several estimators of vector fields side by side: their names, fits that may be refused, and paired ratios."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from skdyn.benchmarks.comparison import bootstrap_interval
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._dynamics import BaseDynamicsEstimator
from skdyn.estimators.registry import get_estimator, list_estimators, make_estimator
from skdyn.exceptions import SkdynError, silenced


class Fit(NamedTuple):
    """A fitted estimator, or why it refused the context; and the seconds of either."""

    estimator: Any
    refusal: str
    seconds: float


def add_estimators(parser: argparse.ArgumentParser, reference: str = "sindy-tuned if it runs, or the first") -> None:
    """Declare which estimators are judged; ``reference`` says in words which one the others are compared with."""
    parser.add_argument(
        "--estimators",
        help="registered names, separated by commas, each with the value of refine after a colon where it has one: "
        "fim-ode,fim-ode:sparse,sparse-ode (default: fim-ode in its three ways and every other estimator of an ODE)",
    )
    parser.add_argument("--reference", help=f"the row that all others are compared with (default: {reference})")
    parser.add_argument(
        "--params", type=json.loads, default={}, help='parameters as JSON, by registered name: {"fim-ode": {...}}'
    )


def estimators_of(options: argparse.Namespace) -> dict[str, Any]:
    """The estimators that the options name, not fitted, under the names of their rows."""
    names = options.estimators.split(",") if options.estimators else default_names()
    unknown = set(options.params) - {name.partition(":")[0] for name in names}
    if unknown:
        raise ValueError(f"--params: {sorted(unknown)[0]!r} is none of the estimators {','.join(names)}")
    return {name: _estimator(name, options.params) for name in names}


def default_names() -> list[str]:
    """FIM-ODE as it is and refined, and every other registered estimator of an ODE."""
    others = [name for name in list_estimators() if issubclass(get_estimator(name), BaseDynamicsEstimator)]
    return ["fim-ode", "fim-ode:sparse", "fim-ode:auto", *(name for name in others if name != "fim-ode")]


def reference_of(options: argparse.Namespace, rows: Sequence[str], preferred: str = "sindy-tuned") -> str:
    """The row that all others are compared with: the one asked for, else ``preferred`` if it runs, or the first."""
    if options.reference is None:
        return preferred if preferred in rows else rows[0]
    if options.reference not in rows:
        raise ValueError(f"--reference: {options.reference!r} is none of the rows {','.join(rows)}")
    return options.reference


def _estimator(name: str, params: Mapping[str, dict[str, Any]]) -> Any:
    registered, _, refine = name.partition(":")
    if not issubclass(get_estimator(registered), BaseDynamicsEstimator):
        raise ValueError(f"--estimators: {registered!r} is not an estimator of an ODE: choose among {default_names()}")
    return make_estimator(registered, **params.get(registered, {}), **({"refine": refine} if refine else {}))


def attempt(build: Callable[[], Any]) -> Fit:
    """Time a fit; what an estimator refuses is an answer too."""
    start = time.perf_counter()
    try:
        with silenced(UserWarning):
            fitted = build()
    except (SkdynError, ValueError) as error:
        return Fit(None, str(error) or type(error).__name__, time.perf_counter() - start)
    return Fit(fitted, "", time.perf_counter() - start)


def fit(estimator: Any, context: Trajectories) -> Fit:
    """Fit a copy of an estimator to a context."""
    return attempt(lambda: clone(estimator).fit(context))


def simulate(estimator: Any, starts: np.ndarray, times: np.ndarray, **given: Any) -> np.ndarray:
    """Paths (N, L, D) of a fitted estimator under what it is given; NaN from where one diverges."""
    with silenced(UserWarning), np.errstate(all="ignore"):
        return estimator.simulate(starts, times, **given)


def cell(value: float | str, width: int, digits: int = 3) -> str:
    """A number of a table, or why there is none; what is not finite diverged."""
    text = value if isinstance(value, str) else f"{value:.{digits}g}" if np.isfinite(value) else "diverged"
    return f"{text:>{width}}"


def print_reasons(reasons: Iterable[tuple[str, str]]) -> None:
    """Print once what each row said where it gave no answer, from pairs of the row and its reason or an empty text."""
    for name, reason in dict.fromkeys(pair for pair in reasons if pair[1]):
        print(f"{name} gave no answer: {reason}")


def print_ratios(
    errors: Mapping[str, Mapping[Any, float]], reference: str, systems: Mapping[Any, str], worst: float
) -> None:
    """Print geometric means of every row's errors over those of the reference, on the cases that both answered.

    Parameters
    ----------
    errors : mapping of row to mapping of case to error
        A case that a row refused is left out; one that it failed is infinite or NaN.
    reference : str
        One of the rows.
    systems : mapping of case to the system that intervals resample
    worst : float
        What larger errors, and failures, count as; smaller ones than its inverse count as that.
    """
    for row in errors:
        cases = [case for case in errors[reference] if case in errors[row]]
        if row == reference:
            continue
        if not cases:
            print(f"  {row}: no case that both answered")
            continue
        ours, theirs = (_log([errors[name][case] for case in cases], worst) for name in (row, reference))
        interval = bootstrap_interval(ours - theirs, [systems[case] for case in cases], rng=np.random.default_rng(0))
        ratio, low, high = np.exp(interval)
        print(
            f"  {row}: {ratio:.3g} [{low:.3g}, {high:.3g}]; lower in {int((ours < theirs).sum())}, higher in "
            f"{int((ours > theirs).sum())} of {len(cases)}"
        )


def _log(values: Sequence[float], worst: float) -> np.ndarray:
    return np.log(np.clip(np.nan_to_num(np.array(values), nan=np.inf, posinf=np.inf), 1 / worst, worst))
