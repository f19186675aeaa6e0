"""The options of benchmarks that judge one registered estimator."""

from __future__ import annotations

import argparse
import json
from typing import Any

from skdyn.estimators.registry import make_estimator


def add_estimator(parser: argparse.ArgumentParser) -> None:
    """Declare its name and parameters."""
    parser.add_argument("--estimator", default="fim-ode", help="registered name (default: %(default)s)")
    parser.add_argument("--params", type=json.loads, default={}, help="the estimator's parameters as JSON")
    parser.add_argument("--refine", choices=("sparse", "auto"), help="shorthand for the parameter of fim-ode")


def estimator_of(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The estimator that the options name, not fitted, and the parameters that they give."""
    params = options.params | ({"refine": options.refine} if options.refine else {})
    return make_estimator(options.estimator, **params), params
