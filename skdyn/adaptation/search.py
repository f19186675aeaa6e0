"""What adapting any model to one data set shares: the factors, a step on them, when to stop, and the record.

One search serves every kind of model. It trains on a part of the data and checks on the rest. What differs is the rule
that chooses a check, and whether all data are then used for as many steps or the factors of that check are kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from skdyn.adaptation.contexts import hold_out
from skdyn.adaptation.settings import LikelihoodSettings, ShootingSettings
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import SkdynError, TrajectoryError
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, load_low_rank_state, low_rank_state

State: TypeAlias = dict[str, Tensor]
"""Factors by name; see `skdyn.nn.lora.low_rank_state`."""


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
        Of the average, later on; early it is ``steps / (steps + 10)``. With zero it is the factors themselves.
    """

    def __init__(self, base: Any, rank: int, alpha: float, generator: torch.Generator, decay: float) -> None:
        self.network: Any = add_low_rank(base, attention_projections(base), rank, alpha)
        initialise(self.network, generator)
        self.average: State = low_rank_state(self.network)
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
    """One training run of the factors.

    Attributes
    ----------
    low_rank : LowRank
    steps : int
        Taken so far.
    """

    low_rank: LowRank
    steps: int

    def step(self) -> float:
        """Take one step, of the optimiser or an epoch of them; returns the loss, or NaN where it was skipped."""

    def check(self) -> np.ndarray:
        """Errors (P,) of the averaged factors on what is held out."""


def descend(loss: Tensor, optimiser: torch.optim.Optimizer) -> bool:
    """Take one step against the gradient, clipped to length one, if it is finite; returns whether it is."""
    optimiser.zero_grad()
    loss.backward()
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    finite = bool(torch.nn.utils.clip_grad_norm_(parameters, 1.0).isfinite())
    if finite:
        optimiser.step()
    return finite


def rate_share(step: int, steps: int) -> float:
    """Share of the learning rate: up over the first five steps, then down along a cosine to a twentieth."""
    return min((step + 1) / 5, 1.0) * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)


def last_harmless(checks: Sequence[np.ndarray]) -> int:
    """The last check whose errors exceed those of the best by no more than two standard errors of the difference.

    A few noisy points cannot tell good from better: they have to show harm to stop the training. Errors that are not
    finite show it; where all are, it is the first check.
    """
    best = checks[least_error(checks)]
    with np.errstate(invalid="ignore"):
        excess = np.stack(checks) - best
        harmless = excess.mean(axis=1) <= 2 * excess.std(axis=1) / len(best) ** 0.5
    return int(np.flatnonzero(harmless)[-1]) if harmless.any() else 0


def least_error(checks: Sequence[np.ndarray]) -> int:
    """The first check of the least mean error; one that is not finite is never chosen over one that is."""
    return int(np.argmin([np.nan_to_num(check.mean(), nan=np.inf, posinf=np.inf) for check in checks]))


def train_until_harm(
    search: Training,
    again: Callable[[], Training] | None,
    *,
    steps: int,
    check_every: int,
    patience: int,
    choose: Callable[[Sequence[np.ndarray]], int] = last_harmless,
    progress: bool = False,
    unit: str = "step",
) -> tuple[State, dict[str, Any]]:
    """Search for the number of steps on a part of the data, and take the factors of so many.

    Parameters
    ----------
    search : Training
        On a part of the data.
    again : callable, or None
        Begins the training on all data, which then takes as many steps. With None, the factors that the search had at
        the chosen check are kept.
    steps : int
        Most steps.
    check_every, patience : int
        Steps between checks, of which there is one after the last step too, and checks after the chosen one before the
        end.
    choose : callable
        Chooses among the errors of all checks so far, the first of which is before the first step.
    progress : bool
        Show a bar.
    unit : str
        What the bar counts.

    Returns
    -------
    state : State
    record : dict
        Seconds, steps, held-out errors and losses, as JSON holds them.

    Raises
    ------
    SkdynError
        If no held-out error is finite, or every step was skipped.
    """
    started = time.perf_counter()
    losses: dict[str, list[float]] = {"search": [], "final": []}
    with tqdm(total=(1 if again is None else 2) * steps, disable=not progress, unit=unit) as bar:
        checks, states, checked = [search.check()], [_copy(search.low_rank.average)], [0]
        while search.steps < steps:
            losses["search"].append(search.step())
            bar.update()
            if search.steps % check_every == 0 or search.steps == steps:
                checked.append(search.steps)
                checks.append(search.check())
                states.append(_copy(search.low_rank.average))
                bar.set_postfix_str(f"held out {checks[-1].mean():.3g} (at the start {checks[0].mean():.3g})")
                if len(checks) - 1 - choose(checks) >= patience:
                    break
        _check_taken(losses["search"], unit)
        chosen = choose(checks)
        if not np.isfinite(checks[chosen].mean()):
            raise SkdynError(
                "the errors on what is held out are not finite, neither before the training nor after any of its "
                f"{search.steps} {unit}s: look for states far from all others, and leave them out"
            )
        state = states[chosen]
        bar.total = bar.n
        if again is not None:
            bar.total += checked[chosen]
            final = again()
            for _ in range(checked[chosen]):
                losses["final"].append(final.step())
                bar.update()
            _check_taken(losses["final"], unit)
            state = final.low_rank.average
    curve = [float(check.mean()) for check in checks]
    return state, {
        "seconds": round(time.perf_counter() - started, 1),
        "steps": checked[chosen],
        "searched_steps": search.steps,
        "checked_steps": checked,
        "held_out_error": {
            "start": curve[0],
            "best": min(curve),
            "chosen": curve[chosen],
            "every_steps": check_every,
            "curve": curve,
        },
        # None for a step that was skipped because its gradient was not finite
        "loss": {name: [loss if math.isfinite(loss) else None for loss in values] for name, values in losses.items()},
    }


def _check_taken(losses: Sequence[float], unit: str) -> None:
    """Refuse a training that has changed nothing, since all of its steps were skipped."""
    if losses and not np.isfinite(losses).any():
        raise SkdynError(
            f"nothing was learned: the loss or its gradient was not finite in any of {len(losses)} {unit}s, and all "
            "were skipped: look for states or times far from all others, and leave them out"
        )


def train_beside_held_out(
    trajectories: Trajectories,
    make: Callable[[Sequence[np.ndarray]], Training],
    settings: LikelihoodSettings | ShootingSettings,
    progress: bool,
) -> tuple[State, dict[str, Any], list[np.ndarray]]:
    """Hold out windows, search for the number of steps on all other points, and train on all points for as many.

    Parameters
    ----------
    trajectories : Trajectories
    make : callable
        Begins a training on points that K masks (L_k,) name.
    settings : LikelihoodSettings or ShootingSettings
    progress : bool
        Show a bar.

    Returns
    -------
    state, record
        See `train_until_harm`.
    held : list of K boolean arrays of shape (L_k,)
        What was held out.

    Raises
    ------
    TrajectoryError
        If no trajectory is long enough.
    """
    held = hold_out(trajectories, settings.share, np.random.default_rng([settings.seed, 1]))
    state, record = train_until_harm(
        make([~mask for mask in held]),
        lambda: make([np.ones(len(t), dtype=bool) for t in trajectories.times]),
        steps=settings.steps,
        check_every=settings.check_every,
        patience=settings.patience,
        progress=progress,
    )
    return state, record, held


def check_width(trajectories: Trajectories, width: int) -> None:
    """Refuse more variables than the network of a model reads, where its closed-form fits would take them alone.

    Raises
    ------
    TrajectoryError
    """
    if trajectories.n_features > width:
        raise TrajectoryError(
            f"the trajectories have {trajectories.n_features} variables, but the network that an adapter changes reads "
            f"at most {width}; fit without an adapter, or choose fewer variables"
        )


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


def _copy(state: State) -> State:
    return {name: value.clone() for name, value in state.items()}
