"""What a network costs: operations of a forward pass and memory of a backward pass, counted and not estimated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_flops(forward: Callable[[], object]) -> float:
    """Floating-point operations of a call, counted operation by operation."""
    # The plain attention is made of matrix products, which the counter knows on every device.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        forward()
    return float(counter.get_total_flops())


def activation_bytes(objective: nn.Module, batch: Any) -> int:
    """Bytes that autograd keeps for the backward pass of a batch."""
    seen: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        # The result keeps the graph, and with it every storage, alive until they have been counted.
        kept = objective(batch)
    weights = sum(p.untyped_storage().nbytes() for p in objective.parameters())
    del kept
    return max(0, sum(seen.values()) - weights)
