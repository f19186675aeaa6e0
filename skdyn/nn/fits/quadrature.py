"""Integrals along sampled paths, by weights that depend on the times alone once a rule is chosen.

Letters: B contexts, K trajectories, L points, S points of a rule, C columns, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_CUBIC, _QUINTIC = 4, 6
_LARGEST_WEIGHT = {_CUBIC: 1.5, _QUINTIC: 4.0}
"""A polynomial through unevenly spaced points may swing: with larger weights the next coarser rule is used."""
_GAUSS = {
    _CUBIC: ((0.5 - 12**-0.5, 0.5 + 12**-0.5), (0.5, 0.5)),
    _QUINTIC: ((0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5), (5 / 18, 8 / 18, 5 / 18)),
}
"""Places in [0, 1] and weights that integrate polynomials through so many points exactly."""


@dataclass(frozen=True)
class Quadrature:
    """Rules for the integral over each step of each trajectory.

    Attributes
    ----------
    index : integer Tensor of shape (B, K, L - 1, S)
        Points that a step's rule reads.
    weights : Tensor of shape (B, K, L - 1, S)
        In units of time; zero for padding.
    """

    index: Tensor
    weights: Tensor

    def cumulative(self, values: Tensor, factors: Tensor | None = None) -> Tensor:
        """Integrals (B, K, L, C) of values (B, K, L, C) from each trajectory's first point to each point.

        With ``factors`` (B, K, L - 1, C), of values times what is constant in each step.
        """
        context = torch.arange(len(values), device=values.device)[:, None, None]
        path = torch.arange(values.shape[1], device=values.device)[:, None]
        steps = values.new_zeros(())
        for index, weights in zip(self.index.unbind(-1), self.weights.unbind(-1), strict=True):
            steps = steps + values[context, path, index] * weights[..., None]
        steps = steps if factors is None else steps * factors
        return torch.nn.functional.pad(steps.cumsum(2), (0, 0, 1, 0))

    def of_points(self, size: int) -> Quadrature:
        """The same, with points of no weight up to ``size`` of them."""
        more = size - self.index.shape[-1]
        again = self.index[..., :1].expand(*self.index.shape[:-1], more)
        return Quadrature(torch.cat([self.index, again], -1), torch.nn.functional.pad(self.weights, (0, more)))

    def where(self, chosen: Tensor, other: Quadrature) -> Quadrature:
        """These rules where ``chosen``, others of as many points elsewhere."""
        return Quadrature(
            torch.where(chosen, self.index, other.index), torch.where(chosen, self.weights, other.weights)
        )


@dataclass(frozen=True)
class Roughness:
    """How far the states of contexts are from polynomials through their neighbours: mean squares (B,)."""

    cubic: Tensor
    quintic: Tensor

    @property
    def smooth(self) -> Tensor:
        """Whether quintics are closer than cubics (B,), as they are without much noise."""
        return self.quintic < self.cubic


def roughness(times: Tensor, mask: Tensor, states: Tensor) -> Roughness:
    """Compare observed states (B, K, L, D), of variables of about the same size, with their neighbours."""
    return Roughness(*(_off_neighbours(times, mask, states, size) for size in (_CUBIC, _QUINTIC)))


def quadrature(times: Tensor, mask: Tensor, smooth: Tensor | None = None) -> Quadrature:
    """Rules that are exact for cubics, on the four points about each step; the trapezoid where these are too uneven.

    Those of smooth contexts are exact for quintics, on six points.

    Parameters
    ----------
    times : Tensor of shape (B, K, L)
        Increasing where observed.
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    smooth : boolean Tensor of shape (B,), optional
        See `roughness`.
    """
    i = torch.arange(times.shape[-1] - 1, device=times.device).expand(*mask.shape[:-1], -1)
    inside = i < mask.sum(-1, keepdim=True) - 1
    step = torch.where(inside, times[..., 1:] - times[..., :-1], 1.0)
    halves = torch.where(inside, 0.5 * step, 0.0)
    rule = Quadrature(torch.stack([i, i + 1], -1), torch.stack([halves, halves], -1))
    rule = _finer(rule, times, mask, step, inside, _CUBIC)
    if smooth is None or not smooth.any():
        return rule
    finer = _finer(rule, times, mask, step, inside, _QUINTIC)
    return finer.where(smooth[:, None, None, None], rule.of_points(_QUINTIC))


def _finer(coarser: Quadrature, times: Tensor, mask: Tensor, step: Tensor, inside: Tensor, size: int) -> Quadrature:
    """Rules on ``size`` points about each step; the coarser one's where these are too few or too uneven."""
    count = mask.sum(-1, keepdim=True)
    points = times.shape[-1]
    i = torch.arange(points - 1, device=times.device)
    first = torch.minimum((i - (size // 2 - 1)).clamp(min=0), (count - size).clamp(min=0))
    index = (first[..., None] + torch.arange(size, device=times.device)).clamp(max=points - 1)
    nodes = (_read(times, index) - times[..., :-1, None]) / step[..., None]
    places, parts = _GAUSS[size]
    weights = (_lagrange(nodes, places) * nodes.new_tensor(parts)[:, None]).sum(-2)
    even = (weights.abs().amax(-1) <= _LARGEST_WEIGHT[size]) & (count >= size) & inside
    return Quadrature(index, weights * step[..., None]).where(even[..., None], coarser.of_points(size))


def _off_neighbours(times: Tensor, mask: Tensor, states: Tensor, size: int) -> Tensor:
    """Mean squares (B,) of how far points are from polynomials through ``size`` neighbours, half on each side.

    Of the same points for all sizes.
    """
    points, half = times.shape[-1], size // 2
    i = torch.arange(points, device=times.device)
    between = (i >= _QUINTIC // 2) & (i < mask.sum(-1, keepdim=True) - _QUINTIC // 2)
    aside = torch.arange(1, half + 1, device=times.device)
    index = (i[:, None] + torch.cat([-aside.flip(0), aside])).clamp(0, points - 1).expand(*mask.shape, -1)
    nodes = _read(times, index) - times[..., None]
    weights = _lagrange(nodes / nodes.abs().amax(-1, keepdim=True), (0.0,))
    every = index.flatten(-2)[..., None].expand(-1, -1, -1, states.shape[-1])
    predicted = (states.gather(2, every).unflatten(2, index.shape[-2:]) * weights.mT).sum(-2)
    off = torch.where(between[..., None], (states - predicted).square(), 0.0).sum((1, 2, 3))
    return off / (states.shape[-1] * between.sum((1, 2))).clamp(min=1)


def _lagrange(nodes: Tensor, places: tuple[float, ...]) -> Tensor:
    """Values (..., G, S), at G places, of the polynomials that are one at a node and zero at all others (..., S)."""
    own = torch.eye(nodes.shape[-1], dtype=torch.bool, device=nodes.device)
    apart = torch.where(own, 1.0, nodes[..., :, None] - nodes[..., None, :]).prod(-1)
    values = [torch.where(own, 1.0, (place - nodes)[..., None, :]).prod(-1) / apart for place in places]
    return torch.stack(values, -2)


def _read(times: Tensor, index: Tensor) -> Tensor:
    """Times (B, K, M, S) at points (B, K, M, S)."""
    return times.gather(-1, index.flatten(-2)).unflatten(-1, index.shape[-2:])
