"""From a prior to simulated systems: the duration rule and rejection.

Letters: S systems, P paths per system, L points per path, D dimensions.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pretrain.priors import FAMILIES, BatchedField, Draw, Mixture
from pretrain.priors.integrate import Integrator
from skdyn.models.normalization import fim_ode_scaling

_DRAWS = 1000

_REST_BELOW = {3: ((8.0, 0.2), (14.0, 0.5))}
_REST_BELOW_OTHERS = ((4.0, 0.25), (7.0, 0.5))
"""Share of the systems of a dimension that is kept below a normalised duration.

Without it, those that only relax would fill the prior; real three-dimensional contexts last longest.
"""


@dataclass(frozen=True)
class SimulationConfig:
    """How systems are simulated and which are kept.

    Attributes
    ----------
    paths, points : int
        Trajectories per system and evenly spaced points per trajectory.
    method, substeps : str, int
        Integrator ("rk4" or "euler") and its steps between two points.
    bound : float
        A path that leaves ``|x| <= bound`` has diverged.
    horizon : pair of float
        Log-uniform range of the first horizon, in the system's own units of time.
    duration : pair of float, or None
        Log-uniform range of the target of the normalised duration ``speed * horizon``; None keeps the first horizon.
    max_stretch : float
        The horizon changes at most by this factor, in either direction.
    tolerance : float
        Largest error indicator of a kept path (`pretrain.priors.integrate.rk4_step`).
    max_step : float
        Largest change over two recorded points of a kept path, in standard deviations: more is aliased.
    box_points : int
        States per system drawn from its bounding box enlarged by ``box_margin`` of its width at each side.
    box_margin : float
    """

    paths: int = 8
    points: int = 200
    method: str = "rk4"
    substeps: int = 4
    bound: float = 100.0
    horizon: tuple[float, float] = (1.5, 25.0)
    duration: tuple[float, float] | None = (2.5, 55.0)
    max_stretch: float = 12.0
    tolerance: float = 2e-3
    max_step: float = 2.0
    box_points: int = 192
    box_margin: float = 0.2


@dataclass(frozen=True)
class Systems:
    """Simulated systems of one dimension with the exact field along their paths and in their box.

    Attributes
    ----------
    states, fields : Tensor of shape (S, P, L, D)
        Zero on paths that are not valid.
    valid : boolean Tensor of shape (S, P)
    horizon : Tensor of shape (S,)
        Time of the last point.
    duration : Tensor of shape (S,)
        Horizon in the normalised time of all valid paths.
    box, box_fields : Tensor of shape (S, box_points, D)
    family : Tensor of shape (S,)
        Position in `pretrain.priors.FAMILIES`.
    """

    states: Tensor
    fields: Tensor
    valid: Tensor
    horizon: Tensor
    duration: Tensor
    box: Tensor
    box_fields: Tensor
    family: Tensor

    def __len__(self) -> int:
        return self.states.shape[0]

    @staticmethod
    def concatenate(parts: Sequence[Systems]) -> Systems:
        """One batch of systems from several of the same dimension."""
        names = [f.name for f in dataclasses.fields(Systems)]
        return Systems(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})

    def select(self, index: Tensor) -> Systems:
        """Only the systems at these positions, in this order."""
        return Systems(**{f.name: getattr(self, f.name)[index] for f in dataclasses.fields(self)})


def precise(device: torch.device) -> torch.dtype:
    """Type for normalisation: float64, or float32 on devices without it."""
    return torch.float32 if device.type == "mps" else torch.float64


def grid_times(horizon: Tensor, paths: int, points: int) -> Tensor:
    """Times of shape (S, P, L) of evenly spaced points up to each horizon."""
    unit = torch.linspace(0, 1, points, device=horizon.device, dtype=horizon.dtype)
    return (horizon[:, None, None] * unit).expand(-1, paths, -1)


@dataclass
class Simulator:
    """Draw systems from a prior and simulate them until enough are kept.

    Attributes
    ----------
    prior : Mixture
    config : SimulationConfig
    compiled : bool
        Compile the integration step (`Integrator`).
    counts : Counter
        Systems that were ``drawn`` and ``kept``, over all calls.
    """

    prior: Mixture
    config: SimulationConfig
    compiled: bool = False
    counts: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        c = self.config
        self._integrate = Integrator(c.method, c.substeps, self.compiled)
        # The run that only measures the speed needs no more than one step between two points.
        self._survey = Integrator(c.method, 1, self.compiled)

    def draw(self, n: int, dim: int, generator: torch.Generator) -> Systems:
        """Draw ``n`` systems of dimension ``dim``; fewer come back, those that pass every test."""
        parts = []
        for batch, names in self.prior.sample(n, dim, generator):
            order = list(FAMILIES)
            family = torch.tensor([order.index(name) for name in names], device=generator.device)
            systems, kept = self.simulate(batch, generator, family)
            parts.append(systems)
            self.counts.update(drawn=len(batch), kept=int(kept.numel()))
        return Systems.concatenate(parts)

    def draw_exactly(self, n: int, dim: int, generator: torch.Generator, at_once: int | None = None) -> Systems:
        """Draw until ``n`` systems have been kept, so many at once; at least 64 by default."""
        parts: list[Systems] = []
        for _ in range(_DRAWS):
            parts.append(self.draw(at_once or max(6 * n, 64), dim, generator))
            if sum(map(len, parts)) >= n:
                systems = Systems.concatenate(parts)
                # Shuffled before the cut, since the families come in order.
                return systems.select(torch.randperm(len(systems), generator=generator, device=generator.device)[:n])
        raise RuntimeError(f"the prior yields almost no usable systems of dimension {dim}")

    def simulate(self, batch: BatchedField, generator: torch.Generator, family: Tensor) -> tuple[Systems, Tensor]:
        """Simulate a batch of fields; returns the kept systems and their positions in the batch."""
        c, draw, n = self.config, Draw(generator), len(batch)
        start = batch.initial_states(c.paths, generator)
        horizon = draw.log_uniform(*c.horizon, n)
        if c.duration is not None:
            states, _ = self._survey(batch, start, horizon, c.points)
            speed, scale = self._measure(states, horizon)
            stretch = draw.log_uniform(*c.duration, n) / (speed * horizon)
            stretch = torch.nan_to_num(stretch, nan=1.0).clamp(1 / c.max_stretch, c.max_stretch)
            horizon = horizon * stretch
        else:
            scale = torch.ones_like(horizon)
        states, indicator = self._integrate(batch, start, horizon, c.points, scale)
        valid = self._inside(states)[..., -1] & (indicator <= c.tolerance)
        states = torch.where(valid[:, :, None, None], states, 0.0)
        speed, scale = self._measure(states, horizon, valid)
        duration = speed * horizon

        partial = valid.any(-1) & (valid.all(-1) | draw.coin(0.5, n))
        moves = (scale > 1e-3) & (duration > 0.2)
        share = torch.ones(n, device=start.device)
        if c.duration is not None:
            for limit, part in reversed(_REST_BELOW.get(batch.dim, _REST_BELOW_OTHERS)):
                share = torch.where(duration < limit, part, share)
        keep = partial & moves & ~self._aliased(states, valid) & (draw.uniform(0, 1, n) < share)
        kept = keep.nonzero()[:, 0]
        return self._collect(batch.select(kept), states[kept], valid[kept], horizon[kept], duration[kept], draw,
                             family[kept]), kept  # fmt: skip

    def _inside(self, states: Tensor) -> Tensor:
        """True up to the point (S, P, L) where a path first leaves the bound or stops being finite."""
        inside = (states.abs() <= self.config.bound).all(-1)
        return inside.cummin(-1).values

    def _measure(self, states: Tensor, horizon: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Speed and largest standard deviation (S,) over all usable points."""
        mask = self._inside(states) if valid is None else valid[..., None].expand(states.shape[:3])
        exact = torch.where(mask[..., None], states, 0.0).to(precise(states.device))
        times = grid_times(horizon.to(exact.dtype), *states.shape[1:3])
        scaling = fim_ode_scaling(exact, times, mask)
        return scaling.speed.to(horizon.dtype), scaling.std.amax(-1).to(horizon.dtype)

    def _aliased(self, states: Tensor, valid: Tensor) -> Tensor:
        deviation = states.flatten(1, 2).std(1).clamp(min=1e-6)
        jump = (states[:, :, 2:] - states[:, :, :-2]).abs().amax(2) / deviation[:, None]
        return ((jump.amax(-1) > self.config.max_step) & valid).any(-1)

    def _collect(
        self,
        batch: BatchedField,
        states: Tensor,
        valid: Tensor,
        horizon: Tensor,
        duration: Tensor,
        draw: Draw,
        family: Tensor,
    ) -> Systems:
        c = self.config
        usable = valid[:, :, None, None]
        low = torch.where(usable, states, torch.inf).amin((1, 2))[:, None]
        high = torch.where(usable, states, -torch.inf).amax((1, 2))[:, None]
        margin = c.box_margin * (high - low)
        unit = draw.uniform(0, 1, len(batch), c.box_points, batch.dim)
        box = low - margin + unit * (high - low + 2 * margin)
        fields = batch(states.flatten(1, 2)).reshape(states.shape)
        return Systems(
            states=states,
            fields=torch.where(usable, fields, 0.0),
            valid=valid,
            horizon=horizon,
            duration=duration,
            box=box,
            box_fields=batch(box),
            family=family,
        )
