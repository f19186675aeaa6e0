"""Options and files that several benchmarks share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from skdyn import __version__
from skdyn.estimators.registry import make_estimator

T = TypeVar("T")


def add_estimator(parser: argparse.ArgumentParser) -> None:
    """Declare the name and the parameters of the estimator that is judged."""
    parser.add_argument("--estimator", default="fim-ode", help="registered name (default: %(default)s)")
    parser.add_argument("--params", type=json.loads, default={}, help="the estimator's parameters as JSON")
    parser.add_argument("--refine", choices=("sparse", "auto"), help="shorthand for the parameter of fim-ode")


def estimator_of(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The estimator that the options name, not fitted, and the parameters that they give."""
    params = options.params | ({"refine": options.refine} if options.refine else {})
    return make_estimator(options.estimator, **params), params


def add_jobs(parser: argparse.ArgumentParser, what: str = "the contexts") -> None:
    """Declare how many processes share the work."""
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help=f"processes that share {what}, -1 for all cores (default: as joblib has it)",
    )


def add_settings(parser: argparse.ArgumentParser, kind: Callable[[float, float], T], help: str) -> None:
    """Declare how contexts are corrupted: pairs of numbers, each made a setting."""

    def setting(text: str) -> T:
        noise, dropped = text.split(",")
        return kind(float(noise), float(dropped))

    parser.add_argument("--settings", nargs="+", type=setting, help=help)


def write_cases(path: Path, cases: Iterable[dict[str, Any]], **about: Any) -> None:
    """Write every case as JSON, with skdyn's version and what else there is to know about the run."""
    path.write_text(json.dumps({"skdyn": __version__, **about, "cases": list(cases)}), encoding="utf-8")
    print(f"Cases written to {path}")


def chosen(names: str, items: Iterable[T], option: str = "--systems") -> list[T]:
    """The items, each with a ``name``, that an option lists between commas."""
    known = {item.name: item for item in items}  # type: ignore[attr-defined]
    for name in names.split(","):
        if name not in known:
            raise ValueError(f"{option}: expected some of {','.join(known)}, got {name!r}")
    return [known[name] for name in names.split(",")]
