"""Adapt a forecaster to the series at hand: low-rank updates of its attention, trained on cuts of the series itself.

A task is a piece of a series and a cut in it: the network reads what is before the cut and is compared with all of the
piece. The end of every series is held out of the tasks and says when to stop. Letters: B tasks, D channels, N points of
a prefix, T points of a piece.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from skdyn.adaptation.search import LowRank, State, descend, describe_data, least_error, train_until_harm
from skdyn.adaptation.settings import CutSettings
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.forecasting.channels import split_channels
from skdyn.forecasting.curve import LARGEST_RATIO, LEAST_RATIO
from skdyn.nn.forecast_loss import forecast_loss
from skdyn.nn.lora import add_low_rank, load_low_rank_state, merge
from skdyn.nn.plain_torch import plain_torch
from skdyn.nn.prefixes import make_prefixes

Series: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Times (L,) and values (L, D), NaN where missing."""

_TASKS = 16  # in a step
_CUTS = 4  # of each series in an epoch
_HELD_OUT = 0.2  # of each series' duration
_PATIENCE = 6  # epochs without an improvement before the end
_LEAST_POINTS = 3  # of each channel in a prefix


@dataclass(frozen=True)
class _Task:
    prefix: tuple[np.ndarray, np.ndarray, np.ndarray]
    times: np.ndarray
    values: np.ndarray
    cut: float


class CutTraining:
    """The training run on what comes before the held-out ends; a step is an epoch."""

    def __init__(self, network: Any, series: Sequence[Series], settings: CutSettings) -> None:
        size = network.config.max_dim
        pieces = [(t, x[:, start : start + size]) for t, x in series for start in range(0, x.shape[1], size)]
        self.held = [task for t, x in pieces if (task := _task(t, x, _end_of_training(t))) is not None]
        earlier = [(t[keep], x[keep]) for t, x in pieces for keep in [t <= _end_of_training(t)]]
        self.pieces = [piece for piece in earlier if _task(*piece, _place(piece[0], LARGEST_RATIO)) is not None]
        if not self.held or not self.pieces:
            raise TrajectoryError("every series is too short to be cut into a prefix and a future")
        self.rng = np.random.default_rng(settings.seed)
        generator = torch.Generator().manual_seed(settings.seed)
        self.low_rank = LowRank(network, settings.rank, settings.alpha, generator, decay=0.0)
        self.optimiser = torch.optim.AdamW(self.low_rank.factors, lr=settings.lr, betas=(0.9, 0.95), weight_decay=0.0)
        self.steps = 0

    def step(self) -> float:
        """Learn from about four cuts of every series; returns the mean loss of the steps taken, NaN if none was."""
        losses = []
        for _ in range(math.ceil(_CUTS * len(self.pieces) / _TASKS)):
            tasks = _draw(self.pieces, self.rng)
            loss = torch.cat([_loss(self.low_rank.network, group) for group in _by_width(tasks)]).mean()
            if descend(loss, self.optimiser):
                losses.append(float(loss.detach()))
        self.steps += 1
        self.low_rank.follow(self.steps)
        return float(np.mean(losses)) if losses else math.nan

    def check(self) -> np.ndarray:
        """Forecast losses (P,) of the held-out ends."""
        batches = (group[i : i + _TASKS] for group in _by_width(self.held) for i in range(0, len(group), _TASKS))
        with torch.no_grad(), self.low_rank.averaged():
            return torch.cat([_loss(self.low_rank.network, batch) for batch in batches]).double().numpy()


@plain_torch()
def train_on_cuts(
    network: Any, trajectories: Trajectories, settings: CutSettings, progress: bool = False
) -> tuple[State, dict[str, Any]]:
    """Train low-rank updates of a forecaster's network, which is itself not changed; see `skdyn.adaptation.adapt`.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode, on the CPU.
    trajectories : Trajectories
        Their states may be NaN where missing.
    settings : CutSettings
    progress : bool, default=False
        Show a bar.

    Returns
    -------
    state : State
        The factors of the best epoch, or of none.
    record : dict

    Raises
    ------
    TrajectoryError
        If every series is too short to be cut.
    ValueError
        If the rank does not fit.
    """
    state, record = train_until_harm(
        CutTraining(network, list(trajectories), settings),
        None,
        steps=settings.epochs,
        check_every=1,
        patience=_PATIENCE,
        choose=least_error,
        progress=progress,
        unit="epoch",
    )
    return state, record | {
        "method": "cuts of the series",
        "epochs": record["steps"],
        "searched_epochs": record["searched_steps"],
        "held_out_is": "Forecast loss on the held-out ends",
        "data": describe_data(trajectories, [t > _end_of_training(t) for t in trajectories.times]),
        "settings": dataclasses.asdict(settings),
    }


@plain_torch()
def with_factors(network: Any, state: State) -> Any:
    """Return a network with the low-rank updates of `train_on_cuts` merged in; the given one is not changed."""
    targets = [name.removesuffix(".down") for name in state if name.endswith(".down")]
    rank = len(state[f"{targets[0]}.down"])
    adapted = add_low_rank(network, targets, rank, CutSettings(rank).alpha)
    load_low_rank_state(adapted, state)
    return merge(adapted)


def _end_of_training(t: np.ndarray) -> float:
    return _place(t, 1 - _HELD_OUT)


def _place(t: np.ndarray, share: float) -> float:
    return float(t[0] + share * (t[-1] - t[0]))


def _task(t: np.ndarray, x: np.ndarray, cut: float) -> _Task | None:
    """The task of a piece and a cut, unless a channel has too few points before it or none has any after it."""
    before = t <= cut
    if np.isnan(x[~before]).all() or ((~np.isnan(x[before])).sum(axis=0) < _LEAST_POINTS).any():
        return None
    return _Task(split_channels(t[before], x[before]), t, x, cut)


def _draw(pieces: Sequence[Series], rng: np.random.Generator) -> list[_Task]:
    """Random pieces, cut at random; a cut that leaves too little is moved to the latest place in training."""
    tasks = []
    for k in rng.integers(len(pieces), size=_TASKS):
        t, x = pieces[k]
        first = np.searchsorted(t, _place(t, 0.3 * rng.random()))
        ratio = rng.uniform(LEAST_RATIO, LARGEST_RATIO)
        task = _task(t[first:], x[first:], _place(t[first:], ratio)) or _task(t, x, _place(t, LARGEST_RATIO))
        assert task is not None  # the second one was checked
        tasks.append(task)
    return tasks


def _by_width(tasks: Sequence[_Task]) -> list[list[_Task]]:
    widths = sorted({task.values.shape[1] for task in tasks})
    return [[task for task in tasks if task.values.shape[1] == width] for width in widths]


def _loss(network: Any, tasks: Sequence[_Task]) -> Tensor:
    """Loss (B,) of tasks of the same number of channels."""
    width = tasks[0].values.shape[1]
    values, times, mask = (_padded([task.prefix[i].T for task in tasks]).mT.contiguous() for i in range(3))
    end = torch.tensor([task.times[-1] for task in tasks], dtype=torch.float64)
    prefixes, scaling = make_prefixes(values, times, mask, end)
    # Padded with times of its own: any other, such as zero, may lie so far away that the gradient is not finite there.
    target_times = _padded([task.times for task in tasks], fill=None)
    targets = _padded([task.values for task in tasks], fill=np.nan).mT
    there = ~targets.isnan()
    cuts = torch.tensor([task.cut for task in tasks], dtype=torch.float64)
    seen = (target_times <= cuts[:, None])[:, None].expand(-1, width, -1)
    answer = network.decode(network.encode(prefixes), scaling.normalise_times(target_times).float())
    normalised = scaling.normalise(targets).float()
    return forecast_loss(answer, normalised, there & seen, there & ~seen, network.config.levels).mean(-1)


def _padded(arrays: Sequence[np.ndarray], fill: float | None = 0.0) -> Tensor:
    """Stack arrays (L_b, ...) of different lengths, padded at the end of their first axis; None repeats their last."""
    longest = max(len(array) for array in arrays)
    stacked = np.empty((len(arrays), longest, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
    for b, array in enumerate(arrays):
        stacked[b, : len(array)] = array
        stacked[b, len(array) :] = array[-1] if fill is None else fill
    return torch.from_numpy(stacked)
