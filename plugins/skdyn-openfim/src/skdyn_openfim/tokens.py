"""The tokens that a network of OpenFIM makes of trajectories: one for each observed point and the step that follows.

Letters: B contexts, K trajectories, L points, D dimensions, M = K (L - 1) tokens, E width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenEmbedding(nn.Module):
    """Embed the time step, the state, its increment and the increment's square, in a quarter of the width each."""

    def __init__(self, max_dim: int, width: int, bias: bool) -> None:
        super().__init__()
        self.step = nn.Linear(1, width // 4, bias=bias)
        self.state = nn.Linear(max_dim, width // 4, bias=bias)
        self.increment = nn.Linear(max_dim, width // 4, bias=bias)
        self.square = nn.Linear(max_dim, width // 4, bias=bias)

    def forward(self, states: Tensor, times: Tensor, mask: Tensor) -> Tensor:
        """Embed trajectories.

        Parameters
        ----------
        states : Tensor of shape (B, K, L, D)
        times : Tensor of shape (B, K, L)
            Differences are taken in the inputs' type: pass float64 for long time axes.
        mask : boolean Tensor of shape (B, K, L)
            Observed points come first in each trajectory.

        Returns
        -------
        Tensor of shape (B, M, E)
            The step and the increment from a trajectory's last point are zero.
        """
        dtype = self.step.weight.dtype
        paired = has_next(mask)[..., None]
        step = (times.diff(dim=-1)[..., None] * paired).to(dtype)
        increment = (states.diff(dim=-2) * paired).to(dtype)
        parts = [
            self.step(step),
            self.state(states[:, :, :-1].to(dtype)),
            self.increment(increment),
            self.square(increment**2),
        ]
        return torch.cat(parts, dim=-1).flatten(1, 2)


def has_next(mask: Tensor) -> Tensor:
    """Which points but the last, (B, K, L - 1), have an observed point after them."""
    return mask[..., :-1] & mask[..., 1:]
