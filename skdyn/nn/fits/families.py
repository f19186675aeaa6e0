"""The fits of a context: views of its observations, and for each a family of polynomials; and their answers.

A view is where the states inside the monomials come from (observed, or denoised by the network) and windows of how many
points; one more view are the network's own velocities at its denoised states. Each view has fits of several degrees in
coordinates centred on the data, and sparse ones in coordinates that keep the origin, because it is there that equations
are sparse. A network may ask for sparse fits with functions beside the monomials (`skdyn.nn.fits.functions`), one of
each kind more a view. How they are made is in `skdyn.nn.fits.fitting`.

Beside the states the monomials may have columns that are given from outside, inputs and parameters: the fits then
answer for states and these together, D + G numbers a query.

Letters: B contexts, K trajectories, L points, D variables, G given columns, V views, F fits, T monomials, Q of them in
use, N queries, S draws.
Everything is in normalised units (``skdyn.models.normalization``), in double precision where the device has it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from skdyn.nn.fits.functions import KINDS, Functions, degree_beside
from skdyn.nn.fits.monomials import Library

VIEWS = ("observed_10", "observed_40", "observed_200", "denoised_200", "velocities")
OF_OBSERVED = 3
"""The first views need no network."""
SIZES = (10, 40, 200)
"""Points of their windows."""
CENTRED = 4
WALD = (2.0, 5.0)
FITS_PER_VIEW = CENTRED + len(WALD)
ALL_FITS = len(VIEWS) * FITS_PER_VIEW
"""Fits of every view; a context has those of its own views."""
BY_FUNCTIONS = (VIEWS.index("observed_40"), VIEWS.index("denoised_200"))
"""Views that have fits with functions too."""
WITH_FUNCTIONS = len(BY_FUNCTIONS) * len(KINDS)
"""So many, whose numbers follow those of all others."""
FAR, FAST = 12.0, 60.0
_COMPARED = 24
"""States along the path, and as many beyond it, at which the fits are compared with each other."""
SPREAD = (1e-6, 1e4)


@dataclass(frozen=True)
class TokenModels:
    """What a network makes of the observed points.

    Attributes
    ----------
    states, velocities, log_scale : Tensor of shape (B, K, L, D)
        Denoised states, velocities there and the log-scale of their errors.
    """

    states: Tensor
    velocities: Tensor
    log_scale: Tensor


@dataclass(frozen=True)
class Outside:
    """What is given along the observed points of contexts, normalised as the states are.

    Attributes
    ----------
    values : Tensor of shape (B, K, L, G)
    origin : Tensor of shape (B, G)
        Where the user's zero is, as for the states.
    holds : bool
        Whether the values jump at points and are constant between them.
    """

    values: Tensor
    origin: Tensor
    holds: bool


@dataclass(frozen=True)
class Fits:
    """Fitted polynomials of contexts of the same number of variables.

    Attributes
    ----------
    coefficients : Tensor of shape (B, F, D, Q)
        In centred or in scaled coordinates, see `places`.
    root : Tensor of shape (B, F, D, Q, Q)
        ``root.T @ root`` is the coefficients' covariance.
    log_noise : Tensor of shape (B, F, D)
        Log of the residuals' deviation.
    log_residuals : Tensor of shape (B, F, V, D)
        Log deviation of what each fit leaves of each view, so that fits to different views are judged alike.
    log_of_network : Tensor of shape (B, 3, D), or None
        The same of the network's velocities, for the views of observed states.
    log_terms : Tensor of shape (B, F, D)
        Log of the number of terms, and one.
    log_points : Tensor of shape (B,)
    gaps, sizes, log_spreads : Tensor of shape (B, 2, F, F, D), (B, 2, F, D) and (B, 2, F, D)
        Mean distances of the fits' fields from each other, mean sizes of them and mean log deviations of their own:
        along the observed path, and beyond it.
    active : boolean Tensor of shape (B, F, D, Q)
    terms : integer Tensor of shape (B, 2, D, Q), or None
        Places in the library, for centred and for scaled coordinates; None where all are in use.
    origin, scale : Tensor of shape (B, D + G)
        Scaled coordinates are ``(z + origin) / scale``.
    families : tuple of int
        Which of `ALL_FITS` each fit is, or of those with functions behind them.
    library : Library
    functions : tuple of Functions
        One of each kind, with a set for each equation; empty where no fit has any. Coefficients of the sets' columns
        follow those of the monomials up to their degree.
    """

    coefficients: Tensor
    root: Tensor
    log_noise: Tensor
    log_residuals: Tensor
    log_of_network: Tensor | None
    log_terms: Tensor
    log_points: Tensor
    gaps: Tensor
    sizes: Tensor
    log_spreads: Tensor
    active: Tensor
    terms: Tensor | None
    origin: Tensor
    scale: Tensor
    families: tuple[int, ...]
    library: Library
    functions: tuple[Functions, ...] = ()

    @property
    def variables(self) -> int:
        """Number of variables D."""
        return self.coefficients.shape[2]

    @property
    def places(self) -> tuple[tuple[int, ...], ...]:
        """Places of the fits in centred and of those in scaled coordinates; then of those with functions, by kind."""
        return _places(self.families)

    @property
    def plain_terms(self) -> int:
        """Number of the monomials that fits with functions may have."""
        return int((self.library.degrees <= degree_beside(self.library.dim)).sum())

    def answer(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Fields and log deviations of their own, each (B, N, F, D), at queries (B, N, D + G)."""
        fields, spreads = [], []
        for phi, places, units in self._designs(queries):
            used = phi.shape[-1]
            coefficients, root = self.coefficients[:, places, :, :used], self.root[:, places, :, :used, :used]
            fields.append((phi[:, None] @ coefficients[..., None])[..., 0] * units)  # (B, F, D, N)
            spreads.append((phi[:, None].to(root.dtype) @ root.mT).square().sum(-1) * units**2)
        field, spread = (self._in_order(parts) for parts in (fields, spreads))
        field = field.clamp(-FAST, FAST).nan_to_num(0.0)
        return field, (spread.clamp(min=1e-16).sqrt()).nan_to_num(1e3).clamp(*SPREAD).log()

    def deviate(self, queries: Tensor, draws: Tensor) -> Tensor:
        """How fields leave their answers (S, B, N, F, D) for standard normal draws (S, F, D, Q) of coefficients."""
        parts = []
        for phi, places, units in self._designs(queries):
            used = phi.shape[-1]
            own = draws[:, None, places, :, :used].to(self.root)
            change = (own[..., None, :] @ self.root[:, places, :, :used, :used])[..., 0, :]
            parts.append((phi[:, None].to(change.dtype) @ change[..., None])[..., 0] * units)
        return self._in_order(parts)

    def _designs(self, queries: Tensor) -> list[tuple[Tensor, list[int], Tensor]]:
        """Terms (B, D or 1, N, Q), places and units (B, 1, D or 1, 1) of the fits, by kind as in `places`."""
        z = queries.to(self.coefficients.dtype).clamp(-FAR, FAR)
        scaled = (z + self.origin[:, None]) / self.scale[:, None]
        centred, sparse, *others = self.places
        units = self.scale[:, None, : self.variables, None]
        monomials = self.library(scaled)
        designs = [
            (self._select(self.library(z), 0), list(centred), torch.ones_like(units)),
            (self._select(monomials, 1), list(sparse), units),
        ]
        for functions, places in zip(self.functions, others, strict=True):
            own = functions(scaled, self.variables)
            plain = monomials[:, None, :, : self.plain_terms].expand(*own.shape[:3], -1)
            designs.append((torch.cat([plain, own], -1), list(places), units))
        return designs

    def _in_order(self, parts: list[Tensor]) -> Tensor:
        """Values (..., F, D, N) of the fits, kind by kind, as (..., N, F, D) in the order of the fits."""
        order = torch.tensor([place for places in self.places for place in places], device=parts[0].device).argsort()
        return torch.cat(parts, -3).movedim(-1, -3)[..., order, :]

    def without_tokens(self) -> Fits:
        """Only the fits to views that need no network."""
        kept = [i for i, family in enumerate(self.families) if view_of(family) < OF_OBSERVED]
        parts = ("coefficients", "root", "log_noise", "log_terms", "active")
        families = tuple(self.families[i] for i in kept)
        fewer = {name: getattr(self, name)[:, kept] for name in parts}
        residuals = self.log_residuals[:, kept, :OF_OBSERVED]
        gaps = self.gaps[:, :, kept][:, :, :, kept]
        beside = {name: getattr(self, name)[:, :, kept] for name in ("sizes", "log_spreads")}
        of_views = replace(self, families=families, log_residuals=residuals, log_of_network=None)
        return replace(of_views, gaps=gaps, **beside, **fewer)

    def _select(self, phi: Tensor, kind: int) -> Tensor:
        if self.terms is None:
            return phi[:, None]
        places = self.terms[:, kind]
        return (
            phi[:, None]
            .expand(-1, places.shape[1], -1, -1)
            .gather(-1, places[:, :, None].expand(-1, -1, phi.shape[1], -1))
        )


def view_of(family: int) -> int:
    """Which of `VIEWS` a fit is to."""
    return family // FITS_PER_VIEW if family < ALL_FITS else BY_FUNCTIONS[(family - ALL_FITS) // len(KINDS)]


@cache
def _places(families: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """See `Fits.places`."""
    kinds = [_kind_of(family) for family in families]
    found = [tuple(i for i, kind in enumerate(kinds) if kind == wanted) for wanted in range(2 + len(KINDS))]
    return tuple(found if any(found[2:]) else found[:2])


def _kind_of(family: int) -> int:
    """Zero in centred, one in scaled coordinates, and beyond these with functions of which kind."""
    if family < ALL_FITS:
        return int(family % FITS_PER_VIEW >= CENTRED)
    return 2 + (family - ALL_FITS) % len(KINDS)


def compared(fits: Fits, columns: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gaps, sizes and log-spreads of fits (see `Fits`) at some of the observed points (B, M, D + G), and beyond."""
    # By their distance from the mean, so that the order of trajectories and of variables does not matter.
    ranked = torch.where(seen, columns.square().sum(-1), torch.inf).argsort(dim=1)
    share = torch.arange(_COMPARED, device=seen.device).float() / _COMPARED
    picked = ranked.gather(1, (share * seen.sum(1, keepdim=True)).long())
    path = columns.gather(1, picked[..., None].expand(-1, -1, columns.shape[-1]))
    beyond = torch.cat([2 * path[:, ::2], -path[:, 1::2]], 1)
    fields, log_deviation = (part.float() for part in fits.answer(torch.cat([path, beyond], 1)))
    by_place = fields.unflatten(1, (2, _COMPARED))
    gaps = torch.stack([_apart(field) for field in by_place.unbind(1)], 1)
    return gaps, by_place.abs().mean(2), log_deviation.unflatten(1, (2, _COMPARED)).mean(2)


def _apart(fields: Tensor) -> Tensor:
    """Mean distances (B, F, F, D) of fields (B, N, F, D) from each other."""
    flat = fields.permute(0, 3, 2, 1)
    distances = torch.cdist(flat, flat, p=1, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.permute(0, 2, 3, 1) / fields.shape[1]


def joined(one: Tensor, other: Tensor, axis: int) -> Tensor:
    """One tensor of two along an axis, padded where either has fewer terms on the axes behind it."""
    sizes = [max(pair) for pair in zip(one.shape[axis + 1 :], other.shape[axis + 1 :], strict=True)]
    padded = []
    for part in (one, other):
        missing = [size - own for size, own in zip(sizes, part.shape[axis + 1 :], strict=True)]
        padded.append(torch.nn.functional.pad(part, [n for own in reversed(missing) for n in (0, own)]))
    return torch.cat(padded, axis)
