"""Which monomials are worth fitting where there are more of them than the points can carry.

Letters: B contexts, D variables, P monomials, Q chosen ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skdyn.nn.fits.moments import Moments

_POINTS_PER_TERM = 3
_MOST_CHOSEN = 64
_FEWEST_INTERACTIONS = 8
_LEAST_LEFT = 1e-8
"""Share of a monomial's own square below which what is left of it is rounding."""


@dataclass(frozen=True)
class Chosen:
    """Terms of a library.

    Attributes
    ----------
    places : integer Tensor of shape (B, D, Q)
        Ascending.
    allowed : boolean Tensor of shape (B, D, Q)
        Those that the context's own points can carry; Q is what the longest context of the batch can.
    """

    places: Tensor
    allowed: Tensor


def choose_terms(moments: Moments, degrees: Tensor, columns: int) -> Chosen | None:
    """Constant, linear terms and those that explain each variable best; None where all fit.

    Forward selection by orthogonal least squares: the term that takes most from the residual, given those before it
    (Chen, Billings and Luo 1989, Int. J. Control 50:1873).

    Parameters
    ----------
    moments : Moments of shape (B, D, ...), by integral matching
    degrees : integer Tensor of shape (P,)
    columns : int
        Of how many numbers the monomials are; all fit where these are few.
    """
    batch, dim, total = moments.cross.shape
    forced = int((degrees <= 1).sum())
    each = (moments.count[:, 0] / _POINTS_PER_TERM).long().clamp(max=_MOST_CHOSEN)
    each = each.clamp(min=forced + _FEWEST_INTERACTIONS)  # (B,)
    if columns <= 3 or batch == 0 or bool((each >= total).all()):
        return None
    wanted = min(int(each.max()), total)
    gram, residual = moments.gram[:, 0], moments.cross.clone()
    left = gram.diagonal(dim1=-2, dim2=-1)[:, None].expand(-1, dim, -1).clone()
    own = left.clone()
    free = torch.ones(batch, dim, total, dtype=torch.bool, device=gram.device)
    basis = gram.new_zeros(batch, dim, wanted, total)
    chosen = torch.zeros(batch, dim, wanted, dtype=torch.long, device=gram.device)
    for step in range(wanted):
        gain = residual.square() / left.clamp(min=1e-300)
        gain = torch.where(free & (left > _LEAST_LEFT * own), gain, -1.0)
        gain = torch.where(free, gain.clamp(min=-0.5), -1.0)  # what is rounding comes last, but before repetition
        best = torch.full_like(chosen[..., :1], step) if step < forced else gain.argmax(-1, keepdim=True)
        chosen[..., step] = best[..., 0]
        column = gram.gather(1, best.expand(-1, -1, total))
        earlier = basis[:, :, :step]
        at = earlier.gather(-1, best[..., None].expand(-1, -1, step, 1))
        column = column - (earlier * at).sum(2)
        norm = left.gather(-1, best)
        usable = norm > _LEAST_LEFT * own.gather(-1, best)
        length = norm.clamp(min=1e-300).sqrt()
        unit = torch.where(usable, column / length, 0.0)
        residual = residual - unit * torch.where(usable, residual.gather(-1, best) / length, 0.0)
        left = (left - unit.square()).clamp(min=0)
        basis[:, :, step] = unit
        free = free.scatter(-1, best, False)
    places, order = chosen.sort(-1)
    return Chosen(places, order < each[:, None, None])
