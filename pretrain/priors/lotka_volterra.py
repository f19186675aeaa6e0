"""Interacting populations."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, interpolate


class LotkaVolterra(Family):
    """``x_i' = x_i (r_i + sum_j A_ij x_j)`` with positive states.

    r ~ N(0, 1); off-diagonal A ~ N(0, 1), half of the systems with antisymmetric signs (predator and prey); diagonal
    ``-|N(0, 0.7^2)|``, zero for 30% of the species. Source: generalised Lotka-Volterra equations (Lotka 1925,
    Volterra 1926) with random parameters.
    """

    name = "lotka_volterra"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        growth = draw.normal(n, dim)
        strength = draw.normal(n, dim, dim)
        upper = strength.triu(1)
        signs = torch.where(draw.coin(0.5, n, 1, 1), -upper.sign().transpose(1, 2), strength.sign())
        interaction = upper + strength.tril(-1).abs() * signs.tril(-1)
        crowding = 0.7 * draw.normal(n, dim).abs() * draw.coin(0.7, n, dim)
        interaction = interaction - torch.diag_embed(crowding)
        coefficients = interpolate(
            lambda x: x * (growth[:, None] + torch.einsum("sij,spj->spi", interaction, x.expand(n, -1, -1))),
            dim,
            3,
            growth,
        )
        return PolynomialField(draw.start(n, dim, positive=True), coefficients)
