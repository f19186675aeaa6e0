"""Adapt a model to one data set: ``python -m pretrain.lora --model fim-ode --data trajs.csv --out adapter/``.

Low-rank updates of the attention projections are trained on the data's own trajectories by multiple shooting: short
roll-outs start from jointly estimated states and are compared with the observations in units of their noise. Held-out
windows say how many steps to take; then all data are used for so many steps. `FIMODERegressor(adapter=folder)` uses the
result. Letters: B contexts, W roll-outs, K trajectories, L points, D variables, G steps of integration.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import itertools
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import make_smoothing_spline
from torch import Tensor
from tqdm import tqdm

from pretrain.provenance import versions
from skdyn.adapters import save_adapter
from skdyn.arrangement import thin
from skdyn.csv import read_csv
from skdyn.exceptions import SkdynError, TrajectoryError
from skdyn.inference import Engine, pad
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, load_low_rank_state, low_rank_state
from skdyn.trajectories import Trajectories
from skdyn.weights import LoadedModel, load_model

Field = Callable[[Tensor], Tensor]

_SIGMA_FLOOR = 0.01  # in deviations of the data: finer errors than this are not chased
_BOUND = 8.0  # states of a roll-out further out, in deviations, are held there
_HUBER = 3.0  # in units of noise: larger errors pull with constant force
_WORST = 20.0  # in units of noise: larger errors on held-out windows count as this


@dataclass(frozen=True)
class LoRASettings:
    """How to adapt.

    Attributes
    ----------
    rank, alpha : int, float
        Of the updates; see `skdyn.nn.lora.LowRankLinear`.
    steps : int
        Most steps of the optimiser.
    learning_rate, state_rate : float
        Of the factors, and of the starts in units of noise.
    average : float
        Decay of the moving average of the factors, which is what is checked and kept.
    contexts, starts : int
        Contexts in a step, and roll-outs from each.
    step, horizon : float
        Step and least length of a roll-out, in normalised time (an oscillation takes about six). A roll-out is long
        enough to cross the longest gap of the data, up to three horizons.
    continuity : float
        Weight of the errors against the estimated states, where the observations have weight one.
    prior : float
        Weight of the departure from the base's field in the data's box, widened by a quarter on each side, in units of
        the error that the base predicts there.
    share : float
        Share of the points in held-out windows.
    check_every, patience : int
        Steps between checks on the held-out windows, and checks that show harm before the end.
    context_points : int
        Most points of a training context.
    seed : int
    """

    rank: int = 8
    alpha: float = 8.0
    steps: int = 60
    learning_rate: float = 3e-3
    state_rate: float = 0.05
    average: float = 0.9
    contexts: int = 3
    starts: int = 16
    step: float = 0.4
    horizon: float = 3.2
    continuity: float = 0.3
    prior: float = 0.1
    share: float = 0.2
    check_every: int = 5
    patience: int = 6
    context_points: int = 600
    seed: int = 0


@dataclass(frozen=True)
class Adaptation:
    """The result of `adapt`.

    Attributes
    ----------
    state : dict of tensors
        The factors; see `skdyn.nn.lora.low_rank_state`.
    record : dict
        Settings, seconds, steps, losses and a summary of the data, as JSON holds them.
    """

    state: dict[str, Tensor]
    record: dict[str, Any]


class _Data:
    """Trajectories padded to (K, L), in deviations of the data and normalised time."""

    def __init__(self, trajectories: Trajectories, engine: Engine) -> None:
        states, times, mask = pad([trajectories])
        self.trajectories = trajectories
        self.scaling = scaling = engine.model.spec.scaling(states, times, mask)
        self.mask = torch.from_numpy(mask[0])
        tau = scaling.normalise_times(times)[0]
        x = (scaling.normalise(states) * mask[..., None])[0]
        self.noise = np.maximum(_noise(tau, x, mask[0]), _SIGMA_FLOOR)
        self.tau, self.observed, self.sigma = (torch.from_numpy(part).float() for part in (tau, x, self.noise))

    def smooth(self, kept: Tensor) -> Tensor:
        """States (K, L, D) that a smoothing spline through the kept points, and no others, gives at these."""
        smoothed = self.observed.double().numpy().copy()
        for k, mask in enumerate(kept.numpy()):
            smoothed[k, mask] = _smooth(self.tau[k].double().numpy()[mask], smoothed[k, mask])
        return torch.from_numpy(smoothed).float()

    def horizon(self, settings: LoRASettings) -> int:
        """Steps of integration that a roll-out takes."""
        gaps = self.tau.diff(dim=1)[self.mask[:, 1:]]
        longest = 1.25 * float(gaps.max())
        return math.ceil(min(max(settings.horizon, longest), 3 * settings.horizon) / settings.step)


def _smooth(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Smoothing spline by generalised cross-validation; fewer than five points are left as they are."""
    if len(t) < 5:
        return x
    return np.stack([make_smoothing_spline(t, values)(t) for values in x.T], axis=1)


def _noise(tau: np.ndarray, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Deviation (D,) of the observations' noise, from how far points lie off the line between their neighbours.

    Gasser, Sroka and Jennen-Steinmetz (Biometrika 73, 1986), equation 2. Curvature counts as noise where points are
    few, which weighs them less.
    """
    squares, count = np.zeros(x.shape[-1]), 0
    for t, values, observed in zip(tau, x, mask, strict=True):
        t, values = t[observed], values[observed]
        if len(t) < 3:
            continue
        before = ((t[2:] - t[1:-1]) / (t[2:] - t[:-2]))[:, None]
        off = before * values[:-2] + (1 - before) * values[2:] - values[1:-1]
        squares += (off**2 / (before**2 + (1 - before) ** 2 + 1)).sum(axis=0)
        count += len(off)
    return np.sqrt(squares / max(count, 1))


def hold_out(trajectories: Trajectories, share: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw windows to hold out: one boolean array (L_k,) for each trajectory.

    A window takes a tenth of its trajectory and never its first sixth; the windows of a trajectory lie in equal parts
    of the rest.

    Raises
    ------
    TrajectoryError
        If no trajectory has eight points.
    """
    held = []
    for t in trajectories.times:
        points = len(t)
        mask = np.zeros(points, dtype=bool)
        if points >= 8:
            length = max(2, points // 10)
            edges = np.linspace(points // 6, points, max(1, round(points * share / length)) + 1).astype(int)
            for low, high in itertools.pairwise(edges):
                start = rng.integers(low, max(low + 1, high - length + 1))
                mask[start : start + length] = True
        held.append(mask)
    if not any(mask.any() for mask in held):
        raise TrajectoryError("no trajectory has 8 points: nothing can be held out to say when to stop")
    return held


def _subset(trajectories: Trajectories, keep: Sequence[np.ndarray]) -> Trajectories:
    """The kept points of trajectories that have at least two of them."""
    return Trajectories([(t[k], x[k]) for (t, x), k in zip(trajectories, keep, strict=True) if k.sum() >= 2])


def _draw_context(trajectories: Trajectories, keep: Sequence[np.ndarray], rng: np.random.Generator) -> Trajectories:
    """A random part of the kept points, so that the network cannot just copy what it has seen.

    With several trajectories, a random number of them. Of each, with probability 0.4 up to half of the points are
    dropped at random, with 0.4 up to half in one window, and with 0.2 none.
    """
    count = len(trajectories)
    chosen = np.zeros(count, dtype=bool)
    chosen[rng.permutation(count)[: rng.integers(-(-count // 2), count + 1)]] = True
    drawn = []
    for mask, use in zip(keep, chosen, strict=True):
        part, kind, fraction = mask & use, rng.random(), rng.uniform(0, 0.5)
        if kind < 0.4:
            part &= rng.random(len(part)) >= fraction
        elif kind < 0.8:
            start = rng.integers(0, len(part) - int(fraction * len(part)) + 1)
            part[start : start + int(fraction * len(part))] = False
        drawn.append(part if part.sum() >= 4 else mask & use)
    return _subset(trajectories, drawn)


def _answers(
    network: Any, engine: Engine, contexts: Sequence[Trajectories], data: _Data, points: int
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The field that the network infers from each context and its scale of error, in the data's units.

    The result maps states (B, W, D) to both, each (B, W, D), with gradients.
    """
    arranged = [engine.arrange(thin(context, points)) for context in contexts]
    states, times, mask = pad(arranged)
    scaling = engine.model.spec.scaling(states, times, mask)
    padding = (0, engine.max_dim - states.shape[-1])
    dim_mask = F.pad(torch.ones(len(contexts), states.shape[-1]), padding)
    encoded = network.encode(
        F.pad(torch.from_numpy(scaling.normalise(states) * mask[..., None]), padding),
        torch.from_numpy(scaling.normalise_times(times) * mask),
        torch.from_numpy(mask),
        dim_mask,
    )
    ours = data.scaling

    def as_tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).float()[:, None]

    factor, offset = as_tensor(ours.std / scaling.std), as_tensor((ours.mean - scaling.mean) / scaling.std)
    units = as_tensor(scaling.std * scaling.speed[:, None] / (ours.std * ours.speed[:, None]))

    def answers(u: Tensor) -> tuple[Tensor, Tensor]:
        z = F.pad(u.clamp(-_BOUND, _BOUND) * factor + offset, padding)
        field, log_scale = (part[..., : u.shape[-1]] for part in network.decode(encoded, z))
        return units * field, units * log_scale.exp()

    return answers


def roll_out(field: Field, start: Tensor, step: float, count: int) -> tuple[Tensor, Tensor]:
    """Integrate by the classical Runge-Kutta method.

    Parameters
    ----------
    field : callable, (B, W, D) -> (B, W, D)
    start : Tensor of shape (B, W, D)
    step : float
    count : int
        G.

    Returns
    -------
    path, slopes : Tensors of shape (B, W, G + 1, D)
        States and the field there; differentiable.
    """
    u, path, slopes = start, [start], [field(start)]
    for _ in range(count):
        k1 = slopes[-1]
        k2 = field(u + step / 2 * k1)
        k3 = field(u + step / 2 * k2)
        k4 = field(u + step * k3)
        u = u + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(u)
        slopes.append(field(u))
    return torch.stack(path, dim=-2), torch.stack(slopes, dim=-2)


def interpolate(path: Tensor, slopes: Tensor, step: float, at: Tensor) -> Tensor:
    """Cubic Hermite interpolation of `roll_out`'s result at times ``at`` (B, W, L) since the start: (B, W, L, D)."""
    index = (at / step).floor().long().clamp(0, path.shape[-2] - 2)
    w = (at / step - index)[..., None]
    here = index[..., None].expand(*index.shape, path.shape[-1])
    p0, p1 = path.gather(-2, here), path.gather(-2, here + 1)
    m0, m1 = slopes.gather(-2, here) * step, slopes.gather(-2, here + 1) * step
    return p0 + w * m0 + w**2 * (3 * (p1 - p0) - 2 * m0 - m1) + w**3 * (2 * (p0 - p1) + m0 + m1)


class _Training:
    """One training run on the points ``keep``; the others are held out."""

    def __init__(self, engine: Engine, data: _Data, keep: Sequence[np.ndarray], settings: LoRASettings) -> None:
        self.engine, self.data, self.keep, self.settings = engine, data, keep, settings
        self.rng = np.random.default_rng(settings.seed)
        base: Any = engine.model.network
        self.network = add_low_rank(base, attention_projections(base), settings.rank, settings.alpha)
        self.generator = torch.Generator().manual_seed(settings.seed)
        initialise(self.network, self.generator)
        whole = [_subset(data.trajectories, keep)]
        with torch.no_grad():
            self.base_answers = _answers(base, engine, whole, data, settings.context_points)
        self.average = copy.deepcopy(low_rank_state(self.network))
        self.factors = [p for name, p in self.network.named_parameters() if name in self.average]
        self.offsets = torch.zeros_like(data.observed, requires_grad=True)
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.factors, "lr": settings.learning_rate},
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
        self.count = data.horizon(settings)
        self.steps = 0

    def states(self) -> Tensor:
        """Estimated states (K, L, D) of the kept points."""
        return self.smooth + self.offsets * self.data.sigma

    def step(self) -> float:
        """Take one step of the optimiser, unless its gradient is not finite; returns the loss."""
        s, data = self.settings, self.data
        contexts = [_draw_context(data.trajectories, self.keep, self.rng) for _ in range(s.contexts)]
        answers = _answers(self.network, self.engine, contexts, data, s.context_points)
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
        self.optimiser.zero_grad()
        loss.backward()
        for group, rate in zip(self.optimiser.param_groups, (s.learning_rate, s.state_rate), strict=True):
            group["lr"] = rate * _schedule(self.steps, s.steps)
        norm = torch.nn.utils.clip_grad_norm_([*self.factors, self.offsets], 1.0)
        if bool(norm.isfinite()):
            self.optimiser.step()
        self.steps += 1
        decay = min(s.average, self.steps / (self.steps + 10))
        for name, value in low_rank_state(self.network).items():
            self.average[name].lerp_(value, 1 - decay)
        return float(loss.detach())

    def _error(self, difference: Tensor, where: Tensor) -> Tensor:
        scaled = (difference / self.data.sigma)[where]
        return F.huber_loss(scaled, torch.zeros_like(scaled), delta=_HUBER)

    def _departure(self, answers: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
        """How far the fields have left the base's of the whole context, in units of the error that the base expects."""
        box = self.box[0] + (self.box[1] - self.box[0]) * torch.rand(64, self.box.shape[-1], generator=self.generator)
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
            for low, high in _runs(held[k].numpy())
            for i in self._before(k, low)
        ]
        k, i, low, high = torch.tensor(starts).unbind(-1)
        elapsed = data.tau[k] - data.tau[k, i][:, None]
        index = torch.arange(held.shape[1])
        seen = (index >= low[:, None]) & (index < high[:, None])
        count = math.ceil(float(elapsed[seen].max()) / s.step)
        current = low_rank_state(self.network)
        load_low_rank_state(self.network, self.average)
        with torch.no_grad():
            context = _subset(data.trajectories, self.keep)
            answers = _answers(self.network, self.engine, [context], data, s.context_points)
            path, slopes = roll_out(lambda u: answers(u)[0], self.states()[k, i][None], s.step, count)
            predicted = interpolate(path, slopes, s.step, elapsed[None].clamp(min=0))[0]
        load_low_rank_state(self.network, current)
        errors = ((predicted - data.observed[k]) / data.sigma).nan_to_num(_WORST).clamp(-_WORST, _WORST)
        squares = torch.where(seen, errors.square().mean(-1), torch.zeros(()))
        points = (len(held), held.shape[1])
        sums, counts = (torch.zeros(points).index_add_(0, k, part) for part in (squares, seen.float()))
        return (sums / counts)[held].double().numpy()

    def _before(self, k: int, low: int) -> list[int]:
        """Kept points of trajectory k from which a roll-out reaches point ``low``, and at least the last before it."""
        earlier = self.kept[k, :low].nonzero()[:, 0]
        near = self.data.tau[k, low] - self.data.tau[k, earlier] <= self.count * self.settings.step
        near[-1] = True
        return earlier[near].tolist()


def _schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over the first five steps, then down along a cosine to a twentieth."""
    return min((step + 1) / 5, 1.0) * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)


def _chosen(checks: Sequence[np.ndarray]) -> int:
    """The last check whose errors exceed those of the best by no more than two standard errors of the difference.

    A few noisy points cannot tell good from better: they have to show harm to stop the training.
    """
    best = min(checks, key=np.mean)
    excess = np.stack(checks) - best
    return int(np.flatnonzero(excess.mean(axis=1) <= 2 * excess.std(axis=1) / len(best) ** 0.5)[-1])


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Where each run of True begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2)]


def _plain(losses: Sequence[float]) -> list[float | None]:
    """Losses as JSON holds them: None for a step that was skipped because its roll-outs were not finite."""
    return [loss if math.isfinite(loss) else None for loss in losses]


def adapt(
    model: LoadedModel, trajectories: Trajectories, settings: LoRASettings | None = None, progress: bool = False
) -> Adaptation:
    """Train an adapter of a model on trajectories, on the CPU.

    The result depends on the arguments and on the number of threads alone, and one thread is usually fastest. The
    model itself is not changed.

    Parameters
    ----------
    model : LoadedModel
    trajectories : Trajectories
    settings : LoRASettings, optional
    progress : bool, default=False
        Show a bar.

    Returns
    -------
    Adaptation

    Raises
    ------
    TrajectoryError
        If the trajectories show no motion, are too short or have too many variables.
    ValueError
        If the rank does not fit, or the network has no attention projections.
    """
    s = settings or LoRASettings()
    started = time.perf_counter()
    engine = Engine(model, "cpu")
    engine.encode([engine.arrange(thin(trajectories, s.context_points))])  # refuses what the estimator would refuse
    data = _Data(trajectories, engine)
    held = hold_out(trajectories, s.share, np.random.default_rng([s.seed, 1]))
    with tqdm(total=2 * s.steps, disable=not progress, unit="step") as bar:
        search = _Training(engine, data, [~mask for mask in held], s)
        checks, losses = [search.check()], []
        while search.steps < s.steps:
            losses.append(search.step())
            bar.update()
            if search.steps % s.check_every == 0:
                checks.append(search.check())
                bar.set_postfix_str(f"held out {checks[-1].mean():.3g} (at the start {checks[0].mean():.3g})")
                if len(checks) - 1 - _chosen(checks) >= s.patience:
                    break
        chosen = _chosen(checks)
        final = _Training(engine, data, [np.ones(len(t), dtype=bool) for t in trajectories.times], s)
        bar.total = bar.n + chosen * s.check_every
        final_losses = []
        for _ in range(chosen * s.check_every):
            final_losses.append(final.step())
            bar.update()
    user_noise = data.noise * data.scaling.std[0]
    curve = [float(check.mean()) for check in checks]
    record = {
        "method": "multiple shooting",
        "seconds": round(time.perf_counter() - started, 1),
        "steps": final.steps,
        "searched_steps": search.steps,
        "held_out_error": {
            "start": curve[0],
            "best": min(curve),
            "chosen": curve[chosen],
            "every_steps": s.check_every,
            "curve": curve,
        },
        "loss": {"search": _plain(losses), "final": _plain(final_losses)},
        "data": {
            "trajectories": len(trajectories),
            "points": trajectories.n_points,
            "variables": trajectories.n_features,
            "feature_names": None if trajectories.feature_names is None else list(trajectories.feature_names),
            "held_out_points": int(sum(mask.sum() for mask in held)),
            "longest_duration": max(float(t[-1] - t[0]) for t in trajectories.times),
            "noise_deviation": user_noise.tolist(),
        },
        "settings": dataclasses.asdict(s),
        "versions": versions(),
    }
    return Adaptation(final.average, record)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    default = LoRASettings()
    parser = argparse.ArgumentParser(prog="python -m pretrain.lora", description=__doc__)
    parser.add_argument("--model", default="fim-ode", help="registered name, folder or hf:// id (default: %(default)s)")
    parser.add_argument("--data", type=Path, required=True, help="CSV file with a header line, one row a point")
    parser.add_argument("--time", help="time column (default: t or time where present, else unit steps)")
    parser.add_argument("--group", help="column that tells trajectories apart (default: id, trajectory or group)")
    parser.add_argument("--features", nargs="+", help="state columns (default: all others)")
    parser.add_argument("--missing", choices=("raise", "drop"), default="raise", help="what to do with empty cells")
    parser.add_argument("--out", type=Path, required=True, help="folder of the adapter")
    parser.add_argument("--rank", type=int, default=default.rank, help="of the updates (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=default.steps, help="most steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed)
    options = parser.parse_args(arguments)
    for name in ("rank", "steps"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if options.seed < 0:
        parser.error("--seed must not be negative")
    try:
        trajectories = read_csv(options.data, options.time, options.group, options.features, options.missing)
        model = load_model(options.model)
        settings = LoRASettings(rank=options.rank, steps=options.steps, seed=options.seed)
        result = adapt(model, trajectories, settings, progress=True)
        save_adapter(options.out, model, settings.rank, settings.alpha, result.state, result.record)
    except (SkdynError, OSError, ValueError) as error:
        print(f"pretrain.lora: error: {error}", file=sys.stderr)
        return 1
    held_out = result.record["held_out_error"]
    print(f"{trajectories!r} from {options.data}: {result.record['steps']} steps in {result.record['seconds']} s")
    print(
        f"Mean square error on held-out windows, in units of noise: {held_out['start']:.3g} -> {held_out['chosen']:.3g}"
    )
    if result.record["steps"] == 0:
        print("Every step made it worse: the adapter changes nothing.")
    print(f"FIMODERegressor(model={options.model!r}, adapter={os.fspath(options.out)!r})")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)  # the products are too small to share, and a seed then means the same on every machine
    sys.exit(main())
