"""Losses and errors that the objectives and the validation suites share, and the sums that are logged of them.

Letters: B contexts, Q positions (queries, tokens or points), D dimensions.

What a mask leaves out may hold anything, even what is not finite. In a sum `torch.where` is enough for the value, but
not for the gradient: backward, the zero of a masked position is multiplied by the derivative of what stood there, and
``0 * nan`` is not zero. Truths therefore pass through `counted` before anything is computed with them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def counted(truth: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Truths (B, Q, D) where the mask (B, Q) is true and the context's weight (B,) is positive; elsewhere zeros."""
    return torch.where((mask & (weight[:, None] > 0))[..., None], truth, 0.0)


def laplace(truth: Tensor, mean: Tensor, log_scale: Tensor, active: Tensor) -> Tensor:
    """Negative log-likelihood of a Laplace distribution without its constant, summed over D with weights ``active``."""
    return (((truth - mean).abs() * (-log_scale).exp() + log_scale) * active).sum(-1)


_LEAST_ERROR = 1e-5


def holding(error: Tensor, log_scale: Tensor, share: float, active: Tensor) -> Tensor:
    """Loss of scales, summed over D with weights ``active``: least where ``share`` of the errors is within two of them.

    It is the pinball loss of the logarithms, so that errors of any size count alike. Source: Koenker and Bassett,
    Regression quantiles, Econometrica 46:33 (1978).
    """
    beyond = (error.abs() + _LEAST_ERROR).log() - math.log(2) - log_scale
    return (torch.where(beyond > 0, share * beyond, (share - 1) * beyond) * active).sum(-1)


def absolute(truth: Tensor, found: Tensor, active: Tensor) -> Tensor:
    """Absolute errors, summed over D with weights ``active``."""
    return ((truth - found).abs() * active).sum(-1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the last axis where the mask is true; zero where it nowhere is."""
    return torch.where(mask, values, 0.0).sum(-1) / mask.sum(-1).clamp(min=1)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of all values, which count by their weights; zero where none counts."""
    return torch.where(weight > 0, values * weight, 0.0).sum() / weight.sum().clamp(min=1.0)


def relative_error(found: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """``sum |truth - found| / sum |truth|`` per context, (B,), over D and the positions where the mask is true."""
    keep = mask[..., None]
    error = torch.where(keep, (found.float() - truth).abs(), 0.0).sum((1, 2))
    return error / torch.where(keep, truth.abs(), 0.0).sum((1, 2)).clamp(min=1e-6)


def total(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted sum and sum of the weights, for the log."""
    return torch.stack([torch.where(weight > 0, values * weight, 0.0).sum(), weight.sum()])


def once(value: Tensor) -> Tensor:
    """The sum and the count of a single value, for the log."""
    return torch.stack([value.detach(), torch.ones_like(value)])
