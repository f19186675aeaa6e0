"""The FIM-ODE network of arXiv 2602.08733, in every variant that the authors' configuration can ask for.

Letters: B contexts, K trajectories, L points, D = ``max_dim`` dimensions, M = K (L - 1) tokens, N queries, E width.
Everything is in normalised units (`skdyn_openfim.scaling`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn_openfim.attention import LinearAttention, Memory, MultiheadAttention
from skdyn_openfim.config import FIMODEConfig


@dataclass(frozen=True)
class EncodedContext:
    """What the queries need of a context, computed once.

    Attributes
    ----------
    field, uncertainty : tuple of tuples of Tensors
        The attention memory of each block of the two heads. With linear attention its size does not depend on the
        number of tokens.
    """

    field: tuple[Memory, ...]
    uncertainty: tuple[Memory, ...]


class FIMODE(nn.Module):
    """Encode a context of trajectories once, then decode the vector field at any states; see `decode`."""

    def __init__(self, config: FIMODEConfig) -> None:
        super().__init__()
        self.config = c = config
        quarter, bias = c.width // 4, c.projection_bias
        self.embed_step = nn.Linear(1, quarter, bias=bias)
        self.embed_state = nn.Linear(c.max_dim, quarter, bias=bias)
        self.embed_increment = nn.Linear(c.max_dim, quarter, bias=bias)
        self.embed_square = nn.Linear(c.max_dim, quarter, bias=bias)
        self.encoder = nn.ModuleList(Block(c, c.feedforward) for _ in range(c.encoder_layers))
        self.embed_query = nn.Sequential(
            nn.Linear(c.max_dim, c.width, bias=bias), nn.ReLU(), nn.Linear(c.width, c.width, bias=bias)
        )
        self.field = Head(c, c.decoder_layers, c.feedforward, c.width, c.max_dim)
        self.uncertainty = None
        if c.uncertainty_layers:
            self.uncertainty = Head(c, c.uncertainty_layers, c.uncertainty_feedforward, c.uncertainty_hidden, 1)

    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> EncodedContext:
        """Encode normalised trajectories.

        Parameters
        ----------
        states : Tensor of shape (B, K, L, D), zero in the padded dimensions
        times : Tensor of shape (B, K, L)
            Differences are taken in the inputs' type: pass float64 for long time axes.
        mask : boolean Tensor of shape (B, K, L)
            Observed points come first in each trajectory; every context has one with two points or more.
        dim_mask : Tensor of shape (B, D)
            Not needed: zeros stand for padded dimensions.

        Returns
        -------
        EncodedContext
        """
        dtype = self.embed_step.weight.dtype
        step = times.diff(dim=-1)[..., None].to(dtype)
        increment = states.diff(dim=-2).to(dtype)
        x = torch.cat(
            [
                self.embed_step(step),
                self.embed_state(states[:, :, :-1].to(dtype)),
                self.embed_increment(increment),
                self.embed_square(increment**2),
            ],
            dim=-1,
        ).flatten(1, 2)
        token_mask = (mask[..., :-1] & mask[..., 1:]).flatten(1)
        for block in _blocks(self.encoder):
            x = block(x, block.attention.memory(x, token_mask))
        uncertainty = () if self.uncertainty is None else self.uncertainty.memories(x, token_mask)
        return EncodedContext(self.field.memories(x, token_mask), uncertainty)

    def decode(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Field and its log-scale at normalised queries.

        Parameters
        ----------
        context : EncodedContext
        queries : Tensor of shape (B, N, D), zero in the padded dimensions

        Returns
        -------
        field, log_scale : Tensors of shape (B, N, D)
            The network has one log-scale for all dimensions of a query. It is the logarithm of a Laplace scale: as
            it stands for a head trained on absolute errors, half of it less ln 2 for one trained on squared errors,
            and NaN (not known) for any other, or without an uncertainty head. What stands in the padded dimensions
            has no meaning.
        """
        x = self.embed_query(queries)
        field = self.field(x, context.field)
        if self.uncertainty is None or self.config.uncertainty_loss == "unknown":
            return field, torch.full_like(field, torch.nan)
        log_error = self.uncertainty(x.detach(), context.uncertainty)
        if self.config.uncertainty_loss == "mse":
            log_error = (log_error - math.log(2)) / 2
        return field, log_error.expand_as(field)


class Head(nn.Module):
    """Blocks in which each query attends to the tokens, then a small perceptron."""

    def __init__(self, config: FIMODEConfig, layers: int, feedforward: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, feedforward) for _ in range(layers))
        self.mlp = nn.Sequential(
            nn.Linear(config.width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, outputs)
        )

    def memories(self, tokens: Tensor, mask: Tensor) -> tuple[Memory, ...]:
        """What each block needs of the tokens (B, M, E)."""
        return tuple(block.attention.memory(tokens, mask) for block in _blocks(self.blocks))

    def forward(self, x: Tensor, memories: tuple[Memory, ...]) -> Tensor:
        """Map embedded queries (B, N, E) to outputs (B, N, outputs)."""
        for block, memory in zip(_blocks(self.blocks), memories, strict=True):
            x = block(x, memory)
        with torch.autocast(x.device.type, enabled=False):
            return self.mlp(x.to(torch.promote_types(x.dtype, torch.float32)))


class Block(nn.Module):
    """Attention and a feed-forward layer, each followed by a layer normalisation."""

    def __init__(self, config: FIMODEConfig, feedforward: int) -> None:
        super().__init__()
        width, heads, bias = config.width, config.heads, config.attention_bias
        self.query_residual = config.query_residual
        self.attention: LinearAttention | MultiheadAttention
        if config.attention == "multihead":
            self.attention = MultiheadAttention(width, heads, bias)
        else:
            self.attention = LinearAttention(width, heads, bias, config.attention)
        self.expand = nn.Linear(width, feedforward, bias=bias)
        self.contract = nn.Linear(feedforward, width, bias=bias)
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Update queries (B, N, E)."""
        attended = self.attention(x, memory)
        x = self.norm1(x + attended if self.query_residual else attended)
        return self.norm2(x + self.contract(F.gelu(self.expand(x))))


def _blocks(blocks: nn.ModuleList) -> list[Block]:
    return cast("list[Block]", list(blocks))
