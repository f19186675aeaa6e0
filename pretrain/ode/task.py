"""What the trainer needs to know of FIM-ODE."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pretrain.ode.batches import Batch, BatchShape, Pool, make_batch
from pretrain.ode.objective import FIMODEObjective, Prepared, forward_flops
from pretrain.ode.presets import Preset
from pretrain.ode.validation import ValidationSuite
from pretrain.priors import Mixture, prior_weights
from pretrain.priors.simulate import Simulator
from pretrain.run.card import CardText
from pretrain.run.cost import activation_bytes
from pretrain.run.task import ModelTask, pick

Part = Literal["all", "arbiter", "network"]


class FIMODETask(ModelTask[Preset, FIMODEObjective, dict[int, Pool]]):
    """FIM-ODE on systems of a prior; its pool is one `Pool` of systems for each dimension.

    Parameters
    ----------
    preset : Preset
    seed : int
    device : torch.device
    rank : int
    initial : Path, optional
        As of `ModelTask`.
    compiled : bool
        Compile the integration step, and on a GPU the network's blocks.
    part : {"all", "arbiter", "network"}
        What is trained: the network and the arbiter, the arbiter over a network that stays as it is, or the network by
        itself, on batches that it reads.
    """

    stacks = ("encoder", "decoder")
    headline = "prior/mean"
    used_in_part = True
    card = CardText(
        data="Synthetic: systems drawn from a prior, simulated and corrupted during training. No data set.",
        validation="Median relative error of the field, `sum |f - f_hat| / sum |f|`, on a frozen suite of prior "
        "samples and textbook systems that no prior contains as such; noisy is 5% multiplicative noise.",
        limits="Beyond {max_dim} variables and with inputs or parameters closed-form fits answer without the network. "
        "The field is known only near the observed trajectories, as the errors on others and in the box show.",
        tags=("dynamical-systems", "ordinary-differential-equations", "in-context-learning"),
    )

    def __init__(
        self,
        preset: Preset,
        seed: int,
        device: torch.device,
        rank: int = 0,
        initial: Path | None = None,
        compiled: bool = False,
        part: Part = "all",
    ) -> None:
        if part == "network":
            preset = dataclasses.replace(preset, hidden=0.0, wide_share=0.0, forced_share=0.0)
        super().__init__(preset, seed, device, rank, initial)
        self._part = part
        self._reuse = preset.reuse if part == "arbiter" else 1
        self._prepared: dict[int, Prepared] = {}
        self._prepared_of = -1
        if part != "all":
            self.module.train_only(part)
        self._flops = {
            (shape.paths, shape.points): 3
            * forward_flops(self.module.network, shape.paths, shape.points, preset.queries.count)
            for shape in preset.shapes
        }
        if compiled and device.type == "cuda":
            self.module.compile_blocks()
        self._simulator = Simulator(Mixture(prior_weights(preset.prior)), preset.simulation, compiled)
        # One kernel for each number of variables takes longer to compile than it saves on a CPU.
        compiled_wide = compiled and device.type == "cuda"
        self._wide_simulator = Simulator(Mixture(prior_weights(preset.wide_prior)), preset.simulation, compiled_wide)

    def batch(self, step: int) -> Batch | Prepared:
        """The batch of a step; of those that are used again, with all that comes before the arbiter."""
        if self._reuse == 1:
            return self._new_batch(step)
        per_pool = self.preset.steps_per_pool
        pool, place = divmod(step, per_pool * self._reuse)
        order = np.random.default_rng([self.seed, 7, self.rank, pool]).permutation(per_pool * self._reuse)
        number = pool * per_pool + int(order[place]) % per_pool
        if self._prepared_of != pool:
            self._prepared, self._prepared_of = {}, pool
        if number not in self._prepared:
            self._prepared[number] = self.module.prepare(self._new_batch(number))
        return self._prepared[number]

    def _new_batch(self, step: int) -> Batch:
        p = self.preset
        pools, choice = self._pool_of(step), self._choice(step)
        shape = p.shapes[pick(choice, [shape.weight for shape in p.shapes])]
        ragged = bool(choice.random() < p.ragged)
        dims, hidden = p.dims, bool(choice.random() < p.hidden)
        if choice.random() < p.wide_share:
            dims = {int(choice.choice(list(p.wide_systems))): 1.0}
            shape = dataclasses.replace(shape, contexts=max(2, shape.contexts // p.wide_cost))
        given = 0
        if p.forced_share > 0 and choice.random() < p.forced_share:
            dim = int(choice.choice([dim for dim in pools if dim > 1]))
            dims, given = {dim: 1.0}, int(choice.integers(1, min(2, dim - 1) + 1))
        generator = self._generator(2, step)
        parts = (shape, p.queries, p.corruption, p.network, generator, ragged, p.symmetries, hidden, given)
        return make_batch(pools, dims, *parts).to(self._device)

    def cost(self, batch: Batch | Prepared) -> tuple[int, float]:
        """Contexts, and three times the operations of the network's forward pass."""
        if isinstance(batch, Prepared):
            return len(batch.batch.weight), 0.0
        contexts, paths, points = batch.tokens.mask.shape
        if batch.columns > self.preset.network.max_dim:
            return contexts, 0.0
        return contexts, contexts * self._flops[paths, points]

    def _new_objective(self) -> FIMODEObjective:
        return FIMODEObjective(self.preset.network)

    def _new_pool(self, number: int) -> dict[int, Pool]:
        p, generator = self.preset, self._generator(3, number)
        pools = {dim: Pool.of(self._simulator.draw(p.systems[dim], dim, generator)) for dim in p.dims}
        if p.wide_share > 0:
            for dim, n in p.wide_systems.items():
                pools[dim] = Pool.of(self._wide_simulator.draw(n, dim, generator))
        return pools

    def _new_suite(self) -> ValidationSuite:
        p = self.preset
        return ValidationSuite(p.validation, p.network, self._device, p.brief_validation)

    def _data(self) -> dict[str, Any]:
        p = self.preset
        return {
            "prior": prior_weights(p.prior),
            "dims": p.dims,
            "systems": p.systems,
            "steps_per_pool": p.steps_per_pool,
            "shapes": [dataclasses.asdict(shape) for shape in p.shapes],
            "queries": dataclasses.asdict(p.queries),
            "corruption": dataclasses.asdict(p.corruption),
            "simulation": dataclasses.asdict(p.simulation),
            "ragged": p.ragged,
            "symmetries": p.symmetries,
            "hidden": p.hidden,
            "wide_share": p.wide_share,
            "wide_prior": prior_weights(p.wide_prior),
            "wide_systems": p.wide_systems,
            "forced_share": p.forced_share,
            "reuse": self._reuse,
            "part": self._part,
        }

    def _drawn(self) -> dict[str, Any]:
        counts = self._simulator.counts + self._wide_simulator.counts
        return {"systems_drawn": counts["drawn"], "systems_kept": counts["kept"]}


def dry_run(preset: Preset, minutes: float, device: torch.device) -> dict[str, float]:
    """Sizes and expected speed of a recipe, from one small batch on this machine.

    Returns
    -------
    dict
        ``parameters``; ``flops_per_step`` (mean over the batch shapes, training); ``state_bytes`` (weights, average,
        gradients, optimiser); ``activation_bytes`` (largest shape, in float32; about half in bfloat16);
        ``seconds_per_step`` (measured on a few contexts and scaled) and ``steps``.
    """
    few = dataclasses.replace(preset, systems=dict.fromkeys(preset.systems, 96), wide_share=0.0)
    task = FIMODETask(few, 0, device)
    parameters = sum(p.numel() for p in task.module.parameters())
    matrices = sum(p.numel() for name, p in task.module.named_parameters() if task.is_matrix(name, p))
    moments = 2 * parameters - (matrices if preset.optim.muon else 0)
    weights = np.array([shape.weight for shape in preset.shapes]) / sum(s.weight for s in preset.shapes)
    flops, seconds, activations = [], [], []
    for shape in preset.shapes:
        contexts = 3 if device.type == "cpu" else shape.contexts
        small = BatchShape(shape.paths, shape.points, contexts, 1.0)
        probe = FIMODETask(dataclasses.replace(few, shapes=(small,)), 0, device)
        batch = probe.batch(0)
        flops.append(shape.contexts / contexts * probe.cost(batch)[1])
        activations.append(shape.contexts / contexts * activation_bytes(probe.module, batch))
        probe.module(batch)[0].backward()
        started = time.perf_counter()
        probe.module(batch)[0].backward()
        probe.synchronise()
        seconds.append(shape.contexts / contexts * (time.perf_counter() - started))
    per_step = float(np.dot(weights, seconds))
    return {
        "parameters": parameters,
        "flops_per_step": float(np.dot(weights, flops)),
        "state_bytes": 4.0 * (3 * parameters + moments),
        "activation_bytes": float(max(activations)),
        "seconds_per_step": per_step,
        "steps": minutes * 60 / per_step,
    }
