"""Which device a model runs on, and its network there: one copy for each device and type in a process."""

from __future__ import annotations

import copy

import torch
from torch import nn

from skdyn.models.registry import calling
from skdyn.models.sharing import Shared
from skdyn.models.weights import LoadedModel
from skdyn.nn.plain_torch import plain_torch

_NETWORKS: Shared[tuple[str, str, str], nn.Module] = Shared(8)


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn ``"auto"``, a name or a torch device into a torch device that is present.

    Raises
    ------
    ValueError
        If there is no such device on this machine.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.zeros(1, device=resolved).item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} is not available here: {reason}") from None
    return resolved


def network_on(model: LoadedModel, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The model's network on a device at a type, one copy per process."""
    if device.type == "cpu" and dtype == torch.float32:
        return model.network
    key = (model.sha256, str(device), str(dtype))
    with plain_torch(), calling(model.spec, f"cannot be had on {device} as {dtype}"):
        return _NETWORKS.get(key, lambda: copy.deepcopy(model.network).to(device, dtype))
