"""The arbiter: which of the fits, or the network, to believe at a query, and how far.

It shares its weights over all fits and all variables, so that it answers for any number of either; without a network it
weighs the fits alone.

Letters: B contexts, N queries, F fits, D variables, E width of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn.nn.committee import Committee
from skdyn.nn.fits.families import ALL_FITS, OF_OBSERVED, VIEWS, WITH_FUNCTIONS

_AT_QUERIES, _OF_FITS, _OF_REFERENCE, _SCALE_FEATURES = 7, 3, 3, 8
_OF_RESIDUALS = len(VIEWS) + OF_OBSERVED
_EMBEDDED, _PROJECTED = 8, 24
_LEAST_SCORE = -3.0
LOG_SCALE = (-7.0, 6.0)
_LOG_RESIDUAL, _MOST_EXCESS = (-9.2, 3.0), 5.0
"""Residuals below a ten-thousandth are all alike."""
WEIGHED_VIEWS = (0, 2)
"""Views, of short and of long windows, whose residuals tell of the error."""


@dataclass(frozen=True)
class Evidence:
    """What the fits say at queries, and what there is to judge them by.

    Attributes
    ----------
    fields, log_deviation : Tensor of shape (B, N, F, D)
        Answers, and the deviations that the fits themselves give them.
    log_noise, log_terms : Tensor of shape (B, F, D)
        Deviation of a fit's residuals, and how many terms it has.
    log_residuals : Tensor of shape (B, F, V, D)
        Deviation of what each fit leaves of each view.
    log_of_network : Tensor of shape (B, 3, D), or None
        The same of the network, for the views that need no network.
    log_points : Tensor of shape (B,)
        How many points were fitted.
    gaps, sizes, log_spreads : Tensor of shape (B, 2, F, F, D), (B, 2, F, D) and (B, 2, F, D)
        How far apart the fits' fields are, as `skdyn.nn.fits.families.Fits` says.
    families : tuple of int
        What each fit is, as there.
    """

    fields: Tensor
    log_deviation: Tensor
    log_noise: Tensor
    log_terms: Tensor
    log_residuals: Tensor
    log_of_network: Tensor | None
    log_points: Tensor
    gaps: Tensor
    sizes: Tensor
    log_spreads: Tensor
    families: tuple[int, ...]


@dataclass(frozen=True)
class NetworkAnswer:
    """What the network says at queries: field and log-scale of its error (B, N, D), and hidden states (B, N, E)."""

    field: Tensor
    log_scale: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class FitFeatures:
    """What the arbiter sees of the fits whatever the query.

    Attributes
    ----------
    hidden : Tensor of shape (B, F, D, units)
        Their part of the first layer.
    excess : Tensor of shape (B, F, V, D)
        By how much each fit's residuals exceed the best fit's.
    least : Tensor of shape (B, 1, V, D)
        The best fit's residuals.
    """

    hidden: Tensor
    excess: Tensor
    least: Tensor


@dataclass(frozen=True)
class Verdict:
    """What the arbiter makes of all answers.

    Attributes
    ----------
    field, log_scale : Tensor of shape (B, N, D)
    weights : Tensor of shape (B, N, F + 1, D)
        Of the fits and, last, of the network; they sum to one.
    """

    field: Tensor
    log_scale: Tensor
    weights: Tensor


class Arbiter(nn.Module):
    """Score every fit at every query; the softmax of the scores, with the network's at zero, weighs the answers.

    Parameters
    ----------
    width : int
        Of the network's hidden states.
    units : int
        Of the arbiter's own layers.
    committee_layers : int
        Of the committee that sees all fits together; zero for none.
    functions : bool
        Whether there are fits with functions.
    """

    def __init__(self, width: int, units: int, committee_layers: int = 0, functions: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, _PROJECTED)
        self.unseen = nn.Parameter(torch.zeros(_PROJECTED))
        self.family = nn.Embedding(ALL_FITS, _EMBEDDED)
        self.with_functions = nn.Embedding(WITH_FUNCTIONS, _EMBEDDED) if functions else None
        self.from_answers = nn.Linear(_AT_QUERIES, units)
        self.from_fits = nn.Linear(_OF_FITS, units, bias=False)
        self.from_residuals = nn.Linear(_OF_RESIDUALS, units, bias=False)
        self.from_reference = nn.Linear(_OF_REFERENCE, units, bias=False)
        self.from_family = nn.Linear(_EMBEDDED, units, bias=False)
        self.from_hidden = nn.Linear(_PROJECTED, units, bias=False)
        self.inner = nn.Linear(units, units)
        self.score = nn.Linear(units, 1)
        first, last = nn.Linear(_PROJECTED + _SCALE_FEATURES, units), nn.Linear(units, 1)
        self.scale = nn.Sequential(first, nn.SiLU(), last)
        self.committee = Committee(units, committee_layers) if committee_layers else None
        nn.init.zeros_(self.from_residuals.weight)
        nn.init.constant_(self.score.bias, _LEAST_SCORE)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, evidence: Evidence, network: NetworkAnswer | None, of_fits: FitFeatures | None = None) -> Verdict:
        """Weigh the answers; without a network the fits' median takes its place as the reference.

        ``of_fits`` is what `features_of_fits` has made of the evidence before, if it has.
        """
        fields, own = evidence.fields, evidence.log_deviation
        median = median_of_fits(fields)
        if network is None:
            hidden = self.unseen.expand(*fields.shape[:2], -1)
            reference, spread = median, median_of_fits(own)
        else:
            hidden = self.hidden(network.hidden)
            reference, spread = network.field[:, :, None], network.log_scale[:, :, None]
        of_fits = self.features_of_fits(evidence) if of_fits is None else of_fits
        score = self._scores(evidence, median, reference, spread, hidden, of_fits.hidden)
        answers = torch.cat([fields, reference], 2)
        weights = weigh(score, network is not None)
        field = (weights * answers).sum(2)
        deviation = (weights * torch.cat([own, spread], 2)).sum(2)
        base = deviation if network is None else network.log_scale
        disagreement = ((weights * (answers - field[:, :, None]).abs()).sum(2) + 1e-5).log()
        entropy = -(weights * (weights + 1e-9).log()).sum(2)
        left = [torch.einsum("bnfd,bfd->bnd", weights[:, :, :-1], of_fits.excess[:, :, view]) for view in WEIGHED_VIEWS]
        longest = of_fits.least[:, :, WEIGHED_VIEWS[-1]].expand_as(base) / 2
        seen = [disagreement / 2, deviation / 2, weights[:, :, -1], base, entropy, *left, longest]
        features = torch.stack(seen, -1)
        shared = hidden[:, :, None].expand(*features.shape[:-1], -1)
        correction = self.scale(torch.cat([features, shared], -1))[..., 0]
        return Verdict(field, (base + correction).clamp(*LOG_SCALE), weights)

    def features_of_fits(self, evidence: Evidence) -> FitFeatures:
        """What does not depend on the query."""
        residuals = evidence.log_residuals.clamp(*_LOG_RESIDUAL)
        least = residuals.amin(1, keepdim=True)
        excess = (residuals - least).clamp(max=_MOST_EXCESS)
        against = _against_all(residuals, excess, evidence.log_of_network)
        noise = evidence.log_noise.clamp(-8, 2)
        own = [noise / 2, (noise - noise.amin(1, keepdim=True)).clamp(0, 6), evidence.log_terms / 2]
        table = self.family.weight
        if self.with_functions is not None:
            table = torch.cat([table, self.with_functions.weight])
        family = self.from_family(table[torch.tensor(evidence.families, device=noise.device)])
        hidden = self.from_fits(torch.stack(own, -1)) + family[:, None] + self.from_residuals(against)
        if self.committee is not None:
            parts = (evidence.gaps, evidence.sizes, evidence.log_spreads, evidence.log_points)
            hidden = hidden + self.committee(hidden, *parts)
        return FitFeatures(hidden, excess, least)

    def _scores(
        self,
        evidence: Evidence,
        median: Tensor,
        reference: Tensor,
        spread: Tensor,
        hidden: Tensor,
        of_fits: Tensor,
    ) -> Tensor:
        """Scores (B, N, F, D) of the fits."""
        fields, own = evidence.fields, evidence.log_deviation
        answers = features_of_answers(fields, own.clamp(-8, 4), median, reference, spread)
        points = evidence.log_points[:, None, None].expand(*fields.shape[:2], fields.shape[-1])
        of_reference = [reference[:, :, 0].asinh(), spread[:, :, 0], points / 3]
        by_query = self.from_reference(torch.stack(of_reference, -1)) + self.from_hidden(hidden)[:, :, None]
        x = self.from_answers(answers) + of_fits[:, None] + by_query[:, :, None]
        return self.score(F.silu(self.inner(F.silu(x))))[..., 0]


def median_of_fits(values: Tensor) -> Tensor:
    """The lower median (B, N, 1, D) over the fits of values (B, N, F, D).

    Of a tensor that is expanded over the fits, torch's own would read the memory behind it, and may find a NaN there.
    """
    return values.contiguous().median(2, keepdim=True).values


def features_of_answers(values: Tensor, own: Tensor, median: Tensor, reference: Tensor, spread: Tensor) -> Tensor:
    """What an arbiter sees of the fits' answers and deviations (B, N, F, D) at queries: (B, N, F, D, features)."""
    gap, apart = values - reference, values - median
    answers = [
        own / 2,
        gap.asinh(),
        (gap.abs() + 1e-4).log() / 2,
        (gap * (-spread.clamp(-6, 6)).exp()).asinh(),
        values.asinh(),
        apart.asinh(),
        (apart.abs() + 1e-4).log() / 2,
    ]
    return torch.stack(answers, -1)


def weigh(score: Tensor, has_network: bool) -> Tensor:
    """Weights (B, N, F + 1, D) from scores (B, N, F, D): the network's is zero, or it has none."""
    network_score = torch.zeros_like(score[:, :, :1])
    if not has_network:
        network_score = network_score - torch.inf
    return torch.cat([score, network_score], 2).softmax(2)


def _against_all(residuals: Tensor, excess: Tensor, of_network: Tensor | None) -> Tensor:
    """By how much each fit's residuals exceed the best fit's in every view, and the network's: (B, F, D, features)."""
    excess = F.pad(excess, (0, 0, 0, len(VIEWS) - excess.shape[2]))
    if of_network is None:
        above = torch.zeros_like(excess[:, :, :OF_OBSERVED])
    else:
        above = residuals[:, :, :OF_OBSERVED] - of_network[:, None].clamp(*_LOG_RESIDUAL)
        above = above.clamp(-_MOST_EXCESS, _MOST_EXCESS)
    return torch.cat([excess, above], 2).movedim(2, -1)
