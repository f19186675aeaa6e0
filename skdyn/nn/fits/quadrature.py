"""Integrals along sampled paths, by weights that depend on the times alone.

Letters: B contexts, K trajectories, L points, C columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LARGEST_WEIGHT = 1.5
"""A cubic through unevenly spaced points may swing: with larger weights the trapezoid is used."""
_STENCIL = 4


@dataclass(frozen=True)
class Quadrature:
    """Rules for the integral over each step of each trajectory.

    Attributes
    ----------
    index : integer Tensor of shape (B, K, L - 1, 4)
        Points that a step's rule reads.
    weights : Tensor of shape (B, K, L - 1, 4)
        In units of time; zero for padding.
    """

    index: Tensor
    weights: Tensor

    def cumulative(self, values: Tensor, factors: Tensor | None = None) -> Tensor:
        """Integrals (B, K, L, C) of values (B, K, L, C) from each trajectory's first point to each point.

        With ``factors`` (B, K, L - 1, C), of values times what is constant in each step.
        """
        columns = values.shape[-1]
        index = self.index.flatten(-2)[..., None].expand(-1, -1, -1, columns)
        read = values.gather(2, index).unflatten(2, (-1, _STENCIL))
        steps = (read * self.weights[..., None]).sum(-2)
        steps = steps if factors is None else steps * factors
        return torch.nn.functional.pad(steps.cumsum(2), (0, 0, 1, 0))


def quadrature(times: Tensor, mask: Tensor) -> Quadrature:
    """Rules that are exact for cubics, on the four points about each step; the trapezoid where these are too uneven.

    Parameters
    ----------
    times : Tensor of shape (B, K, L)
        Increasing where observed.
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    """
    points = times.shape[-1]
    count = mask.sum(-1, keepdim=True)
    i = torch.arange(points - 1, device=times.device).expand(*mask.shape[:-1], -1)
    inside = i < count - 1
    step = torch.where(inside, times[..., 1:] - times[..., :-1], 1.0)
    first = torch.minimum((i - 1).clamp(min=0), (count - _STENCIL).clamp(min=0))
    index = (first[..., None] + torch.arange(_STENCIL, device=times.device)).clamp(max=points - 1)
    read = times.gather(-1, index.flatten(-2)).unflatten(-1, (-1, _STENCIL))
    weights = _cubic_weights((read - times[..., :-1, None]) / step[..., None])
    trapezoid = torch.tensor([0.5, 0.5, 0.0, 0.0], dtype=times.dtype, device=times.device)
    uneven = ((weights.abs().amax(-1) > _LARGEST_WEIGHT) | (count < _STENCIL))[..., None]
    index = torch.where(uneven, torch.stack([i, i + 1, i, i], dim=-1), index)
    weights = torch.where(uneven, trapezoid, weights)
    return Quadrature(index, weights * torch.where(inside, step, 0.0)[..., None])


def _cubic_weights(at: Tensor) -> Tensor:
    """Integrals over [0, 1] of the Lagrange polynomials (..., 4) of nodes (..., 4)."""
    weights = []
    for k in range(_STENCIL):
        a, b, c = (at[..., m] for m in range(_STENCIL) if m != k)
        own = at[..., k]
        integral = 0.25 - (a + b + c) / 3 + (a * b + b * c + c * a) / 2 - a * b * c
        size = (own - a) * (own - b) * (own - c)
        weights.append(integral / torch.where(size.abs() < 1e-9, 1e-9, size))
    return torch.stack(weights, dim=-1)
