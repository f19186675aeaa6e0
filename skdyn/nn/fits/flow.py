"""What a path does between its points, by the flow of a field, and what is given from outside does there.

Letters: B contexts, K trajectories, L points, N of them with those between, S points of a rule, M steps, D variables, G
given columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from skdyn.nn.fits.monomials import Library
from skdyn.nn.fits.quadrature import Quadrature

_POINTS = 7
"""Of the rule of Gauss and Lobatto for each step, its ends among them: exact for polynomials of degree 11."""
_SUBSTEPS = 2
"""Steps of Runge and Kutta from one of them to the next."""
_MISSED = 0.8
"""Part of a step by which the flow may miss the next point, to be believed."""

Field = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Path:
    """States along trajectories, and how to integrate from observed point to observed point.

    Attributes
    ----------
    states : Tensor of shape (B, K, N, D)
        At the observed points, and perhaps at others between them.
    mask : boolean Tensor of shape (B, K, N)
    rule : Quadrature
        Of values at these points, from each observed point to the next.
    """

    states: Tensor
    mask: Tensor
    rule: Quadrature

    def where(self, chosen: Tensor, other: Path) -> Path:
        """The same for the chosen contexts (B,), another path with points at the same places for the others."""
        pick = chosen[:, None, None, None]
        return Path(torch.where(pick, self.states, other.states), self.mask, self.rule.where(pick, other.rule))


@dataclass(frozen=True)
class Given:
    """What is given from outside along observed points.

    Attributes
    ----------
    values : Tensor of shape (B, K, L, G)
    holds : bool
        Whether it jumps at points and is constant between them; otherwise it goes straight from one to the next.
    """

    values: Tensor
    holds: bool

    def within(self, place: float) -> Tensor:
        """Values (B, M, G) at a place in [0, 1] of every step."""
        first, last = self.values[:, :, :-1], self.values[:, :, 1:]
        return (first if self.holds else (1 - place) * first + place * last).flatten(1, 2)

    def beside(self, path: Path) -> Tensor:
        """The path's states with the values at its points beside them (B, K, N, D + G)."""
        values = self.values
        if not values.shape[-1]:
            return path.states
        if path.states.shape[2] > values.shape[2]:
            between = torch.stack([self.within(place) for place in _rule()[0][:-1]], 2)
            between = between.unflatten(1, values[:, :, 1:].shape[1:3]).flatten(2, 3)
            values = torch.cat([between, values[:, :, -1:]], 2)
        return torch.cat([path.states, values], -1)


def with_points_between(path: Path) -> Path:
    """A path of observed states with room for points between them, which its rule does not read."""
    states, mask, rule = path.states, path.mask, path.rule
    parts = _POINTS - 1
    last = states[:, :, -1:]
    between = states[:, :, :-1].repeat_interleave(parts, 2)
    inside = mask[:, :, 1:].repeat_interleave(parts, 2)
    seen = torch.cat([inside, mask[:, :, -1:]], 2)
    seen[:, :, ::parts] = mask
    size = max(_POINTS, rule.index.shape[-1])
    coarse = rule.of_points(size)
    return Path(torch.cat([between, last], 2), seen, Quadrature(coarse.index * parts, coarse.weights))


def integrals_along(path: Path, library: Library, columns: Tensor, given: Given, terms: int | None = None) -> Tensor:
    """Integrals (B, K, L, P) of the first monomials of columns (B, K, N, D + G) at a path's points, to observed points.

    Of all monomials by default.
    """
    there = path.mask[..., None]
    if not (given.holds and given.values.shape[-1]):
        return path.rule.cumulative(library(columns)[..., :terms] * there)
    # A monomial is a factor of the states, which move on smoothly, times one that is constant in each step.
    states, outside = columns.split((path.states.shape[-1], given.values.shape[-1]), -1)
    moving = library(torch.cat([states, torch.ones_like(outside)], -1))[..., :terms] * there
    parts = max(1, (columns.shape[2] - 1) // max(1, given.values.shape[2] - 1))
    observed = torch.cat([torch.ones_like(states), outside], -1)[:, :, ::parts]
    return path.rule.cumulative(moving, library(observed[:, :, :-1])[..., :terms])


def along_flow(path: Path, times: Tensor, given: Given, mask: Tensor, field: Field) -> Path:
    """The path with points between the observed ones where a field's flow says.

    Each step is integrated from its first point ahead and from its last one back; their mean, by the distances from
    both, is off by the square of the field's error alone. Steps that the flow does not follow keep the path's rule.

    Parameters
    ----------
    path : Path
        From `with_points_between`.
    times : Tensor of shape (B, K, L)
    given : Given
    mask : boolean Tensor of shape (B, K, L)
    field : callable
        From states and what is given (2 B, M, D + G) to velocities (2 B, M, D).
    """
    places, weights = _rule()
    parts = _POINTS - 1
    observed = path.states[:, :, ::parts]
    first, last = observed[:, :, :-1].flatten(1, 2), observed[:, :, 1:].flatten(1, 2)
    step = torch.where(mask[:, :, 1:], times[..., 1:] - times[..., :-1], 0.0)
    both = torch.cat([first, last])
    signed = torch.cat([step, -step]).flatten(1, 2)[..., None]
    nodes = [both]

    def rates(states: Tensor, place: float) -> Tensor:
        outside = torch.cat([given.within(place), given.within(1 - place)])
        return field(torch.cat([states, outside], -1))

    for first_place, last_place in pairwise(places):
        share = (last_place - first_place) / _SUBSTEPS
        for k in range(_SUBSTEPS):
            both = _moved(rates, both, first_place + k * share, share, signed)
        nodes.append(both)
    ahead, back = zip(*(node.chunk(2) for node in nodes), strict=True)
    moved = (last - first).norm(dim=-1)
    missed = torch.maximum((ahead[-1] - last).norm(dim=-1), (back[-1] - first).norm(dim=-1))
    believed = (missed <= _MISSED * moved).unflatten(1, mask[:, :, 1:].shape[1:]) & mask[:, :, 1:]
    inside = [(1 - places[k]) * ahead[k] + places[k] * back[parts - k] for k in range(parts)]
    between = torch.stack(inside, 2).unflatten(1, believed.shape[1:])  # (B, K, L - 1, parts, D)
    between = torch.where(believed[..., None, None], between, observed[:, :, :-1, None]).flatten(2, 3)
    place = parts * torch.arange(believed.shape[2], device=times.device)[:, None]
    index = (place + torch.arange(_POINTS, device=times.device)).expand(*believed.shape, -1)
    even = Quadrature(index, step[..., None] * times.new_tensor(weights)).of_points(path.rule.index.shape[-1])
    states = torch.cat([between, path.states[:, :, -1:]], 2)
    return Path(states, path.mask, even.where(believed[..., None], path.rule))


@cache
def _rule() -> tuple[list[float], list[float]]:
    """Places in [0, 1] and weights of Gauss and Lobatto; Abramowitz and Stegun 1964, 25.4.32."""
    highest = np.polynomial.legendre.Legendre.basis(_POINTS - 1)
    places = np.concatenate([[-1.0], np.sort(highest.deriv().roots().real), [1.0]])
    weights = 2 / (_POINTS * (_POINTS - 1) * highest(places) ** 2)
    return ((1 + places) / 2).tolist(), (weights / 2).tolist()


def _moved(
    rates: Callable[[Tensor, float], Tensor], states: Tensor, place: float, share: float, step: Tensor
) -> Tensor:
    """States after a share of their steps, from a place in them: one step of the classical Runge-Kutta method."""
    width = share * step
    a = rates(states, place)
    b = rates(states + width / 2 * a, place + share / 2)
    c = rates(states + width / 2 * b, place + share / 2)
    d = rates(states + width * c, place + share)
    return states + width / 6 * (a + 2 * b + 2 * c + d)
