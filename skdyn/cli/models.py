"""``skdyn models``: what is registered."""

from __future__ import annotations

import argparse
from typing import Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.exceptions import SkdynError


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    models = commands.add_parser("models", help="list the models and estimators that are registered")
    add_json_option(models)
    models.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the names, and what is wrong with any; returns the exit code."""
    from skdyn import list_estimators, list_models
    from skdyn.plugins import get_estimator, get_model

    answer = Answer(options.json)
    listed: dict[str, list[dict[str, str]]] = {"models": [], "estimators": []}
    for kind, names in (("models", list_models()), ("estimators", list_estimators())):
        answer.say(f"{kind.capitalize()}:")
        for name in names:
            try:
                if kind == "models":
                    spec = get_model(name)
                    facts = {"summary": spec.summary, "weights": str(spec.location)}
                    answer.say(f"  {name:24} {spec.summary}; weights: {spec.location}")
                else:
                    facts = {"class": get_estimator(name).__name__}
                    answer.say(f"  {name:24} {facts['class']}")
            except SkdynError as error:
                facts = {"broken": str(error)}
                answer.say(f"  {name:24} broken: {error}")
            listed[kind].append({"name": name, **facts})
    answer.keep(**listed)
    return answer.finish()
