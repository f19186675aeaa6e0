"""``skdyn adapt``: from a CSV file to an adapter of a pretrained model."""

from __future__ import annotations

import argparse
import os
from typing import Any

from skdyn.cli.answer import Answer, add_json_option
from skdyn.cli.data_options import add_data_options, read_data
from skdyn.cli.estimator_options import MODEL_HELP
from skdyn.cli.usage import at_least, place

_ESTIMATORS = {"ode": "FIMODERegressor", "sde": "FIMSDERegressor", "forecast": "LASSODEForecaster"}


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    adapt = commands.add_parser("adapt", help="adapt a pretrained model to a CSV file of trajectories")
    add_data_options(adapt)
    adapt.add_argument("--model", default="fim-ode", help=f"{MODEL_HELP} (default: %(default)s)")
    adapt.add_argument("--out", type=place, required=True, help="folder of the adapter")
    adapt.add_argument("--rank", type=at_least(1), default=8, help="of the updates (default: %(default)s)")
    adapt.add_argument("--steps", type=at_least(1), default=60,
                       help="most steps, of a forecaster most epochs (default: %(default)s)")  # fmt: skip
    adapt.add_argument("--seed", type=at_least(0), default=0, help="(default: %(default)s)")
    add_json_option(adapt)
    adapt.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, save and print; returns the exit code."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the products are too small to share, and a seed then means the same on every machine
    try:
        return _run(options)
    finally:
        torch.set_num_threads(threads)


def _run(options: argparse.Namespace) -> int:
    from skdyn.adaptation import adapt
    from skdyn.cli.outputs import check_folder
    from skdyn.models.weights import load_model

    answer = Answer(options.json)
    check_folder(options.out)
    table = read_data(options)
    table.describe(answer)
    model = load_model(options.model)
    kind = model.spec.kind
    changes = {"rank": options.rank, "epochs" if kind == "forecast" else "steps": options.steps, "seed": options.seed}
    result = adapt(model, table.trajectories, progress=True, **changes)
    result.save(options.out)
    held_out, estimator = result.record["held_out_error"], _ESTIMATORS[kind]
    answer.say(
        f"{result.record['steps']} steps in {result.record['seconds']} s",
        f"{result.record['held_out_is']}: {held_out['start']:.4g} -> {held_out['chosen']:.4g}",
    )
    if result.record["steps"] == 0:
        answer.say("Every step made it worse: the adapter changes nothing.")
    answer.say(f"{estimator}(model={options.model!r}, adapter={os.fspath(options.out)!r})")
    answer.keep(estimator=estimator, model=options.model, adapter=os.fspath(options.out), training=result.record)
    return answer.finish()
