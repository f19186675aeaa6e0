"""Self-sustained and relaxation oscillators in random coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from pretrain.priors.base import Draw, Family
from pretrain.priors.fields import PolynomialField, interpolate


class Oscillator(Family):
    """Lienard and rotor oscillators, seen through a random affine change of coordinates.

    Lienard (half): ``x' = w (y - m (a x^3 / 3 + b x^2 / 2 - x)) + k z``, ``y' = -w (x + c x^2 + e x^3) + f``.
    Rotor (half): ``x' = (m - a r^2) x - (w + b r^2) y + k z``, ``y' = (m - a r^2) y + (w + b r^2) x + f``.
    In three dimensions the slow state obeys ``z' = s (x - q z + g x^2)``; in two, k = 0. m ~ U(-0.3, 2),
    a log-uniform in [0.3, 2], w log-uniform in [0.5, 3], e ~ U(0, 1), b, c, f, g, k ~ N(0, 0.4^2), s log-uniform in
    [0.05, 1], q ~ U(0.2, 1.5). Then ``x -> M x + shift`` with M a random matrix of condition number below 10.
    Source: Lienard (1928) and the Hopf normal form, with random parameters.
    """

    name = "oscillator"
    dims = (2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        gain, frequency = draw.uniform(-0.3, 2.0, n, 1), draw.log_uniform(0.5, 3.0, n, 1)
        cubic, stiff = draw.log_uniform(0.3, 2.0, n, 1), draw.uniform(0.0, 1.0, n, 1)
        b, c, force, g, feedback = (0.4 * draw.normal(5, n, 1)).unbind(0)
        slow, leak = draw.log_uniform(0.05, 1.0, n, 1), draw.uniform(0.2, 1.5, n, 1)
        lienard = draw.coin(0.5, n, 1)
        matrix, inverse = _conditioned(draw, n, dim)
        shift = draw.normal(n, 1, dim)

        def polynomial(seen: Tensor) -> Tensor:
            x, y, *rest = ((seen - shift) @ inverse.transpose(1, 2)).unbind(-1)
            z = rest[0] if rest else torch.zeros_like(x)
            radius = x * x + y * y
            growth, turn = gain - cubic * radius, frequency + b * radius
            friction = gain * (cubic * x**3 / 3 + b * x * x / 2 - x)
            spring = frequency * (x + c * x * x + stiff * x**3)
            dx = torch.where(lienard, frequency * (y - friction), growth * x - turn * y) + feedback * z
            dy = torch.where(lienard, -spring, growth * y + turn * x) + force
            dz = slow * (x - leak * z + g * x * x)
            return torch.stack([dx, dy, dz][:dim], dim=-1) @ matrix.transpose(1, 2)

        start = draw.start(n, dim)
        coefficients = interpolate(polynomial, dim, 3, shift)
        return PolynomialField(type(start)(shift[:, 0], start.spread, start.positive), coefficients)


def _conditioned(draw: Draw, n: int, dim: int) -> tuple[Tensor, Tensor]:
    """Random matrices (n, D, D) with singular values log-uniform in [0.4, 4], and their inverses."""
    left, right = torch.linalg.qr(draw.normal(2, n, dim, dim))[0].unbind(0)
    values = draw.log_uniform(0.4, 4.0, n, 1, dim)
    return (left * values) @ right.transpose(1, 2), (right / values) @ left.transpose(1, 2)
