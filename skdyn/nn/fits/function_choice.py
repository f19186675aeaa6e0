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
from skdyn.nn.fits.functions import FEW_COLUMNS, HILL, SINE, STEP, Functions
from skdyn.nn.fits.moments import Moments
from skdyn.nn.fits.solve import coefficients_of, eliminate

_PENALTY = 12.0
"""What a term must add to the logarithm of the likelihood."""
_LEAST = 1e-9
_OWN, _REPEATED = 1e-8, 1e-7
"""Shares of what a column was below which what is left of its square, and of its length, is rounding."""
_ROUNDS = 3
"""Of Gauss and Newton."""
_LEADERS, _KEPT = 3, ((4, 2), (1, 6))
"""Variables whose functions an equation of many numbers tries, and how many of all are kept after so many rounds."""


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

    @cached_property
    def beyond_monomials(self) -> tuple[Tensor, Tensor]:
        """An orthonormal basis (B, P, M) of the monomials, and what it leaves (B, M, D) of what was observed.

        Zeros stand in place of monomials that repeat others.
        """
        length = self.monomials.norm(dim=-1, keepdim=True)
        units = self.monomials / length.clamp(min=torch.finfo(length.dtype).tiny)
        _, values, vectors = torch.linalg.svd(units, full_matrices=False)
        basis = torch.where((values > _REPEATED * values[:, :1])[..., None], vectors, 0.0)
        return basis, self.observed - basis.mT @ (basis @ self.observed)

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
        """Moments of the equations, each with a set of its own of terms (B, D, C, M), or with V each (B, V D, C, M)."""
        gram, products = self.moments(terms)
        own = products.unflatten(1, (-1, products.shape[-1]))  # (B, V, D, Q, D)
        cross = own.diagonal(dim1=2, dim2=4).mT.flatten(1, 2)
        square, count = (part.repeat(1, own.shape[1]) for part in (self.observed.square().sum(1), self.count))
        return Moments(gram, cross, square, count)


def choose(view: Beside, judged: Beside, kind: int, seen: Tensor, variables: int) -> Functions:
    """The best set of a kind for each equation (B, D), at the scale that fits it best.

    Judged is what backward elimination leaves: half of the count times the logarithm of the residuals' mean square, and
    a constant for each term. Equations of many numbers have too many candidates for that: there, sets of the few
    variables of which a column by itself explains most are stretched, at all powers, and judged by what they leave
    beside linear terms.

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
    columns = view.columns.shape[-1]
    if columns <= FEW_COLUMNS:
        return _at_best_rates(view, *_eliminated(judged, candidates, variables), variables, _ROUNDS)[0]
    leaders = candidates.take(_most_explaining(judged, candidates, variables))
    if kind == HILL:
        low = torch.where(seen[..., None], view.columns[..., :variables], torch.inf).amin(1)
        leaders = leaders.of_all_powers(low)
    for kept, rounds in _KEPT:
        terms = judged.monomials.shape[1] + leaders.width(variables)
        every = torch.ones_like(leaders.rate[..., None], dtype=torch.bool).expand(-1, -1, terms)
        near, costs = _at_best_rates(view, leaders, every, variables, rounds)
        costs = torch.where(near.rate > 0, costs, torch.inf).unflatten(1, (-1, variables))  # (B, V, D)
        best = costs.topk(min(kept, costs.shape[1]), 1, largest=False).indices
        leaders = near.take((best * variables + torch.arange(variables, device=seen.device)).flatten(1))
    return _at_best_rates(view, leaders, _support(judged, leaders, variables), variables, _ROUNDS)[0]


def _most_explaining(judged: Beside, candidates: Functions, variables: int) -> Tensor:
    """The candidates that explain most of each equation by one column, or as a pair, beside the monomials.

    Places (B, V D): the best of each of V variables, those with which most is explained, for all D equations.
    """
    basis, left = judged.beyond_monomials
    each = candidates.rate.shape[1] // variables
    most, which = [], []
    for first in range(0, each * variables, each):  # of one variable at a time: all columns together are large
        place = torch.arange(first, first + each, device=left.device).expand(len(left), -1)
        columns = judged.terms(candidates.take(place)(judged.columns, variables))  # (B, S, C, M)
        explained, best = _explained(columns, basis, left, candidates.kind).max(1)
        most.append(explained)
        which.append(first + best)
    leaders = torch.stack(most, 1).topk(min(_LEADERS, variables), 1).indices  # (B, V, D)
    return torch.stack(which, 1).gather(1, leaders).flatten(1)


def _explained(columns: Tensor, basis: Tensor, left: Tensor, kind: int) -> Tensor:
    """What sets of columns (B, S, C, M) explain (B, S, D) of what a basis (B, P, M) has left (B, M, D)."""
    rest = columns.flatten(1, 2)
    own = rest.square().sum(-1)[..., None]
    rest = rest - (rest @ basis.mT) @ basis
    squares, products = rest.square().sum(-1)[..., None], rest @ left  # (B, S C, 1 or D)
    usable = squares > _OWN * own
    gains = torch.where(usable, products.square() / squares.clamp(min=1e-300), 0.0)
    if kind != SINE:
        return gains.unflatten(1, columns.shape[1:3]).amax(2)
    share = (rest[:, ::2] * rest[:, 1::2]).sum(-1)[..., None] / squares[:, ::2].clamp(min=1e-300)
    more = squares[:, 1::2] - share.square() * squares[:, ::2]
    second = (products[:, 1::2] - share * products[:, ::2]).square() / more.clamp(min=1e-300)
    return torch.where(usable[:, ::2] & (more > _OWN * own[:, 1::2]), gains[:, ::2] + second, 0.0)


def _eliminated(judged: Beside, candidates: Functions, variables: int) -> tuple[Functions, Tensor]:
    """The candidates of the least cost (B, D), and the terms that are left beside them (B, D, Q)."""
    gram, products = judged.moments(judged.terms(candidates(judged.columns, variables)))
    gram, cross = gram[:, :, None].expand(-1, -1, variables, -1, -1), products.mT  # (B, S, D, ...)
    square, count = judged.observed.square().sum(1), judged.count
    every = Moments(gram, cross, *(part[:, None].expand(cross.shape[:3]) for part in (square, count)))
    supports = eliminate(gram, cross, every.square, every.count, torch.ones_like(cross, dtype=torch.bool), WALD[-1:])[0]
    costs = _cost(every, coefficients_of(gram, cross, supports), supports)
    costs = torch.where(candidates.rate[..., None] > 0, costs, torch.inf)
    best = costs.argmin(1)  # (B, D)
    support = supports.gather(1, best[:, None, :, None].expand(-1, 1, -1, supports.shape[-1]))[:, 0]
    return candidates.take(best), support


def _support(judged: Beside, functions: Functions, variables: int) -> Tensor:
    """Terms that are left of each equation (B, D, Q) beside its set."""
    moments = judged.of_equations(judged.terms(functions(judged.columns, variables)))
    allowed = torch.ones_like(moments.cross, dtype=torch.bool)
    return eliminate(moments.gram, moments.cross, moments.square, moments.count, allowed, WALD[-1:])[0]


def _at_best_rates(
    view: Beside, functions: Functions, support: Tensor, variables: int, rounds: int
) -> tuple[Functions, Tensor]:
    """The same functions at the rates with which the terms of a support (B, D, Q) explain most, and their costs (B, D).

    Found by Gauss and Newton.
    """
    monomials, width = view.monomials.shape[1], functions.width(variables)
    best, least = functions, torch.full_like(functions.rate, torch.inf)
    for left in range(rounds, -1, -1):
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
    return best, least


def _cost(moments: Moments, coefficients: Tensor, support: Tensor) -> Tensor:
    explained = (coefficients * moments.cross).sum(-1)
    fitted = (coefficients * (moments.gram @ coefficients[..., None])[..., 0]).sum(-1)
    left = moments.square - 2 * explained + fitted
    return moments.count / 2 * (left.clamp(min=0) / moments.count + _LEAST).log() + _PENALTY * support.sum(-1)
