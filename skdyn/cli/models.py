"""``skdyn models``: what is registered."""

from __future__ import annotations

import argparse
from typing import Any

from skdyn.exceptions import SkdynError


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    models = commands.add_parser("models", help="list the models and estimators that are registered")
    models.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the names, and what is wrong with any; returns the exit code."""
    from skdyn import list_estimators, list_models
    from skdyn.plugins import get_estimator, get_model

    for title, names in (("Models", list_models()), ("Estimators", list_estimators())):
        print(f"{title}:")
        for name in names:
            try:
                if title == "Models":
                    spec = get_model(name)
                    print(f"  {name:24} {spec.summary}; weights: {spec.location}")
                else:
                    print(f"  {name:24} {get_estimator(name).__name__}")
            except SkdynError as error:
                print(f"  {name:24} broken: {error}")
    return 0
