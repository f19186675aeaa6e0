"""``skdyn adapt``: from a CSV file to an adapter of a pretrained model."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skdyn.cli.data_options import MODEL_HELP, add_data_options, read_data

_ESTIMATORS = {"ode": "FIMODERegressor", "sde": "FIMSDERegressor", "forecast": "LASSODEForecaster"}


def declare(commands: Any) -> None:
    """Add the command to the parser."""
    adapt = commands.add_parser("adapt", help="adapt a pretrained model to a CSV file of trajectories")
    add_data_options(adapt)
    adapt.add_argument("--model", default="fim-ode", help=f"{MODEL_HELP} (default: %(default)s)")
    adapt.add_argument("--out", type=Path, required=True, help="folder of the adapter")
    adapt.add_argument("--rank", type=_at_least(1), default=8, help="of the updates (default: %(default)s)")
    adapt.add_argument("--steps", type=_at_least(1), default=60,
                       help="most steps, of a forecaster most epochs (default: %(default)s)")  # fmt: skip
    adapt.add_argument("--seed", type=_at_least(0), default=0, help="(default: %(default)s)")
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
    from skdyn.models.weights import load_model

    trajectories = read_data(options)
    model = load_model(options.model)
    kind = model.spec.kind
    changes = {"rank": options.rank, "epochs" if kind == "forecast" else "steps": options.steps, "seed": options.seed}
    result = adapt(model, trajectories, progress=True, **changes)
    result.save(options.out)
    held_out = result.record["held_out_error"]
    print(f"{trajectories!r} from {options.data}: {result.record['steps']} steps in {result.record['seconds']} s")
    print(f"{result.record['held_out_is']}: {held_out['start']:.4g} -> {held_out['chosen']:.4g}")
    if result.record["steps"] == 0:
        print("Every step made it worse: the adapter changes nothing.")
    print(f"{_ESTIMATORS[kind]}(model={options.model!r}, adapter={os.fspath(options.out)!r})")
    return 0


def _at_least(low: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if (value := int(text)) < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, got {value}")
        return value

    return whole_number
