"""One process or several: who am I, and what do we agree on."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def choose_device(name: str) -> torch.device:
    """The device called ``name``; "auto" is CUDA, then MPS, then the CPU. Under torchrun, the local rank's GPU.

    Raises
    ------
    ValueError
        If there is no such device on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} is not available here: {str(error).splitlines()[0]}") from None
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def device_asked(parser: argparse.ArgumentParser, name: str) -> torch.device:
    """`choose_device` for a command line, whose parser ends with the reason where there is no such device."""
    try:
        return choose_device(name)
    except ValueError as error:
        parser.error(f"argument --device: {error}; choose auto or cpu")


@dataclass(frozen=True)
class World:
    """The processes that train together; ``torchrun`` sets them up, otherwise there is one."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> World:
        """Join the process group that the environment of ``torchrun`` describes, if it does."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wrap(self, module: nn.Module, in_part: bool) -> nn.Module:
        """The module with gradients averaged over all processes; ``in_part`` if some batches use a part of it only."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, broadcast_buffers=False, find_unused_parameters=in_part)

    def largest(self, *values: float, device: torch.device) -> tuple[float, ...]:
        """The largest of each value over all processes, so that all take the same decisions."""
        if self.size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return tuple(tensor.tolist())

    def wait(self, device: torch.device) -> None:
        """Wait for all others: who ends while others still hold the group may be aborted at its end."""
        self.largest(0.0, device=device)

    def leave(self) -> None:
        """Leave the process group."""
        if self.size > 1:
            dist.destroy_process_group()
