"""Polynomials with bounded and transcendental units."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import UNITS, UnitField
from pretrain.priors.polynomial import sparse_coefficients


class Units(Family):
    """``x_i' = q_i(x) + sum_u a_ui g_u(w_u.x + b_u) m_u(x)``: quadratic polynomials with up to 4 units.

    g is one of sin, tanh, exp(-u^2), 1/(1+u^2), sigmoid(4u), exp(min(u, 2))-1, each at most once; w ~ N(0, 1) on one
    or on all coordinates, b ~ N(0, 1), a ~ N(0, 2^2) on one component; m is 1 (70%) or one coordinate. A linear decay
    ``-d x`` with d ~ U(0, 1) is added to half of the systems. Source: this project.
    """

    name = "units"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> UnitField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        units = len(UNITS)
        coefficients = sparse_coefficients(draw, n, dim, 2) * 0.7
        decay = draw.uniform(0.0, 1.0, n) * draw.coin(0.5, n)
        for i in range(dim):
            coefficients[:, i, 1 + i] -= decay
        one_hot = draw.subset(torch.ones(n, units, device=draw.device, dtype=torch.int64), dim)
        reads = one_hot | draw.coin(0.4, n, units, 1)
        weights = torch.cat([draw.normal(n, units, dim) * reads, draw.normal(n, units, 1)], dim=-1)
        constant = draw.coin(0.7, n, units, 1)
        picked = draw.subset(torch.ones(n, units, device=draw.device, dtype=torch.int64), dim)
        modulators = torch.cat([picked & ~constant, constant], dim=-1).to(weights)
        acts = draw.subset(torch.ones(n, units, device=draw.device, dtype=torch.int64), dim)
        active = draw.subset(draw.integer(1, 4, n), units)
        amplitudes = 2 * draw.normal(n, units, 1) * acts * active[..., None]
        return UnitField(draw.start(n, dim), coefficients, weights, modulators, amplitudes)
