"""The polynomial prior of FIM-ODE."""

from __future__ import annotations

import torch
from torch import Tensor

from pretrain.priors.base import Draw, Family, Start
from pretrain.priors.fields import PolynomialField, monomials


def sparse_support(draw: Draw, n: int, dim: int, degree: int) -> Tensor:
    """Active monomials, boolean (n, dim, monomials), of the polynomial priors.

    Per component the number of active degrees is uniform in 1..degree + 1, the degrees are drawn without
    replacement, and within each active degree so are a uniform number of its monomials.
    """
    active_degrees = draw.subset(draw.integer(1, degree + 1, n, dim), degree + 1)
    parts = []
    for k in range(degree + 1):
        count = len(monomials(dim, k)) - (len(monomials(dim, k - 1)) if k else 0)
        active = draw.subset(draw.integer(1, count, n, dim), count)
        parts.append(active & active_degrees[..., k, None])
    return torch.cat(parts, dim=-1)


def sparse_coefficients(draw: Draw, n: int, dim: int, degree: int, keep: float = 1.0) -> Tensor:
    """Coefficients (n, dim, monomials) of the polynomial prior; ``keep`` thins the active monomials further.

    Active coefficients (`sparse_support`) are N(0, 1). One factor U(0, 2) multiplies the whole system.
    """
    active = sparse_support(draw, n, dim, degree)
    active &= draw.coin(keep, *active.shape)
    factor = draw.uniform(0.0, 2.0, n, 1, 1)
    return draw.normal(*active.shape) * active * factor


class Polynomial(Family):
    """Random sparse cubic polynomials: ``x_i' = u sum_m c_im x^m`` with ``c ~ N(0, 1)`` on a random support.

    Source: the pretraining prior of FIM-ODE (arXiv 2602.08733); see `sparse_coefficients` for the support.
    """

    name = "polynomial"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        return PolynomialField(draw.start(n, dim), sparse_coefficients(draw, n, dim, 3))


class UnitPolynomial(Family):
    """Random sparse cubic polynomials without the common factor, from starts N(0, I).

    Source: the pretraining prior of FIM-SDE's drift (arXiv 2502.19049).
    """

    name = "unit_polynomial"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        active = sparse_support(draw, n, dim, 3)
        unit = Start(
            centre=torch.zeros(n, dim, device=draw.device),
            spread=torch.ones(n, dim, device=draw.device),
            positive=torch.zeros(n, dtype=torch.bool, device=draw.device),
        )
        return PolynomialField(unit, draw.normal(*active.shape) * active)
