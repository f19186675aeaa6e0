"""Motion down potentials with several wells."""

from __future__ import annotations

import torch
from torch import Tensor

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, interpolate


class Potential(Family):
    """``x_i' = -k_i (x_i - a_i)(x_i - b_i)(x_i - c_i) + sum_j w_ij x_j``, in rotated and shifted coordinates.

    Every coordinate has a double well (probability 0.7; ``a < b < c`` with gaps log-uniform in [0.3, 2.5]) or a single
    one ``-k_i (x_i - b_i)``; k log-uniform in [0.2, 5]; the coupling w is antisymmetric half of the time and symmetric
    otherwise, with entries N(0, 0.5^2); b ~ N(0, 1). Half of the systems are seen in a random orthogonal frame.
    Source: Kramers (1940) for the double well, with random parameters.
    """

    name = "potential"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        middle = draw.normal(n, 1, dim)
        low = middle - draw.log_uniform(0.3, 2.5, n, 1, dim)
        high = middle + draw.log_uniform(0.3, 2.5, n, 1, dim)
        strength = draw.log_uniform(0.2, 5.0, n, 1, dim)
        double = draw.coin(0.7, n, 1, dim)
        coupling = 0.5 * draw.normal(n, dim, dim) * (1 - torch.eye(dim, device=draw.device))
        sign = torch.where(draw.coin(0.5, n, 1, 1), -1.0, 1.0)
        coupling = (coupling + sign * coupling.transpose(1, 2)) / 2
        frame = torch.linalg.qr(draw.normal(n, dim, dim))[0]
        frame = torch.where(draw.coin(0.5, n, 1, 1), frame, torch.eye(dim, device=draw.device))

        def polynomial(seen: Tensor) -> Tensor:
            x = seen @ frame
            cubic = (x - low) * (x - middle) * (x - high)
            slope = -strength * torch.where(double, cubic, x - middle) + (x - middle) @ coupling.transpose(1, 2)
            return slope @ frame.transpose(1, 2)

        start = draw.start(n, dim)
        centre = (middle @ frame.transpose(1, 2))[:, 0]
        return PolynomialField(
            type(start)(centre, start.spread, start.positive), interpolate(polynomial, dim, 3, middle)
        )
