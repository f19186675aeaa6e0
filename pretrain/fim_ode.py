"""Pretrain FIM-ODE: ``python -m pretrain.fim_ode --preset tiny --minutes 1 --out runs/check``.

Systems are drawn from a prior and simulated on the device while the network trains; there is no data set. A run lives
in one folder and can be cut at any moment: ``--resume`` continues it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pretrain.ode.presets import PRESETS, Preset
from pretrain.ode.task import FIMODETask, Part, dry_run
from pretrain.priors import PRIORS, prior_weights
from pretrain.run.distributed import device_asked
from pretrain.run.recipe import check_options, command_line, run_from_command_line, run_recipe

COMPILE_FROM = {"cuda": 600.0, "cpu": 1800.0, "mps": 1800.0}
"""Seconds of budget from which compiling is repaid, by device; without a GPU it compiles the simulator only."""


def make_task(
    preset: Preset,
    minutes: float,
    seed: int,
    device: torch.device,
    rank: int,
    initial: Path | None = None,
    part: Part = "all",
) -> FIMODETask:
    """The task of a run of so many minutes, which decide whether compiling is repaid."""
    compiled = minutes * 60 >= COMPILE_FROM.get(device.type, math.inf)
    return FIMODETask(preset, seed, device, rank, initial, compiled, part)


def train(preset: Preset, out: Path, minutes: float, seed: int = 0, **options: Any) -> str:
    """Run a recipe on data of ``seed``; see `pretrain.run.recipe.run_recipe` for the other options."""
    return run_recipe(partial(make_task, preset, minutes, seed), preset, out, minutes, **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line("pretrain.fim_ode", __doc__, PRESETS)
    parser.add_argument("--prior", help=f"instead of the preset's: {', '.join(PRIORS)}, or family=weight,family=weight")
    parser.add_argument(
        "--train",
        choices=("all", "arbiter", "network"),
        default="all",
        help="the arbiter alone over a network that stays as --initial gave it, that network alone, or all together "
        "(default)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print sizes and expected steps, and stop")
    options = parser.parse_args(arguments)
    preset = PRESETS[options.preset]
    if options.prior:
        try:
            prior_weights(options.prior)
        except ValueError as error:
            parser.error(str(error))
        preset = dataclasses.replace(preset, prior=options.prior)
    if options.dry_run:
        for name, value in dry_run(preset, options.minutes, device_asked(parser, options.device)).items():
            print(f"{name:<20} {value:,.4g}" if value < 1000 else f"{name:<20} {value:,.0f}")
        return
    check_options(parser, options)
    if options.train != "all" and options.initial is None:
        parser.error(f"--train {options.train} needs --initial, the rest of which it leaves as it is")
    make = partial(make_task, preset, options.minutes, options.seed, initial=options.initial, part=options.train)
    run_from_command_line(make, preset, parser, options)


if __name__ == "__main__":
    main()
