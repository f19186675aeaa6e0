"""Monomials of states, and which of them a number of points can carry.

Letters: B contexts, D variables, G columns that are given, M points, P monomials.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations_with_replacement, groupby
from math import comb

import torch
from torch import Tensor

from skdyn.nn.plain_torch import plain_torch

_MOST_CUBIC = 500
"""Up to so many monomials all of degree three are offered; beyond them only pure cubes."""
_SAME_VALUE = 0.01
"""Values closer than this share of their range are one."""


@cache
def exponents(dim: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """All monomials up to a degree, each as the variables that it multiplies; the lower degrees first."""
    return tuple(m for k in range(degree + 1) for m in combinations_with_replacement(range(dim), k))


def monomials(z: Tensor, degree: int) -> Tensor:
    """All monomials (..., P) of states (..., D) up to a degree, the lower degrees first."""
    return _products(z, exponents(z.shape[-1], degree))


@dataclass(frozen=True)
class Library:
    """The monomials that the fits of so many variables are made of.

    Attributes
    ----------
    dim : int
    """

    dim: int

    @property
    def terms(self) -> tuple[tuple[int, ...], ...]:
        """Each monomial as the variables that it multiplies: all up to degree three, or five in one variable."""
        return _offered(self.dim)

    @cached_property
    def degrees(self) -> Tensor:
        """Degree of each monomial (P,)."""
        return torch.tensor([len(term) for term in self.terms])

    @property
    def centred_degrees(self) -> tuple[int, ...]:
        """Degrees of the fits in centred coordinates; the sparse ones may use all of the library."""
        return (1, 2, 3, 5) if self.dim == 1 else (1, 2, 3, 3)

    def __call__(self, z: Tensor) -> Tensor:
        """Monomials (..., P) of states (..., D)."""
        return _products(z, self.terms)


def implied_by_levels(library: Library, given: Tensor, seen: Tensor) -> Tensor:
    """Which monomials (B, P) have a power of a given column that its few values make of lower ones.

    Of a dose that is given or not, the square is the dose itself in other units.

    Parameters
    ----------
    library : Library
        Whose last G columns are given.
    given : Tensor of shape (B, M, G)
    seen : boolean Tensor of shape (B, M)
        False where there is no point; there is one at the first place.
    """
    columns = range(library.dim - given.shape[-1], library.dim)
    powers = torch.tensor([[term.count(e) for e in columns] for term in library.terms], device=given.device)
    values = torch.where(seen[..., None], given, given[:, :1])
    least, most = values.aminmax(dim=1)
    width, highest = _SAME_VALUE * (most - least), torch.zeros_like(least)  # highest: how many values, less one
    for _ in range(library.degrees.amax()):
        higher = values > (least + width)[:, None]
        highest += higher.any(1)
        least = torch.where(higher, values, torch.inf).amin(1)
    return (powers > highest[:, None]).any(-1)


@cache
def _offered(dim: int) -> tuple[tuple[int, ...], ...]:
    if dim == 1:
        return exponents(1, 5)
    if comb(dim + 3, 3) <= _MOST_CUBIC:
        return exponents(dim, 3)
    return (*exponents(dim, 2), *((i, i, i) for i in range(dim)))


def _products(z: Tensor, terms: tuple[tuple[int, ...], ...]) -> Tensor:
    parts = [torch.ones_like(z[..., :1])]
    for first, *others in _factors(terms):
        product = z.index_select(-1, first.to(z.device))
        for factor in others:
            product = product * z.index_select(-1, factor.to(z.device))
        parts.append(product)
    return torch.cat(parts, -1)


@cache
def _factors(terms: tuple[tuple[int, ...], ...]) -> tuple[tuple[Tensor, ...], ...]:
    """The variables that the monomials of each degree multiply, the lower degrees first, after the constant."""
    with plain_torch():  # what is kept serves later calls too
        by_degree = [torch.tensor(list(of_degree)).mT for _, of_degree in groupby(terms[1:], key=len)]
    return tuple(tuple(variables) for variables in by_degree)
