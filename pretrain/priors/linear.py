"""Linear systems with a stable equilibrium."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, monomials


class Linear(Family):
    """``x' = A (x - c)`` with ``A = -(B B^T + e I) + (C - C^T)``: Ornstein-Uhlenbeck drifts, overdamped to spiralling.

    Entries of B are N(0, 1/D) times a factor log-uniform in [0.4, 2], e log-uniform in [0.05, 1], entries of C
    N(0, s^2) with s uniform in [0, 2], c ~ N(0, 1). Source: Uhlenbeck and Ornstein (1930), with random parameters.
    """

    name = "linear"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        root = draw.normal(n, dim, dim) * draw.log_uniform(0.4, 2.0, n, 1, 1) / dim**0.5
        turn = draw.normal(n, dim, dim) * draw.uniform(0.0, 2.0, n, 1, 1)
        least = draw.log_uniform(0.05, 1.0, n, 1, 1) * torch.eye(dim, device=draw.device)
        matrix = turn - turn.transpose(1, 2) - root @ root.transpose(1, 2) - least
        centre = draw.normal(n, dim, 1)
        coefficients = torch.zeros(n, dim, len(monomials(dim, 3)), device=draw.device)
        coefficients[:, :, 1 : dim + 1] = matrix
        coefficients[:, :, 0] = -(matrix @ centre)[..., 0]
        start = draw.start(n, dim)
        return PolynomialField(type(start)(centre[..., 0], start.spread, start.positive), coefficients)
