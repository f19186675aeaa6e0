"""Compartment models: matter that moves between pools."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import RationalField, interpolate


class Compartment(Family):
    """``x_i' = in_i - out_i x_i + sum_j (F_ji - F_ij)``: flows F_ij from compartment i to j, with positive states.

    A flow is linear ``k x_i`` (30% of the pairs), saturating ``v x_i / (h + x_i)`` (40%) or by contact ``c x_i x_j``
    (40%); k, v, c log-uniform in [0.1, 2], h in [0.2, 3]. Inflow U(0, 1) into 60% of the compartments, outflow
    rate U(0, 0.5) from 70%, and a saturating removal ``r x_i / (h + x_i)``, r log-uniform in [0.3, 3], from 30%.
    Source: pharmacokinetic and epidemic compartment models (Kermack and McKendrick 1927; Jacquez 1985) with random
    graphs and parameters.
    """

    name = "compartment"
    dims = (2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> RationalField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        pairs = ~torch.eye(dim, dtype=torch.bool, device=draw.device)

        def flow(probability: float) -> torch.Tensor:
            return draw.log_uniform(0.1, 2.0, n, dim, dim) * (draw.coin(probability, n, dim, dim) & pairs)

        linear, saturating, contact = flow(0.3), flow(0.4), flow(0.4)
        inflow = draw.uniform(0.0, 1.0, n, dim) * draw.coin(0.6, n, dim)
        outflow = draw.uniform(0.0, 0.5, n, dim) * draw.coin(0.7, n, dim)
        removal = draw.log_uniform(0.3, 3.0, n, dim) * draw.coin(0.3, n, dim)

        def polynomial(x: torch.Tensor) -> torch.Tensor:
            moved = linear[:, None] * x[..., None] + contact[:, None] * (x[..., None] * x[..., None, :])
            return inflow[:, None] - outflow[:, None] * x + moved.sum(-2) - moved.sum(-1)

        # gains[i, j] multiplies the saturation of x_j in the rate of x_i.
        losses = torch.diag_embed(saturating.sum(-1) + removal)
        half = draw.log_uniform(0.2, 3.0, n, 1, dim).expand(n, dim, dim)
        return RationalField(
            start=draw.start(n, dim, positive=True),
            coefficients=interpolate(polynomial, dim, 2, inflow),
            gains=saturating.transpose(1, 2) - losses,
            half=half.contiguous(),
            orders=torch.ones_like(half),
        )
