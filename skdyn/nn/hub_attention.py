"""Attention among tokens that also see a learned table of rows, the common structure hub.

The paper appends the hub to the tokens, attends and drops the hub's own rows before the next layer appends it again
(LASS-ODE, arXiv 2602.01009, equation 4). As nothing reads those rows, giving the hub keys and values but no queries is
the same computation. At inference the hub is a constant: a persistent memory (arXiv 1907.01470), not attention between
systems. Letters: B series, M tokens, C hub rows, W width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class HubAttention(nn.Module):
    """Multi-head attention of M tokens to themselves and to C constant rows."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def forward(self, tokens: Tensor, hub: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens : Tensor of shape (B, M, W), normalised
        hub : Tensor of shape (C, W), normalised
        mask : boolean Tensor of shape (B, M), optional
            Which tokens may be seen; the hub always is.

        Returns
        -------
        Tensor of shape (B, M, W)
        """
        seen = torch.cat([tokens, hub.expand(len(tokens), -1, -1)], dim=1)
        if mask is not None:
            mask = F.pad(mask, (0, len(hub)), value=True)[:, None, None]
        mixed = F.scaled_dot_product_attention(
            self._split(self.query(tokens)), self._split(self.key(seen)), self._split(self.value(seen)), attn_mask=mask
        )
        return self.output(mixed.transpose(-3, -2).flatten(-2))
