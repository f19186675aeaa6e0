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

import numpy as np
import torch
from torch import nn

from pretrain.forecasting.batches import ForecastBatch, make_forecast_batch
from pretrain.forecasting.objective import LASSODEObjective, forward_flops
from pretrain.forecasting.presets import PRESETS, Preset
from pretrain.forecasting.validation import ForecastSuite
from pretrain.priors.library import Librarian, Library
from pretrain.run.recipe import begin_with, check_options, command_line, run_from_command_line
from pretrain.run.report import Stopwatch, plain

TRACKS = ("open", "strict")

CARD = {
    "data": "Synthetic: recordings of twenty named families of systems (`skdyn.datasets.families`) and, unless the "
    "prior is empty, of random ODEs; simulated, thinned, mixed, given noise and cut during training. No data set. "
    "Eight further families are held out.",
    "validation": "Mean square error of the forecast's median, in half-ranges of the whole recording, of what lies "
    "after 30%, 60% or 90% of the recordings of a frozen suite: the twenty families with other parameters; noisy is "
    "noise of 5% of the prefix's range.",
    "limits": "A forecaster: how long it is right depends on the system, and after a prefix of less than a cycle the "
    "forecast is a guess from the training families. Quantiles are as trained, not calibrated on any real series.",
}
"""Sentences of the model card."""


class LASSODETask:
    """What the trainer needs to know of LASS-ODE.

    Libraries and batches are functions of (seed, rank, step) alone, so that a resumed run sees exactly what an
    uninterrupted one would have seen.

    Parameters
    ----------
    preset : Preset
    seed : int
    device : torch.device
    rank : int
        Position among the processes that train together; each has its own data.
    initial : Path, optional
        An earlier run, or an exported model, whose weights to begin with.
    """

    def __init__(
        self, preset: Preset, seed: int, device: torch.device, rank: int = 0, initial: Path | None = None
    ) -> None:
        self.preset, self.seed = preset, seed
        self._device, self._rank = device, rank
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.module = LASSODEObjective(preset.network)
        self._earlier = begin_with(self.module, initial)
        self.module.to(device)
        self._librarian = Librarian(preset.library)
        self._library: Library = {}
        self._library_number = -1
        self._stopwatch = Stopwatch()
        self._suite: ForecastSuite | None = None
        self._flops = {dim: _flops_by_points(self.module, dim) for dim in preset.observation.dims}

    @property
    def seconds_simulating(self) -> float:
        """Wall time spent on simulation and on cutting prefixes so far."""
        return self._stopwatch.seconds

    def is_matrix(self, name: str, parameter: nn.Parameter) -> bool:
        """The matrices of the blocks, stacks of experts included."""
        return parameter.ndim >= 2 and ".blocks." in name and not name.endswith(("bias", "router.weight"))

    def batch(self, step: int) -> ForecastBatch:
        """The batch of a step; the library is simulated anew when its turn is over."""
        p = self.preset
        with self._stopwatch:
            number = step // p.steps_per_library
            if number != self._library_number:
                self._library = self._librarian.draw(np.random.default_rng([self.seed, 3, self._rank, number]))
                self._library_number = number
            # All processes draw the same shape, so that none waits for another's larger batch.
            choice = np.random.default_rng([self.seed, 1, step])
            shape = p.shapes[_pick(choice, [shape.weight for shape in p.shapes])]
            dims = list(p.observation.dims)
            dim = dims[_pick(choice, list(p.observation.dims.values()))]
            rng = np.random.default_rng([self.seed, 2, self._rank, step])
            batch = make_forecast_batch(self._library, dim, shape, p.observation, rng).to(self._device)
        # The latent states drawn in this step are a function of the step too.
        torch.manual_seed(int(rng.integers(2**62)))
        return batch

    def cost(self, batch: ForecastBatch) -> tuple[int, float]:
        """Series, and three times the forward pass's operations."""
        series, dim, points = batch.prefixes.values.shape
        fixed, each = self._flops[dim]
        return series, 3 * series * (fixed + each * points)

    def validate(self) -> dict[str, float]:
        """Errors on the frozen suite."""
        if self._suite is None:
            self._suite = ForecastSuite(self.preset.validation, self._device)
        return self._suite.errors(self.module.network)

    def describe(self) -> dict[str, Any]:
        """Plain values for run.json and checkpoints."""
        p = self.preset
        return {
            "model": p.network.model_type,
            "network": p.network.to_dict(),
            "parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            "seed": self.seed,
            "data": plain(
                {
                    "library": dataclasses.asdict(p.library),
                    "steps_per_library": p.steps_per_library,
                    "shapes": [dataclasses.asdict(shape) for shape in p.shapes],
                    "observation": dataclasses.asdict(p.observation),
                }
                | self._earlier
            ),
            "recordings": dict(self._librarian.counts),
            "headline": "unseen/mean",
            "card": CARD,
        }


def _flops_by_points(module: LASSODEObjective, dim: int) -> tuple[float, float]:
    """Operations of forecasting one series that do not depend on its observed points, and those that each needs."""
    few, more = (forward_flops(module.network, dim, points) for points in (8, 16))
    each = (more - few) / 8
    return few - 8 * each, each


def _pick(rng: np.random.Generator, weights: Sequence[float]) -> int:
    return int(rng.choice(len(weights), p=np.array(weights) / sum(weights)))


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
    run_from_command_line(partial(LASSODETask, preset, options.seed, initial=options.initial), preset, options)


if __name__ == "__main__":
    main()
