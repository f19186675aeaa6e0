"""Pre-norm attention blocks with query and key normalisation and rotary position in continuous time."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Root-mean-square normalisation over the last axis with a learned weight."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` of shape (..., width); the weight takes the input's type, which keeps the kernel fused."""
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Rotary:
    """Rotary position for continuous times, with wavelengths spaced evenly in the logarithm."""

    def __init__(self, head_width: int, shortest: float, longest: float) -> None:
        self.pairs = head_width // 2
        self.log_range = math.log10(shortest), math.log10(longest)

    def __call__(self, times: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines of shape (..., L, head_width / 2) for times of shape (..., L), in ``dtype``.

        The angles are computed in the times' own type, because float32 loses the phase of long trajectories.
        """
        wavelengths = torch.logspace(*self.log_range, self.pairs, dtype=times.dtype, device=times.device)
        angles = times[..., None] * (2 * math.pi / wavelengths)
        return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs made of the first and the second half of the last axis of ``x``."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class Attention(nn.Module):
    """Multi-head attention without biases; keys and values can be computed once and reused."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.query_norm = RMSNorm(width // heads)
        self.key_norm = RMSNorm(width // heads)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def keys_values(self, context: Tensor, rotation: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Keys and values of shape (B, heads, N, width / heads) of a context of shape (B, N, width)."""
        keys, values = (self._split(part) for part in self.key_value(context).chunk(2, dim=-1))
        keys = self.key_norm(keys)
        return (keys if rotation is None else rotate(keys, rotation)), values

    def forward(
        self,
        x: Tensor,
        keys_values: tuple[Tensor, Tensor],
        mask: Tensor | None = None,
        rotation: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Attend from ``x`` of shape (B, M, width); ``mask`` is True where a key may be seen."""
        queries = self.query_norm(self._split(self.query(x)))
        if rotation is not None:
            queries = rotate(queries, rotation)
        if queries.requires_grad and mask is None and not keys_values[0].requires_grad:
            mixed = _differentiable(queries, *keys_values)
        else:
            mixed = F.scaled_dot_product_attention(queries, *keys_values, attn_mask=mask)
        return self.output(mixed.transpose(-3, -2).flatten(-2))


class Block(nn.Module):
    """Attention and a feed-forward layer, each pre-normalised and added to its input."""

    def __init__(self, width: int, heads: int, feedforward: int) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(width)
        self.attention = Attention(width, heads)
        self.feedforward_norm = RMSNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, feedforward, bias=False), nn.GELU(), nn.Linear(feedforward, width, bias=False)
        )

    def self_attend(self, x: Tensor, mask: Tensor | None, rotation: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Update ``x`` of shape (B, N, width) by attention to itself."""
        normed = self.attention_norm(x)
        keys_values = self.attention.keys_values(normed, rotation)
        x = x + self.attention(normed, keys_values, mask, rotation)
        return x + self.feedforward(self.feedforward_norm(x))

    def cross_attend(self, x: Tensor, keys_values: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Update ``x`` of shape (B, M, width) by attention to the given keys and values."""
        x = x + self.attention(self.attention_norm(x), keys_values, mask)
        return x + self.feedforward(self.feedforward_norm(x))


def _differentiable(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention for derivatives by the queries alone: the fused kernel's are by keys and values too."""
    scores = queries @ (keys / keys.shape[-1] ** 0.5).mT
    return scores.softmax(-1) @ values


def blocks(modules: nn.ModuleList) -> list[Block]:
    """Blocks of a list of modules, as a type checker knows them."""
    return cast("list[Block]", list(modules))


def mlp(inputs: int, width: int) -> nn.Sequential:
    """Two linear layers with a GELU between them, as embeddings have them."""
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width))


def at_least_float32(x: Tensor) -> Tensor:
    """Values in single precision or better, whatever precision the attention before ran in."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
