"""What the trainer needs to know of FIM-SDE."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import torch

from pretrain.priors import Mixture, prior_weights
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import SDESimulator
from pretrain.run.card import CardText
from pretrain.run.task import ModelTask
from pretrain.sde.batches import ExamplePool, Examples
from pretrain.sde.objective import FIMSDEObjective, forward_flops
from pretrain.sde.presets import Preset
from pretrain.sde.validation import SDEValidationSuite

Part = Literal["all", "arbiter", "scales"]


class FIMSDETask(ModelTask[Preset, FIMSDEObjective, ExamplePool]):
    """FIM-SDE on stochastic systems of a prior; its pool is one of examples, ready observed and fitted.

    Parameters
    ----------
    preset : Preset
    seed : int
    device : torch.device
    rank : int
    initial : Path, optional
        As of `ModelTask`.
    part : {"all", "arbiter", "scales"}
        What is trained: the network and the arbiters, these alone over a network that stays as it is, or only the
        scales of errors that they predict.
    """

    stacks = ("encoder", "decoder")
    headline = "prior/mean"
    used_in_part = True
    card = CardText(
        data="Synthetic: stochastic systems drawn from a prior, simulated by Euler-Maruyama and corrupted during "
        "training. No data set.",
        validation="Median relative errors of drift and diffusion, `sum |f - f_hat| / sum |f|`, on a frozen suite of "
        "prior samples: one path of 1,024 points, clean or with additive noise of up to 10% of half the range, or of "
        "128; few are 20 paths of 10 points at coarse steps.",
        limits="Beyond {max_dim} variables closed-form fits answer without the network; diagonal diffusions; "
        "autonomous systems; drift and diffusion are only known near the observed states, as the errors in the box "
        "show.",
        tags=("dynamical-systems", "stochastic-differential-equations", "in-context-learning"),
    )

    def __init__(
        self,
        preset: Preset,
        seed: int,
        device: torch.device,
        rank: int = 0,
        initial: Path | None = None,
        part: Part = "all",
    ) -> None:
        super().__init__(preset, seed, device, rank, initial)
        self._part = part
        if part != "all":
            self.module.train_only(part)
        self._simulator = SDESimulator(Mixture(prior_weights(preset.drifts)), DIFFUSIONS[preset.diffusions])
        self._flops: dict[int, float] = {}

    def batch(self, step: int) -> Examples:
        """The batch of a step."""
        pool = self._pool_of(step)
        return pool.batch(self.preset.batch, self._generator(2, step), self.preset.hidden).to(self._device)

    def cost(self, batch: Examples) -> tuple[int, float]:
        """Contexts, and three times the forward pass's operations."""
        contexts, tokens = batch.tokens.mask.shape
        if tokens not in self._flops:
            self._flops[tokens] = 3 * forward_flops(self.module.network, tokens, self.preset.queries)
        return contexts, contexts * self._flops[tokens]

    def _new_objective(self) -> FIMSDEObjective:
        return FIMSDEObjective(self.preset.network)

    def _new_pool(self, number: int) -> ExamplePool:
        p, generator = self.preset, self._generator(3, number)
        total = sum(regime.weight for regime in p.regimes)
        recordings = [
            batch
            for regime in p.regimes
            for dim, systems in p.systems.items()
            for batch in self._simulator.draw(round(systems * regime.weight / total), dim, regime, generator)
        ]
        pool = ExamplePool.of(
            recordings, p.observations, p.examples_per_system, p.queries, p.noise, p.network, generator
        )
        return pool.answered(self.module.network) if self._part != "all" else pool

    def _new_suite(self) -> SDEValidationSuite:
        return SDEValidationSuite(self.preset.validation, self.preset.network, self._device)

    def _data(self) -> dict[str, Any]:
        p = self.preset
        return {
            "drifts": prior_weights(p.drifts),
            "diffusions": DIFFUSIONS[p.diffusions],
            "regimes": [dataclasses.asdict(regime) for regime in p.regimes],
            "observations": [dataclasses.asdict(observation) for observation in p.observations],
            "noise": dataclasses.asdict(p.noise),
            "systems": p.systems,
            "examples_per_system": p.examples_per_system,
            "steps_per_pool": p.steps_per_pool,
            "batch": p.batch,
            "queries": p.queries,
            "hidden": p.hidden,
            "trained": self._part,
        }

    def _drawn(self) -> dict[str, Any]:
        counts = self._simulator.counts
        return {"systems_drawn": counts["drawn"], "systems_kept": counts["kept"]}
