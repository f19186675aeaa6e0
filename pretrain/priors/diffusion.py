"""Distributions over diagonal diffusions ``g_i(x) = sqrt(max(p_i(x), 0))`` with p quadratic.

One closed form serves them all: constant noise, noise in proportion to the state (geometric), the root of the state
(Cox-Ingersoll-Ross), noise that grows with the distance, and the semicircle that vanishes at a radius.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.priors.base import Draw, Rates, Start
from pretrain.priors.fields import monomials, polynomial_rates
from pretrain.priors.polynomial import sparse_support


@dataclass(frozen=True)
class Diffusion:
    """S diagonal diffusions.

    Attributes
    ----------
    coefficients : Tensor of shape (S, D, monomials up to degree 2)
        Of the squares, in the order of `pretrain.priors.fields.monomials`.
    """

    coefficients: Tensor

    def rates(self, x: Rates) -> Rates:
        """Diffusion, one tensor (S, P) per dimension, at states given in the same way."""
        return tuple(square.clamp(min=0).sqrt() for square in polynomial_rates(self.coefficients, x, 2))

    def __call__(self, x: Tensor) -> Tensor:
        """Diffusion of shape (S, P, D) at states of shape (S, P, D)."""
        return torch.stack(self.rates(x.unbind(-1)), dim=-1)

    def select(self, index: Tensor) -> Diffusion:
        """Only the systems at ``index``."""
        return Diffusion(self.coefficients[index])


def _quadratic(draw: Draw, start: Start, constant: Tensor, linear: Tensor, square: Tensor) -> Tensor:
    """Coefficients of ``constant_i + linear_i (x_i - o_i) + sum_j square_ij (x_j - o_j)^2``, o near the start."""
    n, dim = constant.shape
    origin = start.centre + start.spread * draw.normal(n, dim) * draw.coin(0.5, n, 1)
    names = monomials(dim, 2)
    coefficients = torch.zeros(n, dim, len(names), device=draw.device)
    shifted = (square * origin[:, None] ** 2).sum(-1)
    coefficients[..., 0] = constant - linear * origin + shifted
    for j in range(dim):
        coefficients[:, j, names.index((j,))] += linear[:, j]
        coefficients[..., names.index((j,))] -= 2 * square[..., j] * origin[:, j, None]
        coefficients[..., names.index((j, j))] = square[..., j]
    return coefficients


def _levels(draw: Draw, n: int, dim: int) -> Tensor:
    """Sizes (n, D) of the noise: log-uniform in [0.08, 2] for a system, its components within a factor of e."""
    shared = draw.log_uniform(0.08, 2.0, n, 1)
    return shared * (draw.uniform(-0.5, 0.5, n, dim) * draw.coin(0.5, n, 1)).exp()


def constant(draw: Draw, start: Start) -> Tensor:
    """``g_i = c_i``."""
    n, dim = start.centre.shape
    none = torch.zeros(n, dim, dim, device=draw.device)
    return _quadratic(draw, start, _levels(draw, n, dim) ** 2, none[..., 0], none)


def proportional(draw: Draw, start: Start) -> Tensor:
    """``g_i = c_i |x_i - o_i|``, as in geometric Brownian motion."""
    n, dim = start.centre.shape
    level = _levels(draw, n, dim) ** 2
    none = torch.zeros_like(level)
    return _quadratic(draw, start, 1e-4 * level, none, torch.diag_embed(level))


def square_root(draw: Draw, start: Start) -> Tensor:
    """``g_i = c_i sqrt(max(x_i - o_i, 0))``, as in Cox, Ingersoll and Ross (1985)."""
    n, dim = start.centre.shape
    level = _levels(draw, n, dim) ** 2
    none = torch.zeros(n, dim, dim, device=draw.device)
    sign = torch.where(draw.coin(0.5, n, dim), 1.0, -1.0)
    return _quadratic(draw, start, level * draw.uniform(0.0, 2.0, n, dim), sign * level, none)


def growing(draw: Draw, start: Start) -> Tensor:
    """``g_i = c_i sqrt(1 + sum_j b_ij (x_j - o_j)^2)``."""
    n, dim = start.centre.shape
    level = _levels(draw, n, dim) ** 2
    steep = draw.log_uniform(0.1, 3.0, n, dim, dim) * draw.coin(0.5, n, dim, dim)
    return _quadratic(draw, start, level, torch.zeros_like(level), level[..., None] * steep)


def semicircle(draw: Draw, start: Start) -> Tensor:
    """``g_i = c_i sqrt(max(1 - ((x_i - o_i) / r_i)^2, 0))``: noise that vanishes at the edge of a region."""
    n, dim = start.centre.shape
    level = (2.0 * _levels(draw, n, dim)) ** 2
    radius = draw.uniform(0.8, 3.5, n, dim)
    return _quadratic(draw, start, level, torch.zeros_like(level), torch.diag_embed(-level / radius**2))


def published(draw: Draw, start: Start) -> Tensor:
    """Sparse quadratic polynomials in all variables with coefficients N(0, 1): the prior of arXiv 2502.19049."""
    n, dim = start.centre.shape
    active = sparse_support(draw, n, dim, 2)
    return draw.normal(*active.shape) * active


KINDS: dict[str, Callable[[Draw, Start], Tensor]] = {
    kind.__name__: kind for kind in (constant, proportional, square_root, growing, semicircle, published)
}

DIFFUSIONS: dict[str, dict[str, float]] = {
    "mixture": {
        "constant": 0.3,
        "proportional": 0.12,
        "square_root": 0.1,
        "growing": 0.16,
        "semicircle": 0.16,
        "published": 0.16,
    },
    "published": {"published": 1.0},
}


def sample_diffusion(weights: Mapping[str, float], start: Start, generator: torch.Generator) -> Diffusion:
    """Draw a diffusion for every system of a drift, by its start.

    Parameters
    ----------
    weights : mapping of a kind's name to its weight
    start : Start
        Where the systems' trajectories begin, which says where their states are.
    generator : torch.Generator
    """
    draw = Draw(generator)
    n = len(start.centre)
    every = torch.stack([KINDS[name](draw, start) for name in weights])
    shares = torch.tensor(list(weights.values()), device=draw.device).cumsum(0)
    kind = torch.searchsorted(shares / shares[-1], draw.uniform(0, 1, n)).clamp(max=len(weights) - 1)
    return Diffusion(every[kind, torch.arange(n, device=draw.device)])
