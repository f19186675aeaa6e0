"""Low-rank adapters: small trainable updates of a network's linear layers, whose own weights stay as they are.

Letters: r rank, I inputs and O outputs of a layer. Source: Hu et al., LoRA (arXiv 2106.09685), equation 3.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn.nn.attention import Attention
from skdyn.nn.hub_attention import HubAttention

Network = TypeVar("Network", bound=nn.Module)


class LowRankLinear(nn.Module):
    """A linear layer plus a low-rank update, ``W x + b + (alpha / r) up down x``.

    Parameters
    ----------
    linear : nn.Linear
        Kept as it is; its parameters are shared, never copied or changed.
    rank : int
        r.
    alpha : float
        Scale of the update, in multiples of the rank.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        weight = linear.weight
        self.linear = linear
        self.scale = alpha / rank
        self.down = nn.Parameter(weight.new_zeros(rank, linear.in_features))
        self.up = nn.Parameter(weight.new_zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs of shape (..., I) to (..., O)."""
        return self.linear(x) + self.scale * F.linear(F.linear(x, self.down), self.up)

    def merged(self) -> nn.Linear:
        """Return a plain layer with the update added to the weight, summed in float64 and then rounded."""
        weight = self.linear.weight.detach()
        update = self.scale * (self.up.detach().double() @ self.down.detach().double())
        bias = self.linear.bias
        layer = nn.Linear(self.linear.in_features, self.linear.out_features, bias is not None, device="meta")
        layer.weight = nn.Parameter((weight.double() + update).to(weight.dtype), requires_grad=False)
        layer.bias = bias
        return layer


def attention_projections(network: nn.Module) -> tuple[str, ...]:
    """Names of the linear layers inside every attention of a network, in its own order.

    Examples
    --------
    >>> from skdyn.nn.attention import Block
    >>> attention_projections(Block(8, 2, 16))
    ('attention.query', 'attention.key_value', 'attention.output')
    """
    return tuple(
        f"{outer}.{inner}" if outer else inner
        for outer, module in network.named_modules()
        if isinstance(module, (Attention, HubAttention))
        for inner, layer in module.named_children()
        if isinstance(layer, nn.Linear)
    )


def add_low_rank(network: Network, targets: Sequence[str], rank: int, alpha: float) -> Network:
    """Return a network of the same parameters with an update at each target; the given network is left alone.

    The updates start at zero, so the network answers bit for bit as before.

    Parameters
    ----------
    network : nn.Module
    targets : sequence of str
        Names of linear layers, as `attention_projections` gives them.
    rank : int
    alpha : float

    Raises
    ------
    ValueError
        If there is no target, one is named twice or is not a linear layer, or the rank is not between 1 and the
        layer's smaller width.
    """
    if not targets or len(set(targets)) < len(targets):
        raise ValueError(f"targets must be distinct names of linear layers, got {list(targets)}")
    layers = dict(network.named_modules())
    for name in targets:
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            raise ValueError(f"the target {name!r} is not a linear layer of {type(network).__name__}")
        if not 1 <= rank <= min(layer.in_features, layer.out_features):
            raise ValueError(
                f"rank {rank} does not fit {name!r}, which maps {layer.in_features} to {layer.out_features}"
            )
    adapted = _share(network)
    for name in targets:
        _replace(adapted, name, LowRankLinear(adapted.get_submodule(name), rank, alpha))  # type: ignore[arg-type]
    return adapted


def initialise(adapted: nn.Module, generator: torch.Generator) -> None:
    """Draw the lower factors uniformly within ``1 / sqrt(I)``; the upper ones are zero, so that nothing changes."""
    with torch.no_grad():
        for _, layer in _low_rank_layers(adapted):
            bound = layer.linear.in_features**-0.5
            drawn = torch.rand(layer.down.shape, generator=generator, dtype=torch.float32)
            layer.down.copy_((2 * drawn - 1) * bound)
            layer.up.zero_()


def low_rank_state(adapted: nn.Module) -> dict[str, Tensor]:
    """Copies of all factors, named ``<target>.down`` of shape (r, I) and ``<target>.up`` of shape (O, r)."""
    return {
        f"{name}.{factor}": getattr(layer, factor).detach().clone()
        for name, layer in _low_rank_layers(adapted)
        for factor in ("down", "up")
    }


def load_low_rank_state(adapted: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Set all factors from `low_rank_state`'s result."""
    with torch.no_grad():
        for name, layer in _low_rank_layers(adapted):
            layer.down.copy_(state[f"{name}.down"])
            layer.up.copy_(state[f"{name}.up"])


def merge(adapted: Network) -> Network:
    """Return a network with plain layers that answers as ``adapted`` does, up to rounding.

    Layers without an update share their parameters with ``adapted``, and so with the base.
    """
    merged = _share(adapted)
    for name, layer in _low_rank_layers(merged):
        _replace(merged, name, layer.merged())
    return merged


def _low_rank_layers(network: nn.Module) -> list[tuple[str, LowRankLinear]]:
    return [(name, module) for name, module in network.named_modules() if isinstance(module, LowRankLinear)]


def _share(network: Network) -> Network:
    """Copy the tree of modules, but not the tensors in it."""
    tensors = [*network.parameters(), *network.buffers()]
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})


def _replace(network: nn.Module, name: str, layer: nn.Module) -> None:
    outer, _, inner = name.rpartition(".")
    setattr(network.get_submodule(outer), inner, layer.train(network.training))
