"""Ridge regression and backward elimination from moments, batched over everything.

Letters: N problems (any leading axes), P monomials.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_NOISE_FLOOR = 1e-11
_FEWEST = 2.0
_NUMERICAL_RIDGE = 1e-10
"""Of Gram matrices with a unit diagonal."""


@dataclass(frozen=True)
class Posterior:
    """Coefficients with their uncertainty.

    Attributes
    ----------
    coefficients : Tensor of shape (..., P)
    root : Tensor of shape (..., P, P)
        ``root.T @ root`` is the covariance of the coefficients.
    variance : Tensor of shape (...)
        Of the residuals.
    active : boolean Tensor of shape (..., P)
    """

    coefficients: Tensor
    root: Tensor
    variance: Tensor
    active: Tensor


def first_variance(square: Tensor, count: Tensor) -> Tensor:
    """A hundredth of the observations' variance, to begin the estimate of the noise with."""
    return square / count.clamp(min=1) * 1e-2 + _NOISE_FLOOR


def ridge(
    gram: Tensor, cross: Tensor, square: Tensor, count: Tensor, active: Tensor, prior: float, rounds: int
) -> Posterior:
    """Posterior of the active coefficients under ``c ~ N(0, 1 / prior)``; the noise is estimated anew every round.

    Parameters
    ----------
    gram : Tensor of shape (..., P, P)
    cross : Tensor of shape (..., P)
    square, count : Tensor of shape (...)
    active : boolean Tensor of shape (..., P)
    prior : float
    rounds : int
    """
    used = active.to(gram.dtype)
    # In units in which the Gram matrix has a unit diagonal, or columns of very different sizes would be lost.
    size = gram.diagonal(dim1=-2, dim2=-1).sqrt()
    size = torch.where(active & (size > 0), size, 1.0)
    scaled = gram / (size[..., :, None] * size[..., None, :]) * used[..., :, None] * used[..., None, :]
    moved = cross / size * used
    terms = used.sum(-1)
    shrink = torch.where(active, prior / size.square(), 1.0)
    variance = first_variance(square, count)
    for _ in range(rounds):
        diagonal = torch.where(active, shrink * variance[..., None] + _NUMERICAL_RIDGE, 1.0)
        factor, _ = torch.linalg.cholesky_ex(scaled + torch.diag_embed(diagonal))
        solved = torch.cholesky_solve(moved[..., None], factor)[..., 0]
        residual = square - 2 * (solved * moved).sum(-1) + ((scaled @ solved[..., None])[..., 0] * solved).sum(-1)
        previous, variance = variance, residual.clamp(min=0) / (count - terms).clamp(min=_FEWEST) + _NOISE_FLOOR
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device).expand_as(factor)
    root = torch.linalg.solve_triangular(factor, identity, upper=False)
    root = root * (used / size)[..., None, :] * previous.sqrt()[..., None, None]
    return Posterior(
        (solved / size * used).nan_to_num(0.0, 0.0, 0.0),
        root.nan_to_num(1e2, 1e2, 1e2),
        variance.nan_to_num(1.0, 1.0, 1.0),
        active,
    )


def eliminate(
    gram: Tensor, cross: Tensor, square: Tensor, count: Tensor, active: Tensor, thresholds: tuple[float, ...]
) -> list[Tensor]:
    """Backward elimination by Wald's ``|c| / sd(c)``, one term at a time; boolean supports (..., P), one a threshold.

    Terms leave by the weakest first, until all that are left exceed the threshold. Each removal is a rank-one update
    of coefficients and covariance.
    """
    size = gram.diagonal(dim1=-2, dim2=-1).sqrt()
    size = torch.where(active & (size > 0), size, 1.0)
    used = active.to(gram.dtype)
    scaled = gram / (size[..., :, None] * size[..., None, :]) * used[..., :, None] * used[..., None, :]
    diagonal = torch.where(active, 10 * _NUMERICAL_RIDGE, 1.0)
    factor, _ = torch.linalg.cholesky_ex(scaled + torch.diag_embed(diagonal))
    inverse = torch.cholesky_inverse(factor).nan_to_num(1.0, 1.0, 1.0)
    moved = cross / size * used
    solved = (inverse @ moved[..., None])[..., 0]
    residual = (square - (solved * moved).sum(-1)).clamp(min=0)
    supports = [active for _ in thresholds]
    found = [torch.zeros_like(residual, dtype=torch.bool) for _ in thresholds]
    for _ in range(int(active.sum(-1).max()) if active.numel() else 0):
        spread = inverse.diagonal(dim1=-2, dim2=-1)
        gain = torch.where(active, solved.square() / spread.clamp(min=1e-30), torch.inf)
        weakest = gain.argmin(-1, keepdim=True)
        least = gain.gather(-1, weakest)[..., 0]
        variance = residual / (count - active.sum(-1)).clamp(min=_FEWEST) + _NOISE_FLOOR
        for which, threshold in enumerate(thresholds):
            supports[which] = torch.where(found[which][..., None], supports[which], active)
            found[which] = found[which] | (least >= threshold**2 * variance)
        left = active.any(-1)
        place = weakest[..., None].expand(*weakest.shape[:-1], inverse.shape[-1], 1)
        column = inverse.gather(-1, place)[..., 0]
        own = column.gather(-1, weakest)
        ratio = torch.where(left[..., None], column / own, 0.0)
        residual = residual + torch.where(left, least, 0.0)
        solved = solved - ratio * solved.gather(-1, weakest)
        inverse = inverse - ratio[..., :, None] * column[..., None, :]
        active = active.scatter(-1, weakest, False)
    for which in range(len(thresholds)):
        supports[which] = torch.where(found[which][..., None], supports[which], active)
    return supports
