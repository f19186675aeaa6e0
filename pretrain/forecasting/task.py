"""What the trainer needs to know of LASS-ODE."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pretrain.forecasting.batches import ForecastBatch, make_forecast_batch
from pretrain.forecasting.objective import LASSODEObjective, forward_flops
from pretrain.forecasting.presets import Preset
from pretrain.forecasting.validation import ForecastSuite
from pretrain.priors.library import Librarian, Library
from pretrain.run.card import CardText
from pretrain.run.task import ModelTask, pick


class LASSODETask(ModelTask[Preset, LASSODEObjective, Library]):
    """LASS-ODE on prefixes of recordings; its pool is a library of them."""

    stacks = ("blocks",)
    headline = "unseen/mean"
    card = CardText(
        data="Synthetic: recordings of twenty named families of systems (`skdyn.datasets.families`) and, unless the "
        "prior is empty, of random ODEs; simulated, thinned, mixed, given noise and cut during training. No data set. "
        "Eight further families are held out.",
        validation="Mean square error of the forecast's median, in half-ranges of the whole recording, of what lies "
        "after 30%, 60% or 90% of the recordings of a frozen suite: the twenty families with other parameters; noisy "
        "is noise of 5% of the prefix's range.",
        limits="A forecaster: how long it is right depends on the system, and after a prefix of less than a cycle the "
        "forecast is a guess from the training families. Quantiles are as trained, not calibrated on any real series.",
        tags=("dynamical-systems", "time-series-forecasting", "in-context-learning"),
    )

    def __init__(
        self, preset: Preset, seed: int, device: torch.device, rank: int = 0, initial: Path | None = None
    ) -> None:
        super().__init__(preset, seed, device, rank, initial)
        self._librarian = Librarian(preset.library)
        self._flops = {dim: _flops_by_points(self.module, dim) for dim in preset.observation.dims}

    def batch(self, step: int) -> ForecastBatch:
        """The batch of a step."""
        p = self.preset
        library, choice = self._pool_of(step), self._choice(step)
        with self._stopwatch:
            shape = p.shapes[pick(choice, [shape.weight for shape in p.shapes])]
            dims = list(p.observation.dims)
            dim = dims[pick(choice, list(p.observation.dims.values()))]
            rng = np.random.default_rng([self.seed, 2, self.rank, step])
            batch = make_forecast_batch(library, dim, shape, p.observation, rng).to(self._device)
        # The latent states drawn in this step are a function of the step too.
        torch.manual_seed(int(rng.integers(2**62)))
        return batch

    def cost(self, batch: ForecastBatch) -> tuple[int, float]:
        """Series, and three times the forward pass's operations."""
        series, dim, points = batch.prefixes.values.shape
        fixed, each = self._flops[dim]
        return series, 3 * series * (fixed + each * points)

    def _new_objective(self) -> LASSODEObjective:
        return LASSODEObjective(self.preset.network)

    def _new_pool(self, number: int) -> Library:
        return self._librarian.draw(np.random.default_rng([self.seed, 3, self.rank, number]))

    def _new_suite(self) -> ForecastSuite:
        return ForecastSuite(self.preset.validation, self._device)

    def _data(self) -> dict[str, Any]:
        p = self.preset
        return {
            "library": dataclasses.asdict(p.library),
            "steps_per_library": p.steps_per_pool,
            "shapes": [dataclasses.asdict(shape) for shape in p.shapes],
            "observation": dataclasses.asdict(p.observation),
        }

    def _drawn(self) -> dict[str, Any]:
        return {"recordings": dict(self._librarian.counts)}


def _flops_by_points(module: LASSODEObjective, dim: int) -> tuple[float, float]:
    """Operations of forecasting one series that do not depend on its observed points, and those that each needs."""
    few, more = (forward_flops(module.network, dim, points) for points in (8, 16))
    each = (more - few) / 8
    return few - 8 * each, each
