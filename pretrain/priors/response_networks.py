"""Families of systems of many variables with functions: genes, food chains in patches, phases, firing rates."""

from __future__ import annotations

import torch

from pretrain.priors.base import Draw, Family
from pretrain.priors.networks import WIDE, follow_with_the_odd_one
from pretrain.priors.responses import ResponseField, Responses


class GeneNetwork(Family):
    """``x_i' = b_i - d_i x_i + sum_j v_ij h(x_j / k_ij; n_ij)``, each regulated by the one before it or by up to three.

    v log-uniform in [.5, 6], k in [.3, 3], n from 1 to 5, a whole number in half of the systems; inhibition is
    ``v (1 - h)``. A third of the systems are rings. Source: Hill kinetics of transcription networks (Hill 1910; Goodwin
    1965; Elowitz and Leibler 2000) with random parameters.
    """

    name = "gene_network"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> ResponseField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        genes = Responses(draw, n, dim, "hill")
        ring, whole = draw.coin(1 / 3, n), draw.coin(0.5, n)
        for i in range(dim):
            least = draw.uniform(0.0, 0.5, n)
            for place in range(3):
                gain = draw.log_uniform(0.5, 6.0, n)
                if place:
                    gain = gain * (draw.coin(0.35, n) & ~ring)
                inhibits = draw.coin(0.5, n)
                order = draw.uniform(1.0, 5.0, n)
                order = torch.where(whole, order.round(), order)
                regulator = torch.where(ring, (i - 1) % dim, draw.integer(0, dim - 1, n))
                genes.respond(i, regulator, torch.where(inhibits, -gain, gain), draw.log_uniform(0.3, 3.0, n), order)
                least = least + gain * inhibits
            genes.add(i, (), least)
            genes.add(i, (i,), -draw.log_uniform(0.2, 2.0, n))
        return genes.response_field(draw.start(n, dim, positive=True))


class FoodPatches(Family):
    """Food chains of up to three levels in patches: logistic food, and eaters whose uptake saturates.

    ``x' = r x (1 - x / K) - m h(x / k; n) y``, ``y' = e m h(x / k; n) y - d y``, and so on for the eaters of y, with n
    of 1 (Holling's second form, Monod) or 2 (his third); food moves between patches in half of the systems. Source:
    Rosenzweig and MacArthur 1963; Hastings and Powell 1991, with random parameters.
    """

    name = "food_patches"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> ResponseField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        chains = Responses(draw, n, dim, "hill")
        order = 1.0 + draw.coin(0.3, n)
        moves = draw.log_uniform(0.01, 0.3, n) * draw.coin(0.5, n)
        for i in range(dim):
            if i % 3 == 0:
                growth, capacity = draw.log_uniform(0.5, 3.0, n), draw.log_uniform(0.7, 3.0, n)
                chains.add(i, (i,), growth)
                chains.add(i, (i, i), -growth / capacity)
                if (other := (i + 3) % (3 * ((dim + 2) // 3))) != i:
                    for one, two in ((i, other), (other, i)):
                        chains.add(one, (two,), moves)
                        chains.add(one, (one,), -moves)
            else:
                uptake, half = draw.log_uniform(0.6, 4.0, n), draw.log_uniform(0.2, 1.5, n)
                chains.respond(i, i - 1, uptake * draw.uniform(0.4, 1.0, n), half, order, times=i)
                chains.respond(i - 1, i - 1, -uptake, half, order, times=i)
                chains.add(i, (i,), -draw.log_uniform(0.1, 0.8, n))
        return chains.response_field(draw.start(n, dim, positive=True))


class PhaseNetwork(Family):
    """Rotors in a ring, pulled together by sines of their differences: ``w_i' = P_i - c w_i + sum_j K sin(x_j - x_i)``.

    Angles and speeds alternate; in half of the systems each rotor also hangs (``- g sin x_i``). An odd variable left
    over follows the first angle with a delay. Source: the swing equation and chains of pendula, with random parameters.
    """

    name = "phase_network"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> ResponseField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        rotors = Responses(draw, n, dim, "sine")
        friction, strength = draw.log_uniform(0.03, 0.6, n), draw.log_uniform(0.3, 2.0, n)
        hangs = draw.log_uniform(0.5, 3.0, n) * draw.coin(0.5, n)
        count = dim // 2
        for k in range(count):
            x, v = 2 * k, 2 * k + 1
            rotors.add(x, (v,), torch.ones(n, device=draw.device))
            rotors.add(v, (v,), -friction)
            rotors.add(v, (), draw.uniform(-0.5, 0.5, n) * draw.coin(0.7, n))
            rotors.respond(v, x, -hangs)
            for other in {(k - 1) % count, (k + 1) % count} - {k}:
                rotors.respond(v, 2 * other, strength * draw.log_uniform(0.6, 1.6, n), less=x)
        follow_with_the_odd_one(draw, rotors, n)
        return rotors.response_field(draw.start(n, dim))


class RateNetwork(Family):
    """Rates of neurons, ``x_i' = (I_i - x_i) / T_i + sum_j w_ij tanh(x_j / k_j)``, each with up to four inputs.

    Source: Wilson and Cowan 1972; Hopfield 1984, with random parameters.
    """

    name = "rate_network"
    dims = WIDE

    def sample(self, n: int, dim: int, generator: torch.Generator) -> ResponseField:
        """Draw ``n`` systems."""
        draw = Draw(generator)
        neurons = Responses(draw, n, dim, "tanh")
        for i in range(dim):
            decay = draw.log_uniform(0.3, 2.0, n)
            neurons.add(i, (i,), -decay)
            neurons.add(i, (), decay * draw.normal(n) * draw.coin(0.6, n))
            for place in range(4):
                weight = 2 * draw.normal(n) * draw.coin(1.0 if place == 0 else 0.5, n)
                neurons.respond(i, draw.integer(0, dim - 1, n), weight, draw.log_uniform(0.4, 2.0, n))
        return neurons.response_field(draw.start(n, dim))
