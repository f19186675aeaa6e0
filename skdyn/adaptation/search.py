"""What adapting any model to one data set shares: the factors, when to stop, and the record.

A search on a part of the data says how many steps to take; then all data are used for so many steps.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from skdyn.data.trajectories import Trajectories
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, load_low_rank_state, low_rank_state


@dataclass(frozen=True)
class Adaptation:
    """The result of adapting a model.

    Attributes
    ----------
    state : dict of tensors
        The factors; see `skdyn.nn.lora.low_rank_state`.
    record : dict
        Settings, seconds, steps, losses and a summary of the data, as JSON holds them.
    """

    state: dict[str, Tensor]
    record: dict[str, Any]


class LowRank:
    """A network with trainable factors on its attention projections, and their moving average.

    Parameters
    ----------
    base : nn.Module
        Left as it is.
    rank, alpha : int, float
        See `skdyn.nn.lora.LowRankLinear`.
    generator : torch.Generator
    decay : float
        Of the average, later on; early it is ``steps / (steps + 10)``.
    """

    def __init__(self, base: Any, rank: int, alpha: float, generator: torch.Generator, decay: float) -> None:
        self.network: Any = add_low_rank(base, attention_projections(base), rank, alpha)
        initialise(self.network, generator)
        self.average = copy.deepcopy(low_rank_state(self.network))
        self.factors: list[nn.Parameter] = [p for name, p in self.network.named_parameters() if name in self.average]
        self._decay = decay

    def follow(self, steps: int) -> None:
        """Bring the average up to date after so many steps."""
        decay = min(self._decay, steps / (steps + 10))
        for name, value in low_rank_state(self.network).items():
            self.average[name].lerp_(value, 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with the averaged factors in place of its own."""
        current = low_rank_state(self.network)
        load_low_rank_state(self.network, self.average)
        try:
            yield
        finally:
            load_low_rank_state(self.network, current)


class Training(Protocol):
    """One training run of the factors."""

    low_rank: LowRank
    steps: int

    def step(self) -> float:
        """Take one step, unless its gradient is not finite; returns the loss."""

    def check(self) -> np.ndarray:
        """Errors (P,) of the averaged factors on the held-out points."""


def train_until_harm(
    search: Training, make_final: Callable[[], Training], steps: int, check_every: int, patience: int, progress: bool
) -> tuple[Training, dict[str, Any]]:
    """Search for the number of steps on a part of the data, then take as many on all of it.

    Parameters
    ----------
    search : Training
    make_final : callable
        Begins the training on all data.
    steps : int
        Most steps.
    check_every, patience : int
        Steps between checks, and checks that show harm before the end.
    progress : bool
        Show a bar.

    Returns
    -------
    final : Training
    record : dict
        Seconds, steps, held-out errors and losses.
    """
    started = time.perf_counter()
    with tqdm(total=2 * steps, disable=not progress, unit="step") as bar:
        checks, losses = [search.check()], []
        while search.steps < steps:
            losses.append(search.step())
            bar.update()
            if search.steps % check_every == 0:
                checks.append(search.check())
                bar.set_postfix_str(f"held out {checks[-1].mean():.3g} (at the start {checks[0].mean():.3g})")
                if len(checks) - 1 - chosen_check(checks) >= patience:
                    break
        chosen = chosen_check(checks)
        final = make_final()
        bar.total = bar.n + chosen * check_every
        final_losses = []
        for _ in range(chosen * check_every):
            final_losses.append(final.step())
            bar.update()
    curve = [float(check.mean()) for check in checks]
    return final, {
        "seconds": round(time.perf_counter() - started, 1),
        "steps": final.steps,
        "searched_steps": search.steps,
        "held_out_error": {
            "start": curve[0],
            "best": min(curve),
            "chosen": curve[chosen],
            "every_steps": check_every,
            "curve": curve,
        },
        "loss": {"search": _plain(losses), "final": _plain(final_losses)},
    }


def describe_data(trajectories: Trajectories, held: Sequence[np.ndarray]) -> dict[str, Any]:
    """What a model was adapted to, for the record; ``held`` marks the points that the search held out."""
    return {
        "trajectories": len(trajectories),
        "points": trajectories.n_points,
        "variables": trajectories.n_features,
        "feature_names": None if trajectories.feature_names is None else list(trajectories.feature_names),
        "held_out_points": int(sum(mask.sum() for mask in held)),
        "longest_duration": max(float(t[-1] - t[0]) for t in trajectories.times),
    }


def rate_share(step: int, steps: int) -> float:
    """Share of the learning rate: up over the first five steps, then down along a cosine to a twentieth."""
    return min((step + 1) / 5, 1.0) * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)


def chosen_check(checks: Sequence[np.ndarray]) -> int:
    """The last check whose errors exceed those of the best by no more than two standard errors of the difference.

    A few noisy points cannot tell good from better: they have to show harm to stop the training.
    """
    best = min(checks, key=np.mean)
    excess = np.stack(checks) - best
    return int(np.flatnonzero(excess.mean(axis=1) <= 2 * excess.std(axis=1) / len(best) ** 0.5)[-1])


def _plain(losses: Sequence[float]) -> list[float | None]:
    """Losses as JSON holds them: None for a step that was skipped because it was not finite."""
    return [loss if math.isfinite(loss) else None for loss in losses]
