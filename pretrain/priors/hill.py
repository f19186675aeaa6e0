"""Gene-regulation kinetics with Hill functions."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import RationalField, monomials


class Hill(Family):
    """``x_i' = b_i - d_i x_i + sum_j v_ij h_ij(x_j)``, with h an activating or inhibiting Hill function.

    Each edge j -> i exists with probability 0.6; v log-uniform in [0.5, 6], half-saturation in [0.3, 3], order U(1, 5);
    inhibition (half of the edges) is ``v (1 - h)``; b ~ U(0, 0.5), d log-uniform in [0.2, 2]. A third of the systems
    are rings in which every species acts on the next one only, which is what oscillates. Source: Hill kinetics of
    transcription networks (Hill 1910; Goodwin 1965) with random parameters.
    """

    name = "hill"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> RationalField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        ring = torch.roll(torch.eye(dim, dtype=torch.bool, device=draw.device), 1, dims=0)
        edges = torch.where(draw.coin(1 / 3, n, 1, 1), ring, draw.coin(0.6, n, dim, dim))
        gains = draw.log_uniform(0.5, 6.0, n, dim, dim) * edges
        inhibits = draw.coin(0.5, n, dim, dim)
        coefficients = torch.zeros(n, dim, len(monomials(dim, 2)), device=draw.device)
        coefficients[:, :, 0] = draw.uniform(0.0, 0.5, n, dim) + (gains * inhibits).sum(-1)
        for i in range(dim):
            coefficients[:, i, 1 + i] = -draw.log_uniform(0.2, 2.0, n)
        return RationalField(
            start=draw.start(n, dim, positive=True),
            coefficients=coefficients,
            gains=torch.where(inhibits, -gains, gains),
            half=draw.log_uniform(0.3, 3.0, n, dim, dim),
            orders=draw.uniform(1.0, 5.0, n, dim, dim),
        )
