"""Systems for developing the refinement: textbook forms with random constants, and draws from the pretraining prior.

None is taken from a benchmark: a choice made here can be measured there. Each comes with two clean trajectories, the
second to judge how a field found from the first generalizes, and with its field along them and at states about them.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.integrate import solve_ivp

from pretrain.priors import PRIORS, Mixture
from pretrain.priors.simulate import SimulationConfig, Simulator

POINTS = 200


class System(NamedTuple):
    """A name, the times (L,), two clean trajectories (2, L, D) and states about them (M, D), each with its field."""

    name: str
    t: np.ndarray
    paths: np.ndarray
    path_fields: np.ndarray
    box: np.ndarray
    box_fields: np.ndarray


def hill(x, n):
    """Hill function of half-saturation one."""
    return x**n / (1 + x**n)


def textbook_forms(rng: np.random.Generator) -> dict[str, tuple[Callable, tuple, tuple, float]]:
    """Fields with constants drawn anew, the box of their initial states and the time they are watched for."""
    u = rng.uniform
    a, b, c, d, e = u(0.5, 1.5, 5)
    n = int(rng.integers(2, 5))
    return {
        "logistic with harvest": (lambda x: a * x * (1 - x / 5) - 0.3 * b, (1.0,), (8.0,), 6),
        "Allee effect": (lambda x: a * x * (1 - x / 4) * (x / (1 + 0.4 * b) - 1), (0.3,), (5.0,), 5),
        "Gompertz growth": (lambda x: -a * x * np.log(x / (2 + b)), (0.2,), (8.0,), 6),
        "self-activating gene": (lambda x: 0.1 * b + 2 * a * hill(x, n) - 0.8 * c * x, (0.1,), (3.0,), 8),
        "driven phase": (lambda x: 1.2 * a - b * np.sin(x), (-3.0,), (3.0,), 8),
        "tilted double well": (lambda x: a * x - b * x**3 + 0.3 * (c - 1), (-2.0,), (2.0,), 5),
        "saturating harvest": (lambda x: a * x * (1 - x / 5) - 1.5 * b * x / (1 + x), (0.5,), (6.0,), 8),
        "drag": (lambda x: 2 * a - 0.3 * b * x * np.abs(x), (-3.0,), (6.0,), 4),
        "neuron": (lambda x: -x + 3 * a * np.tanh(x) - 0.5 * b, (-3.0,), (3.0,), 6),
        "second-order reaction": (lambda x: a * (3 - x) * (2 * b - x), (0.0,), (1.8,), 3),
        "Lotka-Volterra": (
            lambda x, y: (a * x - 0.6 * b * x * y, -c * y + 0.4 * d * x * y), (0.5, 0.5), (4.0, 3.0), 12,
        ),
        "competition": (
            lambda x, y: (x * (2 * a - x - b * y), y * (2 * c - y - d * x)), (0.2, 0.2), (3.0, 3.0), 6,
        ),
        "Van der Pol": (lambda x, y: (y, -a * x + 1.3 * b * (1 - x**2) * y), (-3.0, -3.0), (3.0, 3.0), 14),
        "Duffing": (lambda x, y: (y, a * x - b * x**3 - 0.2 * c * y), (-2.0, -2.0), (2.0, 2.0), 12),
        "pendulum": (lambda x, y: (y, -a * np.sin(x) - 0.1 * b * y), (-2.5, -1.0), (2.5, 1.0), 14),
        "FitzHugh-Nagumo": (
            lambda x, y: (x - x**3 / 3 - y + 0.5 * a, 0.15 * b * (x + 0.7 * c - 0.8 * d * y)),
            (-2.0, -1.0), (2.0, 1.5), 40,
        ),
        "toggle switch": (
            lambda x, y: (3 * a / (1 + y**n) - b * x, 3 * c / (1 + x**n) - d * y), (0.1, 0.1), (3.0, 3.0), 6,
        ),
        "predator with saturation": (
            lambda x, y: (a * x * (1 - x / 5) - b * x * y / (1 + x), 0.9 * b * x * y / (1 + x) - 0.4 * c * y),
            (0.5, 0.5), (5.0, 3.0), 20,
        ),
        "Brusselator": (
            lambda x, y: (a - (2.2 * b + 1) * x + x**2 * y, 2.2 * b * x - x**2 * y), (0.5, 0.5), (2.5, 3.0), 14,
        ),
        "epidemic with turnover": (
            lambda x, y: (0.2 * a * (1 - x) - 3 * b * x * y, 3 * b * x * y - c * y), (0.5, 0.02), (1.0, 0.3), 14,
        ),
        "glycolysis": (
            lambda x, y: (-x + 0.08 * a * y + x**2 * y, 0.6 * b - 0.08 * a * y - x**2 * y), (0.3, 0.5), (1.5, 2.0), 20,
        ),
        "limit cycle": (
            lambda x, y: (a * x - b * y - c * x * (x**2 + y**2), b * x + a * y - c * y * (x**2 + y**2)),
            (-1.5, -1.5), (1.5, 1.5), 10,
        ),
        "coupled phases": (
            lambda x, y: (a + 0.8 * b * np.sin(y - x), 1.5 * c + 0.8 * d * np.sin(x - y)), (0.0, 0.0), (3.0, 3.0), 6,
        ),
        "chemostat": (
            lambda x, y: (2 * a * x * y / (1 + y) - 0.6 * b * x, 0.6 * b * (3 - y) - 2 * a * x * y / (1 + y)),
            (0.1, 0.2), (2.0, 3.0), 10,
        ),
        "Lorenz": (
            lambda x, y, z: (10 * a * (y - x), x * (26 * b - z) - y, x * y - 2.5 * c * z),
            (-10.0, -10.0, 10.0), (10.0, 10.0, 30.0), 4,
        ),
        "Roessler": (
            lambda x, y, z: (-y - z, a * x + 0.2 * b * y, 0.2 * c + z * (x - 4.5 * d)),
            (-4.0, -4.0, 0.1), (4.0, 4.0, 2.0), 18,
        ),
        "rigid body": (
            lambda x, y, z: (a * y * z, -(a + b) * x * z, b * x * y - 0.1 * c * z),
            (-2.0, -2.0, -2.0), (2.0, 2.0, 2.0), 10,
        ),
        "epidemic": (
            lambda x, y, z: (-2.5 * a * x * y + 0.3 * b * z, 2.5 * a * x * y - c * y, c * y - 0.3 * b * z),
            (0.5, 0.05, 0.0), (0.9, 0.3, 0.2), 14,
        ),
        "jerk": (
            lambda x, y, z: (y, z, -0.6 * a * z - b * y - 0.5 * c * x + 0.3 * d * x**2),
            (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0), 14,
        ),
        "food chain": (
            lambda x, y, z: (
                x * (a - 0.3 * x - 0.8 * b * y), y * (-0.3 + 0.6 * c * x - 0.6 * d * z), z * (-0.3 + 0.5 * e * y),
            ),
            (0.5, 0.3, 0.3), (3.0, 2.0, 2.0), 16,
        ),
        "three compartments": (
            lambda x, y, z: (-(a + b) * x + 0.5 * c * y, b * x - (d + 0.5 * c) * y + 0.3 * z, d * y - 0.3 * e * z),
            (0.0, 0.0, 0.0), (4.0, 4.0, 4.0), 6,
        ),
        "repressor ring": (
            lambda x, y, z: (4 * a / (1 + z**3) - x, 4 * b / (1 + x**3) - y, 4 * c / (1 + y**3) - z),
            (0.1, 0.1, 0.1), (3.0, 3.0, 3.0), 14,
        ),
        "thermostatted oscillator": (
            lambda x, y, z: (y, -a * x - b * y * z, c * (y**2 - 1)), (-1.5, -1.5, -1.0), (1.5, 1.5, 1.0), 14,
        ),
        "dynamo": (
            lambda x, y, z: (-0.5 * a * x + z * y, -0.5 * b * y + (z - c) * x, 1 - x * y),
            (-2.0, -2.0, 0.0), (2.0, 2.0, 2.0), 12,
        ),
    }  # fmt: skip


def textbook(n_draws: int, seed: int = 0) -> Iterator[System]:
    """Each form with ``n_draws`` sets of constants, where two draws of the initial state stay finite and move."""
    for draw in range(n_draws):
        rng = np.random.default_rng([seed, draw])
        for name, (rates, low, high, duration) in textbook_forms(rng).items():
            t = np.linspace(0, duration, POINTS)

            def field(_, x, rates=rates):
                return np.ravel(rates(*x))

            for _ in range(5):
                starts = rng.uniform(low, high, (2, len(low)))
                runs = [solve_ivp(field, (0, duration), x, "LSODA", t, rtol=1e-9, atol=1e-11) for x in starts]
                if all(run.success and np.abs(run.y).max() < 1e3 and run.y.std() > 0.02 for run in runs):
                    paths = np.stack([run.y.T for run in runs])
                    box = rng.uniform(paths.min(axis=(0, 1)), paths.max(axis=(0, 1)), (64, len(low)))
                    yield System(name, t, paths, _rates(rates, paths), box, _rates(rates, box))
                    break


def _rates(rates: Callable, x: np.ndarray) -> np.ndarray:
    """Field (..., D) at states (..., D)."""
    values = rates(*np.moveaxis(x, -1, 0))
    return np.stack(np.broadcast_arrays(*values), axis=-1) if isinstance(values, tuple) else values[..., None]


def sampled(n: int, dim: int, seed: int = 0, prior: dict[str, float] = PRIORS["mixture"]) -> Iterator[System]:
    """Draws from a prior, by default the mixture that the bundled model was trained on, those with two usable paths."""
    generator = torch.Generator().manual_seed(seed)
    simulator = Simulator(Mixture(prior), SimulationConfig(points=POINTS))
    systems = simulator.draw_exactly(n, dim, generator)
    for i, horizon in enumerate(systems.horizon.tolist()):
        if systems.valid[i].sum() > 1:
            along = [values[i][systems.valid[i]][:2].double().numpy() for values in (systems.states, systems.fields)]
            about = [values[i].double().numpy() for values in (systems.box, systems.box_fields)]
            yield System(f"prior, {dim}-D", np.linspace(0, horizon, POINTS), *along, *about)
