"""Adapt a model of ODEs to trajectories by multiple shooting.

Short roll-outs start from jointly estimated states and are compared with the observations in units of their noise.
Letters: B contexts, W roll-outs, K trajectories, L points, D variables, G steps of integration.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from skdyn.adaptation.contexts import draw_context, runs, subset
from skdyn.adaptation.rollouts import ShootingData, field_of, interpolate, roll_out
from skdyn.adaptation.search import (
    LowRank,
    State,
    check_width,
    descend,
    describe_data,
    rate_share,
    train_beside_held_out,
)
from skdyn.adaptation.settings import ShootingSettings
from skdyn.data.arrangement import thin
from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import LoadedModel
from skdyn.nn.plain_torch import plain_torch

_HUBER = 3.0  # in units of noise: larger errors pull with constant force
_WORST = 20.0  # in units of noise: larger errors on held-out windows count as this


class ShootingTraining:
    """One training run on the points ``keep``; the others are held out."""

    def __init__(
        self, engine: Engine, data: ShootingData, keep: Sequence[np.ndarray], settings: ShootingSettings
    ) -> None:
        self.engine, self.data, self.keep, self.settings = engine, data, keep, settings
        self.rng = np.random.default_rng(settings.seed)
        base: Any = engine.model.network
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.low_rank = LowRank(base, settings.rank, settings.alpha, self.generator, settings.average)
        whole = [subset(data.trajectories, keep)]
        with torch.no_grad():
            self.base_answers = field_of(base, engine, whole, data, settings.context_points)
        self.offsets = torch.zeros_like(data.observed, requires_grad=True)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.low_rank.factors, "lr": settings.learning_rate},
                {"params": [self.offsets], "lr": settings.state_rate},
            ],
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )
        self.kept = torch.zeros_like(data.mask)
        for k, part in enumerate(keep):
            self.kept[k, : len(part)] = torch.from_numpy(part)
        self.smooth = data.smooth(self.kept)
        kept_states = data.observed[self.kept]
        low, high = kept_states.amin(0), kept_states.amax(0)
        self.box = torch.stack([low - (high - low) / 4, high + (high - low) / 4])
        # A roll-out needs something to be compared with after its start.
        self.candidates = (self.kept & (self.kept.flip(1).cumsum(1).flip(1) > 1)).nonzero()
        self.count = data.horizon(settings.horizon, settings.step)
        self.steps = 0

    def states(self) -> Tensor:
        """Estimated states (K, L, D) of the kept points."""
        return self.smooth + self.offsets * self.data.sigma

    def step(self) -> float:
        """Take one step of the optimiser; returns the loss, or NaN where it was skipped as not finite."""
        s, data = self.settings, self.data
        contexts = [draw_context(data.trajectories, self.keep, self.rng) for _ in range(s.contexts)]
        answers = field_of(self.low_rank.network, self.engine, contexts, data, s.context_points)
        picked = torch.from_numpy(self.rng.integers(0, len(self.candidates), (s.contexts, s.starts)))
        k, i = self.candidates[picked].unbind(-1)
        states = self.states()
        path, slopes = roll_out(lambda u: answers(u)[0], states[k, i], s.step, self.count)
        elapsed = data.tau[k] - data.tau[k, i][..., None]
        reach = self.count * s.step
        seen = (elapsed > 0) & (elapsed <= reach) & self.kept[k]
        predicted = interpolate(path, slopes, s.step, elapsed.clamp(0, reach))
        loss = (
            self._error(predicted - data.observed[k], seen)
            + s.continuity * self._error(predicted - states[k], seen)
            + self._error(states - data.observed, self.kept)
            + s.prior * self._departure(answers)
        )
        for group, rate in zip(self.optimiser.param_groups, (s.learning_rate, s.state_rate), strict=True):
            group["lr"] = rate * rate_share(self.steps, s.steps)
        stepped = descend(loss, self.optimiser)
        self.steps += 1
        self.low_rank.follow(self.steps)
        return float(loss.detach()) if stepped else math.nan

    def _error(self, difference: Tensor, where: Tensor) -> Tensor:
        scaled = (difference / self.data.sigma)[where]
        return F.huber_loss(scaled, torch.zeros_like(scaled), delta=_HUBER)

    def _departure(self, answers: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        """How far the fields have left the base's of the whole context, in units of the error that the base expects."""
        drawn = torch.rand(64, self.box.shape[-1], generator=self.generator, dtype=torch.float32)
        box = self.box[0] + (self.box[1] - self.box[0]) * drawn
        with torch.no_grad():
            field, scale = self.base_answers(box[None])
        adapted = answers(box.expand(self.settings.contexts, -1, -1))[0]
        return ((adapted - field).abs() / scale).clamp(max=_WORST).mean()

    def check(self) -> np.ndarray:
        """Square errors (P,) at the held-out points in units of noise variance.

        The mean over variables and over roll-outs from all kept points up to a roll-out's length before the window.
        """
        data, s = self.data, self.settings
        held = data.mask & ~self.kept
        starts = [
            (k, i, low, high)
            for k in range(len(held))
            for low, high in runs(held[k].numpy())
            for i in self._before(k, low)
        ]
        k, i, low, high = torch.tensor(starts).unbind(-1)
        elapsed = data.tau[k] - data.tau[k, i][:, None]
        index = torch.arange(held.shape[1])
        seen = (index >= low[:, None]) & (index < high[:, None])
        count = math.ceil(float(elapsed[seen].max()) / s.step)
        with torch.no_grad(), self.low_rank.averaged():
            context = subset(data.trajectories, self.keep)
            answers = field_of(self.low_rank.network, self.engine, [context], data, s.context_points)
            path, slopes = roll_out(lambda u: answers(u)[0], self.states()[k, i][None], s.step, count)
            predicted = interpolate(path, slopes, s.step, elapsed[None].clamp(min=0))[0]
        errors = ((predicted - data.observed[k]) / data.sigma).nan_to_num(_WORST).clamp(-_WORST, _WORST)
        squares = torch.where(seen, errors.square().mean(-1), 0.0)
        points = (len(held), held.shape[1])
        sums, counts = (part.new_zeros(points).index_add_(0, k, part) for part in (squares, seen.float()))
        return (sums / counts)[held].double().numpy()

    def _before(self, k: int, low: int) -> list[int]:
        """Kept points of trajectory k from which a roll-out reaches point ``low``, and at least the last before it."""
        earlier = self.kept[k, :low].nonzero()[:, 0]
        near = self.data.tau[k, low] - self.data.tau[k, earlier] <= self.count * self.settings.step
        near[-1] = True
        return earlier[near].tolist()


@plain_torch()
def train_by_shooting(
    model: LoadedModel, trajectories: Trajectories, settings: ShootingSettings, progress: bool = False
) -> tuple[State, dict[str, Any]]:
    """Train low-rank updates of a model of ODEs on trajectories, on the CPU; see `skdyn.adaptation.adapt`.

    Returns
    -------
    state : State
        The factors.
    record : dict

    Raises
    ------
    TrajectoryError
        If the trajectories show no motion, are too short or have too many variables.
    ValueError
        If the rank does not fit, or the network has no attention projections.
    """
    s = settings
    engine = Engine(model, "cpu")
    engine.encode([engine.arrange(thin(trajectories, s.context_points))])  # refuses what the estimator would refuse
    check_width(trajectories, engine.width)
    data = ShootingData(trajectories, engine)
    state, record, held = train_beside_held_out(
        trajectories, lambda keep: ShootingTraining(engine, data, keep, s), s, progress
    )
    user_noise = data.noise * data.scaling.std[0]
    return state, record | {
        "method": "multiple shooting",
        "held_out_is": "Mean square error on held-out windows, in units of noise",
        "data": describe_data(trajectories, held) | {"noise_deviation": user_noise.tolist()},
        "settings": dataclasses.asdict(s),
    }
