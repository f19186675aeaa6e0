"""Attention as OpenFIM's networks use it: linear in the number of tokens, in four mechanisms, or ordinary.

Each mechanism is split in two: ``memory`` reduces the tokens to what queries need, once, and ``forward`` reads it for
any number of queries. Letters: B contexts, M tokens, N queries, H heads, E width, h = E / H.

With ``q``, ``k`` and ``v`` projections of queries and tokens, linear attention answers
``phi(q) S / (phi(q) . s + 1e-8)`` with ``S = sum over tokens of psi(k) v``:

========= ======================================== ============================ =========================
mechanism phi(q)                                   psi(k)                       s
========= ======================================== ============================ =========================
gnot      softmax over features                    softmax over features        sum over tokens of psi(k)
elu       elu + 1                                  elu + 1                      sum over tokens of psi(k)
efficient softmax over features                    softmax over tokens          1
legacy    softmax over features                    softmax over tokens          square root of h
========= ======================================== ============================ =========================

Sources: GNOT (arXiv 2302.14376), efficient attention (arXiv 1812.01243), linear transformers (arXiv 2006.16236).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_EPS = 1e-8

Memory = tuple[Tensor, ...]


class LinearAttention(nn.Module):
    """Linear attention; its memory does not grow with the context."""

    def __init__(self, width: int, heads: int, bias: bool, kind: Literal["gnot", "efficient", "legacy", "elu"]) -> None:
        super().__init__()
        self.heads = heads
        self.kind = kind
        self.query = nn.Linear(width, width, bias=bias)
        self.key = nn.Linear(width, width, bias=bias)
        self.value = nn.Linear(width, width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)

    def _split(self, x: Tensor) -> Tensor:
        return _at_least_float32(x.unflatten(-1, (self.heads, -1)).transpose(-3, -2))

    def memory(self, tokens: Tensor, mask: Tensor) -> Memory:
        """Reduce tokens (B, M, E), of which ``mask`` (B, M) counts, to (B, H, h, h) and (B, H, h, 1)."""
        with_padding = mask[:, None, :, None]
        keys, values = self._split(self.key(tokens)), self._split(self.value(tokens))
        if self.kind == "gnot":
            features = keys.softmax(-1)
        elif self.kind == "elu":
            features = _elu_plus_one(keys)
        else:
            features = keys.masked_fill(~with_padding, -torch.inf).softmax(-2)
        features, values = features * with_padding, values * with_padding
        if self.kind in ("gnot", "elu"):
            total = features.sum(-2)
        else:
            divisor = 1.0 if self.kind == "efficient" else keys.shape[-1] ** 0.5
            total = torch.full_like(features[:, :, 0], divisor)
        with torch.autocast(tokens.device.type, enabled=False):
            return features.transpose(-2, -1) @ values, total[..., None]

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Answer queries (B, N, E)."""
        product, total = memory
        queries = self._split(self.query(x))
        queries = _elu_plus_one(queries) if self.kind == "elu" else queries.softmax(-1)
        with torch.autocast(x.device.type, enabled=False):
            mixed = (queries @ product) / (queries @ total + _EPS)
        return self.output(mixed.transpose(-3, -2).flatten(-2))


class MultiheadAttention(nn.Module):
    """Ordinary scaled dot-product attention; its memory is the keys and values of all tokens."""

    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)

    def _project(self, x: Tensor, first: int, last: int) -> tuple[Tensor, ...]:
        """Projections ``first`` to ``last - 1`` of queries, keys and values, each of shape (B, H, M, h)."""
        width = self.inputs.in_features
        rows = slice(first * width, last * width)
        bias = None if self.inputs.bias is None else self.inputs.bias[rows]
        parts = F.linear(x, self.inputs.weight[rows], bias).split(width, dim=-1)
        return tuple(part.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for part in parts)

    def memory(self, tokens: Tensor, mask: Tensor) -> Memory:
        """Keys and values of tokens (B, M, E), each of shape (B, H, M, h), and their mask (B, 1, 1, M)."""
        return (*self._project(tokens, 1, 3), mask[:, None, None])

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Answer queries (B, N, E)."""
        keys, values, mask = memory
        (queries,) = self._project(x, 0, 1)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        return self.output(mixed.transpose(-3, -2).flatten(-2))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _elu_plus_one(x: Tensor) -> Tensor:
    """``elu(x) + 1``, without the loss of digits where it is small."""
    return x.clamp(min=0) + x.clamp(max=0).exp()
