"""Adapt a model to one data set: ``skdyn adapt --model fim-ode --data trajs.csv --out adapter/``.

Low-rank updates of the attention projections are trained on the data's own trajectories. Those of a model of ODEs, by
multiple shooting: short roll-outs start from jointly estimated states and are compared with the observations in units
of their noise. Those of a model of SDEs, by the likelihood of the transitions (`skdyn.adaptation.likelihood`); those of a
forecaster, by cuts of the trajectories (`skdyn.adaptation.forecaster`, where ``--steps`` counts epochs). Held-out data
say how many steps to take; then all are used for so many steps. The estimators take the result as ``adapter=folder``.
Letters: B contexts, W roll-outs, K trajectories, L points, D variables, G steps of integration.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.run.provenance import versions
from skdyn.adaptation.cuts import FineTuning
from skdyn.adaptation.forecaster import adapt_forecaster
from skdyn.adaptation.likelihood import SDEAdaptSettings, adapt_sde
from skdyn.adaptation.rollouts import (
    ShootingData,
    draw_context,
    field_of,
    hold_out,
    interpolate,
    roll_out,
    runs,
    subset,
)
from skdyn.adaptation.search import Adaptation, LowRank, describe_data, rate_share, train_until_harm
from skdyn.data.arrangement import thin
from skdyn.data.table import read_csv
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import SkdynError
from skdyn.models.adapters import save_adapter
from skdyn.models.inference import Engine
from skdyn.models.weights import LoadedModel, load_model

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


class _Training:
    """One training run on the points ``keep``; the others are held out."""

    def __init__(self, engine: Engine, data: ShootingData, keep: Sequence[np.ndarray], settings: LoRASettings) -> None:
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
        """Take one step of the optimiser, unless its gradient is not finite; returns the loss."""
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
        self.optimiser.zero_grad()
        loss.backward()
        for group, rate in zip(self.optimiser.param_groups, (s.learning_rate, s.state_rate), strict=True):
            group["lr"] = rate * rate_share(self.steps, s.steps)
        norm = torch.nn.utils.clip_grad_norm_([*self.low_rank.factors, self.offsets], 1.0)
        if bool(norm.isfinite()):
            self.optimiser.step()
        self.steps += 1
        self.low_rank.follow(self.steps)
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
    engine = Engine(model, "cpu")
    engine.encode([engine.arrange(thin(trajectories, s.context_points))])  # refuses what the estimator would refuse
    data = ShootingData(trajectories, engine)
    held = hold_out(trajectories, s.share, np.random.default_rng([s.seed, 1]))
    whole = [np.ones(len(t), dtype=bool) for t in trajectories.times]
    final, record = train_until_harm(
        _Training(engine, data, [~mask for mask in held], s),
        lambda: _Training(engine, data, whole, s),
        s.steps,
        s.check_every,
        s.patience,
        progress,
    )
    user_noise = data.noise * data.scaling.std[0]
    record |= {
        "method": "multiple shooting",
        "held_out_is": "Mean square error on held-out windows, in units of noise",
        "data": describe_data(trajectories, held) | {"noise_deviation": user_noise.tolist()},
        "settings": dataclasses.asdict(s),
        "versions": versions(),
    }
    return Adaptation(final.low_rank.average, record)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    default = LoRASettings()
    parser = argparse.ArgumentParser(prog="skdyn adapt", description=__doc__)
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
        given = {"rank": options.rank, "steps": options.steps, "seed": options.seed}
        if model.spec.scaling is None:
            tuning = FineTuning(options.rank, options.steps)
            estimator, result = "LASSODEForecaster", adapt_forecaster(model, trajectories, tuning, options.seed, True)
        elif hasattr(model.network, "decode_sde"):
            estimator, result = "FIMSDERegressor", adapt_sde(model, trajectories, SDEAdaptSettings(**given), True)
        else:
            estimator, result = "FIMODERegressor", adapt(model, trajectories, LoRASettings(**given), True)
        alpha = result.record["settings"]["alpha"]
        save_adapter(options.out, model, options.rank, alpha, result.state, result.record)
    except (SkdynError, OSError, ValueError) as error:
        print(f"skdyn.adaptation.shooting: error: {error}", file=sys.stderr)
        return 1
    held_out = result.record["held_out_error"]
    print(f"{trajectories!r} from {options.data}: {result.record['steps']} steps in {result.record['seconds']} s")
    print(f"{result.record['held_out_is']}: {held_out['start']:.4g} -> {held_out['chosen']:.4g}")
    if result.record["steps"] == 0:
        print("Every step made it worse: the adapter changes nothing.")
    print(f"{estimator}(model={options.model!r}, adapter={os.fspath(options.out)!r})")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)  # the products are too small to share, and a seed then means the same on every machine
    sys.exit(main())
