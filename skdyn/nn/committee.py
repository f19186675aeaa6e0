"""The committee: the fits of a context before any query, each seen beside all others.

One fit by itself cannot tell whether it stands alone. Attention over the fits of a variable, with a bias by how far
apart their fields are along the observed path and beyond it, lets those that agree support each other and whole fields
be judged; what it finds is added to what the arbiter sees of each fit at every query.

Letters: B contexts, F fits, D variables, U units of the arbiter, W width, H heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, _HEADS, _OF_PAIRS, _OF_BIAS, _OF_CONTEXT = 64, 4, 4, 16, 3
_LEAST_GAP = 1e-4


class Committee(nn.Module):
    """Attention over the fits of each variable; begins as one that adds nothing.

    Parameters
    ----------
    units : int
        Of the arbiter's layers.
    layers : int
    """

    def __init__(self, units: int, layers: int) -> None:
        super().__init__()
        self.begin = nn.Linear(units + _OF_CONTEXT, WIDTH)
        self.layers = nn.ModuleList(_Layer() for _ in range(layers))
        self.end = nn.Linear(WIDTH, units)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)

    def forward(self, hidden: Tensor, gaps: Tensor, sizes: Tensor, log_spreads: Tensor, log_points: Tensor) -> Tensor:
        """What to add to the features (B, F, D, U) of the fits.

        Parameters
        ----------
        hidden : Tensor of shape (B, F, D, U)
        gaps : Tensor of shape (B, 2, F, F, D)
            Mean distance of two fits' fields, along the observed path and beyond it.
        sizes : Tensor of shape (B, 2, F, D)
            Mean size of each fit's field there.
        log_spreads : Tensor of shape (B, 2, F, D)
            Mean log deviation that each fit gives itself there.
        log_points : Tensor of shape (B,)
        """
        points = log_points[:, None, None, None].expand(*hidden.shape[:3], 1)
        x = torch.cat([hidden, log_spreads.movedim(1, -1) / 3, points / 3], -1)
        x = self.begin(x).transpose(1, 2)
        pairs = torch.stack([(gaps + _LEAST_GAP).log() / 3, gaps / (sizes[:, :, :, None] + gaps + 1e-3)], -1)
        pairs = pairs.permute(0, 4, 2, 3, 1, 5).flatten(-2)  # (B, D, F, F, 4)
        for layer in self.layers:
            x = layer(x, pairs)
        return self.end(x).transpose(1, 2)


class _Layer(nn.Module):
    """Fits attend to each other, each variable hears the mean of all, and a feed-forward layer."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attend, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.bias = nn.Sequential(nn.Linear(_OF_PAIRS, _OF_BIAS), nn.SiLU(), nn.Linear(_OF_BIAS, _HEADS))
        self.of_all = nn.Linear(WIDTH, WIDTH, bias=False)
        self.widen, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor, pairs: Tensor) -> Tensor:
        """Members (B, D, F, W) after this layer, given features (B, D, F, F, pairs) of every two of them."""
        query, key, value = self.attend(self.before(x)).unflatten(-1, (3, _HEADS, -1)).unbind(-3)
        query, key, value = (part.transpose(2, 3) for part in (query, key, value))  # (B, D, H, F, W / H)
        heard = F.scaled_dot_product_attention(query, key, value, self.bias(pairs).movedim(-1, 2))
        x = x + self.out(heard.transpose(2, 3).flatten(-2))
        x = x + self.of_all(x.mean(1, keepdim=True))
        return x + self.narrow(F.silu(self.widen(self.between(x))))
