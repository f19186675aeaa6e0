"""Equations of few terms, as people write them down."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family, Start
from pretrain.priors.fields import UNITS, PolynomialField, UnitField, monomials

_OF_DEGREE = (0.15, 0.4, 0.3, 0.15)
_AT_MOST = 4


def few_coefficients(draw: Draw, n: int, dim: int, degree: int) -> torch.Tensor:
    """Coefficients (n, dim, monomials), one to four of each component not zero.

    Terms are drawn by degree (constant, linear, quadratic, cubic as 15 : 40 : 30 : 15), alike within it, one as often
    as it is drawn; coefficients are log-uniform in [0.1, 4], linear and cubic pure powers of a component in its own
    equation negative for three quarters of them.
    """
    terms = monomials(dim, degree)
    of_degree = [sum(len(other) == len(term) for other in terms) for term in terms]
    weights = torch.tensor([_OF_DEGREE[len(term)] / count for term, count in zip(terms, of_degree, strict=True)])
    drawn = torch.multinomial(
        weights.to(draw.device).expand(n * dim, -1), _AT_MOST, replacement=True, generator=draw.generator
    ).reshape(n, dim, _AT_MOST)
    used = torch.arange(_AT_MOST, device=draw.device) < draw.integer(1, _AT_MOST, n, dim, 1)
    active = torch.nn.functional.one_hot(drawn, len(terms)).bool() & used[..., None]
    sign = draw.coin(0.5, n, dim, len(terms)).float() * 2 - 1
    decays = -(draw.coin(0.75, n, dim, len(terms)).float() * 2 - 1)
    own = torch.zeros(dim, len(terms), dtype=torch.bool, device=draw.device)
    for i in range(dim):
        own[i, [m for m, term in enumerate(terms) if term in ((i,), (i, i, i))]] = True
    return torch.where(own, decays, sign) * draw.log_uniform(0.1, 4.0, n, dim, len(terms)) * active.any(2)


def _start(draw: Draw, n: int, dim: int) -> Start:
    """Half of the systems with positive states."""
    free, folded = draw.start(n, dim), draw.start(n, dim, positive=True)
    positive = draw.coin(0.5, n)
    return Start(
        torch.where(positive[:, None], folded.centre, free.centre),
        torch.where(positive[:, None], folded.spread, free.spread),
        positive,
    )


class FewTerms(Family):
    """Cubic polynomials of one to four terms in each equation (`few_coefficients`). Source: this project."""

    name = "few_terms"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> PolynomialField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        return PolynomialField(_start(draw, n, dim), few_coefficients(draw, n, dim, 3))


class FewUnits(Family):
    """Quadratic polynomials of few terms, and one unit ``a g(w x_j) m(x)`` of those of `Units`.

    w is log-uniform in [0.4, 2.5], a in [0.3, 4] with either sign; m is 1 (60%) or one coordinate. Source: this
    project.
    """

    name = "few_units"
    dims = (1, 2, 3)

    def sample(self, n: int, dim: int, generator: torch.Generator) -> UnitField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        units = len(UNITS)
        one = torch.ones(n, units, device=draw.device, dtype=torch.int64)
        reads = draw.subset(one, dim) * draw.log_uniform(0.4, 2.5, n, units, 1)
        weights = torch.nn.functional.pad(reads, (0, 1))
        constant = draw.coin(0.6, n, units, 1)
        modulators = torch.cat([draw.subset(one, dim) & ~constant, constant], dim=-1).to(weights)
        acts = draw.subset(one, dim)
        active = draw.subset(one[:, 0], units)
        amplitudes = draw.log_uniform(0.3, 4.0, n, units, 1) * (draw.coin(0.5, n, units, 1).float() * 2 - 1)
        amplitudes = amplitudes * acts * active[..., None]
        coefficients = few_coefficients(draw, n, dim, 2)
        return UnitField(_start(draw, n, dim), coefficients, weights, modulators, amplitudes)
