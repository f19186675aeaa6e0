"""The three closed forms that every family is written in: polynomial, polynomial with units, rational.

Few forms, rather than one per family, keep the number of compiled kernels small: one per form and dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from pretrain.priors.base import BatchedField, Rates

# A table, because a compiler that traces an integration step should find constants.
_MONOMIALS = {
    (dim, degree): tuple(m for k in range(degree + 1) for m in combinations_with_replacement(range(dim), k))
    for dim in (1, 2, 3)
    for degree in (0, 1, 2, 3)
}


def monomials(dim: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """All monomials in ``dim`` variables up to ``degree``, each as the sorted indices of its factors."""
    return _MONOMIALS[dim, degree]


def _monomial_values(x: Rates, degree: int) -> list[Tensor]:
    values: dict[tuple[int, ...], Tensor] = {(): torch.ones_like(x[0])}
    for factors in monomials(len(x), degree)[1:]:
        values[factors] = x[factors[-1]] if len(factors) == 1 else values[factors[:-1]] * x[factors[-1]]
    return list(values.values())


def polynomial_rates(coefficients: Tensor, x: Rates, degree: int) -> Rates:
    """Evaluate polynomials with coefficients (S, D, monomials) at states given as D tensors (S, P)."""
    values = _monomial_values(x, degree)
    rates = []
    for i in range(len(x)):
        total = coefficients[:, i, 0, None] * values[0]
        for m in range(1, len(values)):
            total = torch.addcmul(total, coefficients[:, i, m, None], values[m])
        rates.append(total)
    return tuple(rates)


def interpolate(field: Callable[[Tensor], Tensor], dim: int, degree: int, like: Tensor) -> Tensor:
    """Coefficients (S, D, monomials) of a polynomial field that is given as a function.

    Parameters
    ----------
    field : callable
        Maps states (1, P, D) to rates (S, P, D); a polynomial of at most ``degree``, which makes the result exact.
    dim, degree : int
    like : Tensor
        Gives the device and the type of the result.
    """
    axis = torch.linspace(-1.5, 1.5, degree + 1)
    nodes = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    design = torch.stack([v[0] for v in _monomial_values(nodes[None].double().unbind(-1), degree)], dim=-1)
    inverse = torch.linalg.pinv(design).to(like)
    found = torch.einsum("mp,spd->sdm", inverse, field(nodes[None].to(like)))
    # Rounding must not add terms of a higher degree, which would rule far away.
    return torch.where(found.abs() > 1e-5 * found.abs().amax((1, 2), keepdim=True), found, 0.0)


@dataclass(frozen=True)
class PolynomialField(BatchedField):
    """``x_i' = sum_m c_im x^m`` over all monomials up to degree 3.

    Attributes
    ----------
    coefficients : Tensor of shape (S, D, monomials)
        In the order of `monomials`.
    """

    coefficients: Tensor

    def rates(self, x: Rates) -> Rates:
        """Time derivatives at the given states."""
        return polynomial_rates(self.coefficients, x, 3)


UNITS = ("sin", "tanh", "exp(-u^2)", "1/(1+u^2)", "sigmoid(4u)", "exp(min(u,2))-1")


def _unit_values(u: Rates) -> Rates:
    sine, tangent, bell, lorentzian, switch, growth = u
    return (
        sine.sin(),
        tangent.tanh(),
        (-bell * bell).exp(),
        1 / (1 + lorentzian * lorentzian),
        (4 * switch).sigmoid(),
        growth.clamp(max=2).exp() - 1,
    )


@dataclass(frozen=True)
class UnitField(BatchedField):
    """A quadratic polynomial plus units ``a g(w.x + b) (m_0 + m.x)``, at most one for each function g of `UNITS`.

    Attributes
    ----------
    coefficients : Tensor of shape (S, D, monomials up to degree 2)
    weights : Tensor of shape (S, 6, D + 1)
        ``w`` and then ``b`` of every unit.
    modulators : Tensor of shape (S, 6, D + 1)
        ``m`` and then ``m_0``.
    amplitudes : Tensor of shape (S, 6, D)
    """

    coefficients: Tensor
    weights: Tensor
    modulators: Tensor
    amplitudes: Tensor

    def rates(self, x: Rates) -> Rates:
        """Time derivatives at the given states."""
        arguments = tuple(_affine(self.weights[:, u], x) for u in range(len(UNITS)))
        totals = list(polynomial_rates(self.coefficients, x, 2))
        for u, value in enumerate(_unit_values(arguments)):
            value = value * _affine(self.modulators[:, u], x)
            for i in range(len(x)):
                totals[i] = torch.addcmul(totals[i], self.amplitudes[:, u, i, None], value)
        return tuple(totals)


def _affine(row: Tensor, x: Rates) -> Tensor:
    total = row[:, -1, None].expand_as(x[0])
    for d in range(len(x)):
        total = torch.addcmul(total, row[:, d, None], x[d])
    return total


@dataclass(frozen=True)
class RationalField(BatchedField):
    """A quadratic polynomial plus saturating terms: ``x_i' = p_i(x) + sum_j v_ij h(x_j / k_ij; n_ij)``.

    ``h(u; n) = u^n / (1 + u^n)`` for u > 0 and 0 otherwise.

    Attributes
    ----------
    coefficients : Tensor of shape (S, D, monomials up to degree 2)
    gains, half, orders : Tensor of shape (S, D, D)
        ``v``, ``k`` and ``n``.
    """

    coefficients: Tensor
    gains: Tensor
    half: Tensor
    orders: Tensor

    def rates(self, x: Rates) -> Rates:
        """Time derivatives at the given states."""
        totals = list(polynomial_rates(self.coefficients, x, 2))
        for j, state in enumerate(x):
            positive = state.clamp(min=0)
            for i in range(len(x)):
                power = (positive / self.half[:, i, j, None]).pow(self.orders[:, i, j, None])
                saturation = 1 - 1 / (1 + power)  # finite where the power overflows
                totals[i] = torch.addcmul(totals[i], self.gains[:, i, j, None], saturation)
        return tuple(totals)
