"""How fits of a context compare: along the observed path, where they should agree, and beyond it.

Letters: B contexts, F fits, D variables, C columns of which the fits are functions, N states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

COMPARED = 24
"""States along the path, and as many beyond it, at which fits are compared with each other."""


@dataclass(frozen=True)
class Comparison:
    """Distances of fits from each other, along the observed path and beyond it.

    Attributes
    ----------
    gaps : Tensor of shape (B, 2, F, F, D)
        Mean distances of two fits' answers.
    sizes : Tensor of shape (B, 2, F, D)
        Mean sizes of each fit's answers.
    log_spreads : Tensor of shape (B, 2, F, D)
        Mean log deviations that each fit gives itself.
    """

    gaps: Tensor
    sizes: Tensor
    log_spreads: Tensor

    @classmethod
    def of(cls, answers: Tensor, log_deviation: Tensor) -> Comparison:
        """Compare answers and log deviations (B, 2 COMPARED, F, D) at `compared_states`."""
        by_place = answers.unflatten(1, (2, COMPARED))
        gaps = torch.stack([_apart(part) for part in by_place.unbind(1)], 1)
        return cls(gaps, by_place.abs().mean(2), log_deviation.unflatten(1, (2, COMPARED)).mean(2))

    def only(self, kept: Sequence[int]) -> Comparison:
        """Of some of the fits."""
        places = list(kept)
        return Comparison(
            self.gaps[:, :, places][:, :, :, places], self.sizes[:, :, places], self.log_spreads[:, :, places]
        )

    def to(self, kind: torch.dtype) -> Comparison:
        """The same in another type of numbers."""
        return Comparison(self.gaps.to(kind), self.sizes.to(kind), self.log_spreads.to(kind))


def compared_states(columns: Tensor, seen: Tensor) -> Tensor:
    """States (B, 2 COMPARED, C): some of those observed (B, N, C), where ``seen``, and as many beyond them.

    They are picked by their distance from the mean, so that the order of trajectories and of variables does not matter.
    """
    ranked = torch.where(seen, columns.square().sum(-1), torch.inf).argsort(dim=1)
    share = torch.arange(COMPARED, device=seen.device) / COMPARED
    picked = ranked.gather(1, (share * seen.sum(1, keepdim=True)).long())
    path = columns.gather(1, picked[..., None].expand(-1, -1, columns.shape[-1]))
    return torch.cat([path, 2 * path[:, ::2], -path[:, 1::2]], 1)


def _apart(answers: Tensor) -> Tensor:
    """Mean distances (B, F, F, D) of answers (B, N, F, D) from each other."""
    flat = answers.permute(0, 3, 2, 1)
    distances = torch.cdist(flat, flat, p=1, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.permute(0, 2, 3, 1) / answers.shape[1]
