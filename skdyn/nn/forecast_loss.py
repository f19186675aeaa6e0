"""What a forecaster is trained on, in pretraining and in fine-tuning alike.

Letters: B series, D channels, T times, Q quantiles. Everything is in units normalised by the prefix
(`skdyn.nn.prefixes`), in which the future may leave [-1, 1] by far.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SEEN_WEIGHT = 0.3
"""Weight of the reconstruction of the prefix, where the forecast has weight one."""


def forecast_loss(quantiles: Tensor, targets: Tensor, seen: Tensor, unseen: Tensor, levels: Sequence[float]) -> Tensor:
    """Huber error of the median, and pinball error of all quantiles if there are several.

    The errors are averaged over the prefix and over the future separately, so that a short future counts as much as a
    long one, and divided by ``1 + log(1 + range)``, with the range of the future, so that explosions do not dominate.

    Parameters
    ----------
    quantiles : Tensor of shape (B, D, T, Q)
        Sorted, Q odd.
    targets : Tensor of shape (B, D, T)
    seen, unseen : boolean Tensor of shape (B, D, T)
        Targets in the prefix and after it; what is in neither does not count, and its target need not be finite.
    levels : sequence of Q floats

    Returns
    -------
    Tensor of shape (B, D)
    """
    counted = seen | unseen
    targets = torch.where(counted, targets, torch.zeros_like(targets))
    error = targets[..., None] - quantiles
    loss = F.huber_loss(quantiles[..., len(levels) // 2], targets, reduction="none")
    if len(levels) > 1:
        level = torch.tensor(levels, dtype=error.dtype, device=error.device)
        loss = loss + torch.maximum(level * error, (level - 1) * error).mean(-1)
    infinite = torch.full_like(targets, torch.inf)
    spread = torch.where(unseen, targets, -infinite).amax(-1) - torch.where(unseen, targets, infinite).amin(-1)
    spread = torch.where(unseen.any(-1), spread, torch.zeros_like(spread))
    return (SEEN_WEIGHT * _mean(loss, seen) + _mean(loss, unseen)) / (1 + spread.log1p())


def _mean(loss: Tensor, where: Tensor) -> Tensor:
    """Mean over the last axis where true; zero where nothing is."""
    return torch.where(where, loss, torch.zeros_like(loss)).sum(-1) / where.sum(-1).clamp(min=1)
