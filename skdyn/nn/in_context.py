"""What the networks of vector fields in context share: a trunk of attention, and local models that queries blend.

A context is encoded once into tokens; queries attend to the tokens, not to each other. Beside the trunk every token
carries local models of the field about its state, mixed from estimates that it was given; a query weighs them by a
second attention, whose keys and queries see the states themselves.

Letters: B contexts, D = ``max_dim`` variables, M tokens, N queries, E width, F fields (the drift; the diffusion).
Everything here is in normalised units (``skdyn.models.normalization``).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from skdyn.nn.attention import Block, RMSNorm, at_least_float32, blocks, mlp
from skdyn.nn.config import between, exactly

KeysValues = tuple[tuple[Tensor, Tensor], ...]


@dataclass(frozen=True)
class InContextConfig:
    """Sizes that such networks have in common, first in their ``config.json``."""

    model_type: str
    format_version: int = exactly(1)
    max_dim: int = between(1, 64)
    width: int = between(8, 4096)
    heads: int = between(1, 64)
    encoder_layers: int = between(1, 64)
    decoder_layers: int = between(1, 64)
    feedforward: int = between(8, 16384)
    local_width: int = between(1, 1024)
    fourier_octaves: int = between(1, 12)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return dataclasses.asdict(self)

    @property
    def query_features(self) -> int:
        """Width of the Fourier features of a state and its dimension mask."""
        return self.max_dim * (2 + 2 * self.fourier_octaves)


def fourier(z: Tensor, octaves: int) -> Tensor:
    """States (..., D), then the sines and the cosines of ``z_d 2^k``, with k running fastest within a variable."""
    scales = 2.0 ** torch.arange(octaves, device=z.device, dtype=z.dtype)
    angles = (z[..., None] * scales).flatten(-2)
    return torch.cat([z, angles.sin(), angles.cos()], dim=-1)


def mixture(logits: Tensor, candidates: Tensor) -> Tensor:
    """Mix candidates (..., J, D) by the softmax of logits (..., J)."""
    return (logits.softmax(-1)[..., None] * candidates).sum(-2)


def visible(mask: Tensor) -> Tensor:
    """Attention mask (B, 1, 1, N) of a mask (B, N); rows without any point see everything, so that none becomes NaN."""
    return (mask | ~mask.any(-1, keepdim=True))[:, None, None]


class InContextField(nn.Module, ABC):
    """Encode a context of trajectories once, then decode fields at any states.

    A network adds the embedding of its tokens, then calls `_build`, then adds what else its answers need: the order
    is that of its tensors, and of the random numbers that they start from.
    """

    config: InContextConfig

    @abstractmethod
    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> Any:
        """Encode normalised trajectories into everything that queries need of them."""

    @abstractmethod
    def decode(self, context: Any, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Field and Laplace log-scale, each of shape (B, N, D), at normalised queries of shape (B, N, D)."""

    def _build(self, token_outputs: int, fields: int) -> None:
        """Add the trunk, a head of so many numbers for each token, and local attention and gates for F fields."""
        c = self.config
        self.query_embedding = mlp(c.query_features, c.width)
        self.encoder = nn.ModuleList(Block(c.width, c.heads, c.feedforward) for _ in range(c.encoder_layers))
        self.context_norm = RMSNorm(c.width)
        self.decoder = nn.ModuleList(Block(c.width, c.heads, c.feedforward) for _ in range(c.decoder_layers))
        self.decoder_norm = RMSNorm(c.width)
        self.token_head = nn.Linear(c.width, token_outputs)
        self.local_query = nn.Linear(c.width, fields * c.local_width, bias=False)
        self.local_query_state = nn.Linear(c.query_features, fields * c.local_width, bias=False)
        self.local_key = nn.Linear(c.width, fields * c.local_width, bias=False)
        self.local_key_state = nn.Linear(c.query_features, fields * c.local_width, bias=False)
        self.gate = nn.Linear(c.width, fields * c.max_dim)
        nn.init.zeros_(self.token_head.weight)
        nn.init.zeros_(self.token_head.bias)
        nn.init.constant_(self.gate.bias, 2.0)

    def _state_features(self, z: Tensor, dim_mask: Tensor) -> Tensor:
        """Features of states (B, N, D) and of which variables there are."""
        mask = dim_mask.to(z.dtype)[:, None].expand(*z.shape[:-1], -1)
        return torch.cat([fourier(z, self.config.fourier_octaves), mask], dim=-1)

    def _keys_values(self, x: Tensor) -> KeysValues:
        """Keys and values of the encoded tokens (B, M, E), one pair for each decoder block."""
        return tuple(block.attention.keys_values(x) for block in blocks(self.decoder))

    def _hidden(self, x: Tensor, keys_values: KeysValues, mask: Tensor | None) -> Tensor:
        """Let embedded queries (B, N, E) attend to the tokens; in single precision at least."""
        for block, pair in zip(blocks(self.decoder), keys_values, strict=True):
            x = block.cross_attend(x, pair, mask)
        return at_least_float32(self.decoder_norm(x))

    def _local_keys(self, x: Tensor, z: Tensor, dim_mask: Tensor) -> Tensor:
        """Keys (B, M, F local_width) of tokens (B, M, E) at states (B, M, D)."""
        return self.local_key(x) + self.local_key_state(self._state_features(z, dim_mask))

    def _local_queries(self, h: Tensor, features: Tensor) -> Tensor:
        """Queries (B, N, F local_width) of hidden states (B, N, E) and features of the states asked for."""
        return self.local_query(h) + self.local_query_state(features.to(h.dtype))

    def _blend(self, queries: Tensor, keys: Tensor, mask: Tensor | None, values: Tensor) -> Tensor:
        """Mean (B, N, V) of the tokens' values (B, M, V), weighted for each query of one field."""
        scores = queries @ keys.transpose(-1, -2) / self.config.local_width**0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None], -torch.inf)
        return scores.softmax(-1) @ values

    def _blend_linear(
        self,
        queries: Tensor,
        keys: Tensor,
        mask: Tensor | None,
        velocity: Tensor,
        jacobian: Tensor,
        centers: Tensor,
        z: Tensor,
    ) -> Tensor:
        """Blend the tokens' linear models: ``sum_j a_j (v_j + J_j (z - z_j))`` of shape (B, N, D).

        Velocities and centers have shape (B, M, D), Jacobians (B, M, D, D), the states ``z`` (B, N, D).
        """
        dim = self.config.max_dim
        # As a constant and a matrix per token: two small products.
        constant = velocity - (jacobian @ centers[..., None])[..., 0]
        # One product: kernels for a handful of columns round rows differently by their place in the chunk.
        affine = self._blend(queries, keys, mask, torch.cat([constant, jacobian.flatten(-2)], dim=-1))
        offset, matrix = affine.split([dim, dim**2], dim=-1)
        return offset + (matrix.unflatten(-1, (dim, dim)) @ z[..., None])[..., 0]
