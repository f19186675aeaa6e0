"""Adapt a forecaster to the series at hand: low-rank updates of its attention, trained on cuts of the series itself.

A task is a piece of a series and a cut in it: the network reads what is before the cut and is compared with all of the
piece. The end of every series is held out of the tasks and says when to stop. Letters: B tasks, D channels, N points of
a prefix, T points of a piece.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from skdyn.exceptions import TrajectoryError
from skdyn.forecasting.channels import split_channels
from skdyn.forecasting.curve import LARGEST_RATIO, LEAST_RATIO
from skdyn.nn.forecast_loss import forecast_loss
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, load_low_rank_state, low_rank_state, merge
from skdyn.nn.prefixes import make_prefixes

Series = tuple[np.ndarray, np.ndarray]
"""Times (L,) and values (L, D), NaN where missing."""

_TASKS = 16  # in a step
_CUTS = 4  # of each series in an epoch
_HELD_OUT = 0.2  # of each series' duration
_PATIENCE = 6  # epochs without an improvement before the end
_LEAST_POINTS = 3  # of each channel in a prefix


@dataclass(frozen=True)
class FineTuning:
    """How to adapt.

    Attributes
    ----------
    rank : int
        Of the updates; their scale alpha is twice the rank.
    epochs : int
        Most epochs; in each, four cuts of every series are learned from.
    lr : float
        Learning rate.

    Raises
    ------
    ValueError
        Naming the setting that is wrong.
    """

    rank: int = 8
    epochs: int = 30
    lr: float = 5e-3

    def __post_init__(self) -> None:
        for name in ("rank", "epochs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"fine_tune: {name} must be a positive integer, got {value!r}")
        if isinstance(self.lr, bool) or not isinstance(self.lr, (int, float)) or not 0 < self.lr < math.inf:
            raise ValueError(f"fine_tune: lr must be positive and finite, got {self.lr!r}")

    @property
    def alpha(self) -> float:
        """Scale of the updates; see `skdyn.nn.lora.LowRankLinear`."""
        return 2.0 * self.rank


@dataclass(frozen=True)
class _Task:
    prefix: tuple[np.ndarray, np.ndarray, np.ndarray]
    times: np.ndarray
    values: np.ndarray
    cut: float


def fine_tune(
    network: Any, series: Sequence[Series], settings: FineTuning, seed: int = 0, progress: bool = False
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train low-rank updates of a network, which is itself not changed.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode, on the CPU.
    series : sequence of (times, values)
    settings : FineTuning
    seed : int
    progress : bool, default=False
        Show a bar.

    Returns
    -------
    state : dict of tensors
        The factors of the best epoch, or of none; see `skdyn.nn.lora.low_rank_state`.
    record : dict
        Settings, seconds, epochs and losses, as JSON holds them.

    Raises
    ------
    TrajectoryError
        If every series is too short to be cut.
    ValueError
        If the rank does not fit.
    """
    started = time.perf_counter()
    size = network.config.max_dim
    pieces = [(t, x[:, start : start + size]) for t, x in series for start in range(0, x.shape[1], size)]
    held_out = [task for t, x in pieces if (task := _task(t, x, _place(t, 1 - _HELD_OUT))) is not None]
    earlier = [(t[keep], x[keep]) for t, x in pieces for keep in [t <= _place(t, 1 - _HELD_OUT)]]
    rng = np.random.default_rng(seed)
    earlier = [piece for piece in earlier if _task(*piece, _place(piece[0], LARGEST_RATIO)) is not None]
    if not held_out or not earlier:
        raise TrajectoryError("fine_tune: every series is too short to be cut into a prefix and a future")
    adapted = add_low_rank(network, attention_projections(network), settings.rank, settings.alpha)
    initialise(adapted, torch.Generator().manual_seed(seed))
    best = low_rank_state(adapted)
    factors = [p for name, p in adapted.named_parameters() if name in best]
    optimiser = torch.optim.AdamW(factors, lr=settings.lr, betas=(0.9, 0.95), weight_decay=0.0)
    curve, losses = [_held_out_loss(adapted, held_out)], []
    for epoch in tqdm(range(settings.epochs), disable=not progress, unit="epoch"):
        for _ in range(math.ceil(_CUTS * len(earlier) / _TASKS)):
            tasks = _draw(earlier, rng)
            optimiser.zero_grad()
            loss = torch.cat([_loss(adapted, group) for group in _by_width(tasks)]).mean()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(factors, 1.0)
            if bool(norm.isfinite()):
                optimiser.step()
            losses.append(float(loss.detach()))
        curve.append(_held_out_loss(adapted, held_out))
        if curve[-1] < min(curve[:-1]):
            best = copy.deepcopy(low_rank_state(adapted))
        if epoch + 1 - int(np.argmin(curve)) >= _PATIENCE:
            break
    load_low_rank_state(adapted, best)
    record = {
        "method": "cuts of the series",
        "seconds": round(time.perf_counter() - started, 1),
        "epochs": int(np.argmin(curve)),
        "searched_epochs": len(curve) - 1,
        "held_out_error": {"start": curve[0], "chosen": min(curve), "curve": curve},
        "loss": [loss if math.isfinite(loss) else None for loss in losses],
        "data": {
            "trajectories": len(series),
            "points": sum(len(t) for t, _ in series),
            "variables": series[0][1].shape[1],
        },
        "settings": dataclasses.asdict(settings) | {"seed": seed},
    }
    return best, record


def with_factors(network: Any, state: dict[str, Tensor]) -> Any:
    """Return a network with the low-rank updates of `fine_tune` merged in; the given one is not changed."""
    targets = [name.removesuffix(".down") for name in state if name.endswith(".down")]
    rank = len(state[f"{targets[0]}.down"])
    adapted = add_low_rank(network, targets, rank, FineTuning(rank).alpha)
    load_low_rank_state(adapted, state)
    return merge(adapted)


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


def _held_out_loss(network: Any, tasks: Sequence[_Task]) -> float:
    with torch.no_grad():
        batches = (group[i : i + _TASKS] for group in _by_width(tasks) for i in range(0, len(group), _TASKS))
        return float(torch.cat([_loss(network, batch) for batch in batches]).mean())


def _loss(network: Any, tasks: Sequence[_Task]) -> Tensor:
    """Loss (B,) of tasks of the same number of channels."""
    width = tasks[0].values.shape[1]
    values, times, mask = (_padded([task.prefix[i].T for task in tasks]).mT.contiguous() for i in range(3))
    end = torch.tensor([task.times[-1] for task in tasks], dtype=torch.float64)
    prefixes, scaling = make_prefixes(values, times, mask, end)
    target_times = _padded([task.times for task in tasks])
    targets = _padded([task.values for task in tasks], fill=np.nan).mT
    there = ~targets.isnan()
    cuts = torch.tensor([task.cut for task in tasks], dtype=torch.float64)
    seen = (target_times <= cuts[:, None])[:, None].expand(-1, width, -1)
    answer = network.decode(network.encode(prefixes), scaling.normalise_times(target_times).float())
    normalised = scaling.normalise(targets).float()
    return forecast_loss(answer, normalised, there & seen, there & ~seen, network.config.levels).mean(-1)


def _padded(arrays: Sequence[np.ndarray], fill: float = 0.0) -> Tensor:
    """Stack arrays (L_b, ...) of different lengths, padded at the end of their first axis."""
    longest = max(len(array) for array in arrays)
    stacked = np.full((len(arrays), longest, *arrays[0].shape[1:]), fill, dtype=arrays[0].dtype)
    for b, array in enumerate(arrays):
        stacked[b, : len(array)] = array
    return torch.from_numpy(stacked)
