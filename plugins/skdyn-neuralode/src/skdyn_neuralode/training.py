"""Train a neural ODE: by chords of the data first, then by multiple shooting on longer and longer segments.

Letters: N points of all trajectories, C chords, S segments, n intervals of each, D variables, G inputs and parameters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchdiffeq import odeint
from tqdm import tqdm

from skdyn import ConvergenceWarning
from skdyn.plugins import warn
from skdyn_neuralode.network import Network
from skdyn_neuralode.optimise import Stop, choose_held_out, minimise
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.segments import Segments, cut, paste
from skdyn_neuralode.units import Array, Pairs

_CHORD_ITERATIONS = 3  # times as many as of a stage of shooting, because each costs a hundredth


@dataclass(frozen=True)
class Settings:
    """How the field is trained; the parameters of `NeuralODERegressor`."""

    hidden: tuple[int, ...]
    lengths: tuple[int, ...]
    max_iter: int
    weight_decay: float
    continuity: float
    held_out: float
    patience: int
    substeps: int
    max_seconds: float


@dataclass(frozen=True)
class Trained:
    """The field, and each stage's error on the held-out segments (or on the trained ones)."""

    perceptron: Perceptron
    errors: list[float]


class Chords:
    """The way from each observation to the one some intervals later, against the field's integral by trapezia.

    Nothing is integrated, so that it is quick, and smoother in the weights than shooting is; it is biased by noise and
    by wide intervals. Errors are in units of the mean chord's time, times the speeds.
    """

    def __init__(
        self, pairs: Pairs, holds: bool, speeds: Array, length: int, part: float, rng: np.random.Generator
    ) -> None:
        firsts, groups, whole, offset, group = [], [], [], 0, 0
        self.length = min(length, max(len(tau) for tau, _ in pairs) - 1)
        for tau, _ in pairs:
            first = np.arange(max(0, len(tau) - self.length))
            firsts.append(offset + first)
            groups.append(group + first // self.length)
            whole.append(first % self.length == 0)
            offset += len(tau)
            group += -(-len(first) // self.length)
        first, groups_of, begins = np.concatenate(firsts), np.concatenate(groups), np.concatenate(whole)
        held = np.append(choose_held_out(group, part, rng), False)
        self.first = torch.from_numpy(first)
        # A chord reaches into the next group; none that is trained on may touch what is held out.
        trained = ~held[groups_of] & ~held[groups_of + 1]
        if not trained.any():  # every other group is held out: what is left are chords that span one group alone
            trained = ~held[groups_of] & begins
        self.trained = torch.from_numpy(trained)
        self.judged = torch.from_numpy(held[groups_of] & begins) if held.any() else self.trained
        self.points = torch.from_numpy(np.concatenate([z for _, z in pairs]))
        times = torch.from_numpy(np.concatenate([tau for tau, _ in pairs]))
        self.gaps = times.diff()[:, None]
        spans = times[self.first + self.length] - times[self.first]
        states, given = self.points.split([len(speeds), self.points.shape[1] - len(speeds)], dim=1)
        self.moved = states[self.first + self.length] - states[self.first]
        # Where inputs are held, an interval ends under those that it began with.
        self.ends = torch.cat([states[1:], given[:-1]], dim=1) if holds else None
        self.unit = torch.from_numpy(speeds) * spans.mean()

    def errors(self, network: Network) -> Tensor:
        """Squared errors (C, D)."""
        field = network(self.points)
        last = field[1:] if self.ends is None else network(self.ends)
        summed = torch.cumsum(self.gaps * (last + field[:-1]) / 2, dim=0)
        summed = torch.cat([torch.zeros_like(summed[:1]), summed])
        return ((summed[self.first + self.length] - summed[self.first] - self.moved) / self.unit).square()


class Shooting:
    """Segments of one length: which are trained on, their free first states, and errors of their integration."""

    def __init__(self, segments: Segments, settings: Settings, rng: np.random.Generator) -> None:
        self.settings = settings
        self.gaps = torch.from_numpy(segments.gaps)
        self.values = torch.from_numpy(segments.values)
        self.present = torch.from_numpy(segments.present)
        self.given, self.change = torch.from_numpy(segments.given), torch.from_numpy(segments.change)
        self.starts = torch.nn.Parameter(torch.from_numpy(segments.starts.copy()))
        self.trained = ~choose_held_out(len(segments.gaps), settings.held_out, rng)
        self.joined = np.flatnonzero(segments.joined & self.trained & np.roll(self.trained, 1))

    def paths(self, network: Network) -> Tensor:
        """States (S, n + 1, D); the variable of integration counts observations, so that all segments share it."""
        count = self.gaps.shape[1]

        def slope(place: Tensor, z: Tensor) -> Tensor:
            i = min(int(place), count - 1)
            given = self.given[:, i] + (place - i) * self.change[:, i]
            return network(torch.cat([z, given], dim=1)) * self.gaps[:, i, None]

        places = torch.arange(count + 1, dtype=torch.float64)
        # "perturb" evaluates the end of a step just before it, where gap and inputs are still those of the step.
        options = {"step_size": 1.0 / self.settings.substeps, "perturb": True}
        return odeint(slope, self.starts, places, method="rk4", options=options).transpose(0, 1)

    def loss(self, paths: Tensor) -> Tensor:
        """Mean square error of the segments that are trained on, with that of their joints."""
        error = self._error(paths, self.trained)
        if len(self.joined):
            defects = self.starts[self.joined] - paths[self.joined - 1, -1]
            error = error + self.settings.continuity * defects.square().mean()
        return error

    def held_out_error(self, paths: Tensor) -> Tensor:
        """Mean square error of the held-out segments; of the others where there are none."""
        return self._error(paths, self.trained if self.trained.all() else ~self.trained)

    def _error(self, paths: Tensor, chosen: np.ndarray) -> Tensor:
        mask = self.present & torch.from_numpy(chosen)[:, None]
        return (paths - self.values)[mask].square().mean()


def train(
    pairs: Pairs, holds: bool, speeds: Array, settings: Settings, rng: np.random.Generator, progress: bool
) -> Trained:
    """Train on trajectories (tau, z) in units without dimension.

    Parameters
    ----------
    pairs : list of pairs of arrays (L_k,) and (L_k, D + G)
        Inputs and parameters stand behind the variables.
    holds : bool
        Whether inputs are held from one observation to the next; else they lie on straight lines.
    speeds : array of shape (D,)
        Sizes of the slopes, which the network's output is counted in.
    settings : Settings
    rng : numpy.random.Generator
    progress : bool
        Show a progress bar.
    """
    dim = len(speeds)
    network = Network(settings.hidden, speeds, rng, pairs[0][1].shape[1] - dim)
    longest = max(len(tau) for tau, _ in pairs) - 1
    lengths = list(dict.fromkeys(min(length, longest) for length in settings.lengths))
    end = time.monotonic() + settings.max_seconds
    errors: list[float] = []
    most = (_CHORD_ITERATIONS + len(lengths)) * settings.max_iter
    with tqdm(total=most, desc="neural-ode", unit="iteration", disable=not progress) as bar:
        _follow_chords(network, Chords(pairs, holds, speeds, lengths[0], settings.held_out, rng), settings, end, bar)
        estimates = [z[:, :dim] for _, z in pairs]
        for number, length in enumerate(lengths):
            stage = Shooting(cut(pairs, estimates, length, holds), settings, rng)
            bar.update((_CHORD_ITERATIONS + number) * settings.max_iter - bar.n)
            errors.append(_shoot(network, stage, settings, end, bar))
            if time.monotonic() > end:
                warn(
                    f"training on segments of {length} intervals stopped after max_seconds={settings.max_seconds:g}: "
                    "raise it, or lower max_iter",
                    ConvergenceWarning,
                )
                break
            with torch.no_grad():
                estimates = paste(pairs, stage.paths(network).numpy(), length)
    return Trained(network.frozen(), errors)


def _follow_chords(network: Network, chords: Chords, settings: Settings, end: float, bar: tqdm) -> None:
    def loss() -> Tensor:
        return chords.errors(network)[chords.trained].mean() + settings.weight_decay * network.size()

    def held_out() -> Tensor:
        return chords.errors(network)[chords.judged].mean()

    stop = Stop(_CHORD_ITERATIONS * settings.max_iter, _CHORD_ITERATIONS * settings.patience, end)
    minimise(loss, [*network.parameters()], held_out, stop, bar)


def _shoot(network: Network, stage: Shooting, settings: Settings, end: float, bar: tqdm) -> float:
    def loss() -> Tensor:
        return stage.loss(stage.paths(network)) + settings.weight_decay * network.size()

    def held_out() -> Tensor:
        return stage.held_out_error(stage.paths(network))

    stop = Stop(settings.max_iter, settings.patience, end)
    return minimise(loss, [*network.parameters(), stage.starts], held_out, stop, bar)
