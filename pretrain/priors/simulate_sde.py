"""From priors over drift and diffusion to simulated recordings: Euler-Maruyama at fine steps, and which are kept.

Letters: S systems, P paths per system, L recorded points per path, D dimensions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pretrain.priors import BatchedField, Draw, Mixture
from pretrain.priors.base import Rates
from pretrain.priors.diffusion import Diffusion, sample_diffusion
from pretrain.priors.simulate import grid_times, precise
from skdyn.models.normalization import fim_sde_scaling

_SURVEY_POINTS = 200
_SURVEY_STEP = 0.01


@dataclass(frozen=True)
class Regime:
    """How a share of the systems is recorded.

    Attributes
    ----------
    paths, points : int
        Paths per system and points per path, evenly spaced.
    substeps : int
        Euler-Maruyama steps between two points.
    weight : float
        Share of the systems.
    duration : pair of float, optional
        Log-uniform range of the normalised duration of a path (`skdyn.models.normalization.fim_sde_scaling`).
    step : float, optional
        Time between two points; one of ``duration`` and ``step`` is given.
    """

    paths: int
    points: int
    substeps: int
    weight: float
    duration: tuple[float, float] | None = None
    step: float | None = None


@dataclass(frozen=True)
class Recordings:
    """Simulated systems of one closed form and dimension, all of whose paths stayed within bounds.

    Attributes
    ----------
    drift : BatchedField of S systems
    diffusion : Diffusion of S systems
    states : Tensor of shape (S, P, L, D)
    step : Tensor of shape (S,)
        Time between two points.
    speed : Tensor of shape (S,)
        Normalised units of time in a unit of time, of the whole recording without noise.
    """

    drift: BatchedField
    diffusion: Diffusion
    states: Tensor
    step: Tensor
    speed: Tensor

    def __len__(self) -> int:
        return len(self.states)


def euler_maruyama(
    drift: BatchedField,
    diffusion: Diffusion,
    start: Tensor,
    step: Tensor,
    points: int,
    substeps: int,
    generator: torch.Generator,
) -> Tensor:
    """Simulate from ``start`` (S, P, D) with ``step`` (S,) between points; returns states (S, P, L, D).

    Paths that diverge are not finite, or very large, from there on.
    """
    h = (step / substeps)[:, None]
    root = h.sqrt()
    x: Rates = start.unbind(-1)
    states = start.new_empty(*start.shape[:2], points, start.shape[2])
    states[:, :, 0] = start
    for i in range(1, points):
        noise = torch.randn(
            substeps, len(x), *start.shape[:2], generator=generator, device=start.device, dtype=start.dtype
        )
        noise *= root
        for kick in noise:
            slopes, sizes = drift.rates(x), diffusion.rates(x)
            x = tuple(
                torch.addcmul(torch.addcmul(a, h, f), g, k) for a, f, g, k in zip(x, slopes, sizes, kick, strict=True)
            )
        for d, component in enumerate(x):
            states[:, :, i, d] = component
    return states


@dataclass
class SDESimulator:
    """Draw systems from a prior and simulate them; those that leave the bounds are dropped.

    Attributes
    ----------
    drifts : Mixture
    diffusions : dict of str to float
        Weights of the kinds in `pretrain.priors.diffusion.KINDS`.
    bound : float
        A system one of whose paths leaves ``|x| < bound`` is dropped.
    largest_step : float
        Largest mean change of a state by drift over one step of the integration, in deviations of the system: where it
        is larger, the simulation is not the system's.
    counts : Counter
        Systems that were ``drawn`` and ``kept``, over all calls.
    """

    drifts: Mixture
    diffusions: dict[str, float]
    bound: float = 100.0
    largest_step: float = 0.1
    counts: Counter = field(default_factory=Counter)

    def draw(self, n: int, dim: int, regime: Regime, generator: torch.Generator) -> list[Recordings]:
        """Draw ``n`` systems of dimension ``dim``; fewer come back, one batch for each closed form."""
        kept = []
        for drift, _ in self.drifts.sample(n, dim, generator):
            recordings = self.simulate(drift, regime, generator)
            self.counts.update(drawn=len(drift), kept=len(recordings))
            if len(recordings):
                kept.append(recordings)
        return kept

    def simulate(self, drift: BatchedField, regime: Regime, generator: torch.Generator) -> Recordings:
        """Simulate a batch of drifts, each with a diffusion drawn for it."""
        draw = Draw(generator)
        diffusion = sample_diffusion(self.diffusions, drift.start, generator)
        start = drift.initial_states(regime.paths, generator)
        if regime.duration is None:
            assert regime.step is not None
            step = torch.full((len(drift),), regime.step, device=start.device)
        else:
            # A short survey measures how fast the states move; the recording's duration follows from it.
            pace = torch.full((len(drift),), _SURVEY_STEP, device=start.device)
            survey = euler_maruyama(drift, diffusion, start, pace, _SURVEY_POINTS, 2, generator)
            good = self._inside(survey)
            drift, diffusion, start = drift.select(good), diffusion.select(good), start[good]
            if len(start) == 0:
                return Recordings(drift, diffusion, start[:, :, None], pace[good], pace[good])
            speed, _ = _measure(survey[good], pace[good])
            duration = draw.log_uniform(*regime.duration, len(speed))
            step = (duration / speed).clamp(1e-4 * regime.points, 1e3) / (regime.points - 1)
        states = euler_maruyama(drift, diffusion, start, step, regime.points, regime.substeps, generator)
        good = self._inside(states)
        drift, diffusion, states, step = drift.select(good), diffusion.select(good), states[good], step[good]
        if len(states) == 0:
            return Recordings(drift, diffusion, states, step, step)
        speed, deviation = _measure(states, step)
        change = drift(states[:, :, ::8].flatten(1, 2)).abs().mean(1) * (step / regime.substeps)[:, None]
        good = (deviation.amin(-1) > 1e-4) & ((change / deviation).amax(-1) < self.largest_step)
        return Recordings(drift.select(good), diffusion.select(good), states[good], step[good], speed[good])

    def _inside(self, states: Tensor) -> Tensor:
        return (states.abs() < self.bound).flatten(1).all(-1)


def _measure(states: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Speed (S,) and standard deviations (S, D) of recordings."""
    exact = states.to(precise(states.device))
    horizon = step.to(exact.dtype) * (states.shape[2] - 1)
    mask = torch.ones(states.shape[:3], dtype=torch.bool, device=states.device)
    scaling = fim_sde_scaling(exact, grid_times(horizon, *states.shape[1:3]), mask)
    return scaling.speed.to(step.dtype), scaling.std.to(step.dtype)
