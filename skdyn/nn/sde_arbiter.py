"""The arbiter of FIM-SDE: which of the fits, or the network, to believe at a query, and how far.

There is one for the drift and one for the logarithm of the diffusion. Each shares its weights over its fits and over
all variables, so that it answers for any number of these; without a network it weighs the fits alone.

Letters: B contexts, N queries, F fits, D variables, E width of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn.nn.arbiter import LOG_SCALE, features_of_answers, median_of_fits, weigh

_AT_QUERIES, _OF_REFERENCE, _OF_CONTEXT, _SCALE_FEATURES = 7, 4, 4, 9
_EMBEDDED, _PROJECTED = 8, 16
_LEAST_SCORE = -2.0


@dataclass(frozen=True)
class FitAnswers:
    """What fits of one quantity say at queries, and what there is to judge them by.

    Attributes
    ----------
    values, log_deviation : Tensor of shape (B, N, F, D)
        Answers, and the deviations that the fits themselves give them.
    misfit : Tensor of shape (B, F, D)
        By how much each explains the context worse than the best of its view, as `StochasticFits` has it.
    about : Tensor of shape (B, D, 4)
        Points, steps and noise of the context, as `StochasticFits` has them.
    """

    values: Tensor
    log_deviation: Tensor
    misfit: Tensor
    about: Tensor


@dataclass(frozen=True)
class NetworkAnswer:
    """What the network says at queries: value and log-scale of its error (B, N, D), and hidden states (B, N, E)."""

    value: Tensor
    log_scale: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class Verdict:
    """What the arbiter makes of all answers.

    Attributes
    ----------
    value, log_scale : Tensor of shape (B, N, D)
    weights : Tensor of shape (B, N, F + 1, D)
        Of the fits and, last, of the network; they sum to one.
    """

    value: Tensor
    log_scale: Tensor
    weights: Tensor


class StochasticArbiter(nn.Module):
    """Score every fit at every query; the softmax of the scores, with the network's at zero, weighs the answers.

    The log-scale of the error is the weighted mean of the answers' own, corrected by how much they disagree and by what
    there was to see.

    Parameters
    ----------
    width : int
        Of the network's hidden states.
    units : int
        Of the arbiter's own layers.
    fits : int
    """

    def __init__(self, width: int, units: int, fits: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, _PROJECTED)
        self.unseen = nn.Parameter(torch.zeros(_PROJECTED))
        self.family = nn.Embedding(fits, _EMBEDDED)
        self.from_answers = nn.Linear(_AT_QUERIES, units)
        self.from_fits = nn.Linear(_EMBEDDED + 1, units, bias=False)
        self.from_reference = nn.Linear(_OF_REFERENCE + _OF_CONTEXT, units, bias=False)
        self.from_hidden = nn.Linear(_PROJECTED, units, bias=False)
        self.inner = nn.Linear(units, units)
        self.score = nn.Linear(units, 1)
        first, last = nn.Linear(_PROJECTED + _SCALE_FEATURES + _OF_CONTEXT, units), nn.Linear(units, 1)
        self.scale = nn.Sequential(first, nn.SiLU(), last)
        nn.init.constant_(self.score.bias, _LEAST_SCORE)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, fits: FitAnswers, queries: Tensor, network: NetworkAnswer | None) -> Verdict:
        """Weigh the answers at queries (B, N, D); without a network the fits' median takes its place as reference."""
        values, own = fits.values, fits.log_deviation
        median = median_of_fits(values)
        if network is None:
            hidden = self.unseen.expand(*values.shape[:2], -1)
            reference, spread = median, median_of_fits(own)
        else:
            hidden = self.hidden(network.hidden)
            reference, spread = network.value[:, :, None], network.log_scale[:, :, None]
        about = fits.about[:, None].expand(*values.shape[:2], -1, -1)
        about = torch.stack([about[..., 0] / 3, about[..., 1] / 2, about[..., 2], about[..., 3].asinh()], -1)
        places = torch.stack([queries.abs(), queries.abs().amax(-1, keepdim=True).expand_as(queries)], -1).clamp(max=8)
        answers = features_of_answers(values, own, median, reference, spread)
        misfit = fits.misfit.clamp(min=0)[..., None].asinh()
        family = self.family.weight[:, None].expand(*misfit.shape[:3], -1)
        of_fits = self.from_fits(torch.cat([family, misfit], -1))
        of_reference = torch.stack([reference[:, :, 0].asinh(), spread[:, :, 0]], -1)
        by_query = self.from_reference(torch.cat([of_reference, places, about], -1))
        by_query = by_query + self.from_hidden(hidden)[:, :, None]
        x = self.from_answers(answers) + of_fits[:, None] + by_query[:, :, None]
        score = self.score(F.silu(self.inner(F.silu(x))))[..., 0]
        weights = weigh(score, network is not None)
        value = (weights * torch.cat([values, reference], 2)).sum(2)
        deviation = (weights * torch.cat([own, spread], 2)).sum(2)
        disagreement = ((weights[:, :, :-1] * (values - value[:, :, None]).abs()).sum(2) + 1e-4).log()
        entropy = -(weights * (weights + 1e-9).log()).sum(2)
        apart = ((reference[:, :, 0] - value).abs() + 1e-4).log()
        seen = [
            disagreement / 2,
            apart / 2,
            deviation / 2,
            weights[:, :, -1],
            spread[:, :, 0] / 2,
            entropy,
            value.asinh(),
        ]
        shared = hidden[:, :, None].expand(*value.shape, -1)
        features = torch.cat([torch.stack(seen, -1), places, about, shared], -1)
        log_scale = deviation + self.scale(features)[..., 0]
        return Verdict(value, log_scale.clamp(*LOG_SCALE), weights)
