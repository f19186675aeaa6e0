"""Equations of three to ten variables, of polynomials only and by default, on systems made for this page.

Three recordings of 100 points, clean and with 5% noise; relative errors of the field, each variable in its own root
mean square, along two other recordings; terms; seconds of processor time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy.integrate import solve_ivp

from skdyn import SparseODERegressor, Trajectories
from skdyn.exceptions import silenced

Field = Callable[[np.ndarray], np.ndarray]
Start = Callable[[np.random.Generator], np.ndarray]


def genes(dim: int, seed: int, powers: Sequence[int] = (2, 2, 4)) -> tuple[Field, Start, float]:
    """A ring of genes, each repressed or activated by the one before it by a Hill function."""
    rng = np.random.default_rng(seed)
    half, power = rng.uniform(0.4, 1.5, dim), rng.choice(powers, dim)
    most, decay, least = rng.uniform(1, 3, dim), rng.uniform(0.5, 1.2, dim), rng.uniform(0.02, 0.2, dim)
    rises = rng.random(dim) < 0.5
    rises[0] = False

    def field(x: np.ndarray) -> np.ndarray:
        before = np.roll(x, 1, -1) ** power
        rise = before / (half**power + before)
        return least + most * np.where(rises, rise, 1 - rise) - decay * x

    return field, lambda rng: rng.uniform(0.1, 2.5, dim), 12.0


def food_chain() -> tuple[Field, Start, float]:
    """Food, a grazer and its predator with saturating uptake (Monod), and waste that turns into food again."""

    def field(x: np.ndarray) -> np.ndarray:
        s, g, p, w = np.moveaxis(x, -1, 0)
        grazed, caught = 1.2 * s / (0.3 + s) * g, 0.8 * g / (0.5 + g) * p
        food, grazers = 0.2 * (2 - s) - grazed + 0.3 * w, grazed - 0.2 * g - caught
        return np.stack([food, grazers, 0.6 * caught - 0.25 * p, 0.4 * caught + 0.05 * p - 0.5 * w], -1)

    return field, lambda rng: rng.uniform(0.1, 1.5, 4), 30.0


def generators(count: int) -> tuple[Field, Start, float]:
    """A ring of generators coupled by the sines of differences of their angles (the swing equation)."""
    rng = np.random.default_rng(3)
    power, strength = rng.uniform(-0.5, 0.5, count), rng.uniform(0.5, 1.5, count)
    power -= power.mean()

    def field(x: np.ndarray) -> np.ndarray:
        angles, speeds = x[..., :count], x[..., count:]
        pulls = [strength * np.sin(angles - angles[..., [i]]) for i in range(count)]
        near = [[abs(i - j) in (1, count - 1) for j in range(count)] for i in range(count)]
        torque = np.stack([(pull * np.array(own)).sum(-1) for pull, own in zip(pulls, near, strict=True)], -1)
        return np.concatenate([speeds, power - 0.3 * speeds + torque], -1)

    def start(rng: np.random.Generator) -> np.ndarray:
        return np.concatenate([rng.uniform(-1.5, 1.5, count), rng.normal(0, 0.7, count)])

    return field, start, 12.0


def competitors(dim: int) -> tuple[Field, Start, float]:
    """Lotka and Volterra's equations, which are polynomials: functions must do no harm."""
    rng = np.random.default_rng(9)
    matrix, growth = -np.eye(dim) - 0.3 * rng.random((dim, dim)), rng.uniform(0.8, 1.5, dim)
    matrix[0, 1], matrix[1, 0] = -1.2, 0.6
    return lambda x: x * (growth + x @ matrix.T), lambda rng: rng.uniform(0.1, 1.2, dim), 10.0


_POWERS = (1, 2, 2, 3, 4, 6, 8)
SYSTEMS = {
    "genes-3": genes(3, 1),
    "genes-5": genes(5, 1),
    "genes-7": genes(7, 2),
    "genes-10": genes(10, 31),
    "powers-3": genes(3, 4, _POWERS),
    "powers-5": genes(5, 2, _POWERS),
    "powers-8": genes(8, 3, _POWERS),
    "food-chain-4": food_chain(),
    "generators-6": generators(3),
    "competitors-5": competitors(5),
}


def _with_time(_: float, x: np.ndarray, field: Field) -> np.ndarray:
    return field(x)


def main(names: list[str]) -> None:
    """Print the table."""
    print(
        f"{'':18}{'noise':>6}{'polynomials':>22}{'by default':>25}\n{'':24}" + f"{'error':>11}{'terms':>7}{'s':>6}" * 2
    )
    for name in names or SYSTEMS:
        field, start, duration = SYSTEMS[name]
        for noise in (0.0, 0.05):
            rng, t = np.random.default_rng(0), np.linspace(0, duration, 100)
            options = {"t_eval": t, "method": "DOP853", "rtol": 1e-9, "atol": 1e-10}
            paths = [solve_ivp(_with_time, (0, duration), start(rng), args=(field,), **options).y.T for _ in range(5)]
            context = Trajectories([(t, x * (1 + noise * rng.standard_normal(x.shape))) for x in paths[:3]])
            others = np.concatenate(paths[3:])
            truth = field(others)
            line = f"{name:18}{noise:6.2f}"
            for functions in (False, None):
                began = time.process_time()
                with silenced(Warning):
                    found = SparseODERegressor(library={"functions": functions}).fit(context)
                took = time.process_time() - began
                apart = (found.vector_field(others) - truth) / np.sqrt(np.mean(truth**2, axis=0))
                line += f"{np.sqrt(np.mean(apart**2)):11.3g}{found.equations_.n_terms:7}{took:6.0f}"
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
