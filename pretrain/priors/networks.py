"""Families of systems of many variables: random sparse ones, rings, coupled oscillators, chains."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family, Start
from pretrain.priors.terms import Terms, TermsField

WIDE = tuple(range(4, 13))


def _begin(n: int, dim: int, generator: torch.Generator) -> tuple[Draw, Terms]:
    draw = Draw(generator)
    return draw, Terms(draw, n, dim)


def follow_with_the_odd_one(draw: Draw, terms: Terms, n: int) -> None:
    """Let the last of an odd number of variables follow the first with a delay."""
    last = terms.dim - 1
    if terms.dim % 2:
        rate = draw.log_uniform(0.3, 2.0, n)
        terms.add(last, (0,), rate)
        terms.add(last, (last,), -rate)


class SparseNetwork(Family):
    """Random sparse couplings, linear and quadratic, kept bounded by a cubic damping of every variable."""

    name = "sparse_network"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> TermsField:
        """Draw ``n`` systems."""
        draw, terms = _begin(n, dim, generator)
        quadratic = draw.coin(0.6, n)
        for i in range(dim):
            terms.add(i, (i, i, i), -draw.log_uniform(0.05, 0.6, n))
            terms.add(i, (i,), draw.uniform(-1.0, 1.2, n))
            terms.add(i, (), draw.normal(n) * draw.coin(0.3, n))
            for _ in range(3):
                terms.add(i, (draw.integer(0, dim - 1, n),), 1.2 * draw.normal(n) * draw.coin(0.6, n))
            for _ in range(2):
                pair = (draw.integer(0, dim - 1, n), draw.integer(0, dim - 1, n))
                terms.add(i, pair, 0.8 * draw.normal(n) * draw.coin(0.5, n) * quadratic)
        return terms.field(draw.start(n, dim))


class Ring(Family):
    """Rings after Lorenz's model of 1996: ``x_i' = a_i (x_{i+1} - b x_{i-2}) x_{i-1} - c_i x_i + F_i``.

    Source: Lorenz 1996, Predictability: a problem partly solved. Each variable has its own constants in half of the
    systems.
    """

    name = "ring"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> TermsField:
        """Draw ``n`` systems."""
        draw, terms = _begin(n, dim, generator)
        forcing, decay = draw.log_uniform(1.5, 10.0, n), draw.log_uniform(0.5, 2.0, n)
        advection, uneven = draw.log_uniform(0.4, 1.5, n), 0.3 * draw.coin(0.5, n)
        for i in range(dim):
            own = [(1 + uneven * draw.normal(n)).abs() for _ in range(3)]
            ahead, before, behind = (i + 1) % dim, (i - 1) % dim, (i - 2) % dim
            terms.add(i, (ahead, before), advection * own[0])
            terms.add(i, (behind, before), -advection * own[0])
            terms.add(i, (i,), -decay * own[1])
            terms.add(i, (), forcing * own[2])
        start = draw.start(n, dim)
        return terms.field(Start(start.centre + 0.3 * forcing[:, None], 1.5 * start.spread, start.positive))


class OscillatorNetwork(Family):
    """Oscillators of two variables, van der Pol's or damped Duffing's, coupled through their positions.

    An odd variable left over follows the first oscillator with a delay.
    """

    name = "oscillator_network"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> TermsField:
        """Draw ``n`` systems."""
        draw, terms = _begin(n, dim, generator)
        relaxing = draw.coin(0.5, n).float()
        coupling, strength = draw.log_uniform(0.02, 0.6, n), draw.log_uniform(0.2, 2.0, n)
        count = dim // 2
        for k in range(count):
            x, v = 2 * k, 2 * k + 1
            terms.add(x, (v,), torch.ones(n, device=draw.device))
            terms.add(v, (x,), -draw.log_uniform(0.4, 3.0, n))
            terms.add(v, (v,), strength * relaxing - 0.1 * (1 - relaxing))
            terms.add(v, (x, x, v), -strength * relaxing)
            terms.add(v, (x, x, x), -strength * (1 - relaxing))
            for _ in range(2):
                other = 2 * draw.integer(0, count - 1, n)
                weight = coupling * draw.coin(0.7, n)
                terms.add(v, (other,), weight)
                terms.add(v, (x,), -weight)
        follow_with_the_odd_one(draw, terms, n)
        return terms.field(draw.start(n, dim))


class CompartmentNetwork(Family):
    """Amounts that flow between compartments and out of them, in part in proportion to a second amount."""

    name = "compartment_network"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> TermsField:
        """Draw ``n`` systems."""
        draw, terms = _begin(n, dim, generator)
        contagious = draw.coin(0.5, n)
        for i in range(dim):
            into = (i + 1) % dim
            flow = draw.log_uniform(0.1, 2.0, n)
            terms.add(i, (i,), -flow)
            terms.add(into, (i,), flow)
            back = draw.log_uniform(0.05, 1.0, n) * draw.coin(0.5, n)
            terms.add(into, (into,), -back)
            terms.add(i, (into,), back)
            meeting = draw.log_uniform(0.1, 1.5, n) * draw.coin(0.4, n) * contagious
            terms.add(i, (i, into), -meeting)
            terms.add(into, (i, into), meeting)
            terms.add(i, (), draw.uniform(0.0, 0.5, n) * draw.coin(0.3, n))
        return terms.field(draw.start(n, dim, positive=True))


class FoodChain(Family):
    """Chains of populations: ``x_i' = x_i (r_i + a x_{i-1} - b x_{i+1} - c x_i)`` (Lotka-Volterra)."""

    name = "food_chain"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> TermsField:
        """Draw ``n`` systems."""
        draw, terms = _begin(n, dim, generator)
        for i in range(dim):
            terms.add(i, (i,), draw.uniform(0.3, 1.5, n) if i == 0 else draw.uniform(-0.8, 0.6, n))
            terms.add(i, (i, i), -draw.log_uniform(0.02, 0.6, n))
            if i > 0:
                terms.add(i, (i, i - 1), draw.log_uniform(0.2, 1.5, n))
            if i + 1 < dim:
                terms.add(i, (i, i + 1), -draw.log_uniform(0.2, 1.5, n))
        return terms.field(draw.start(n, dim, positive=True))


class SpringChain(Family):
    """Masses between springs, linear and cubic, with friction; positions and velocities alternate.

    An odd variable left over follows the first position with a delay.
    """

    name = "spring_chain"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> TermsField:
        """Draw ``n`` systems."""
        draw, terms = _begin(n, dim, generator)
        friction = draw.log_uniform(0.01, 0.4, n)
        cubic, stiffness = draw.uniform(0.0, 0.6, n) * draw.coin(0.6, n), draw.log_uniform(0.3, 2.0, n)
        count = dim // 2
        for k in range(count):
            x, v = 2 * k, 2 * k + 1
            terms.add(x, (v,), torch.ones(n, device=draw.device))
            terms.add(v, (x,), -2 * stiffness)
            terms.add(v, (v,), -friction)
            terms.add(v, (x, x, x), -cubic)
            for other in (k - 1, k + 1):
                if 0 <= other < count:
                    terms.add(v, (2 * other,), stiffness)
        follow_with_the_odd_one(draw, terms, n)
        return terms.field(draw.start(n, dim))
