"""Training of the arbiter of forecasts on cached questions.

Letters: M questions, E forecasters, S series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pretrain.forecasting.arbiter_cases import KINDS
from skdyn.forecasting.experts.registry import STANDARD
from skdyn.forecasting.features import OF_FORECASTERS, OF_TIMES
from skdyn.nn.forecast_arbiter import ForecastArbiter, ForecastArbiterConfig

FORECASTERS = (*STANDARD, "network")
SOLVED = 0.01
LEVEL = 0.8
_TAILS = (0.4, 0.3, 0.2, 0.1)
_CLIP = 5.0
_HIDDEN = 0.1


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

    width: int = 24
    embedded: int = 4
    steps: int = 600
    batch: int = 512
    peak: float = 3e-3
    decay: float = 1e-2
    pinball: float = 4.0
    square: float = 0.5
    log: float = 0.05
    likelihood: float = 0.05


class Questions:
    """Rows of several series, as tensors.

    Parameters
    ----------
    parts : sequence of dict
        As `pretrain.forecasting.arbiter_cases.packed` makes them, one a series.
    """

    def __init__(self, parts: Sequence[dict[str, NDArray[Any]]]) -> None:
        self.rows = {name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0]}
        self.series = np.repeat(np.arange(len(parts)), [len(part["target"]) for part in parts])

    def __len__(self) -> int:
        return len(self.series)


def train(questions: Questions, settings: Settings, seed: int) -> ForecastArbiter:
    """An arbiter, trained on questions of which every series has the same share."""
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
    shares = questions.rows["weight"] / questions.rows["weight"].sum()
    for _ in range(settings.steps):
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
    who = torch.arange(1, len(FORECASTERS) + 1).expand(len(index), -1)
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
    """Widen or narrow all intervals by one factor, so that they hold 80% of held-out series, each weighing the same.

    Split conformal prediction: G. Shafer and V. Vovk, J. Mach. Learn. Res. 9, 371 (2008).
    """
    _, error, width = losses(arbiter, questions, torch.arange(len(questions)), 0.0)
    ratio = (error.abs() / width.clamp(min=1e-9)).numpy()
    order = np.argsort(ratio)
    share = np.cumsum(questions.rows["weight"].numpy()[order])
    place = int(np.searchsorted(share, LEVEL * share[-1]))
    arbiter.log_widening.add_(float(np.log(ratio[order][place])))


@torch.no_grad()
def judged(arbiter: ForecastArbiter, questions: Questions, kinds: Sequence[str]) -> dict[str, dict[str, float]]:
    """For each kind of series the mean square error, the share of series with one below `SOLVED`, and the coverage."""
    _, error, width = losses(arbiter, questions, torch.arange(len(questions)), 0.0)
    counts = np.bincount(questions.series)
    square = np.bincount(questions.series, error.square().clamp(max=_CLIP**2).numpy()) / counts
    held = np.bincount(questions.series, (error.abs() <= width).numpy()) / counts
    found = {}
    for kind in KINDS:
        chosen = np.array(kinds) == kind
        if chosen.any():
            found[kind] = {
                "series": int(chosen.sum()),
                "error": float(square[chosen].mean()),
                "solved": float((square[chosen] < SOLVED).mean()),
                "in the 80% interval": float(held[chosen].mean()),
            }
    return found
