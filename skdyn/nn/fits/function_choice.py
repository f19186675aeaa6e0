"""Which functions each equation may have: those with which the fewest terms explain the integrals along the path.

Letters: B contexts, K trajectories, L points, D variables, W columns, M points in windows, P monomials, S sets of
functions, C columns of a set, Q = P + C.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from skdyn.nn.fits.families import WALD
from skdyn.nn.fits.functions import STEP, Functions
from skdyn.nn.fits.moments import Moments
from skdyn.nn.fits.solve import coefficients_of, eliminate

_PENALTY = 12.0
"""What a term must add to the logarithm of the likelihood."""
_LEAST = 1e-9
_ROUNDS = 3


@dataclass(frozen=True)
class Beside:
    """A view of contexts, for terms beside the monomials.

    Attributes
    ----------
    columns : Tensor of shape (B, N, W)
        That terms are made of, at all points.
    monomials : Tensor of shape (B, P, M)
        As they are matched with what was observed.
    observed : Tensor of shape (B, M, D)
    count : Tensor of shape (B, D)
    integrated : callable, (B, N, T) -> (B, K, L, T)
        Integrals along the path of values at all points.
    matched : callable, (B, K, L, T) -> (B, T, M)
        Makes of integrals what is matched with what was observed.
    """

    columns: Tensor
    monomials: Tensor
    observed: Tensor
    count: Tensor
    integrated: Callable[[Tensor], Tensor]
    matched: Callable[[Tensor], Tensor]

    def terms(self, values: Tensor) -> Tensor:
        """Terms (B, S, C, M) of sets of values (B, S, N, C) at all points, as they are matched."""
        return self.matched(self.integrals(values)).unflatten(1, values.shape[1::2])

    def integrals(self, values: Tensor) -> Tensor:
        """Integrals (B, K, L, S C) of sets of values (B, S, N, C) at all points."""
        return self.integrated(values.movedim(2, 1).flatten(2))

    @cached_property
    def _of_monomials(self) -> tuple[Tensor, Tensor]:
        """The monomials' Gram matrix (B, P, P), and their products with what was observed (B, P, D)."""
        return self.monomials @ self.monomials.mT, self.monomials @ self.observed

    def moments(self, terms: Tensor) -> tuple[Tensor, Tensor]:
        """Gram matrices (B, S, Q, Q) and products (B, S, Q, D) of monomials with sets of terms (B, S, C, M)."""
        own, of_first = self._of_monomials
        between = (terms.flatten(1, 2) @ self.monomials.mT).unflatten(1, terms.shape[1:3])  # (B, S, C, P)
        below = torch.cat([between, terms @ terms.mT], -1)
        above = torch.cat([own[:, None].expand(-1, terms.shape[1], -1, -1), between.mT], -1)
        products = (terms.flatten(1, 2) @ self.observed).unflatten(1, terms.shape[1:3])
        first = of_first[:, None].expand(-1, terms.shape[1], -1, -1)
        return torch.cat([above, below], -2), torch.cat([first, products], -2)

    def of_equations(self, terms: Tensor) -> Moments:
        """Moments of the equations, each with a set of its own of terms (B, D, C, M)."""
        gram, products = self.moments(terms)
        cross = products.diagonal(dim1=1, dim2=3).mT  # (B, D, Q)
        return Moments(gram, cross, self.observed.square().sum(1), self.count)


def choose(view: Beside, judged: Beside, kind: int, seen: Tensor, variables: int) -> Functions:
    """The best set of a kind for each equation (B, D), at the scale that fits it best.

    Judged is what backward elimination leaves: half of the count times the logarithm of the residuals' mean square, and
    a constant for each term.

    Parameters
    ----------
    view, judged : Beside
        All of the view, by which scales are fitted, and what of it candidates are judged by.
    kind : int
    seen : boolean Tensor of shape (B, N)
    variables : int
        Number D of the columns that are variables.
    """
    candidates = Functions.candidates(kind, view.columns, seen, variables)
    gram, products = judged.moments(judged.terms(candidates(judged.columns, variables)))
    gram, cross = gram[:, :, None].expand(-1, -1, variables, -1, -1), products.mT  # (B, S, D, ...)
    square, count = judged.observed.square().sum(1), judged.count
    every = Moments(gram, cross, *(part[:, None].expand(cross.shape[:3]) for part in (square, count)))
    supports = eliminate(gram, cross, every.square, every.count, torch.ones_like(cross, dtype=torch.bool), WALD[-1:])[0]
    costs = _cost(every, coefficients_of(gram, cross, supports), supports)
    costs = torch.where(candidates.rate[..., None] > 0, costs, torch.inf)
    best = costs.argmin(1)  # (B, D)
    support = supports.gather(1, best[:, None, :, None].expand(-1, 1, -1, supports.shape[-1]))[:, 0]
    return _at_best_rates(view, candidates.take(best), support, variables)


def _at_best_rates(view: Beside, functions: Functions, support: Tensor, variables: int) -> Functions:
    """The same functions at the rates with which the terms of a support (B, D, Q) explain most: Gauss and Newton."""
    monomials, width = view.monomials.shape[1], functions.width(variables)
    best, least = functions, torch.full_like(functions.rate, torch.inf)
    for left in range(_ROUNDS, -1, -1):
        values = [functions(view.columns, variables)]
        if left:
            values.append(functions.slopes(view.columns, variables))
        own, *slopes = view.terms(torch.cat(values, -1)).split(width, 2)
        moments = view.of_equations(own)
        coefficients = coefficients_of(moments.gram, moments.cross, support)
        cost = _cost(moments, coefficients, support)
        better = cost < least
        best = replace(best, rate=torch.where(better, functions.rate, best.rate))
        least = torch.where(better, cost, least)
        if not left:
            break
        slope = (slopes[0] * coefficients[..., monomials:, None]).sum(2, keepdim=True)
        with_slope = view.of_equations(torch.cat([own, slope], 2))
        used = torch.cat([support, torch.ones_like(support[..., :1])], -1)
        moved = coefficients_of(with_slope.gram, with_slope.cross, used)[..., -1]
        functions = functions.stretched(moved.clamp(-STEP, STEP))
    return best


def _cost(moments: Moments, coefficients: Tensor, support: Tensor) -> Tensor:
    explained = (coefficients * moments.cross).sum(-1)
    fitted = (coefficients * (moments.gram @ coefficients[..., None])[..., 0]).sum(-1)
    left = moments.square - 2 * explained + fitted
    return moments.count / 2 * (left.clamp(min=0) / moments.count + _LEAST).log() + _PENALTY * support.sum(-1)
