"""Conservative systems: nothing is gained or lost along a trajectory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, interpolate


class Hamiltonian(Family):
    """Fields that conserve a polynomial energy, with a little friction in a third of the systems.

    Two dimensions: ``x' = dH/dy, y' = -dH/dx`` for a quartic H: a random quadratic form (positive definite for 70%),
    cubic terms N(0, 0.3^2) and quartic terms N(0, 0.2^2) plus ``0.1 (x^4 + y^4)``. Three dimensions:
    ``x' = grad H x grad C`` for two random quadratics, which conserves both. Friction ``-g x`` with g log-uniform in
    [0.005, 0.1]. Source: Hamilton's equations, and Nambu (1973) for three dimensions, with random functions.
    """

    name = "hamiltonian"
    dims = (2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        friction = draw.log_uniform(0.005, 0.1, n, 1, 1) * draw.coin(1 / 3, n, 1, 1)
        conservative = self._planar(draw, n) if dim == 2 else self._spatial(draw, n)
        coefficients = interpolate(lambda x: conservative(x) - friction * x, dim, 3, friction)
        return PolynomialField(draw.start(n, dim), coefficients)

    def _planar(self, draw: Draw, n: int) -> Callable[[Tensor], Tensor]:
        quadratic = _quadratic_form(draw, n, 2, definite=0.7)
        linear = 0.3 * draw.normal(n, 1, 2)
        cubic = 0.3 * draw.normal(4, n, 1)
        quartic = 0.2 * draw.normal(5, n, 1)
        quartic[[0, 4]] += 0.1

        def field(state: Tensor) -> Tensor:
            x, y = state.unbind(-1)
            gradient = state @ quadratic + linear
            dx, dy = gradient[..., 0], gradient[..., 1]
            for terms, order in ((cubic, 3), (quartic, 4)):
                for power, c in enumerate(terms):  # c x^(order - power) y^power
                    if power < order:
                        dx = dx + c * (order - power) * x ** (order - power - 1) * y**power
                    if power > 0:
                        dy = dy + c * power * x ** (order - power) * y ** (power - 1)
            return torch.stack([dy, -dx], dim=-1)

        return field

    def _spatial(self, draw: Draw, n: int) -> Callable[[Tensor], Tensor]:
        first, second = _quadratic_form(draw, n, 3, definite=0.9), _quadratic_form(draw, n, 3, definite=0.3)
        shifts = draw.normal(2, n, 1, 3)
        return lambda x: torch.linalg.cross((x @ first) + shifts[0], 0.5 * (x @ second) + shifts[1])


def _quadratic_form(draw: Draw, n: int, dim: int, definite: float) -> Tensor:
    """Symmetric matrices (n, D, D) with eigenvalues log-uniform in [0.2, 3], of random sign unless definite."""
    vectors = torch.linalg.qr(draw.normal(n, dim, dim))[0]
    values = draw.log_uniform(0.2, 3.0, n, 1, dim)
    positive = draw.coin(definite, n, 1, 1) | draw.coin(0.5, n, 1, dim)
    return (vectors * torch.where(positive, values, -values)) @ vectors.transpose(1, 2)
