"""Train a neural ODE by multiple shooting, on short segments first and then on longer ones.

Letters: S segments, n intervals of each, D variables.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torchdiffeq import odeint
from tqdm import tqdm

from skdyn import ConvergenceWarning
from skdyn.plugins import warn
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.segments import Segments, cut, paste
from skdyn_neuralode.units import Array, Pairs

_CLIP = 10.0  # largest norm of a gradient
_EVERY = 5  # steps from one look at the held-out segments to the next
_FEWEST = 5  # segments of which some can be held out


@dataclass(frozen=True)
class Settings:
    """How the field is trained; the parameters of `NeuralODERegressor`."""

    hidden: tuple[int, ...]
    lengths: tuple[int, ...]
    max_iter: int
    learning_rate: float
    weight_decay: float
    continuity: float
    held_out: float
    patience: int
    substeps: int
    max_seconds: float


@dataclass(frozen=True)
class Trained:
    """The field, in units of ``speeds``, and each stage's error on the held-out segments (or on the trained ones)."""

    perceptron: Perceptron
    speeds: Array
    errors: list[float]


class _Network(torch.nn.Module):
    """The perceptron that is trained; its output is counted in the root-mean-square slope of each variable."""

    def __init__(self, dim: int, hidden: tuple[int, ...], speeds: Array, generator: torch.Generator) -> None:
        super().__init__()
        widths = [dim, *hidden, dim]
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for before, after in pairwise(widths):
            weight = torch.randn(after, before, generator=generator, dtype=torch.float64)
            self.weights.append(torch.nn.Parameter(weight / before**0.5))
            self.biases.append(torch.nn.Parameter(torch.zeros(after, dtype=torch.float64)))
        self.speeds = torch.from_numpy(speeds)

    def forward(self, z: Tensor) -> Tensor:
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            z = torch.tanh(z @ weight.T + bias)
        return (z @ last[0].T + last[1]) * self.speeds

    def frozen(self) -> Perceptron:
        return Perceptron(*(tuple(p.detach().numpy().copy() for p in part) for part in (self.weights, self.biases)))


class _Stage:
    """Segments of one length: which are trained on, their free first states, and errors of their integration."""

    def __init__(self, segments: Segments, settings: Settings, rng: np.random.Generator) -> None:
        self.settings = settings
        self.gaps = torch.from_numpy(segments.gaps)
        self.values = torch.from_numpy(segments.values)
        self.present = torch.from_numpy(segments.present)
        self.starts = torch.nn.Parameter(torch.from_numpy(segments.starts.copy()))
        count = len(segments.gaps)
        self.trained = np.ones(count, dtype=bool)
        if count >= _FEWEST and settings.held_out > 0:
            self.trained[rng.permutation(count)[: max(1, round(settings.held_out * count))]] = False
        self.joined = np.flatnonzero(segments.joined & self.trained & np.roll(self.trained, 1))

    def paths(self, network: _Network) -> Tensor:
        """States (S, n + 1, D); the variable of integration counts observations, so that all segments share it."""
        count = self.gaps.shape[1]

        def slope(place: Tensor, z: Tensor) -> Tensor:
            return network(z) * self.gaps[:, min(int(place), count - 1), None]

        places = torch.arange(count + 1, dtype=torch.float64)
        # "perturb" evaluates the end of a step just before it, where the gap is still that of the step.
        options = {"step_size": 1.0 / self.settings.substeps, "perturb": True}
        return odeint(slope, self.starts, places, method="rk4", options=options).transpose(0, 1)

    def loss(self, paths: Tensor) -> Tensor:
        """Mean square error of the segments that are trained on, with that of their joints."""
        error = self._error(paths, self.trained)
        if len(self.joined):
            defects = self.starts[self.joined] - paths[self.joined - 1, -1]
            error = error + self.settings.continuity * defects.square().mean()
        return error

    def held_out_error(self, paths: Tensor) -> float:
        """Mean square error of the held-out segments; of the others where there are none."""
        with torch.no_grad():
            return float(self._error(paths, self.trained if self.trained.all() else ~self.trained))

    def _error(self, paths: Tensor, chosen: np.ndarray) -> Tensor:
        mask = self.present & torch.from_numpy(chosen)[:, None]
        return (paths - self.values)[mask].square().mean()


def train(pairs: Pairs, speeds: Array, settings: Settings, rng: np.random.Generator, progress: bool) -> Trained:
    """Train on trajectories (tau, z) in units without dimension.

    Parameters
    ----------
    pairs : list of pairs of arrays (L_k,) and (L_k, D)
    speeds : array of shape (D,)
        Sizes of the slopes, which the network's output is counted in.
    settings : Settings
    rng : numpy.random.Generator
    progress : bool
        Show a progress bar.
    """
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    network = _Network(len(speeds), settings.hidden, speeds, generator)
    longest = max(len(tau) for tau, _ in pairs) - 1
    lengths = list(dict.fromkeys(min(length, longest) for length in settings.lengths))
    estimates = [z for _, z in pairs]
    end = time.monotonic() + settings.max_seconds
    errors: list[float] = []
    with tqdm(total=len(lengths) * settings.max_iter, desc="neural-ode", unit="step", disable=not progress) as bar:
        for number, length in enumerate(lengths):
            stage = _Stage(cut(pairs, estimates, length), settings, rng)
            errors.append(_optimise(network, stage, end, bar))
            bar.update((number + 1) * settings.max_iter - bar.n)
            if time.monotonic() > end:
                warn(
                    f"training on segments of {length} intervals stopped after max_seconds={settings.max_seconds:g}: "
                    "raise it, or lower max_iter",
                    ConvergenceWarning,
                )
                break
            with torch.no_grad():
                estimates = paste(pairs, stage.paths(network).numpy(), length)
    return Trained(network.frozen(), speeds, errors)


def _optimise(network: _Network, stage: _Stage, end: float, bar: tqdm) -> float:
    """Take steps until the held-out error has not fallen for long, and go back to where it was least."""
    settings = stage.settings
    optimizer = torch.optim.AdamW(
        [
            {"params": network.parameters(), "weight_decay": settings.weight_decay},
            {"params": [stage.starts], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.max_iter)
    best, best_step = np.inf, 0
    kept = copy.deepcopy(network.state_dict()), stage.starts.detach().clone()
    for step in range(settings.max_iter):
        paths = stage.paths(network)
        if step % _EVERY == 0:
            error = stage.held_out_error(paths)
            if error < best:
                best, best_step = error, step
                kept = copy.deepcopy(network.state_dict()), stage.starts.detach().clone()
            bar.set_postfix(length=stage.gaps.shape[1], error=error, refresh=False)
            if step - best_step > settings.patience or time.monotonic() > end:
                break
        optimizer.zero_grad()
        stage.loss(paths).backward()
        parameters = [*network.parameters(), stage.starts]
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, _CLIP)):
            optimizer.step()
        schedule.step()
        bar.update()
    network.load_state_dict(kept[0])
    with torch.no_grad():
        stage.starts.copy_(kept[1])
    return best
