"""Pretrain FIM-SDE: ``python -m pretrain.fim_sde --preset tiny --minutes 1 --out runs/check``.

Stochastic systems are drawn from a prior over drift and diffusion and simulated on the device while the network trains;
there is no data set. A run lives in one folder and can be cut at any moment: ``--resume`` continues it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pretrain.run.recipe import check_options, command_line, run_from_command_line, run_recipe
from pretrain.sde.presets import PRESETS, Preset
from pretrain.sde.task import FIMSDETask


def train(preset: Preset, out: Path, minutes: float, seed: int = 0, **options: Any) -> str:
    """Run a recipe on data of ``seed``; see `pretrain.run.recipe.run_recipe` for the other options."""
    return run_recipe(partial(FIMSDETask, preset, seed), preset, out, minutes, **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line("pretrain.fim_sde", __doc__, PRESETS)
    parser.add_argument(
        "--train",
        choices=("all", "arbiter", "scales"),
        default="all",
        help="the arbiters alone over a network that stays as --initial gave it, the scales of errors alone that they "
        "predict, or all together (default)",
    )
    options = parser.parse_args(arguments)
    check_options(parser, options)
    if options.train != "all" and options.initial is None:
        parser.error(f"--train {options.train} needs --initial, whose network it leaves as it is")
    preset = PRESETS[options.preset]
    make = partial(FIMSDETask, preset, options.seed, initial=options.initial, part=options.train)
    run_from_command_line(make, preset, parser, options)


if __name__ == "__main__":
    main()
