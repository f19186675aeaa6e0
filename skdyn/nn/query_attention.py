"""What FIM-ODE's network says at queries of one context, with all prepared that does not depend on the query.

Up to eight queries an operation of torch costs more in its dispatch than in its arithmetic: small arrays are NumPy's
then, and torch has what runs over all tokens. For more queries everything is torch's, whose threads can be told to keep
still; those of NumPy's products of large matrices cannot.

Letters: N queries, M tokens, D variables of the network, E width, H heads.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import erf
from torch import Tensor, nn

from skdyn.nn.attention import Block, RMSNorm, blocks
from skdyn.nn.fim_ode import FIMODE, EncodedContext

Array = NDArray[np.floating]
FEW = 8
"""Queries up to which torch's operations are not worth their dispatch."""
_AT_ONCE = 128
"""Queries whose weights for all tokens stay in a core's own memory."""
_ROOT_HALF = 0.5**0.5


class NetworkAtQueries:
    """What `FIMODE.answer` says at queries of a single context; weights of norms are part of what follows them."""

    def __init__(self, network: FIMODE, context: EncodedContext) -> None:
        c = network.config
        seen = context.mask[0]
        self.log_bound = c.scale_clip
        self.active = context.dim_mask.numpy()
        self.octaves = (2.0 ** np.arange(c.fourier_octaves)).astype(self.active.dtype)
        (self.first, self.of_first), (self.second, self.of_second) = map(linear, linears(network.query_embedding))
        pairs = ([part[0, :, seen] for part in pair] for pair in context.keys_values)
        self.blocks = [AttendedTokens(*parts) for parts in zip(blocks(network.decoder), pairs, strict=True)]
        self.least, self.norm = _folded(network.decoder_norm)
        (head, of_head), (gate, of_gate) = linear(network.head), linear(network.gate)
        self.head, self.of_head = _widened(torch.cat([head, gate], 1)), _widened(torch.cat([of_head, of_gate]))
        shrink = c.local_width**0.5
        self.local, self.local_state = (
            layer.weight.T / shrink for layer in (network.local_query, network.local_query_state)
        )
        self.keys = context.local_keys[0, seen].T.contiguous()
        offsets = context.velocity - (context.jacobian @ context.state[..., None])[..., 0]
        self.tokens = _widened(torch.cat([offsets, context.jacobian.flatten(-2)], -1)[0, seen])

    def __call__(self, z: Array) -> tuple[Array, Array, Array]:
        """Field and log-scale (N, D), and hidden states (N, E)."""
        count = len(z)
        angles = (z[:, :, None] * self.octaves).reshape(count, -1)
        active = self.active if count == 1 else np.repeat(self.active, count, axis=0)
        features = np.concatenate([z, np.sin(angles), np.cos(angles), active], axis=1)
        return self._few(z, features) if count <= FEW else self._many(z, torch.from_numpy(features))

    def _few(self, z: Array, features: Array) -> tuple[Array, Array, Array]:
        h = _gelu(features @ self.first.numpy() + self.of_first.numpy()) @ self.second.numpy() + self.of_second.numpy()
        for block in self.blocks:
            h = block.few(h)
        h = _unit_of_few(h, self.least) * self.norm.numpy()
        queries = torch.from_numpy(h @ self.local.numpy() + features @ self.local_state.numpy())
        affine = torch.mm(torch.mm(queries, self.keys).softmax(-1), self.tokens)
        return *self._field(z, affine.numpy(), h @ self.head.numpy() + self.of_head.numpy()), h

    def _many(self, z: Array, features: Tensor) -> tuple[Array, Array, Array]:
        h = torch.addmm(self.of_second, F.gelu(torch.addmm(self.of_first, features, self.first)), self.second)
        for block in self.blocks:
            h = block.many(h)
        h = _unit(h, self.least).mul_(self.norm)
        queries = torch.addmm(torch.mm(features, self.local_state), h, self.local)
        parts = [torch.mm(torch.mm(part, self.keys).softmax(-1), self.tokens) for part in queries.split(_AT_ONCE)]
        affine = parts[0] if len(parts) == 1 else torch.cat(parts)
        return *self._field(z, affine.numpy(), torch.addmm(self.of_head, h, self.head).numpy()), h.numpy()

    def _field(self, z: Array, affine: Array, answer: Array) -> tuple[Array, Array]:
        """Field and log-scale from blended linear models (N, D + D D, ...) and what the heads and the gate say."""
        count, dim = z.shape
        matrices = affine[:, dim : dim + dim**2].reshape(count, dim, dim)
        local = affine[:, :dim] + np.einsum("nij,nj->ni", matrices, z)
        field = local / (1 + np.exp(-answer[:, 2 * dim : 3 * dim])) + answer[:, :dim]
        return field * self.active, clipped(answer[:, dim : 2 * dim], -self.log_bound, self.log_bound)


class AttendedTokens:
    """`Block.cross_attend` to tokens of which keys and values (H, M, E / H) are given."""

    def __init__(self, block: Block, keys_values: list[Tensor]) -> None:
        attention = block.attention
        self.heads = attention.heads
        keys, self.values = (part.contiguous() for part in keys_values)
        self.least_of_query, weight = _folded(attention.query_norm)
        self.keys = keys * (weight / keys.shape[-1] ** 0.5)
        self.columns = self.keys.mT.contiguous()
        self.least, weight = _folded(block.attention_norm)
        self.query, self.output = (attention.query.weight * weight).T, attention.output.weight.T
        first, second = linears(block.feedforward)
        self.least_inside, weight = _folded(block.feedforward_norm)
        self.first, self.second = (first.weight * weight).T, second.weight.T

    def few(self, x: Array) -> Array:
        """Update a few rows (N, E)."""
        count, width = x.shape
        queries = (_unit_of_few(x, self.least) @ self.query.numpy()).reshape(count, self.heads, -1)
        heads = torch.from_numpy(_unit_of_few(queries, self.least_of_query).transpose(1, 0, 2))
        mixed = torch.bmm(torch.bmm(heads, self.columns).softmax(-1), self.values).numpy()
        x = x + mixed.transpose(1, 0, 2).reshape(count, width) @ self.output.numpy()
        return x + _gelu(_unit_of_few(x, self.least_inside) @ self.first.numpy()) @ self.second.numpy()

    def many(self, x: Tensor) -> Tensor:
        """Update rows (N, E)."""
        count, width = x.shape
        queries = _unit(torch.mm(_unit(x, self.least), self.query).view(count, self.heads, -1), self.least_of_query)
        mixed = F.scaled_dot_product_attention(
            queries.transpose(0, 1)[None], self.keys[None], self.values[None], scale=1
        )
        x = torch.addmm(x, mixed[0].transpose(0, 1).reshape(count, width), self.output)
        return torch.addmm(x, F.gelu(torch.mm(_unit(x, self.least_inside), self.first)), self.second)


def _folded(norm: RMSNorm) -> tuple[Tensor, Tensor]:
    """The least length of a row, and the weights (E,) of what follows, with which a `_unit` row is a normalised one."""
    width = len(norm.weight)
    return norm.weight.new_tensor((norm.eps * width) ** 0.5), norm.weight * width**0.5


def _unit(x: Tensor, least: Tensor) -> Tensor:
    """Rows divided by their lengths; short ones by hardly more than the least."""
    return x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), least)


def _unit_of_few(x: Array, least: Tensor) -> Array:
    squares: Array = np.einsum("...e,...e->...", x, x)[..., None]
    return x / np.sqrt(squares + float(least) ** 2)


def _widened(columns: Tensor) -> Tensor:
    """Zeros behind, up to a multiple of eight columns: products by a handful of them round rows by their place."""
    return F.pad(columns, (0, -columns.shape[-1] % 8))


def linears(modules: nn.Sequential) -> list[nn.Linear]:
    """The linear layers among some."""
    return [layer for layer in modules if isinstance(layer, nn.Linear)]


def linear(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """Matrix that a layer multiplies rows by, and its offset."""
    return layer.weight.T, layer.bias


def clipped(x: Array, low: float, high: float) -> Array:
    """`numpy.clip`, which costs more in its call."""
    return np.minimum(np.maximum(x, low), high)


def _gelu(x: Array) -> Array:
    return (x + x * erf(x * _ROOT_HALF)) * 0.5
