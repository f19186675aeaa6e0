"""Second-order systems written as first-order ones."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, monomials
from pretrain.priors.polynomial import sparse_coefficients


class Mechanical(Family):
    """``x_0' = c x_1``; the other components are sparse cubic polynomials with a restoring and a friction term.

    c ~ U(0.5, 2); each monomial of the other components is kept with probability 0.6; the second component gets
    ``- k x_0 - g x_1`` with k ~ U(0, 3), g ~ U(-0.1, 0.6). Source: Newton's law for one coordinate with a polynomial
    force, the third component being a further state of the force.
    """

    name = "mechanical"
    dims = (2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        coefficients = sparse_coefficients(draw, n, dim, 3, keep=0.6)
        position, velocity = (monomials(dim, 3).index((i,)) for i in (0, 1))
        coefficients[:, 0] = 0
        coefficients[:, 0, velocity] = draw.uniform(0.5, 2.0, n)
        coefficients[:, 1, position] -= draw.uniform(0.0, 3.0, n)
        coefficients[:, 1, velocity] -= draw.uniform(-0.1, 0.6, n)
        return PolynomialField(draw.start(n, dim), coefficients)
