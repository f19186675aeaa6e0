"""Bounded three-dimensional quadratic systems, many of them chaotic."""

from __future__ import annotations

import torch
from torch import Tensor

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, interpolate


class ForcedDissipative(Family):
    """``x' = (R - diag(l)) x + N(x) x + c`` with antisymmetric R and N(x): every trajectory stays bounded.

    N(x) is antisymmetric and linear in x, so that the quadratic term conserves |x|^2; with l > 0 and a constant
    forcing c all trajectories enter a ball of radius |c| / min(l), within which many systems are chaotic. l is
    log-uniform in [0.1, 3], R ~ N(0, 1), the coefficients of N ~ N(0, 1), ``c = f mean(l)`` in a random direction
    with f log-uniform in [2, 12]; the whole is shifted by N(0, 1). Source: the class of forced dissipative systems
    with energy-preserving quadratic terms (Lorenz 1963, 1984), with random parameters.
    """

    name = "chaotic"
    dims = (3,)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        decay = draw.log_uniform(0.1, 3.0, n, 1, 3)
        turn = draw.normal(n, 1, 3)
        mixing = draw.normal(n, 3, 3)
        direction = draw.normal(n, 1, 3)
        direction = direction / direction.norm(dim=-1, keepdim=True)
        forcing = decay.mean(-1, keepdim=True) * draw.log_uniform(2.0, 12.0, n, 1, 1) * direction
        shift = draw.normal(n, 1, 3)

        def polynomial(seen: Tensor) -> Tensor:
            x = seen - shift
            # An antisymmetric matrix times x is a cross product with an axis; N's axis is linear in x.
            axis = turn + x @ mixing
            return torch.linalg.cross(axis.expand(x.shape), x) - decay * x + forcing

        start = draw.start(n, 3)
        coefficients = interpolate(polynomial, 3, 3, shift)
        return PolynomialField(type(start)(shift[:, 0], 2 * start.spread, start.positive), coefficients)
