"""Train drift and diffusion of a neural SDE by the likelihood of its transitions.

Letters: S transitions, N points, D variables.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from skdyn import ConvergenceWarning
from skdyn.plugins import warn
from skdyn_neuralode.families import Family, Sizes
from skdyn_neuralode.network import Network
from skdyn_neuralode.optimise import Stop, choose_held_out, minimise
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.transitions import Transitions
from skdyn_neuralode.units import Array, Pairs

_SEGMENT = 10  # transitions that are held out together


@dataclass(frozen=True)
class Settings:
    """How drift and diffusion are trained; the parameters of `NeuralSDERegressor`."""

    hidden: tuple[int, ...]
    max_iter: int
    weight_decay: float
    held_out: float
    patience: int
    substeps: int
    max_seconds: float


@dataclass(frozen=True)
class Trained:
    """The perceptron, the noise's factor (D,) and nats a held-out transition, in the units that were trained in."""

    perceptron: Perceptron
    noise: Array
    log_likelihood: float


class _Equation:
    """Drift and diffusion while they are trained."""

    def __init__(self, family: Family, zero: Array, network: Network, sizes: Sizes) -> None:
        self.family, self.network = family, network
        self.zero, self.floor = torch.from_numpy(zero), torch.from_numpy(sizes.floor)
        self.log_noise = torch.nn.Parameter(torch.from_numpy(np.log(sizes.noise)))

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        return [*self.network.parameters(), self.log_noise]

    def drift(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Drift (S, D) and its Jacobian (S, D, D)."""
        values, jacobian = self.network.linearised(z)
        if not self.family.drift_is_relative:
            return values, jacobian
        state = z - self.zero
        return state * values, state[..., None] * jacobian + torch.diag_embed(values)

    def diffusion(self, z: Tensor) -> Tensor:
        noise = self.log_noise.exp().expand_as(z)
        size = noise * (z - self.zero) if self.family.noise_is_relative else noise
        return (size.square() + self.floor.square()).sqrt()


def train(
    pairs: Pairs,
    zero: Array,
    family: Family,
    sizes: Sizes,
    settings: Settings,
    rng: np.random.Generator,
    progress: bool,
) -> Trained:
    """Train on trajectories (tau, z) in units without dimension.

    Parameters
    ----------
    pairs : list of pairs of arrays (L_k,) and (L_k, D)
    zero : array of shape (D,)
        The user's zero in these units, which relative noise is counted from.
    family : Family
    sizes : Sizes
        Of the same trajectories.
    settings : Settings
    rng : numpy.random.Generator
    progress : bool
        Show a progress bar.
    """
    equation = _Equation(family, zero, Network(settings.hidden, sizes.speeds, rng), sizes)
    transitions = Transitions.of(pairs, settings.substeps, _SEGMENT)
    held = choose_held_out(int(transitions.groups.max()) + 1, settings.held_out, rng)[transitions.groups]
    judged = held if held.any() else ~held

    def mean(chosen: np.ndarray) -> Tensor:
        found = transitions.log_likelihoods(equation.drift, equation.diffusion)
        return -found[torch.from_numpy(chosen)].mean()

    def loss() -> Tensor:
        return mean(~held) + settings.weight_decay * equation.network.size()

    end = time.monotonic() + settings.max_seconds
    with tqdm(total=settings.max_iter, desc="neural-sde", unit="iteration", disable=not progress) as bar:
        stop = Stop(settings.max_iter, settings.patience, end)
        least = minimise(loss, equation.parameters, lambda: mean(judged), stop, bar)
    if time.monotonic() > end:
        warn(
            f"training stopped after max_seconds={settings.max_seconds:g}: raise it, or lower max_iter",
            ConvergenceWarning,
        )
    return Trained(equation.network.frozen(), equation.log_noise.detach().exp().numpy().copy(), -least)
