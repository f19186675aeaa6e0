"""Which monomials are worth fitting where there are more of them than the points can carry.

Letters: B contexts, D variables, P monomials, Q chosen ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skdyn.nn.fits.functions import FEW_COLUMNS
from skdyn.nn.fits.moments import Moments, Regressors
from skdyn.nn.fits.solve import gains

_POINTS_PER_TERM = 3
_MOST_CHOSEN = 64
_FEWEST_INTERACTIONS = 8
_FEWEST_CHOSEN = 56
"""Terms that an equation may have however few points there are, where it has so many constant and linear ones."""
_MOST_WORTH, _PENALTY, _NOISE_FLOOR = 16, 6.0, 1e-9
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


def choose_terms(moments: Moments | Regressors, degrees: Tensor, columns: int) -> Chosen | None:
    """Constant, linear terms and those that explain each variable best; None where all fit.

    Forward selection by orthogonal least squares: the term that takes most from the residual, given those before it
    (Chen, Billings and Luo 1989, Int. J. Control 50:1873). Where the linear terms alone are more than the points can
    carry, those leave that explain the least beside the others.

    Parameters
    ----------
    moments : Moments or Regressors of shape (B, D, ...), by integral matching
    degrees : integer Tensor of shape (P,)
    columns : int
        Of how many numbers the monomials are; all fit where these are few.
    """
    cross = moments.cross
    batch, dim, total = cross.shape
    simple = int((degrees <= 1).sum())
    fewest = simple + _FEWEST_INTERACTIONS
    each = (moments.count[:, 0] / _POINTS_PER_TERM).long().clamp(max=max(_MOST_CHOSEN, fewest))
    each = each.clamp(min=min(fewest, _FEWEST_CHOSEN))  # (B,)
    if columns <= FEW_COLUMNS or batch == 0 or bool((each >= total).all()):
        return None
    wanted = min(int(each.max()), total)
    taken = max(wanted, fewest)
    selection = _Selection.beside(moments, simple, taken - simple)
    chosen = torch.arange(simple, device=cross.device).expand(batch, dim, -1)
    for _ in range(taken - simple):
        chosen = torch.cat([chosen, selection.take_best()[..., None]], -1)
    if fewest > _FEWEST_CHOSEN:
        own = moments.select(chosen[..., :fewest], slice(None))
        weakest_last = gains(own.gram, own.cross).argsort(-1, descending=True)
        chosen = torch.cat([chosen.gather(-1, weakest_last), chosen[..., fewest:]], -1)
    places, order = chosen[..., :wanted].sort(-1)
    return Chosen(places, order < each[:, None, None])


def worth_adding(moments: Moments | Regressors, degrees: Tensor, columns: int) -> Tensor | None:
    """Which monomials (B, D, P) explain more of each variable than they cost; None where they are of few numbers.

    Constant and linear ones do; others are selected as by `choose_terms`, as far as half of the count times the
    logarithm of the mean square that is left falls by more than a constant for each.
    """
    batch, _, total = moments.cross.shape
    simple = int((degrees <= 1).sum())
    if columns <= FEW_COLUMNS or batch == 0:
        return None
    steps = min(_MOST_WORTH, total - simple)
    selection = _Selection.beside(moments, simple, steps)
    chosen, left = [], [moments.square - selection.explained]
    for _ in range(steps):
        chosen.append(selection.take_best())
        left.append(moments.square - selection.explained)
    step = torch.arange(steps + 1, device=moments.cross.device)
    count = moments.count[..., None]
    variance = torch.stack(left, -1).clamp(min=0) / count.clamp(min=1) + _NOISE_FLOOR
    kept = step[:-1] < (count / 2 * variance.log() + _PENALTY * step).argmin(-1, keepdim=True)
    worth = torch.zeros_like(selection.free).scatter(-1, torch.stack(chosen, -1), kept)
    worth[..., :simple] = True
    return worth


class _Selection:
    """Orthogonal least squares after some steps, of V variables side by side or of all D together (V = 1).

    Parameters
    ----------
    moments : Moments or Regressors
    residual : Tensor of shape (B, D, P)
        Products of the terms with what is left of the observations.
    left : Tensor of shape (B, V, P)
        Squares of what is left of the terms.
    steps : int
        For which there is room.
    """

    def __init__(self, moments: Moments | Regressors, residual: Tensor, left: Tensor, steps: int) -> None:
        self.moments, self.residual, self.left, self.own = moments, residual, left, left
        self.basis = left.new_empty(*left.shape[:2], steps, left.shape[-1])
        self.common = self.basis[:, 0, :0]
        self.free = torch.ones_like(residual, dtype=torch.bool)
        self.explained = torch.zeros_like(residual[..., 0])
        self.step = 0

    @classmethod
    def beside(cls, moments: Moments | Regressors, simple: int, steps: int) -> _Selection:
        """Of each variable by itself, after the first terms, one basis for all of them whatever the variable."""
        common = cls(moments, moments.cross, moments.squares[:, None], simple)
        common.take_first(simple)
        selection = common.each_by_itself(steps)
        selection.free[..., :simple] = False
        return selection

    def each_by_itself(self, steps: int) -> _Selection:
        """Go on from terms that are common to all variables."""
        dim = self.residual.shape[1]
        own = _Selection(self.moments, self.residual, self.left.expand(-1, dim, -1), steps)
        own.own, own.common, own.explained = self.own.expand(-1, dim, -1), self.basis[:, 0], self.explained
        return own

    def take_best(self) -> Tensor:
        """Add the free term of each variable that takes most from its residual; which (B, D)."""
        best = self.gain().argmax(-1)
        self.take(best)
        self.free = self.free.scatter(-1, best[..., None], False)
        return best

    def gain(self) -> Tensor:
        """What each free term takes from the residual (B, D, P)."""
        gain = self.residual.square() / self.left.clamp(min=1e-300)
        gain = torch.where(self.free & (self.left > _LEAST_LEFT * self.own), gain, -1.0)
        return torch.where(self.free, gain.clamp(min=-0.5), -1.0)  # what is rounding comes last, but before repetition

    def take_first(self, count: int) -> None:
        """Add the first terms of the library; the residual follows once, when the basis is there."""
        terms = torch.arange(count, device=self.residual.device).expand(len(self.residual), -1)
        rows = self.moments.rows(terms)
        length = torch.cat([self._extend(terms[:, k : k + 1], rows[:, k : k + 1]) for k in range(count)], -1)
        basis = self.basis[:, 0]
        # Products of the basis with what was observed, from those of the terms, which are products of the basis.
        of_terms = basis[..., :count].mT.tril(-1) + torch.diag_embed(length)
        products = torch.linalg.solve_triangular(of_terms, self.residual[..., :count].mT, upper=False)
        self.residual = self.residual - products.mT @ basis
        self.explained = products.square().sum(1)

    def take(self, terms: Tensor) -> None:
        """Add terms (B, V)."""
        length = self._extend(terms, self.moments.rows(terms))
        unit = self.basis[:, :, self.step - 1]
        product = self.residual.gather(-1, terms[..., None].expand(-1, self.residual.shape[1], -1))
        product = product / length[..., None]
        self.residual = self.residual - unit * product
        self.explained = self.explained + product[..., 0].square()

    def _extend(self, terms: Tensor, rows: Tensor) -> Tensor:
        """Add what is new in terms (B, V), with their rows of the Gram matrix, to the basis; its lengths (B, V).

        Infinite where that is rounding.
        """
        places, column = terms[..., None], rows
        at = self.common.gather(-1, terms[:, None].expand(-1, self.common.shape[1], -1))  # (B, steps, V)
        column = column - at.mT @ self.common
        earlier = self.basis[:, :, : self.step]
        at = earlier.gather(-1, places[..., None].expand(-1, -1, self.step, 1))
        column = column - (at.mT @ earlier)[..., 0, :]
        norm = self.left.gather(-1, places)
        usable = norm > _LEAST_LEFT * self.own.gather(-1, places)
        length = torch.where(usable, norm.clamp(min=1e-300).sqrt(), torch.inf)
        unit = column / length
        self.left = (self.left - unit.square()).clamp(min=0)
        self.basis[:, :, self.step] = unit
        self.step += 1
        return length[..., 0]
