"""Pretrain LASS-ODE: ``python -m pretrain.lass_ode --preset tiny --minutes 1 --out runs/check``.

Recordings are simulated while the network trains, from twenty named families and, in the open track, from a prior of
random ODEs; there is no data set. A run lives in one folder and can be cut at any moment: ``--resume`` continues it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pretrain.forecasting.presets import PRESETS, Preset
from pretrain.forecasting.task import LASSODETask
from pretrain.run.recipe import check_options, command_line, run_from_command_line, run_recipe

TRACKS = ("open", "strict")


def train(preset: Preset, out: Path, minutes: float, seed: int = 0, **options: Any) -> str:
    """Run a recipe on data of ``seed``; see `pretrain.run.recipe.run_recipe` for the other options."""
    return run_recipe(partial(LASSODETask, preset, seed), preset, out, minutes, **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line("pretrain.lass_ode", __doc__, PRESETS)
    parser.add_argument("--track", choices=TRACKS, help="instead of the preset's: open knows random ODEs as well")
    options = parser.parse_args(arguments)
    check_options(parser, options)
    preset = PRESETS[options.preset]
    if options.track:
        library = dataclasses.replace(preset.library, prior="" if options.track == "strict" else "mixture")
        preset = dataclasses.replace(preset, library=library)
    make = partial(LASSODETask, preset, options.seed, initial=options.initial)
    run_from_command_line(make, preset, parser, options)


if __name__ == "__main__":
    main()
