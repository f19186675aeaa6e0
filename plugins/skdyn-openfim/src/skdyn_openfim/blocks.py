"""What the networks of OpenFIM are made of: blocks of attention, and heads that read tokens at queries.

Letters: B contexts, M tokens, N queries, E width.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn_openfim.attention import LinearAttention, Memory, MultiheadAttention
from skdyn_openfim.config import BlockConfig, HeadConfig


class Block(nn.Module):
    """Attention and a feed-forward layer, each followed by a layer normalisation."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        width, bias = config.width, config.bias
        self.query_residual = config.query_residual
        self.attention: LinearAttention | MultiheadAttention
        if config.attention == "multihead":
            self.attention = MultiheadAttention(width, config.heads, bias)
        else:
            self.attention = LinearAttention(width, config.heads, bias, config.attention)
        self.expand = nn.Linear(width, config.feedforward, bias=bias)
        self.contract = nn.Linear(config.feedforward, width, bias=bias)
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Update queries (B, N, E)."""
        attended = self.attention(x, memory)
        x = self.norm1(x + attended if self.query_residual else attended)
        return self.norm2(x + self.contract(F.gelu(self.expand(x))))


class Head(nn.Module):
    """Blocks in which each query attends to the tokens, then a small perceptron."""

    def __init__(self, config: HeadConfig, outputs: int) -> None:
        super().__init__()
        self.blocks = stack(config.block, config.layers)
        self.mlp = nn.Sequential()
        width = config.block.width
        for i, hidden in enumerate(config.hidden):
            self.mlp.add_module(f"linear_{i}", nn.Linear(width, hidden))
            self.mlp.add_module(f"gelu_{i}", nn.GELU())
            width = hidden
        self.mlp.add_module("output", nn.Linear(width, outputs))

    def memories(self, tokens: Tensor, mask: Tensor) -> tuple[Memory, ...]:
        """What each block needs of the tokens (B, M, E), of which ``mask`` (B, M) counts."""
        return tuple(block.attention.memory(tokens, mask) for block in _blocks(self.blocks))

    def forward(self, x: Tensor, memories: tuple[Memory, ...]) -> Tensor:
        """Map embedded queries (B, N, E) to outputs (B, N, outputs)."""
        for block, memory in zip(_blocks(self.blocks), memories, strict=True):
            x = block(x, memory)
        with torch.autocast(x.device.type, enabled=False):
            return self.mlp(x.to(torch.promote_types(x.dtype, torch.float32)))


def stack(config: BlockConfig, layers: int) -> nn.ModuleList:
    """Return ``layers`` blocks of the same configuration."""
    return nn.ModuleList(Block(config) for _ in range(layers))


def encode_tokens(encoder: nn.ModuleList, x: Tensor, mask: Tensor) -> Tensor:
    """Run tokens (B, M, E), of which ``mask`` (B, M) counts, through blocks of self-attention."""
    for block in _blocks(encoder):
        x = block(x, block.attention.memory(x, mask))
    return x


def _blocks(blocks: nn.ModuleList) -> list[Block]:
    return cast("list[Block]", list(blocks))
