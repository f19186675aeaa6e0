"""What is trained: what the trainer needs to know of it, and the base of the tasks that train a skdyn model."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from safetensors.torch import load
from torch import nn

from pretrain.run.card import CardText
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.export import PREFIX, SUMS, WEIGHTS
from pretrain.run.growing import grown
from pretrain.run.presets import Recipe
from pretrain.run.report import Stopwatch, plain
from skdyn.exceptions import WeightsError
from skdyn.files.reading import sha256

PresetT = TypeVar("PresetT", bound=Recipe)
ObjectiveT = TypeVar("ObjectiveT", bound=nn.Module)
PoolT = TypeVar("PoolT")


class Task(Protocol):
    """What is trained: the trainer knows nothing else about it.

    Batches are a function of the step (and of the task's seed and rank), so that no random state is left behind by
    an interruption.
    """

    @property
    def module(self) -> nn.Module:
        """Its forward pass maps a batch to the loss and to sums and counts (Tensors of two values) by name."""

    @property
    def used_in_part(self) -> bool:
        """Whether some batches use a part of the module only."""

    @property
    def seconds_simulating(self) -> float:
        """Wall time spent on making data so far."""

    def is_matrix(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether Muon may have this parameter of the module."""

    def batch(self, step: int) -> Any:
        """The batch of a step."""

    def cost(self, batch: Any) -> tuple[int, float]:
        """Contexts in a batch, and the floating-point operations of training on it."""

    def validate(self) -> dict[str, float]:
        """Errors of the module as it is now, on a frozen suite."""

    def describe(self) -> dict[str, Any]:
        """Plain values for run.json; "model" and "network" are what the export needs."""


class Suite(Protocol):
    """A frozen validation suite."""

    def errors(self, network: Any) -> dict[str, float]:
        """Errors of a network by name."""


class ModelTask(ABC, Generic[PresetT, ObjectiveT, PoolT]):
    """Base of the tasks: a network on batches that are made of pools of simulated systems.

    Pools and batches are functions of (seed, rank, step) alone, so that a resumed run sees exactly what an
    uninterrupted one would have seen. A subclass says how its objective, pools, batches and suite are made.

    Parameters
    ----------
    preset : Recipe
    seed : int
    device : torch.device
    rank : int
        Position among the processes that train together; each has its own data.
    initial : Path, optional
        An earlier run, or an exported model, whose weights to begin with.

    Attributes
    ----------
    stacks : tuple of str
        Names of the network's stacks of blocks, whose matrices are Muon's.
    headline : str
        The validation error that sums up a run.
    card : CardText
    used_in_part : bool
        Whether some batches use a part of the module only.
    """

    stacks: ClassVar[tuple[str, ...]]
    headline: ClassVar[str]
    card: ClassVar[CardText]
    used_in_part: bool = False

    def __init__(
        self, preset: PresetT, seed: int, device: torch.device, rank: int = 0, initial: Path | None = None
    ) -> None:
        self.preset, self.seed, self.rank = preset, seed, rank
        self._device = device
        # Not every operation of the simulation exists on MPS.
        self._data_device = torch.device("cpu") if device.type == "mps" else device
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # the CPU's alone, which is put back afterwards
            self.module = self._new_objective()
        self._earlier = begin_with(self.module, initial)
        self.module.to(device)
        self._stopwatch = Stopwatch()
        self._pool: PoolT | None = None
        self._pool_number = -1
        self._suite: Suite | None = None

    @property
    def seconds_simulating(self) -> float:
        """Wall time spent on making data so far."""
        return self._stopwatch.seconds

    def is_matrix(self, name: str, parameter: nn.Parameter) -> bool:
        """The matrices of the blocks, stacks of matrices included."""
        in_stack = any(f".{stack}." in name for stack in self.stacks)
        return parameter.ndim >= 2 and in_stack and not name.endswith(("bias", "router.weight"))

    def validate(self) -> dict[str, float]:
        """Errors on the frozen suite, which is made when it is first asked for."""
        if self._suite is None:
            self._suite = self._new_suite()
        return self._suite.errors(self.module.network)

    def describe(self) -> dict[str, Any]:
        """Plain values for run.json and checkpoints."""
        network = self.preset.network
        return {
            "model": network.model_type,
            "network": plain(network.to_dict()),
            "parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            "seed": self.seed,
            "data": plain(self._data()) | self._earlier,
            "headline": self.headline,
            "card": plain(dataclasses.asdict(self.card)),
        } | self._drawn()

    def synchronise(self) -> None:
        """Wait until the device has made the data that it was asked for."""
        if self._data_device.type == "cuda":
            torch.cuda.synchronize(self._data_device)

    def _pool_of(self, step: int) -> PoolT:
        """The pool of a step, simulated anew when its turn is over."""
        number = step // self.preset.steps_per_pool
        if self._pool is None or number != self._pool_number:
            self.synchronise()
            with self._stopwatch:
                self._pool = None  # the old pool's memory, before the new one needs it
                self._pool = self._new_pool(number)
                self.synchronise()
            self._pool_number = number
        return self._pool

    def _generator(self, purpose: int, number: int) -> torch.Generator:
        """A generator whose stream is a function of the purpose, the number, the seed and the rank."""
        return seeded_generator(self._data_device, self.seed, purpose, self.rank, number)

    def _choice(self, step: int) -> np.random.Generator:
        """For what all processes draw alike: the shape of a batch, so that none waits for another's larger one."""
        return np.random.default_rng([self.seed, 1, step])

    @abstractmethod
    def batch(self, step: int) -> Any:
        """The batch of a step."""

    @abstractmethod
    def cost(self, batch: Any) -> tuple[int, float]:
        """Contexts, and three times the forward pass's operations."""

    @abstractmethod
    def _new_objective(self) -> ObjectiveT:
        """The network, as ``network``, and its loss."""

    @abstractmethod
    def _new_pool(self, number: int) -> PoolT:
        """The systems that batches are made of while it is this pool's turn."""

    @abstractmethod
    def _new_suite(self) -> Suite:
        """The frozen validation suite."""

    @abstractmethod
    def _data(self) -> dict[str, Any]:
        """What decides the data; a run continues only with the same."""

    @abstractmethod
    def _drawn(self) -> dict[str, Any]:
        """Counts of what has been simulated so far, by name."""


def pick(rng: np.random.Generator, weights: Sequence[float]) -> int:
    """A position, in proportion to the weights."""
    return int(rng.choice(len(weights), p=np.array(weights) / sum(weights)))


def seeded_generator(device: torch.device, *numbers: int) -> torch.Generator:
    """A generator on a device whose stream is a function of these numbers, and of no other's."""
    seed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(seed[0] >> np.uint64(1)))


def begin_with(module: nn.Module, folder: Path | None) -> dict[str, Any]:
    """Give a module the averaged weights of an earlier run, also of a smaller one (`pretrain.run.growing`).

    Parameters that these lack keep their values, but that new blocks begin by changing nothing.

    Parameters
    ----------
    module : Module
    folder : Path, optional
        A run's folder, or an exported model's; nothing changes without one.

    Returns
    -------
    dict
        What the model card says of its data, one entry more where there are earlier weights.

    Raises
    ------
    ValueError
        If there is a weight that the module lacks, that is of another shape or that is not finite.
    FileNotFoundError
        If the folder holds neither a model nor a checkpoint.
    WeightsError
        If the folder of a model has checksums that its files do not keep.
    """
    if folder is None:
        return {}
    if (folder / WEIGHTS).is_file():
        blob, sums = (folder / WEIGHTS).read_bytes(), folder / SUMS
        if sums.is_file() and sha256(blob) not in sums.read_text(encoding="utf-8").lower():
            raise WeightsError(f"{folder / WEIGHTS} is damaged or altered: its sha256 is not the one in {SUMS}")
        weights = {f"{PREFIX}{name}": tensor for name, tensor in load(blob).items()}
        earlier: dict[str, Any] = {"weights_sha256": sha256(blob)}
    elif not (folder / "checkpoints").is_dir():
        raise FileNotFoundError(
            f"{folder} holds neither {WEIGHTS} nor checkpoints: name the folder of a model or a run"
        )
    else:
        tensors = load_checkpoint(folder / "checkpoints").tensors
        weights = {key.removeprefix("ema/"): value for key, value in tensors.items() if key.startswith("ema/")}
        report = json.loads((folder / "run.json").read_text())
        earlier = {
            "steps": report["steps"],
            "contexts": report["contexts"],
            "minutes": round(report["elapsed_seconds"] / 60, 1),
            "preset_budget_minutes": round(report["settings"]["budget_seconds"] / 60, 1),
            "source_sha256": report["source"]["sha256"],
        }
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, tensor in grown(weights, module).items():
            if name not in parameters or parameters[name].shape != tensor.shape:
                raise ValueError(f"{folder} holds another network: {name} does not fit")
            if not bool(tensor.isfinite().all()):
                raise ValueError(f"{folder}: {name} holds NaN or infinite values; begin with intact weights")
            parameters[name].copy_(tensor)
    return {"begun_with_the_weights_of": earlier}
