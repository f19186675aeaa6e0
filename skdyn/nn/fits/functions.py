"""What an equation may have beside monomials: a sine with its cosine, or a Hill function, at a scale of its own.

Letters: B contexts, D variables, W columns that equations are made of (the variables first), S sets of functions, C
columns of a set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SINE, HILL = 0, 1
KINDS = (SINE, HILL)
FEW_COLUMNS, MOST_COLUMNS = 3, 12
"""Equations of more numbers have no functions; of more than a few, functions beside linear terms alone, and terms of
monomials that are chosen."""
_STEPS, STEP = (12, 13), 0.25
_FIRST = (0.15, 0.1)
"""Turns of a sine in the data's width, and half-saturations in units of the data's largest; a grid in logarithms."""
_POWERS, _OF_MANY = (1, 2, 4), (1, 2, 6)
POWERS = (1, 2, 3, 4, 6, 8)
"""Of equations of many numbers all are tried with the best few functions of the grid."""


def degree_beside(columns: int) -> int:
    """Degree of the monomials beside the functions of equations of so many numbers."""
    return 2 if columns <= FEW_COLUMNS else 1


@dataclass(frozen=True)
class Functions:
    """Sets of functions, one of each entry of the leading axes: of an equation, or of a candidate.

    A sine is ``sin(u), cos(u)`` and a Hill function ``u^n / (1 + u^n)`` (A. V. Hill 1910), by itself and times each
    variable, of ``u = rate * y`` for one variable y; an odd power takes a negative u for zero.

    Attributes
    ----------
    kind : int
        Of `KINDS`.
    axis, power : integer Tensor of shape (B, S)
        Which variable, and n.
    rate : Tensor of shape (B, S)
        Zero where there is nothing to be a function of.
    """

    kind: int
    axis: Tensor
    power: Tensor
    rate: Tensor

    def width(self, variables: int) -> int:
        """Number of columns C of a set."""
        return 2 if self.kind == SINE else 1 + variables

    def arguments(self, y: Tensor) -> Tensor:
        """What the functions are of (B, S, N), at columns (B, N, W)."""
        own = y.mT.gather(1, self.axis[..., None].expand(-1, -1, y.shape[1]))
        return own * self.rate[..., None]

    def __call__(self, y: Tensor, variables: int) -> Tensor:
        """Values (B, S, N, C) at columns (B, N, W)."""
        return self._columns(y, variables, *self.shapes(self.arguments(y))[: 2 - self.kind])

    def slopes(self, y: Tensor, variables: int) -> Tensor:
        """Derivatives (B, S, N, C) of the values by the logarithm of the rate."""
        u = self.arguments(y)
        first, second = self.shapes(u)
        return self._columns(y, variables, *((u * second, -u * first) if self.kind == SINE else (u * second,)))

    def shapes(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Sine and cosine at u (..., S, N), or the Hill function and its slope."""
        if self.kind == SINE:
            return u.sin(), u.cos()
        power = self.power[..., None]
        lower = torch.where(power == 1, torch.where(u >= 0, 1.0, 0.0).to(u), torch.where(power == 2, u, u * u * u))
        others = (power == 3) | (power > 4)
        if others.any():
            lower = torch.where(others, torch.where(power % 2 == 0, u, u.clamp(min=0)) ** (power - 1), lower)
        fall = 1 / (1 + lower * u)
        return 1 - fall, power * lower * fall * fall

    def _columns(self, y: Tensor, variables: int, *values: Tensor) -> Tensor:
        if self.kind == SINE:
            return torch.stack(values, -1)
        factors = torch.cat([torch.ones_like(y[..., :1]), y[..., :variables]], -1)[:, None]
        # y u / (1 + u) follows from y and u / (1 + u).
        place = torch.arange(1 + variables, device=y.device)
        follows = (self.power == 1)[..., None] & (place == 1 + self.axis[..., None])
        return values[0][..., None] * torch.where(follows[:, :, None], 0.0, factors)

    def take(self, best: Tensor) -> Functions:
        """Some of the sets, by their places (B, S)."""
        return Functions(self.kind, *(part.gather(1, best) for part in (self.axis, self.power, self.rate)))

    def stretched(self, log_factor: Tensor) -> Functions:
        """The same at other rates, by the logarithms (B, S) of the factors."""
        return Functions(self.kind, self.axis, self.power, self.rate * log_factor.exp())

    def of_all_powers(self, low: Tensor) -> Functions:
        """The same Hill functions (B, S) with every power of `POWERS`, one after the other (B, P S).

        Odd ones have a rate of zero where the least value (B, D) of their column is negative.
        """
        powers = torch.tensor(POWERS, device=self.power.device)
        power = powers[:, None].expand(-1, self.power.shape[1]).flatten().expand(len(self.power), -1)
        axis, rate, positive = (
            part.repeat(1, len(POWERS)) for part in (self.axis, self.rate, low.gather(1, self.axis) >= 0)
        )
        return Functions(self.kind, axis, power, torch.where(positive | (power % 2 == 0), rate, 0.0))

    @staticmethod
    def candidates(kind: int, y: Tensor, seen: Tensor, variables: int) -> Functions:
        """All sets (B, S) of a kind that columns (B, N, W) may need, where they were seen (B, N)."""
        own, there = y[..., :variables], seen[..., None]
        low = torch.where(there, own, torch.inf).amin(1)
        high = torch.where(there, own, -torch.inf).amax(1)  # (B, D)
        scales = _FIRST[kind] * torch.exp(STEP * torch.arange(_STEPS[kind], device=y.device, dtype=y.dtype))
        powers: tuple[int, ...] = (1,)
        per_unit, unit = 2 * math.pi * scales, high - low
        if kind == HILL:
            powers = _POWERS if y.shape[-1] <= FEW_COLUMNS else _OF_MANY
            per_unit, unit = 1 / scales, torch.maximum(low.abs(), high.abs())
        n = torch.tensor(powers, device=y.device)
        useful = (high > low)[..., None] & ((n % 2 == 0) | (kind == SINE) | (low >= 0)[..., None])  # (B, D, powers)
        rate = per_unit / unit.clamp(min=1e-9)[..., None]
        rates = torch.where(useful[..., None], rate[:, :, None], 0.0).flatten(1)
        axis = torch.arange(variables, device=y.device)[:, None, None].expand(-1, len(n), len(scales))
        power = n[:, None].expand(variables, -1, len(scales))
        axis, power = (part.flatten().expand(len(y), -1) for part in (axis, power))
        return Functions(kind, axis, power, rates)
