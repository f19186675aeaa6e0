"""Contexts from systems of the pretraining prior, with what is true of each: its equilibria and its terms.

None is taken from a benchmark: a threshold chosen here can be measured there.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from pretrain.priors import PRIORS, BatchedField, Mixture
from pretrain.priors.fields import PolynomialField
from pretrain.priors.simulate import SimulationConfig, Simulator
from skdyn.dynamics.equilibria import Equilibrium, find_equilibria
from skdyn.dynamics.units import state_units, widened_box

POINTS = 121
SETTINGS = [(noise, points) for points in (40, POINTS) for noise in (0.0, 0.03, 0.1)]
"""Noise, in deviations of the states, and points of a trajectory."""
_PATHS = 4
_BEYOND = 0.75  # further than any estimator looks for equilibria


class Case(NamedTuple):
    """A context of 1, 2 or 4 trajectories (t, x), and the true field."""

    dim: int
    noise: float
    points: int
    context: list[tuple[np.ndarray, np.ndarray]]
    field: BatchedField


def cases(count: int, seed: int, polynomial: bool = False) -> Iterator[Case]:
    """So many systems of one, two and three variables in turn; with ``polynomial`` only cubic ones."""
    systems = {dim: _systems(-(-count // 3), dim, seed, polynomial) for dim in (1, 2, 3)}
    for number in range(count):
        dim = number % 3 + 1
        horizon, paths, field = systems[dim][number // 3]
        rng = np.random.default_rng([seed, number])
        noise, points = SETTINGS[(number // 3 + number) % len(SETTINGS)]
        kept = np.linspace(0, POINTS - 1, points).round().astype(int)
        t = np.linspace(0, horizon, POINTS)[kept]
        clean = paths[: rng.choice([1, 2, 4]), kept]
        observed = clean + noise * clean.std(axis=(0, 1)) * rng.standard_normal(clean.shape)
        yield Case(dim, noise, points, [(t, x) for x in observed], field)


def _systems(count: int, dim: int, seed: int, polynomial: bool) -> list[tuple[float, np.ndarray, BatchedField]]:
    """Horizon, valid paths (K, L, D) and field of systems that the prior keeps."""
    generator = torch.Generator().manual_seed(10 * seed + dim)
    mixture = Mixture(PRIORS["mixture"])
    simulator = Simulator(mixture, SimulationConfig(paths=_PATHS, points=POINTS, box_points=1))
    found: list[tuple[float, np.ndarray, BatchedField]] = []
    while len(found) < count:
        for batch, _ in mixture.sample(3 * count, dim, generator):
            if polynomial and not isinstance(batch, PolynomialField):
                continue
            systems, kept = simulator.simulate(batch, generator, torch.zeros(len(batch), dtype=torch.long))
            fields = batch.select(kept).to(torch.float64)
            found += [
                (
                    float(systems.horizon[i]),
                    systems.states[i][systems.valid[i]].double().numpy(),
                    fields.select(torch.tensor([i])),
                )
                for i in range(len(systems))
            ]
    return [found[i] for i in np.random.default_rng(seed).permutation(len(found))[:count]]


def true_equilibria(case: Case) -> list[Equilibrium]:
    """Those in the box of the data, widened by three quarters on each side."""

    def field(x: np.ndarray) -> np.ndarray:
        return case.field(torch.from_numpy(np.ascontiguousarray(x))[None])[0].numpy()

    def with_jacobian(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = torch.from_numpy(np.ascontiguousarray(x))[None].requires_grad_(True)
        values = case.field(z)
        rows = []
        for d in range(case.dim):
            (row,) = torch.autograd.grad(values[..., d].sum(), z, retain_graph=True, allow_unused=True)
            rows.append(torch.zeros_like(z) if row is None else row)
        return values.detach()[0].numpy(), torch.stack(rows, dim=-2)[0].numpy()

    data = np.concatenate([x for _, x in case.context])
    with np.errstate(all="ignore"):
        return find_equilibria(field, with_jacobian, data, widened_box(data, _BEYOND), *state_units(data))


def true_terms(case: Case) -> np.ndarray:
    """Which of the monomials up to degree three (T, D) a cubic system has, in the order of the search's library."""
    return (case.field.coefficients[0] != 0).numpy().T
