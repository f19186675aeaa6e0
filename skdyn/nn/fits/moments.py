"""The sums that least squares needs of a context, by integral matching or from velocities.

Letters: B contexts, K trajectories, L points, D variables, P monomials, M = K L points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from skdyn.nn.fits.families import SIZES
from skdyn.nn.fits.quadrature import Quadrature
from skdyn.nn.fits.solve import Posterior, ridge

_FLOOR, _CEILING = 1e-11, 1e11
TERMS_PER_POINT = 0.6
"""So many at most."""


@dataclass(frozen=True)
class Moments:
    """Sums over the observations of a view of the context.

    Attributes
    ----------
    gram : Tensor of shape (B, D, P, P)
        Of the regressors; the same for all variables by integral matching.
    cross : Tensor of shape (B, D, P)
        Of the regressors with the observations.
    square : Tensor of shape (B, D)
        Of the observations with themselves.
    count : Tensor of shape (B, D)
        Observations less the free offsets.
    """

    gram: Tensor
    cross: Tensor
    square: Tensor
    count: Tensor

    @property
    def squares(self) -> Tensor:
        """Of the regressors with themselves (B, P), where they are the same for all variables."""
        return self.gram[:, 0].diagonal(dim1=-2, dim2=-1)

    def rows(self, terms: Tensor) -> Tensor:
        """Rows (B, N, P) of the Gram matrix, of terms (B, N), where it is the same for all variables."""
        return self.gram[:, 0].gather(1, terms[..., None].expand(-1, -1, self.gram.shape[-1]))

    def select(self, terms: Tensor, variables: slice) -> Moments:
        """The moments of some terms (B, D, Q) alone, of so many D of the variables."""
        batch, dim, _ = terms.shape
        own = torch.arange(batch)[:, None, None, None], torch.arange(dim)[:, None, None]
        gram = self.gram[:, variables][(*own, terms[..., None], terms[..., None, :])]
        cross = self.cross[:, variables].gather(-1, terms)
        return Moments(gram, cross, self.square[:, variables], self.count[:, variables])

    def log_residuals(self, coefficients: Tensor) -> Tensor:
        """Log deviations (B, V, F, W, D) of what coefficients (B, V, F, D, P) leave of each stacked view W."""
        flat = coefficients.flatten(1, 2)
        explained = torch.einsum("bfdp,bwdp->bfwd", flat, self.cross)
        fitted = torch.einsum("bfdp,bwdpq,bfdq->bfwd", flat, self.gram, flat)
        left = (self.square[:, None] - 2 * explained + fitted) / self.count[:, None].clamp(min=1)
        left = left.nan_to_num(_CEILING).clamp(0.0, _CEILING)
        return (0.5 * (left + _FLOOR).log()).unflatten(1, coefficients.shape[1:3])

    def posterior(self, supports: Tensor, prior: float, rounds: int) -> Posterior:
        """Of the terms of several supports (B, V, S, D, Q) of each stacked view; see `ridge`."""
        gram, cross, square, count = (part[:, :, None] for part in (self.gram, self.cross, self.square, self.count))
        return ridge(gram, cross, square, count, supports, prior, rounds)

    @staticmethod
    def stack(views: list[Moments]) -> Moments:
        """Several views as one, of shape (B, V, D, ...)."""
        return Moments(
            torch.stack([view.gram for view in views], 1),
            torch.stack([view.cross for view in views], 1),
            torch.stack([view.square for view in views], 1),
            torch.stack([view.count for view in views], 1),
        )


@dataclass(frozen=True)
class Regressors:
    """What moments by integral matching are made of, for terms that are too many for the moments of all.

    Attributes
    ----------
    terms : Tensor of shape (B, P, M)
    observed : Tensor of shape (B, M, D)
    count : Tensor of shape (B, D)
    """

    terms: Tensor
    observed: Tensor
    count: Tensor

    @property
    def cross(self) -> Tensor:
        """As `Moments` have it."""
        return (self.terms @ self.observed).mT

    @property
    def square(self) -> Tensor:
        """As `Moments` have it."""
        return self.observed.square().sum(1)

    @property
    def squares(self) -> Tensor:
        """As `Moments` have them."""
        return self.terms.square().sum(-1)

    def rows(self, terms: Tensor) -> Tensor:
        """As `Moments` have them."""
        return self._of(terms) @ self.terms.mT

    def side_by_side(self) -> Regressors:
        """The same, with the values of each term next to each other in memory."""
        return replace(self, terms=self.terms.contiguous())

    @cached_property
    def moments(self) -> Moments:
        """Moments of all terms."""
        gram = (self.terms @ self.terms.mT)[:, None].expand(-1, self.observed.shape[-1], -1, -1)
        return Moments(gram, self.cross, self.observed.square().sum(1), self.count)

    def select(self, terms: Tensor, variables: slice) -> Moments:
        """The moments of some terms (B, D, Q) alone, of so many D of the variables."""
        if self.terms.shape[2] >= self.terms.shape[1]:
            return self.moments.select(terms, variables)
        own = self._of(terms)  # (B, D, Q, M)
        observed = self.observed[..., variables]
        cross = (own @ observed.mT[..., None])[..., 0]
        return Moments(own @ own.mT, cross, observed.square().sum(1), self.count[:, variables])

    def _of(self, terms: Tensor) -> Tensor:
        """Values (B, ..., M) of terms (B, ...)."""
        batch = torch.arange(len(terms), device=terms.device).reshape(-1, *[1] * (terms.ndim - 1))
        return self.terms[batch, terms]


def windows(values: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cut trajectories (B, K, L, C) into windows of S points, L at most: (B, W, S, C), and their mask (B, W, S)."""
    size = min(size, values.shape[2])
    pad = -values.shape[2] % size
    values = torch.nn.functional.pad(values, (0, 0, 0, pad))
    mask = torch.nn.functional.pad(mask, (0, pad))
    return values.unflatten(2, (-1, size)).flatten(1, 2), mask.unflatten(2, (-1, size)).flatten(1, 2)


def less_means(values: Tensor, mask: Tensor) -> Tensor:
    """Values (B, W, S, C) less the mean of each window; zero where nothing was observed."""
    there = mask[..., None].to(values.dtype)
    mean = (values * there).sum(2, keepdim=True) / there.sum(2, keepdim=True).clamp(min=1)
    return (values - mean) * there


def by_integrals(integrals: Tensor, states: Tensor, mask: Tensor, size: int) -> Moments:
    """Moments of the `matching` of states with integrals of the monomials, in windows."""
    return matching(integrals, states, mask, size).moments


def matching(integrals: Tensor, states: Tensor, mask: Tensor, size: int) -> Regressors:
    """Match states with integrals of the monomials, in windows.

    ``z(t) = z0 + sum_p c_p C_p(t)`` with a free offset ``z0`` in every window, so that white observation noise stays
    white (integral matching, Dattner and Klaassen 2015, Electron. J. Stat. 9:1939).

    Parameters
    ----------
    integrals : Tensor of shape (B, K, L, P)
    states : Tensor of shape (B, K, L, D)
    mask : boolean Tensor of shape (B, K, L)
    size : int
        Points of a window.
    """
    cut, there = windows(torch.cat([integrals, states], -1), mask, size)
    centred = less_means(cut, there).flatten(1, 2)
    terms = integrals.shape[-1]
    dim = states.shape[-1]
    count = (there.sum(-1) - 1).clamp(min=0).sum(-1, keepdim=True).to(states.dtype).expand(-1, dim)
    return Regressors(centred[..., :terms].mT, centred[..., terms:], count)


def by_velocities(regressors: Tensor, velocities: Tensor, weights: Tensor) -> Moments:
    """Match velocities with the monomials themselves.

    Parameters
    ----------
    regressors : Tensor of shape (B, M, P), or (B, D, M, P)
    velocities, weights : Tensor of shape (B, M, D)
        Weights are inverse predicted errors, zero for padding; only their ratios matter.
    """
    largest = weights.amax(1, keepdim=True).clamp(min=1e-9)
    squared = (weights / largest).square().mT  # (B, D, M)
    own = regressors if regressors.ndim == 4 else regressors[:, None]
    weighted = own * squared[..., None]
    gram = own.mT @ weighted
    observed = velocities.mT
    cross = (weighted * observed[..., None]).sum(2)
    # Neighbouring velocities share their errors: a third of them count as independent.
    return Moments(gram, cross, (squared * observed.square()).sum(-1), squared.sum(-1) / 3)


def left_of_observed(velocities: Tensor, states: Tensor, rule: Quadrature, mask: Tensor) -> Tensor:
    """Log deviations (B, 3, D) of what velocities (B, K, L, D), integrated, leave of states, by the observed views."""
    there = mask[..., None]
    moved = rule.cumulative(torch.where(there, velocities, 0.0).to(states))
    moments = [by_integrals(moved, states, mask, size) for size in SIZES]
    own = torch.eye(states.shape[-1]).to(states)[None, None, None].expand(len(moved), 1, -1, -1, -1)
    return Moments.stack(moments).log_residuals(own)[:, 0, 0]


def affordable(count: Tensor, degrees: Tensor) -> Tensor:
    """Terms (..., Q), by their degrees, up to the largest that so many points (...) can carry; linear ones always."""
    within = torch.stack([(degrees <= degree).sum(-1) for degree in range(1, 6)], -1)
    largest = (within <= TERMS_PER_POINT * count[..., None]).sum(-1).clamp(min=1)
    return degrees <= largest[..., None]
