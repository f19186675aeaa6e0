"""Pretrain FIM-ODE: ``python -m pretrain.fim_ode --preset tiny --minutes 1 --out runs/check``.

Systems are drawn from a prior and simulated on the device while the network trains; there is no data set. A run lives
in one folder and can be cut at any moment: ``--resume`` continues it.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pretrain.ode.batches import Batch, BatchShape, Pool, make_batch
from pretrain.ode.objective import FIMODEObjective, activation_bytes, forward_flops
from pretrain.ode.presets import PRESETS, Preset
from pretrain.ode.validation import ValidationSuite
from pretrain.priors import PRIORS, Mixture, prior_weights
from pretrain.priors.simulate import Simulator
from pretrain.run.distributed import choose_device
from pretrain.run.recipe import (
    begin_with,
    check_options,
    command_line,
    run_from_command_line,
    run_recipe,
    seeded_generator,
)
from pretrain.run.report import Stopwatch, plain

COMPILE_FROM = {"cuda": 600.0, "cpu": 1800.0, "mps": 1800.0}
"""Seconds of budget from which compiling is repaid, by device; without a GPU it compiles the simulator only."""


class FIMODETask:
    """What the trainer needs to know of FIM-ODE.

    Pools of systems and batches are functions of (seed, rank, step) alone, so that a resumed run sees exactly what an
    uninterrupted one would have seen.

    Parameters
    ----------
    preset : Preset
    seed : int
    device : torch.device
    rank : int
        Position among the processes that train together; each has its own data.
    compiled : bool
        Compile the integration step, and on a GPU the network's blocks.
    initial : Path, optional
        An earlier run, or an exported model, whose weights to begin with.
    """

    def __init__(
        self,
        preset: Preset,
        seed: int,
        device: torch.device,
        rank: int = 0,
        compiled: bool = False,
        initial: Path | None = None,
    ) -> None:
        self.preset, self.seed = preset, seed
        self._device, self._rank = device, rank
        # Not every operation of the simulation exists on MPS.
        self._data_device = torch.device("cpu") if device.type == "mps" else device
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # the CPU's alone, which is put back afterwards
            self.module = FIMODEObjective(preset.network)
        self._earlier = begin_with(self.module, initial)
        self.module.to(device)
        self._flops = {
            (shape.paths, shape.points): 3
            * forward_flops(self.module.network, shape.paths, shape.points, preset.queries.count)
            for shape in preset.shapes
        }
        if compiled and device.type == "cuda":
            self.module.compile_blocks()
        self._simulator = Simulator(Mixture(prior_weights(preset.prior)), preset.simulation, compiled)
        self._pools: dict[int, Pool] = {}
        self._pool_number = -1
        self._stopwatch = Stopwatch()
        self._suite: ValidationSuite | None = None

    @property
    def seconds_simulating(self) -> float:
        """Wall time spent on simulation so far."""
        return self._stopwatch.seconds

    def is_matrix(self, name: str, parameter: nn.Parameter) -> bool:
        """The matrices of the attention blocks."""
        return parameter.ndim == 2 and (".encoder." in name or ".decoder." in name)

    def batch(self, step: int) -> Batch:
        """The batch of a step; the pool of systems is simulated anew when its turn is over."""
        p = self.preset
        self._use_pool(step // p.steps_per_pool)
        # All processes draw the same shape, so that none waits for another's larger batch.
        choice = np.random.default_rng([self.seed, 1, step])
        weights = np.array([shape.weight for shape in p.shapes])
        shape = p.shapes[choice.choice(len(p.shapes), p=weights / weights.sum())]
        ragged = bool(choice.random() < p.ragged)
        batch = make_batch(
            self._pools,
            p.dims,
            shape,
            p.queries,
            p.corruption,
            p.network,
            self._generator(2, step),
            ragged,
            p.symmetries,
        )
        return batch.to(self._device)

    def cost(self, batch: Batch) -> tuple[int, float]:
        """Contexts, and three times the forward pass's operations."""
        contexts, paths, points = batch.tokens.mask.shape
        return contexts, contexts * self._flops[paths, points]

    def validate(self) -> dict[str, float]:
        """Errors on the frozen suite."""
        if self._suite is None:
            self._suite = ValidationSuite(self.preset.validation, self.preset.network, self._device)
        return self._suite.errors(self.module.network)

    def describe(self) -> dict[str, Any]:
        """Plain values for run.json and checkpoints."""
        p = self.preset
        data = {
            "prior": prior_weights(p.prior),
            "dims": {str(dim): weight for dim, weight in p.dims.items()},
            "systems": {str(dim): n for dim, n in p.systems.items()},
            "steps_per_pool": p.steps_per_pool,
            "shapes": [dataclasses.asdict(shape) for shape in p.shapes],
            "queries": dataclasses.asdict(p.queries),
            "corruption": plain(dataclasses.asdict(p.corruption)),
            "simulation": plain(dataclasses.asdict(p.simulation)),
            "ragged": p.ragged,
            "symmetries": p.symmetries,
        }
        return {
            "model": p.network.model_type,
            "network": plain(p.network.to_dict()),
            "parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            "seed": self.seed,
            "data": data | self._earlier,
            "headline": "prior/mean",
            "systems_drawn": self._simulator.counts["drawn"],
            "systems_kept": self._simulator.counts["kept"],
        }

    def _generator(self, purpose: int, number: int) -> torch.Generator:
        return seeded_generator(self._data_device, self.seed, purpose, self._rank, number)

    def _use_pool(self, number: int) -> None:
        if number == self._pool_number:
            return
        self._synchronise()
        with self._stopwatch:
            generator = self._generator(3, number)
            self._pools = {}  # the old pool's memory, before the new one needs it
            self._pools = {
                dim: Pool.of(self._simulator.draw(self.preset.systems[dim], dim, generator)) for dim in self.preset.dims
            }
            self._synchronise()
        self._pool_number = number

    def _synchronise(self) -> None:
        if self._data_device.type == "cuda":
            torch.cuda.synchronize(self._data_device)


def train(
    preset: Preset, out: Path, minutes: float, seed: int = 0, device: torch.device | None = None, **options: Any
) -> str:
    """Run a recipe on data of ``seed``; see `pretrain.run.recipe.run_recipe` for the other options."""
    return run_recipe(partial(make_task, preset, minutes, seed), preset, out, minutes, device, **options)


def make_task(
    preset: Preset, minutes: float, seed: int, device: torch.device, rank: int, initial: Path | None = None
) -> FIMODETask:
    """The task of a run of so many minutes, which decide whether compiling is repaid."""
    compiled = minutes * 60 >= COMPILE_FROM.get(device.type, math.inf)
    return FIMODETask(preset, seed, device, rank, compiled, initial)


def dry_run(preset: Preset, minutes: float, device: torch.device) -> dict[str, float]:
    """Sizes and expected speed of a recipe, from one small batch on this machine.

    Returns
    -------
    dict
        ``parameters``; ``flops_per_step`` (mean over the batch shapes, training); ``state_bytes`` (weights, average,
        gradients, optimiser); ``activation_bytes`` (largest shape, in float32; about half in bfloat16);
        ``seconds_per_step`` (measured on a few contexts and scaled) and ``steps``.
    """
    few = dataclasses.replace(preset, systems=dict.fromkeys(preset.systems, 96))
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
        probe._synchronise()
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = command_line("pretrain.fim_ode", __doc__, PRESETS)
    parser.add_argument("--prior", help=f"instead of the preset's: {', '.join(PRIORS)}, or family=weight,family=weight")
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
        for name, value in dry_run(preset, options.minutes, choose_device(options.device)).items():
            print(f"{name:<20} {value:,.4g}" if value < 1000 else f"{name:<20} {value:,.0f}")
        return
    check_options(parser, options)
    make = partial(make_task, preset, options.minutes, options.seed, initial=options.initial)
    run_from_command_line(make, preset, options)


if __name__ == "__main__":
    main()
