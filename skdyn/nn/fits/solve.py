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

    @property
    def log_deviation(self) -> Tensor:
        """Of the residuals, of shape (...)."""
        return 0.5 * self.variance.log()


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
    scaled, moved, size, used = _unit_diagonal(gram, cross, active)
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
    solved, inverse, moved, _ = _least_squares(gram, cross, active)
    residual = (square - (solved * moved).sum(-1)).clamp(min=0)
    together = inverse.view(-1, *inverse.shape[-2:])
    there, terms = active, active.sum(-1).to(gram)
    leaves_at = torch.full_like(moved, torch.inf)
    steps = int(terms.max()) if terms.numel() else 0
    done = torch.zeros_like(square, dtype=torch.bool)
    strength: list[Tensor] = []
    for step in range(steps):
        gain = torch.where(there, solved.square() / inverse.diagonal(dim1=-2, dim2=-1), torch.inf)
        least, weakest = gain.min(-1, keepdim=True)
        freedom = (count - (terms - step).clamp(min=0)).clamp(min=_FEWEST)
        strength.append(least[..., 0] / (residual / freedom + _NOISE_FLOOR))
        done = done | (strength[-1] >= max(thresholds) ** 2)
        if bool(done.all()):
            break
        residual = residual + torch.where(least.isinf(), 0.0, least)[..., 0]
        column = inverse.gather(-1, weakest[..., None].expand(*weakest.shape[:-1], inverse.shape[-1], 1))[..., 0]
        ratio = column / column.gather(-1, weakest).clamp(min=1e-300)
        solved = solved - ratio * solved.gather(-1, weakest)
        together.baddbmm_(ratio.reshape(len(together), -1, 1), column.reshape(len(together), 1, -1), alpha=-1)
        there = there.scatter(-1, weakest, False)
        leaves_at = leaves_at.scatter(-1, weakest, float(step))
    if not strength:
        return [active for _ in thresholds]
    strong = torch.stack(strength, -1)
    supports = []
    for threshold in thresholds:
        enough = strong >= threshold**2
        first = torch.where(enough.any(-1), enough.to(torch.uint8).argmax(-1), steps)
        supports.append(active & (leaves_at >= first[..., None]))
    return supports


def coefficients_of(gram: Tensor, cross: Tensor, active: Tensor) -> Tensor:
    """Coefficients (..., P) of the active terms by least squares; zero for the others."""
    solved, _, _, size = _least_squares(gram, cross, active)
    return solved / size


def gains(gram: Tensor, cross: Tensor) -> Tensor:
    """How much of the observations' square each term (..., P) explains that all the others do not."""
    solved, inverse, _, _ = _least_squares(gram, cross, torch.ones_like(cross, dtype=torch.bool))
    return solved.square() / inverse.diagonal(dim1=-2, dim2=-1)


def _least_squares(gram: Tensor, cross: Tensor, active: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Coefficients (..., P) of the active columns, scaled to length one; inverse Gram matrix, products, lengths."""
    scaled, moved, size, used = _unit_diagonal(gram, cross, active)
    diagonal = torch.where(active, 10 * _NUMERICAL_RIDGE, 1.0).float()
    factor, _ = torch.linalg.cholesky_ex(scaled + torch.diag_embed(diagonal))
    inverse = torch.cholesky_inverse(factor).nan_to_num(1.0, 1.0, 1.0) * used[..., :, None]
    return (inverse @ moved[..., None])[..., 0], inverse, moved, size


def _unit_diagonal(gram: Tensor, cross: Tensor, active: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gram matrix and cross products of the active columns scaled to length one, the lengths, and what is active.

    Columns of very different sizes would else be lost to rounding.
    """
    size = gram.diagonal(dim1=-2, dim2=-1).sqrt()
    size = torch.where(active & (size > 0), size, 1.0)
    used = active.to(gram.dtype)
    unit = used / size
    return gram * (unit[..., :, None] * unit[..., None, :]), cross * unit, size, used
