"""The course of paths between their points, found from the points alone: polynomials are fitted to them and followed.

Letters: B contexts, K trajectories, L points, M steps, D variables, G given columns, N degrees, P monomials.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from skdyn.nn.fits.families import FAR, SIZES
from skdyn.nn.fits.flow import Given, Path, along_flow, integrals_along, with_points_between
from skdyn.nn.fits.moments import affordable, by_integrals
from skdyn.nn.fits.monomials import Library
from skdyn.nn.fits.quadrature import Roughness
from skdyn.nn.fits.solve import coefficients_of, ridge

_DENSE = 1e-4
"""Quintics that are so close, in deviations of the states, need no points between the observed ones."""
_COARSER = 5.0
"""So many times what polynomials of the motion leave do quintics miss where points are far apart; twice under noise."""
_EXACT = 1e-4
"""Polynomials that leave no more, in deviations of the states, need no robust ones."""
_UNEVEN = 2.0
"""By so much, for a variable, does the logarithm of the mean square exceed the mean logarithm where some steps are bad;
by .6 where what is left is white noise."""
_MOST_ROUNDS, _GAINED = 12, 0.5
"""How often polynomials are fitted and followed: while the logarithm of what they leave falls by so much."""
_FEW = 100
"""Of their monomials."""
_PRIOR, _NOISE_ROUNDS = 0.3, 3
_REWEIGHTED, _SOFT = 8, 2.0
"""How often steps are weighed anew, and at how many medians of what is left a step counts half."""
_LEAST = 1e-10


@dataclass(frozen=True)
class _Found:
    """A path, polynomials that were fitted to it, and how much they leave.

    Attributes
    ----------
    path : Path
    coefficients : Tensor of shape (B, D, P)
        Of monomials in centred coordinates.
    left : Tensor of shape (B,)
        Logarithm of a variance, summed over the variables.
    """

    path: Path
    coefficients: Tensor
    left: Tensor

    def where(self, chosen: Tensor, other: _Found) -> _Found:
        """The same for the chosen contexts (B,), another for the others."""
        coefficients = torch.where(chosen[:, None, None], self.coefficients, other.coefficients)
        left = torch.where(chosen, self.left, other.left)
        return _Found(self.path.where(chosen, other.path), coefficients, left)


Fit = Callable[[Path], _Found]


def followed(
    path: Path,
    times: Tensor,
    given: Given,
    library: Library,
    rough: Roughness,
    guess: Callable[[], Tensor] | None = None,
) -> Path:
    """Paths with points between the observed ones, where that explains them better.

    Polynomials are fitted to a path, followed from point to point, and fitted anew with integrals along what is
    found, as long as they leave less and less. What is integrated is then the dynamics' own course, and not a
    polynomial in time through the neighbours, which is far from it where points are few. Where least squares do not
    get there, they are tried again from what robust ones find, by the steps that agree with each other.

    Parameters
    ----------
    path : Path
        Of the observed states alone.
    times : Tensor of shape (B, K, L)
    given : Given
    library : Library
        Of the states and what is given.
    rough : Roughness
        Of the path: only where its points are not dense and there is not much noise is anything followed.
    guess : callable, optional
        Makes coefficients (B, D, P) to begin with beside those of robust least squares.
    """
    apart = rough.quintic > _DENSE**2
    if not apart.any():
        return path
    search = _Search(path, times, given, library)
    dim = path.states.shape[-1]
    first = search.least_squares(search.room)
    variance = (first.left / dim).exp()
    worth = apart & (rough.smooth | (rough.quintic > _COARSER * variance))
    if not worth.any():
        return path
    found = search.improved(search.least_squares, first, worth)
    lost = worth & (found.left > 2 * dim * math.log(_EXACT))
    if lost.any():
        lost = lost & (search.robust(found.path).left < found.left - _UNEVEN * dim)
    if lost.any():
        guesses = [search.robust(search.room).coefficients]
        if guess is not None:
            guesses.append(guess())
        best = search.improved(search.robust, search.best(search.robust, guesses), lost)
        other = search.improved(search.least_squares, search.least_squares(best.path), lost)
        found = other.where(lost & (other.left < found.left - _GAINED), found)
    return path if found is first else found.path


class _Search:
    """Fits polynomials to paths through observed points, and follows them."""

    def __init__(self, path: Path, times: Tensor, given: Given, library: Library) -> None:
        self._observed, self._times, self._given, self._library = path, times, given, library
        self._degrees = library.degrees.to(path.states.device)
        counts = [int((self._degrees <= degree).sum()) for degree in range(1, int(self._degrees.max()) + 1)]
        # Up to the largest degree of which there are few; linear ones always.
        self._few = max(count for count in counts if count <= max(_FEW, counts[0]))
        self.room = with_points_between(path)

    def along(self, coefficients: Tensor) -> Path:
        """The path that polynomials follow from point to point."""

        def velocity(columns: Tensor) -> Tensor:
            values = self._library(columns.clamp(-FAR, FAR))[..., : coefficients.shape[-1]]
            return (values.unflatten(0, (-1, len(coefficients))) @ coefficients.mT).flatten(0, 1)

        return along_flow(self.room, self._times, self._given, self._observed.mask, velocity)

    def improved(self, fit: Fit, found: _Found, chosen: Tensor) -> _Found:
        """Follow what was found and fit it anew, as long as that gains in some of the chosen contexts."""
        for _ in range(_MOST_ROUNDS):
            other = fit(self.along(found.coefficients))
            better = chosen & (other.left < found.left - _GAINED)
            if not better.any():
                break
            found = other.where(better, found)
        return found

    def best(self, fit: Fit, guesses: Sequence[Tensor]) -> _Found:
        """What is found by following each of some polynomials, whatever leaves the least."""
        best, *others = (fit(self.along(guess)) for guess in guesses)
        for other in others:
            best = other.where(other.left < best.left, best)
        return best

    def least_squares(self, path: Path) -> _Found:
        """The polynomials of that degree which explains a path best, in windows, and the variance that they leave."""
        moments = by_integrals(self._integrals(path), self._observed.states, self._observed.mask, SIZES[1])
        masks = self._masks(moments.count)
        gram, cross = moments.gram[:, None], moments.cross[:, None]
        fit = ridge(gram, cross, moments.square[:, None], moments.count[:, None], masks, _PRIOR, _NOISE_ROUNDS)
        return _least(path, fit.coefficients, fit.variance.log())

    def robust(self, path: Path) -> _Found:
        """The same by the steps that agree, and the geometric mean of the squares that they leave.

        Least squares with Cauchy's weights, again and again (Holland and Welsch 1977, Commun. Stat. A6:813).
        """
        mask = self._observed.mask[:, :, 1:].flatten(1, 2)
        there = mask[:, None, None]
        steps = (self._integrals(path).diff(dim=2).flatten(1, 2) * mask[..., None])[:, None, None]  # (B, 1, 1, M, P)
        moved = (self._observed.states.diff(dim=2).flatten(1, 2) * mask[..., None]).mT[:, None]  # (B, 1, D, M)
        count = mask.sum(1)[:, None].to(moved).expand(-1, moved.shape[2])
        masks = self._masks(count)
        weights = there.to(moved).expand(*masks.shape[:3], -1)
        for _ in range(_REWEIGHTED):
            weighted = (weights[..., None] * steps).mT
            coefficients = coefficients_of(weighted @ steps, (weighted @ moved[..., None])[..., 0], masks)
            left = moved - (steps @ coefficients[..., None])[..., 0]
            size = torch.where(there, left.abs(), torch.nan).nanmedian(-1, keepdim=True).values
            weights = there / (1 + (left / (_SOFT * size + _LEAST)).square())
        log_squares = torch.where(there, (left.square() + _LEAST**2).log(), 0.0).sum(-1) / count[:, None].clamp(min=1)
        freedom = (count[:, None] - masks.sum(-1)).clamp(min=1)
        return _least(path, coefficients, log_squares + 2 * (count[:, None] / freedom).log())

    def _integrals(self, path: Path) -> Tensor:
        return integrals_along(path, self._library, self._given.beside(path), self._given, self._few)

    def _masks(self, count: Tensor) -> Tensor:
        """The monomials (B, N, D, P) of each degree, as far as so many observations (B, D) can carry them."""
        degrees = self._degrees[: self._few].expand(*count.shape, -1)
        allowed = affordable(count, degrees)
        return torch.stack([allowed & (degrees <= degree) for degree in sorted({*self._library.centred_degrees})], 1)


def _least(path: Path, coefficients: Tensor, left: Tensor) -> _Found:
    """Of polynomials (B, N, D, P) that leave so much (B, N, D), those that leave the least of each variable."""
    least, best = left.min(1)
    place = best[:, None, :, None].expand(-1, 1, -1, coefficients.shape[-1])
    return _Found(path, coefficients.gather(1, place)[:, 0], least.sum(-1))
