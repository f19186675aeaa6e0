"""Stochastic systems whose moments are known, for tests."""

import torch

from pretrain.priors.base import Start
from pretrain.priors.diffusion import Diffusion
from pretrain.priors.fields import PolynomialField, monomials


def linear(rates, centres):
    """Systems ``x' = -r (x - c)`` in one dimension."""
    n = len(rates)
    coefficients = torch.zeros(n, 1, len(monomials(1, 3)))
    coefficients[:, 0, 1] = -torch.tensor(rates)
    coefficients[:, 0, 0] = torch.tensor(rates) * torch.tensor(centres)
    start = Start(torch.tensor(centres)[:, None], torch.zeros(n, 1), torch.zeros(n, dtype=torch.bool))
    return PolynomialField(start, coefficients)


def constant(sizes):
    """Diffusions that are the same everywhere."""
    coefficients = torch.zeros(len(sizes), 1, len(monomials(1, 2)))
    coefficients[:, 0, 0] = torch.tensor(sizes) ** 2
    return Diffusion(coefficients)
