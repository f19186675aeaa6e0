"""Fit every family of polynomials to every view of a context; see `skdyn.nn.fits.families` for what these are.

Letters: B contexts, K trajectories, L points, D variables, G given columns, V views, F fits, P monomials, Q of them in
use.
Everything is in normalised units (``skdyn.models.normalization``), in double precision where the device has it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from skdyn.nn.fits.course import followed
from skdyn.nn.fits.families import (
    ALL_FITS,
    BY_FUNCTIONS,
    CENTRED,
    FITS_PER_VIEW,
    OF_OBSERVED,
    SIZES,
    WALD,
    Fits,
    Outside,
    TokenModels,
    compared,
    joined,
)
from skdyn.nn.fits.flow import Given, Path, integrals_along
from skdyn.nn.fits.function_choice import Beside, choose
from skdyn.nn.fits.functions import KINDS, MOST_COLUMNS, Functions, degree_beside
from skdyn.nn.fits.moments import (
    TERMS_PER_POINT,
    Moments,
    Regressors,
    affordable,
    by_velocities,
    left_of_observed,
    matching,
    windows,
)
from skdyn.nn.fits.monomials import Library, implied_by_levels
from skdyn.nn.fits.quadrature import Quadrature, Roughness, quadrature, roughness
from skdyn.nn.fits.screening import Chosen, choose_terms, worth_adding
from skdyn.nn.fits.solve import eliminate, ridge

_LONGEST = SIZES[-1]
_CHOSEN_BY = 1
"""Of these the windows by which functions are chosen."""
_MOST_WINDOWS = 12
"""So many of them at most."""
_PRIOR, _SPARSE_PRIOR = 0.3, 1e-2
"""Inverse variances of coefficients; a unit of normalised time moves the states by about one."""
_ROUNDS = 3
_NOT_ALLOWED = 99
_MOST_TOGETHER = 512
"""Monomials of which all products with each other are computed, whether they are wanted or not."""
_AT_ONCE = 2**20
"""Numbers in the Gram matrices of the equations that are solved side by side."""


@torch.no_grad()
def fit_context(
    states: Tensor,
    times: Tensor,
    mask: Tensor,
    origin: Tensor,
    tokens: TokenModels | None = None,
    outside: Outside | None = None,
    with_functions: bool = False,
    rule: Quadrature | None = None,
) -> Fits:
    """Fit every family to every view of contexts of the same number of variables.

    Parameters
    ----------
    states : Tensor of shape (B, K, L, D)
    times : Tensor of shape (B, K, L)
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    origin : Tensor of shape (B, D)
        Where the user's zero is: normalised states plus ``origin`` are multiples of the user's.
    tokens : TokenModels, optional
        What a network makes of the points; without it only the observed states are fitted.
    outside : Outside, optional
        What is given along the trajectories; a network that knows nothing of it has no say then.
    with_functions : bool
        Whether equations of a few numbers have fits with functions too.
    rule : Quadrature, optional
        By which is integrated along the path; by default each context's states say how exact it is.
    """
    context = _Context(states, times, mask, origin, tokens, outside, rule)
    context.follow_flow()
    return context.fit(with_functions)


class _Context:
    """A batch of contexts while they are fitted."""

    def __init__(
        self,
        states: Tensor,
        times: Tensor,
        mask: Tensor,
        origin: Tensor,
        tokens: TokenModels | None,
        outside: Outside | None,
        rule: Quadrature | None = None,
    ) -> None:
        kind = torch.float32 if states.device.type == "mps" else torch.float64
        self.mask, self.tokens = mask, tokens
        self.states = torch.where(mask[..., None], states.to(kind), 0.0)
        self.origin = origin.to(kind)
        self.given = Given(self.states[..., :0], holds=False)
        if outside is not None:
            self.given = Given(torch.where(mask[..., None], outside.values.to(kind), 0.0), outside.holds)
            self.origin = torch.cat([self.origin, outside.origin.to(kind)], -1)
        self.scale = (1 + self.origin.square()).sqrt()
        self.times = times.to(kind)
        self.rough: Roughness | None = None
        if rule is None:
            self.rough = roughness(self.times, mask, self.states)
            rule = quadrature(self.times, mask, self.rough.smooth)
        self.rule = rule
        self.path = Path(self.states, mask, self.rule)
        self.variables = states.shape[-1]
        self.library = Library(self.origin.shape[-1])
        self.degrees = self.library.degrees.to(states.device)
        self.plain = self.degrees <= degree_beside(self.library.dim)
        self.implied = implied_by_levels(self.library, self.given.values.flatten(1, 2), mask.flatten(1, 2))
        self.chosen: list[Chosen | None] = [None, None]

    def follow_flow(self) -> None:
        """Put points between the observed ones of paths that are coarse, where rules are chosen by the paths."""
        if self.rough is not None:
            guess = None if self.tokens is None else self._by_velocities
            self.path = followed(self.path, self.times, self.given, self.library, self.rough, guess)

    def _by_velocities(self) -> Tensor:
        """Coefficients (B, D, P) of polynomials that are matched with the tokens' velocities."""
        known = Moments.stack([self._velocities()[0]])
        allowed = affordable(known.count, self._own_degrees[:, None, None].expand(known.cross.shape))
        return known.posterior(allowed[:, :, None], _PRIOR, _ROUNDS).coefficients[:, 0, 0]

    def fit(self, with_functions: bool) -> Fits:
        """Fit every view that there is."""
        observed = self._integrals(self.path)
        views: list[tuple[Moments | Regressors, ...]] = [self._matching(observed, size) for size in SIZES]
        self.chosen = [choose_terms(views[1][kind], self.degrees, self.library.dim) for kind in (0, 1)]
        self.worth = worth_adding(views[1][1], self.degrees, self.library.dim)
        denoised = None
        if self.tokens is not None:
            denoised = self._integrals(self._denoised)
            views += [self._matching(denoised, _LONGEST), self._velocities()]
        fitted = self._families(views)
        parts = [part.flatten(1, 2) for part in fitted]
        families = [FITS_PER_VIEW * view + k for view in range(len(views)) for k in self._kept]
        functions: tuple[Functions, ...] = ()
        if with_functions and self.library.dim <= MOST_COLUMNS:
            functions, others = self._with_functions(observed[1], None if denoised is None else denoised[1])
            parts = [joined(*both, 1) for both in zip(parts, others, strict=True)]
            families += range(ALL_FITS, ALL_FITS + others[0].shape[1])
        coefficients, root, log_noise, log_residuals, active = parts
        centred, scaled = self.chosen
        nothing = self.states.new_empty(0)
        fits = Fits(
            coefficients=coefficients,
            root=root,
            log_noise=log_noise,
            log_residuals=log_residuals,
            log_of_network=self._residuals_of_network(),
            log_terms=active.sum(-1).float().log1p(),
            log_points=self.mask.sum((1, 2)).float().log(),
            gaps=nothing,
            sizes=nothing,
            log_spreads=nothing,
            active=active,
            terms=None if centred is None or scaled is None else torch.stack([centred.places, scaled.places], 1),
            origin=self.origin,
            scale=self.scale,
            families=tuple(families),
            library=self.library,
            functions=functions,
        )
        columns, seen = torch.cat([self.states, self.given.values], -1).flatten(1, 2), self.mask.flatten(1, 2)
        gaps, sizes, log_spreads = compared(fits, columns, seen)
        return replace(fits, gaps=gaps, sizes=sizes, log_spreads=log_spreads)

    @property
    def _denoised(self) -> Path:
        assert self.tokens is not None
        states = torch.where(self.mask[..., None], self.tokens.states.to(self.states), 0.0)
        return Path(states, self.mask, self.rule)

    def _with_functions(
        self, observed: Tensor, denoised: Tensor | None
    ) -> tuple[tuple[Functions, ...], tuple[Tensor, ...]]:
        """Functions of every kind, and of the fits with them what `_families` has of the others.

        Given are the integrals of the monomials in scaled coordinates, by where the states come from.
        """
        views = [self._beside(self.path, observed, size) for size in SIZES]
        if denoised is not None:
            views.append(self._beside(self._denoised, denoised, _LONGEST))
        some, size = self._some_windows(), SIZES[_CHOSEN_BY]
        judged = views[_CHOSEN_BY] if some is self else some._beside(some.path, some._integrals(some.path)[1], size)
        seen = self.path.mask.flatten(1, 2)
        functions = tuple(choose(views[_CHOSEN_BY], judged, kind, seen, self.variables) for kind in KINDS)
        one, other = ([part[:, :, None] for part in self._fitted_with(own, views)] for own in functions)
        found = [joined(*both, 2) for both in zip(one, other, strict=True)]  # (B, views, kinds, ...)
        return functions, tuple(parts.flatten(1, 2) for parts in found)

    def _some_windows(self) -> _Context:
        """The same, of evenly spaced windows alone where there are many: enough to tell candidates apart."""
        columns = torch.cat([self.states, self.given.values, self.times[..., None]], -1)
        cut, there = windows(columns, self.mask, SIZES[_CHOSEN_BY])
        if there.shape[1] <= _MOST_WINDOWS:
            return self
        empty = ~there.any(-1)
        place = torch.arange(_MOST_WINDOWS, device=there.device)
        place = place * (~empty).sum(1, keepdim=True).clamp(min=_MOST_WINDOWS) // _MOST_WINDOWS
        picked = empty.long().argsort(dim=1, stable=True).gather(1, place)
        row = torch.arange(len(there), device=there.device)[:, None]
        states, outside, times = cut[row, picked].split((self.variables, self.given.values.shape[-1], 1), -1)
        given = None
        if outside.shape[-1]:
            given = Outside(outside, self.origin[:, self.variables :], self.given.holds)
        return _Context(states, times[..., 0], there[row, picked], self.origin[:, : self.variables], None, given)

    def _fitted_with(self, functions: Functions, views: list[Beside]) -> tuple[Tensor, ...]:
        """Coefficients (B, F, D, Q), roots, log noises, log residuals and supports, with one kind of functions."""
        moments: list[Moments] = []
        for k, view in enumerate(views):
            if k in (0, OF_OBSERVED):  # views of the observed states differ in their windows alone
                values = functions(view.columns, self.variables)
                integrals = view.integrals(values)
            moments.append(view.of_equations(view.matched(integrals).unflatten(1, values.shape[1::2])))
        if self.tokens is not None:
            moments.append(self._velocities_with(functions))
        fitted = Moments.stack([moments[view] for view in BY_FUNCTIONS if view < len(moments)])
        terms = fitted.cross.shape[-1]
        place = torch.arange(terms, device=self.states.device)
        plain = int(self.plain.sum())
        enough = terms <= TERMS_PER_POINT * fitted.count[..., None]
        useful = (place < plain) | (functions.rate > 0)[:, None, :, None]
        allowed = torch.where(enough, useful, place <= self.library.dim)
        allowed[..., :plain] &= ~self.implied[:, None, None, self.plain]
        parts = (fitted.gram, fitted.cross, fitted.square, fitted.count)
        fit = ridge(*parts, eliminate(*parts, allowed, WALD[-1:])[0], _SPARSE_PRIOR, _ROUNDS)
        in_units = self.scale[:, : self.variables].log()[:, None]
        left = Moments.stack(moments).log_residuals(fit.coefficients[:, :, None])[:, :, 0]
        return (
            fit.coefficients,
            fit.root.float(),
            (fit.log_deviation + in_units).float(),
            (left + in_units[:, :, None]).float(),
            fit.active,
        )

    def _beside(self, path: Path, integrals: Tensor, size: int) -> Beside:
        """A view by integral matching, in scaled coordinates, for functions beside its monomials."""
        columns = self._coordinates(self.given.beside(path), 1)
        scaled = self.states / self.scale[:, None, None, : self.variables]

        def integrated(values: Tensor) -> Tensor:
            return path.rule.cumulative(values.unflatten(1, path.mask.shape[1:]) * path.mask[..., None])

        def matched(integrals: Tensor) -> Tensor:
            return matching(integrals, scaled, self.mask, size).terms

        plain = matching(integrals[..., self.plain], scaled, self.mask, size)
        return Beside(columns.flatten(1, 2), plain.terms, plain.observed, plain.count, integrated, matched)

    def _velocities_with(self, functions: Functions) -> Moments:
        _, columns, velocities, weights = self._velocity_columns()
        own = functions(columns, self.variables)
        plain = self.library(columns)[:, None, :, self.plain].expand(*own.shape[:3], -1)
        regressors = torch.cat([plain, own], -1) * self.mask.flatten(1, 2)[:, None, :, None]
        return by_velocities(regressors, velocities / self.scale[:, None, : self.variables], weights)

    @property
    def _kept(self) -> list[int]:
        """Fits of a view that are not the same as an earlier one."""
        degrees = self.library.centred_degrees
        return [k for k in range(FITS_PER_VIEW) if k >= CENTRED or degrees[k] not in degrees[:k]]

    def _coordinates(self, states: Tensor, kind: int) -> Tensor:
        shape = (len(states), *([1] * (states.ndim - 2)), states.shape[-1])
        return states if kind == 0 else (states + self.origin.reshape(shape)) / self.scale.reshape(shape)

    def _integrals(self, path: Path) -> tuple[Tensor, Tensor]:
        """Integrals (B, K, L, P) of the monomials along a path, in both kinds of coordinates."""
        centred, scaled = (self._integral(path, kind) for kind in (0, 1))
        return centred, scaled

    def _integral(self, path: Path, kind: int) -> Tensor:
        return integrals_along(path, self.library, self._coordinates(self.given.beside(path), kind), self.given)

    def _matching(self, integrals: tuple[Tensor, Tensor], size: int) -> tuple[Moments | Regressors, ...]:
        scaled = self.states / self.scale[:, None, None, : self.variables]
        views = (
            matching(integrals[0], self.states, self.mask, size),
            matching(integrals[1], scaled, self.mask, size),
        )
        many = len(self.library.terms) > _MOST_TOGETHER
        return tuple(view.side_by_side() if many else view.moments for view in views)

    def _residuals_of_network(self) -> Tensor | None:
        """Log deviation (B, 3, D) of what the tokens' velocities, integrated, leave of the observed states."""
        if self.tokens is None:
            return None
        return left_of_observed(self.tokens.velocities, self.states, self.rule, self.mask).float()

    def _velocities(self) -> tuple[Moments, Moments]:
        centred, scaled, velocities, weights = self._velocity_columns()
        there = self.mask.flatten(1, 2)[..., None]
        units = self.scale[:, None, : self.variables]
        return (
            by_velocities(self.library(centred) * there, velocities, weights),
            by_velocities(self.library(scaled) * there, velocities / units, weights),
        )

    def _velocity_columns(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Columns (B, M, W) at the tokens' states in both coordinates, velocities and their weights."""
        assert self.tokens is not None
        there = self.mask[..., None]
        weights = ((-self.tokens.log_scale.clamp(-6, 4)).exp() * there).to(self.states).flatten(1, 2)
        velocities = torch.where(there, self.tokens.velocities, 0.0).to(self.states).flatten(1, 2)
        columns = self.given.beside(self._denoised)
        centred, scaled = (self._coordinates(columns, kind).flatten(1, 2) for kind in (0, 1))
        return centred, scaled, velocities, weights

    def _families(self, views: list[tuple[Moments | Regressors, ...]]) -> tuple[Tensor, ...]:
        """Coefficients (B, V, F, D, Q), roots, log noises, log residuals and supports of the F families of some views.

        The equations of some variables at a time, where each has terms of its own: what they need stays in the caches.
        """
        at_once = self.variables
        if self.chosen[0] is not None:
            terms = self.chosen[0].places.shape[-1]
            at_once = max(1, _AT_ONCE // max(1, len(self.states) * len(views) * CENTRED * terms**2))
        blocks = [slice(first, first + at_once) for first in range(0, self.variables, at_once)]
        parts = [self._families_of(views, block) for block in blocks]
        return parts[0] if len(parts) == 1 else tuple(map(torch.cat, zip(*parts, strict=True), (3, 3, 3, 4, 3)))

    def _families_of(self, views: list[tuple[Moments | Regressors, ...]], block: slice) -> tuple[Tensor, ...]:
        """What `_families` finds, of a block of the variables."""
        centred, scaled = (Moments.stack([self._in_use(view[kind], kind, block) for view in views]) for kind in (0, 1))
        degrees = [self._degrees_in_use(kind, centred, block) for kind in (0, 1)]
        allowed = affordable(centred.count, degrees[0])
        of_centred = [self.library.centred_degrees[k] for k in self._kept if k < CENTRED]
        masks = torch.stack([allowed & (degrees[0] <= degree) for degree in of_centred], 2)
        low = centred.posterior(masks, _PRIOR, _ROUNDS)
        supports = self._supports(scaled, affordable(scaled.count, degrees[1]), block)
        high = scaled.posterior(supports, _SPARSE_PRIOR, _ROUNDS)
        in_units = self.scale[:, : self.variables][:, block].log()[:, None, None]
        return (
            torch.cat([low.coefficients, high.coefficients], 2),
            torch.cat([low.root, high.root], 2).float(),
            torch.cat([low.log_deviation, high.log_deviation + in_units], 2).float(),
            torch.cat(
                [
                    centred.log_residuals(low.coefficients),
                    scaled.log_residuals(high.coefficients) + in_units[:, :, None],
                ],
                2,
            ).float(),
            torch.cat([low.active, high.active], 2),
        )

    def _supports(self, view: Moments, allowed: Tensor, block: slice) -> Tensor:
        """Sparse supports (B, V, S, D, Q) of the terms that are allowed, the stricter one of those worth adding."""
        parts = (view.gram, view.cross, view.square, view.count)
        if self.worth is None:
            return torch.stack(eliminate(*parts, allowed, WALD), 2)
        worth = self.worth if self.chosen[1] is None else self.worth.gather(-1, self.chosen[1].places)
        stricter = eliminate(*parts, allowed & worth[:, None, block], WALD[1:])
        return torch.stack(eliminate(*parts, allowed, WALD[:1]) + stricter, 2)

    def _in_use(self, view: Moments | Regressors, kind: int, block: slice) -> Moments:
        chosen = self.chosen[kind]
        if chosen is not None:
            return view.select(chosen.places[:, block], block)
        return view.moments if isinstance(view, Regressors) else view

    def _degrees_in_use(self, kind: int, moments: Moments, block: slice) -> Tensor:
        """Degree of each term in use (B, V, D, Q), beyond all degrees where the context may not have it."""
        chosen, degrees = self.chosen[kind], self._own_degrees[:, None]
        if chosen is not None:
            degrees = degrees.expand(chosen.places.shape[:2] + degrees.shape[2:]).gather(-1, chosen.places)
            degrees = torch.where(chosen.allowed, degrees, _NOT_ALLOWED)[:, block]
        return degrees[:, None].expand(moments.cross.shape)

    @property
    def _own_degrees(self) -> Tensor:
        """Degree of each term (B, P), beyond all degrees where it is made of others."""
        return torch.where(self.implied, _NOT_ALLOWED, self.degrees)
