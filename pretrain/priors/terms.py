"""The closed form of systems of many variables: a few terms a variable, each a product of up to three variables."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.priors.base import BatchedField, Draw, Rates, Start

SLOTS = 10
"""Terms of each variable; those that a system does not use have the coefficient zero."""
_FACTORS = 3


@dataclass(frozen=True)
class TermsField(BatchedField):
    """``x_i' = sum_m c_im x_a x_b x_c``.

    Attributes
    ----------
    factors : integer Tensor of shape (S, D, SLOTS, 3)
        Which variables a term multiplies; D stands for one.
    coefficients : Tensor of shape (S, D, SLOTS)
    """

    factors: Tensor
    coefficients: Tensor

    def rates(self, x: Rates) -> Rates:
        """Time derivatives, one tensor (S, P) per variable."""
        known = torch.stack([*x, torch.ones_like(x[0])], dim=1)  # (S, D + 1, P)
        systems, dim, points = len(known), len(x), known.shape[-1]
        index = self.factors.flatten(1)[..., None].expand(-1, -1, points)
        products = known.gather(1, index).reshape(systems, dim * SLOTS, _FACTORS, points).prod(2)
        total = (products.unflatten(1, (dim, SLOTS)) * self.coefficients[..., None]).sum(2)
        return tuple(total.unbind(1))


class Terms:
    """Collects the terms of systems of the same structure.

    Parameters
    ----------
    draw : Draw
    n, dim : int
        Systems and variables.
    """

    def __init__(self, draw: Draw, n: int, dim: int) -> None:
        self.dim = dim
        self._factors = torch.full((n, dim, SLOTS, _FACTORS), dim, device=draw.device)
        self._coefficients = torch.zeros(n, dim, SLOTS, device=draw.device)
        self._used = [0] * dim

    def add(self, variable: int, factors: tuple[int | Tensor, ...], coefficient: Tensor) -> None:
        """One more term of a variable, with factors that are the same in all systems or one (S,) for each."""
        slot = self._used[variable]
        self._used[variable] += 1
        for place, factor in enumerate(factors):
            self._factors[:, variable, slot, place] = factor
        self._coefficients[:, variable, slot] = coefficient

    def field(self, start: Start) -> TermsField:
        """The systems, from these initial states."""
        return TermsField(start, self._factors, self._coefficients)
