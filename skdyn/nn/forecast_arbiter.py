"""The arbiter of forecasts: how far to believe each forecaster at each time, and how wide the interval is.

Its weights are shared by all forecasters, times and channels, so that it answers for any number of each, and for
forecasters that it was not trained with.
Letters: M questions (a time of a channel of a series), E forecasters, P features, Q levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn.nn.config import between, exactly, parse_config

_LOG_SCALE = (-7.0, 3.0)
_OF_SCALE = 5
_ABSENT = -1e4
_SQUARES = 6.0


@dataclass(frozen=True)
class ForecastArbiterConfig:
    """Sizes, and whom the arbiter knows; see `from_dict`."""

    model_type: str = exactly("forecast-arbiter")
    format_version: int = exactly(1)
    known: int = between(1, 256)
    of_forecasters: int = between(1, 256)
    of_times: int = between(1, 256)
    embedded: int = between(1, 64)
    width: int = between(4, 1024)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ForecastArbiterConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing or absurd."""
        return parse_config(cls, values)


class ForecastArbiter(nn.Module):
    """Weights and scale from features.

    Parameters
    ----------
    config : ForecastArbiterConfig
    errors : sequence of int
        Which features of a forecaster are a third of the log of its error in a backtest.
    """

    def __init__(self, config: ForecastArbiterConfig, errors: Sequence[int] = (0, 1, 7, 8, 14, 15)) -> None:
        super().__init__()
        self.config = c = config
        self.embedding = nn.Embedding(c.known + 1, c.embedded, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[0] = 0.0
        inputs = c.of_forecasters + c.of_times + c.embedded
        self.first = nn.Linear(inputs, c.width)
        self.second = nn.Linear(3 * c.width, c.width)
        self.score = nn.Linear(c.width, 1)
        self.plain = nn.Linear(c.of_forecasters, 1, bias=False)
        self.scale = nn.Sequential(
            nn.Linear(c.width + c.of_times + _OF_SCALE, c.width), nn.Tanh(), nn.Linear(c.width, 1)
        )
        self.levels = nn.Parameter(torch.full((4,), 0.0))
        self.log_widening = nn.Parameter(torch.zeros(()), requires_grad=False)
        with torch.no_grad():  # at the start, weights are about one over the mean square errors in the backtests
            self.plain.weight.zero_()
            self.plain.weight[0, list(errors)] = -_SQUARES / len(errors)

    def forward(
        self, of_forecasters: Tensor, of_times: Tensor, forecasts: Tensor, spread: Tensor, who: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weigh forecasts.

        Parameters
        ----------
        of_forecasters, of_times : Tensor of shape (M, E, P) and (M, P)
            As `skdyn.forecasting.features.features` has them.
        forecasts : Tensor of shape (M, E)
            In half-ranges of the prefix from its middle; any number where absent.
        spread : Tensor of shape (M,)
            Of the network, in half-ranges.
        who : integer Tensor of shape (M, E)
            Which forecaster each is, zero for one that is not known.
        there : boolean Tensor of shape (M, E)
            Whether it has something to say; at least one of each question has.

        Returns
        -------
        median : Tensor of shape (M,)
        scale : Tensor of shape (M,)
            The distance of the outer quantiles from the median.
        weights : Tensor of shape (M, E)
            They sum to one.
        """
        context = of_times[:, None].expand(-1, forecasts.shape[1], -1)
        hidden = F.silu(self.first(torch.cat([of_forecasters, context, self.embedding(who)], -1)))
        shown = there[..., None]
        count = shown.sum(1, keepdim=True)
        mean = torch.where(shown, hidden, 0.0).sum(1, keepdim=True) / count
        most = torch.where(shown, hidden, -torch.inf).amax(1, keepdim=True)
        pooled = torch.cat([mean, most], -1).expand(-1, forecasts.shape[1], -1)
        hidden = hidden + F.silu(self.second(torch.cat([hidden, pooled], -1)))
        scores = self.score(hidden)[..., 0] + self.plain(of_forecasters)[..., 0]
        weights = scores.masked_fill(~there, _ABSENT).softmax(-1)
        known = torch.where(there, forecasts, 0.0)
        median = (weights * known).sum(-1)
        apart = (weights * (known - median[:, None]).abs()).sum(-1)
        ranked = torch.where(there, (known - median[:, None]).abs(), torch.inf).sort(-1).values
        entropy = -(weights * weights.clamp(min=1e-9).log()).sum(-1)
        quarter = (there.sum(-1) // 2).clamp(min=0)[:, None]
        middling = ranked.gather(-1, quarter)[:, 0].clamp(max=1e3)
        facts = torch.stack(
            [
                (apart + 1e-4).log() / 3,
                (spread + 1e-4).log() / 3,
                (middling + 1e-4).log() / 3,
                entropy,
                weights.amax(-1),
            ],
            -1,
        )
        seen = (weights[..., None] * hidden).sum(1)
        log_scale = self.scale(torch.cat([seen, of_times, facts], -1))[:, 0] * 3 + (0.3 * (apart + 0.03)).log()
        return median, (log_scale.clamp(*_LOG_SCALE) + self.log_widening).exp(), weights

    def shares(self) -> Tensor:
        """Distances (4,) of the quantiles from the median, the nearest first, where the outer one's is one."""
        return self.levels.softmax(0).cumsum(0)
