"""Adapt a model of SDEs to one data set by the likelihood of the observed transitions.

Over a step the state moves by a normal increment with the drift and diffusion at its start (Euler-Maruyama; equation 12
of arXiv 2502.19049 without its constants), which needs no ground truth. Letters: N transitions, Q of them in a step,
D variables.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from skdyn.adaptation.contexts import draw_context, subset
from skdyn.adaptation.search import (
    LowRank,
    State,
    check_width,
    descend,
    describe_data,
    rate_share,
    train_beside_held_out,
)
from skdyn.adaptation.settings import LikelihoodSettings
from skdyn.data.padding import pad
from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import LoadedModel
from skdyn.nn.plain_torch import plain_torch

_LEAST_RATE = 1e-6
"""Least squared diffusion, in normalised units, that a likelihood is computed with."""
_BOX_POINTS = 64


class LikelihoodTraining:
    """One training run on the points ``keep``; transitions between two of the others are held out."""

    def __init__(
        self, engine: Engine, trajectories: Trajectories, keep: Sequence[np.ndarray], settings: LikelihoodSettings
    ) -> None:
        self.engine, self.trajectories, self.keep, self.settings = engine, trajectories, keep, settings
        self.base: Any = engine.model.network
        self.rng = np.random.default_rng(settings.seed)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.low_rank = LowRank(self.base, settings.rank, settings.alpha, self.generator, settings.average)
        self.steps = 0
        self.scaling = engine.scaling(*pad([trajectories]))
        padding = (0, engine.width - trajectories.n_features)
        self.dim_mask = F.pad(torch.ones(1, trajectories.n_features, dtype=torch.float32), padding)
        parts = []
        for (t, x), kept in zip(trajectories, keep, strict=True):
            z = self._normalise(x)
            step = torch.from_numpy(np.diff(t) * self.scaling.speed[0]).float()
            inside = torch.from_numpy(kept[1:] & kept[:-1])
            outside = torch.from_numpy(~kept[1:] & ~kept[:-1])
            parts.append((z[:-1], z[1:] - z[:-1], step, inside, outside))
        starts, changes, durations, inside, outside = (torch.cat(column) for column in zip(*parts, strict=True))
        self.transitions = tuple(part.float()[inside] for part in (starts, changes, durations))
        self.held = tuple(part.float()[outside] for part in (starts, changes, durations))
        self.optimiser = torch.optim.AdamW(
            self.low_rank.factors, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        states = self.transitions[0][:, : trajectories.n_features]
        low, high = states.amin(0), states.amax(0)
        self.box = torch.stack([low - (high - low) / 4, high + (high - low) / 4])
        with torch.no_grad():
            inputs = self._inputs(subset(trajectories, keep))
            self.base_context: Any = engine.model.network.encode(*inputs)  # type: ignore[operator]

    def _normalise(self, x: np.ndarray) -> Tensor:
        z = torch.from_numpy(self.scaling.normalise(x[None])[0])
        return F.pad(z, (0, self.engine.width - z.shape[-1]))

    def _inputs(self, context: Trajectories) -> tuple[Tensor, ...]:
        states, times, mask = pad([context])
        z = self._normalise(states[0].reshape(-1, states.shape[-1])).reshape(*states.shape[:-1], -1)
        tau = torch.from_numpy(self.scaling.normalise_times(times) * mask)
        observed = torch.from_numpy(mask)
        return torch.where(observed[..., None], z, 0.0), tau, observed, self.dim_mask

    def _surprise(self, encoded: Any, transitions: Sequence[Tensor]) -> Tensor:
        """Negative log-likelihood of each transition, without constants, the mean over the variables."""
        start, change, duration = transitions
        drift, _, diffusion, _ = self.low_rank.network.decode_sde(encoded, start[None])
        step = duration[:, None]
        variance = (diffusion[0].square() + _LEAST_RATE) * step
        surprise = ((change - drift[0] * step).square() / variance + variance.log()) / 2
        return (surprise * self.dim_mask).sum(-1) / self.dim_mask.sum()

    def step(self) -> float:
        """Take one step of the optimiser; returns the loss, or NaN where it was skipped as not finite."""
        s = self.settings
        encoded = self.low_rank.network.encode(*self._inputs(draw_context(self.trajectories, self.keep, self.rng)))
        picked = torch.from_numpy(self.rng.integers(0, len(self.transitions[0]), s.transitions))
        loss = self._surprise(encoded, [part[picked] for part in self.transitions]).mean()
        loss = loss + s.prior * self._departure(encoded)
        for group in self.optimiser.param_groups:
            group["lr"] = s.learning_rate * rate_share(self.steps, s.steps)
        stepped = descend(loss, self.optimiser)
        self.steps += 1
        self.low_rank.follow(self.steps)
        return float(loss.detach()) if stepped else math.nan

    def _departure(self, encoded: Any) -> Tensor:
        """How far the answers in the box have left the base's, in units of the errors that the base expects."""
        low, high = self.box
        drawn = torch.rand(_BOX_POINTS, len(low), generator=self.generator, dtype=torch.float32)
        box = low + (high - low) * drawn
        queries = F.pad(box, (0, self.engine.width - len(low)))[None]
        with torch.no_grad():
            drift, drift_scale, diffusion, diffusion_scale = self.base.decode_sde(self.base_context, queries)
        own_drift, _, own_diffusion, _ = self.low_rank.network.decode_sde(encoded, queries)
        departure = (own_drift - drift).abs() / drift_scale.exp() + (own_diffusion - diffusion).abs() / (
            diffusion_scale.exp()
        )
        return (departure * self.dim_mask).sum(-1).mean() / self.dim_mask.sum()

    def check(self) -> np.ndarray:
        """Negative log-likelihoods (P,) of the held-out transitions."""
        with torch.no_grad(), self.low_rank.averaged():
            encoded = self.low_rank.network.encode(*self._inputs(subset(self.trajectories, self.keep)))
            return self._surprise(encoded, self.held).double().numpy()


@plain_torch()
def train_by_likelihood(
    model: LoadedModel, trajectories: Trajectories, settings: LikelihoodSettings, progress: bool = False
) -> tuple[State, dict[str, Any]]:
    """Train low-rank updates of a model of SDEs on trajectories, on the CPU; see `skdyn.adaptation.adapt`.

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
    engine.encode([trajectories])  # refuses what the estimator would refuse
    check_width(trajectories, engine.width)
    state, record, held = train_beside_held_out(
        trajectories, lambda keep: LikelihoodTraining(engine, trajectories, keep, s), s, progress
    )
    return state, record | {
        "method": "one-step likelihood",
        "held_out_is": "Mean negative log-likelihood of held-out transitions, normalised",
        "data": describe_data(trajectories, held),
        "settings": dataclasses.asdict(s),
    }
