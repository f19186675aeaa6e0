"""Training of the arbiter of forecasts on cached questions.

Letters: M questions, E forecasters, S series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from pretrain.forecasting.arbiter_cases import KINDS
from skdyn.forecasting.arbitration import LEVEL, widening
from skdyn.forecasting.experts.registry import STANDARD
from skdyn.forecasting.features import OF_FORECASTERS, OF_TIMES
from skdyn.nn.forecast_arbiter import ForecastArbiter, ForecastArbiterConfig

FORECASTERS = (*STANDARD, "network")
SOLVED = 0.01
_TAILS = (0.4, 0.3, 0.2, 0.1)
_CLIP = 5.0
_HIDDEN = 0.1
_OF_BACKTESTS = 0.2


@dataclass(frozen=True)
class Settings:
    """How the arbiter is trained.

    Attributes
    ----------
    width, embedded : int
        Of the network.
    steps, batch : int
    peak, decay : float
        Rate and weight decay of AdamW.
    pinball, square, log, likelihood : float
        Weights in the loss: of the quantiles' pinball loss, of the median's clipped square error, of the logarithm of
        its absolute error (which rewards being exact), and of a Laplace likelihood of the scale.
    """

    width: int = 64
    embedded: int = 4
    steps: int = 4000
    batch: int = 512
    peak: float = 3e-3
    decay: float = 1e-2
    pinball: float = 4.0
    square: float = 0.1
    log: float = 1.0
    likelihood: float = 0.05


class Questions:
    """Rows of several series, as tensors; a fifth of what a series counts is its last backtest's.

    Parameters
    ----------
    parts : sequence of dict
        As `pretrain.forecasting.arbiter_cases.rows_of` makes them, one a series.
    shares : sequence of float
        How much each series counts.
    known : mapping of a forecaster's name to its number, optional
        Whom the arbiter knows; all by default.

    Attributes
    ----------
    later : boolean array of shape (M,)
        Which rows ask about the future, and not about the last backtest.
    weight : array of shape (M,)
    """

    def __init__(
        self,
        parts: Sequence[dict[str, NDArray[Any]]],
        shares: Sequence[float],
        known: Mapping[str, int] | None = None,
    ) -> None:
        known = {name: place + 1 for place, name in enumerate(FORECASTERS)} if known is None else known
        self.who = torch.tensor([known.get(name, 0) for name in FORECASTERS])
        self.rows = {name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0]}
        self.series = np.repeat(np.arange(len(parts)), [len(part["target"]) for part in parts])
        self.later = self.rows["lead"].numpy() == 0
        counts = np.stack([np.bincount(self.series, self.later == is_later) for is_later in (False, True)])
        part = np.where(counts[0] > 0, _OF_BACKTESTS, 0.0)
        each = np.where(self.later, (1 - part)[self.series], part[self.series]) / counts[self.later * 1, self.series]
        self.weight = np.asarray(shares)[self.series] * each

    def __len__(self) -> int:
        return len(self.series)


def train(questions: Questions, settings: Settings, seed: int, progress: bool = False) -> ForecastArbiter:
    """An arbiter, trained on questions of several series, with a bar if ``progress``."""
    torch.manual_seed(seed)
    config = ForecastArbiterConfig.from_dict(
        {
            "model_type": "forecast-arbiter",
            "format_version": 1,
            "known": len(FORECASTERS),
            "of_forecasters": OF_FORECASTERS,
            "of_times": OF_TIMES,
            "embedded": settings.embedded,
            "width": settings.width,
        }
    )
    arbiter = ForecastArbiter(config)
    optimiser = torch.optim.AdamW(arbiter.parameters(), lr=settings.peak, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.peak, total_steps=settings.steps, pct_start=0.1)
    shares = torch.from_numpy(questions.weight / questions.weight.sum())
    for _ in tqdm(range(settings.steps), desc="steps", disable=not progress):
        index = torch.multinomial(shares, settings.batch, replacement=True)
        pinball, error, scale = losses(arbiter, questions, index, _HIDDEN)
        square = error.square().clamp(max=_CLIP**2).mean()
        exact = (error.abs() + 0.02).log().mean()
        width = scale + 1e-3
        likelihood = (0.9 * error.abs() / width + width.log()).mean()
        loss = (
            settings.pinball * pinball.mean()
            + settings.square * square
            + settings.log * exact
            + settings.likelihood * likelihood
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(arbiter.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return arbiter.eval()


def losses(arbiter: ForecastArbiter, questions: Questions, index: Tensor, hidden: float) -> tuple[Tensor, ...]:
    """Pinball losses, errors of the median and scales (M,), in units of errors.

    Names of forecasters, and forecasters but the network, are hidden at random, so that the arbiter can answer for
    others and without some.
    """
    rows = {name: values[index] for name, values in questions.rows.items()}
    rows |= {name: values.float() for name, values in rows.items() if values.dtype == torch.float16}
    who = questions.who.expand(len(index), -1)
    there = rows["there"]
    if hidden:
        who = torch.where(torch.rand(who.shape) < hidden, 0, who)
        kept = torch.rand(who.shape) > hidden
        kept[:, -1] = True
        there = there & kept
    median, scale, _ = arbiter(rows["of_forecasters"], rows["of_times"], rows["forecasts"], rows["spread"], who, there)
    error, width = (rows["target"] - median) / rows["unit"], scale / rows["unit"]
    pinball = 0.5 * error.abs().clamp(max=_CLIP)
    for share, tail in zip(arbiter.shares(), _TAILS, strict=True):
        for sign, level in ((-1, tail), (1, 1 - tail)):
            beyond = error.clamp(-_CLIP, _CLIP) - sign * width * share
            pinball = pinball + torch.maximum(level * beyond, (level - 1) * beyond)
    return pinball / (2 * len(_TAILS) + 1), error, width


@torch.no_grad()
def calibrate(arbiter: ForecastArbiter, questions: Questions) -> None:
    """Widen or narrow all intervals by one factor, so that they hold 80% of held-out series by their weights.

    That is with the width of each series already following its own backtest, as in forecasts. Split conformal
    prediction: G. Shafer and V. Vovk, J. Mach. Learn. Res. 9, 371 (2008).
    """
    _, error, width = losses(arbiter, questions, torch.arange(len(questions)), 0.0)
    ratio = (error.abs() / width.clamp(min=1e-9)).numpy()
    weight = questions.weight * questions.later
    low, high = -4.0, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        scaled = ratio / np.exp(middle)
        held = scaled <= _widenings(questions, scaled)[questions.series]
        too_few = (held * weight).sum() < LEVEL * weight.sum()
        low, high = (middle, high) if too_few else (low, middle)
    arbiter.log_widening.add_((low + high) / 2)


def _widenings(questions: Questions, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much each series' intervals should be wider, from errors over half widths (M,)."""
    answer = np.ones(questions.series[-1] + 1)
    leads, backtests = questions.rows["lead"].numpy(), np.flatnonzero(~questions.later)
    if len(backtests):
        edges = np.flatnonzero(np.diff(questions.series[backtests])) + 1
        for rows in np.split(backtests, edges):
            answer[questions.series[rows[0]]] = widening(ratio[rows], leads[rows])
    return answer


@torch.no_grad()
def judged(arbiter: ForecastArbiter, questions: Questions, kinds: Sequence[str]) -> dict[str, dict[str, float]]:
    """For each kind of series the mean errors, the share of series that are solved, and the coverage.

    The errors are the mean square and the geometric mean of the mean absolute ones.
    """
    _, error, width = losses(arbiter, questions, torch.arange(len(questions)), 0.0)
    wider = _widenings(questions, (error.abs() / width.clamp(min=1e-9)).numpy())
    series = questions.series[questions.later]
    size = error.abs().numpy()[questions.later]
    counts = np.bincount(series)
    square = np.bincount(series, np.minimum(size, _CLIP) ** 2) / counts
    absolute = np.bincount(series, size) / counts
    held = np.bincount(series, size <= width.numpy()[questions.later] * wider[series]) / counts
    found = {}
    for kind in KINDS:
        chosen = np.array(kinds) == kind
        if chosen.any():
            found[kind] = {
                "series": int(chosen.sum()),
                "error": float(square[chosen].mean()),
                "typical": float(np.exp(np.log(absolute[chosen] + 1e-4).mean())),
                "solved": float((square[chosen] < SOLVED).mean()),
                "in the 80% interval": float(held[chosen].mean()),
            }
    return found
