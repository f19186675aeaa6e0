"""Pretrain FIM-SDE: ``python -m pretrain.fim_sde --preset tiny --minutes 1 --out runs/check``.

Stochastic systems are drawn from a prior over drift and diffusion and simulated on the device while the network trains;
there is no data set. A run lives in one folder and can be cut at any moment: ``--resume`` continues it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pretrain.priors import Mixture, prior_weights
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import SDESimulator
from pretrain.run.recipe import (
    begin_with,
    check_options,
    command_line,
    run_from_command_line,
    run_recipe,
    seeded_generator,
)
from pretrain.run.report import Stopwatch, plain
from pretrain.run.schedule import Clock
from pretrain.sde.batches import ExamplePool, Examples
from pretrain.sde.objective import FIMSDEObjective, forward_flops
from pretrain.sde.presets import PRESETS, Preset
from pretrain.sde.validation import SDEValidationSuite

_CARD = {
    "data": "Synthetic: stochastic systems drawn from a prior, simulated by Euler-Maruyama and corrupted during "
    "training. No data set.",
    "validation": "Median relative errors of drift and diffusion, `sum |f - f_hat| / sum |f|`, on a frozen suite of "
    "prior samples: one path of 1,024 points, clean or with additive noise of up to 10% of half the range, or of 128.",
    "limits": "States of at most {max_dim} dimensions; diagonal diffusions; autonomous systems; drift and diffusion "
    "are only known near the observed states, as the errors in the box show.",
}


class FIMSDETask:
    """What the trainer needs to know of FIM-SDE.

    Pools of examples and batches are functions of (seed, rank, step) alone, so that a resumed run sees exactly what an
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
        # Not every operation of the simulation exists on MPS.
        self._data_device = torch.device("cpu") if device.type == "mps" else device
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.module = FIMSDEObjective(preset.network)
        self._earlier = begin_with(self.module, initial)
        self.module.to(device)
        self._simulator = SDESimulator(Mixture(prior_weights(preset.drifts)), DIFFUSIONS[preset.diffusions])
        self._pool: ExamplePool | None = None
        self._pool_number = -1
        self._stopwatch = Stopwatch()
        self._suite: SDEValidationSuite | None = None
        self._flops: dict[int, float] = {}

    @property
    def seconds_simulating(self) -> float:
        """Wall time spent on simulating and observing so far."""
        return self._stopwatch.seconds

    def is_matrix(self, name: str, parameter: nn.Parameter) -> bool:
        """The matrices of the attention blocks."""
        return parameter.ndim == 2 and (".encoder." in name or ".decoder." in name)

    def batch(self, step: int) -> Examples:
        """The batch of a step; the pool of examples is simulated anew when its turn is over."""
        number = step // self.preset.steps_per_pool
        if self._pool is None or number != self._pool_number:
            with self._stopwatch:
                self._pool = None  # the old pool's memory, before the new one needs it
                self._pool = self._new_pool(self._generator(3, number))
            self._pool_number = number
        return self._pool.batch(self.preset.batch, self._generator(2, step)).to(self._device)

    def _new_pool(self, generator: torch.Generator) -> ExamplePool:
        p = self.preset
        total = sum(regime.weight for regime in p.regimes)
        recordings = [
            batch
            for regime in p.regimes
            for dim, systems in p.systems.items()
            for batch in self._simulator.draw(round(systems * regime.weight / total), dim, regime, generator)
        ]
        return ExamplePool.of(
            recordings, p.observations, p.examples_per_system, p.queries, p.noise, p.network, generator
        )

    def cost(self, batch: Examples) -> tuple[int, float]:
        """Contexts, and three times the forward pass's operations."""
        contexts, tokens = batch.tokens.mask.shape
        if tokens not in self._flops:
            self._flops[tokens] = 3 * forward_flops(self.module.network, tokens, self.preset.queries)
        return contexts, contexts * self._flops[tokens]

    def validate(self) -> dict[str, float]:
        """Errors on the frozen suite."""
        if self._suite is None:
            self._suite = SDEValidationSuite(self.preset.validation, self.preset.network, self._device)
        return self._suite.errors(self.module.network)

    def describe(self) -> dict[str, Any]:
        """Plain values for run.json and checkpoints."""
        p = self.preset
        data = {
            "drifts": prior_weights(p.drifts),
            "diffusions": DIFFUSIONS[p.diffusions],
            "regimes": [plain(dataclasses.asdict(regime)) for regime in p.regimes],
            "observations": [dataclasses.asdict(observation) for observation in p.observations],
            "noise": dataclasses.asdict(p.noise),
            "systems": {str(dim): n for dim, n in p.systems.items()},
            "examples_per_system": p.examples_per_system,
            "steps_per_pool": p.steps_per_pool,
            "batch": {str(tokens): n for tokens, n in p.batch.items()},
            "queries": p.queries,
        }
        return {
            "model": p.network.model_type,
            "network": plain(p.network.to_dict()),
            "parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            "seed": self.seed,
            "data": data | self._earlier,
            "headline": "prior/mean",
            "card": _CARD,
            "systems_drawn": self._simulator.counts["drawn"],
            "systems_kept": self._simulator.counts["kept"],
        }

    def _generator(self, purpose: int, number: int) -> torch.Generator:
        return seeded_generator(self._data_device, self.seed, purpose, self._rank, number)


def train(preset: Preset, out: Path, minutes: float, seed: int = 0, clock: Clock | None = None, **options: Any) -> str:
    """Run a recipe on data of ``seed``; see `pretrain.run.recipe.run_recipe` for the other options."""
    return run_recipe(partial(FIMSDETask, preset, seed), preset, out, minutes, clock=clock, **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line("pretrain.fim_sde", __doc__, PRESETS)
    options = parser.parse_args(arguments)
    check_options(parser, options)
    preset = PRESETS[options.preset]
    run_from_command_line(partial(FIMSDETask, preset, options.seed, initial=options.initial), preset, options)


if __name__ == "__main__":
    main()
