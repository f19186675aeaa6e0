"""Polynomials that are pulled back from infinity."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, interpolate
from pretrain.priors.polynomial import sparse_coefficients


class DampedPolynomial(Family):
    """``x' = p(x) - a x |x|^2``: the polynomial prior with cubic damping, a ~ U(0.1, 1.1).

    The damping keeps trajectories bounded, so that limit cycles and several attractors survive the rejection of
    diverging systems. Source: this project.
    """

    name = "damped"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        free = sparse_coefficients(draw, n, dim, 3)
        damping = draw.uniform(0.1, 1.1, n, 1, 1)
        pull = interpolate(lambda x: -x * (x * x).sum(-1, keepdim=True), dim, 3, free)
        return PolynomialField(draw.start(n, dim), free + damping * pull)
