"""What a path does between its points, by the flow of polynomials that were fitted to it.

Letters: B contexts, K trajectories, L points, S points of a rule, D variables, N states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from skdyn.nn.fits.families import FAR, SIZES
from skdyn.nn.fits.moments import affordable, by_integrals
from skdyn.nn.fits.monomials import Library
from skdyn.nn.fits.quadrature import Quadrature
from skdyn.nn.fits.solve import ridge

_PARTS = 4
_WEIGHTS = (7 / 90, 32 / 90, 12 / 90, 32 / 90, 7 / 90)
"""Of five even points, exact for quintics: G. Boole, A Treatise on the Calculus of Finite Differences, 1860."""
_MISSED = 0.2
"""Part of a step by which the flow may miss the next point, to be believed."""

_MOST_ROUNDS, _GAINED = 4, 0.5
"""How often polynomials are fitted and followed: while the logarithm of what they leave falls by so much."""
_FEW = 100
"""Of their monomials."""
_PRIOR, _NOISE_ROUNDS = 0.3, 3

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


def followed(path: Path, times: Tensor, library: Library, coarse: Tensor) -> Path:
    """A path with points between the observed ones, where that explains it better.

    Polynomials are fitted to the path, followed from point to point, and fitted anew with integrals along what is
    found, as long as they leave less and less. What is integrated is then the dynamics' own course, and not a
    polynomial in time through the neighbours, which is far from it where points are few.

    Parameters
    ----------
    path : Path
        Of the observed states alone.
    times : Tensor of shape (B, K, L)
    library : Library
        Of the states.
    coarse : boolean Tensor of shape (B,)
        Contexts without much noise whose points are not dense.
    """
    found = observed = with_points_between(path)
    coefficients, least = _on_path(observed, path, library)
    for _ in range(_MOST_ROUNDS):
        other = along_flow(observed, times, path.mask, partial(_velocity, library, coefficients))
        own, left = _on_path(other, path, library)
        better = coarse & (left < least - _GAINED)
        if not better.any():
            break
        found, least = other.where(better, found), torch.where(better, left, least)
        coefficients = torch.where(better[:, None, None], own, coefficients)
    return path if found is observed else found


def _on_path(path: Path, observed: Path, library: Library) -> tuple[Tensor, Tensor]:
    """Coefficients (B, D, P) of the polynomials that explain a path best, and the log variance that they leave (B,)."""
    degrees = library.degrees.to(path.states.device)
    few = _few(degrees)
    integrals = path.rule.cumulative(library(path.states)[..., :few] * path.mask[..., None])
    moments = by_integrals(integrals, observed.states, observed.mask, SIZES[1])
    degrees = degrees[:few].expand(moments.cross.shape)
    allowed = affordable(moments.count, degrees)
    masks = torch.stack([allowed & (degrees <= degree) for degree in library.centred_degrees], 1)
    gram, cross = moments.gram[:, None], moments.cross[:, None]
    fit = ridge(gram, cross, moments.square[:, None], moments.count[:, None], masks, _PRIOR, _NOISE_ROUNDS)
    variance, best = fit.variance.min(1)  # (B, D)
    place = best[:, None, :, None].expand(-1, 1, -1, few)
    return fit.coefficients.gather(1, place)[:, 0], variance.log().sum(-1)


def _few(degrees: Tensor) -> int:
    """Number of monomials up to the largest degree of which there are few; linear ones always."""
    counts = [int((degrees <= degree).sum()) for degree in range(1, int(degrees.max()) + 1)]
    return max(count for count in counts if count <= max(_FEW, counts[0]))


def _velocity(library: Library, coefficients: Tensor, states: Tensor) -> Tensor:
    return library(states.clamp(-FAR, FAR))[..., : coefficients.shape[-1]] @ coefficients.mT


def with_points_between(path: Path) -> Path:
    """A path of observed states with room for points between them, which its rule does not read."""
    states, mask, rule = path.states, path.mask, path.rule
    last = states[:, :, -1:]
    between = states[:, :, :-1].repeat_interleave(_PARTS, 2)
    inside = mask[:, :, 1:].repeat_interleave(_PARTS, 2)
    seen = torch.cat([inside, mask[:, :, -1:]], 2)
    seen[:, :, ::_PARTS] = mask
    size = max(len(_WEIGHTS), rule.index.shape[-1])
    coarse = rule.of_points(size)
    return Path(torch.cat([between, last], 2), seen, Quadrature(coarse.index * _PARTS, coarse.weights))


def along_flow(path: Path, times: Tensor, mask: Tensor, field: Field) -> Path:
    """The path with points between the observed ones where a field's flow says.

    Each step is integrated from its first point ahead and from its last one back; their mean, by the distances from
    both, is off by the square of the field's error alone. Steps that the flow does not follow keep the path's rule.

    Parameters
    ----------
    path : Path
        From `with_points_between`.
    times : Tensor of shape (B, K, L)
    mask : boolean Tensor of shape (B, K, L)
    field : callable
        From states (B, N, D) to their velocities.
    """
    observed = path.states[:, :, ::_PARTS]
    first, last = observed[:, :, :-1].flatten(1, 2), observed[:, :, 1:].flatten(1, 2)
    step = torch.where(mask[:, :, 1:], times[..., 1:] - times[..., :-1], 0.0)
    part = step.flatten(1, 2)[..., None] / _PARTS
    ahead, back = [first], [last]
    for _ in range(_PARTS):
        ahead.append(_moved(field, ahead[-1], part))
        back.append(_moved(field, back[-1], -part))
    back.reverse()
    moved = (last - first).norm(dim=-1)
    missed = torch.maximum((ahead[-1] - last).norm(dim=-1), (back[0] - first).norm(dim=-1))
    believed = (missed <= _MISSED * moved).unflatten(1, mask[:, :, 1:].shape[1:]) & mask[:, :, 1:]
    shares = [k / _PARTS for k in range(_PARTS)]
    nodes = [(1 - share) * a + share * b for share, a, b in zip(shares, ahead, back, strict=False)]
    between = torch.stack(nodes, 2).unflatten(1, believed.shape[1:])  # (B, K, L - 1, parts, D)
    between = torch.where(believed[..., None, None], between, observed[:, :, :-1, None]).flatten(2, 3)
    place = _PARTS * torch.arange(believed.shape[2], device=times.device)[:, None]
    index = (place + torch.arange(len(_WEIGHTS), device=times.device)).expand(*believed.shape, -1)
    even = Quadrature(index, step[..., None] * times.new_tensor(_WEIGHTS)).of_points(path.rule.index.shape[-1])
    states = torch.cat([between, path.states[:, :, -1:]], 2)
    return Path(states, path.mask, even.where(believed[..., None], path.rule))


def _moved(field: Field, states: Tensor, step: Tensor) -> Tensor:
    """One step of the classical Runge-Kutta method."""
    a = field(states)
    b = field(states + step / 2 * a)
    c = field(states + step / 2 * b)
    d = field(states + step * c)
    return states + step / 6 * (a + 2 * b + 2 * c + d)
