"""Known systems of 4 to 30 variables: fields, where recordings start, and how long they are.

Each is a published model or a ring or chain of one; constants are those of the source, or chosen so that the system
keeps moving, as said at each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from skdyn.datasets.odebench import load_odebench

Field = Callable[[np.ndarray], np.ndarray]
Start = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class LargeSystem:
    """One autonomous system.

    Attributes
    ----------
    name : str
        With the number of variables at its end.
    dim : int
    field : callable, (..., D) -> (..., D)
    start : callable
        Draws a state (D,) before the transient.
    transient, duration : float
        Time that passes before a recording, and how long the recording is.
    """

    name: str
    dim: int
    field: Field
    start: Start
    transient: float
    duration: float


def lorenz_96(x: np.ndarray) -> np.ndarray:
    """Lorenz 1996, forcing 8: ``x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + 8`` on a ring."""
    return (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + 8.0


def oscillator_ring(x: np.ndarray) -> np.ndarray:
    """Van der Pol oscillators of different frequencies, each coupled by 0.3 to both neighbours' positions."""
    q, p = x[..., ::2], x[..., 1::2]
    stiffness = 1.0 + 0.15 * np.arange(q.shape[-1])
    coupling = np.roll(q, 1, -1) + np.roll(q, -1, -1) - 2.0 * q
    return _interleaved(p, (1.0 - q**2) * p - stiffness * q + 0.3 * coupling)


def goodwin(x: np.ndarray, power: int) -> np.ndarray:
    """Goodwin 1965: a chain in which the last product represses the first, all decaying at a rate of 0.5.

    It oscillates where the power exceeds ``sec(pi / D)^D`` by enough (Tyson and Othmer 1978).
    """
    first = 1.0 / (1.0 + x[..., -1:] ** power)
    return np.concatenate([first, 0.5 * x[..., :-1]], axis=-1) - 0.5 * x


def epidemic(x: np.ndarray) -> np.ndarray:
    """Susceptible, exposed, infectious, in hospital and recovered parts of a population whose immunity is lost."""
    s, e, i, h, r = np.moveaxis(x, -1, 0)
    infection, loss = 1.5 * s * i, 0.1 * r
    return np.stack([loss - infection, infection - 0.5 * e, 0.5 * e - 0.4 * i, 0.1 * i - 0.2 * h,
                     0.3 * i + 0.2 * h - loss], axis=-1)  # fmt: skip


def two_epidemics(x: np.ndarray) -> np.ndarray:
    """Susceptible, exposed, infectious and recovered parts of two groups that infect each other."""
    s, e, i, r = x[..., ::4], x[..., 1::4], x[..., 2::4], x[..., 3::4]
    infection = s * (i @ np.array([[1.6, 0.3], [0.2, 0.9]]))
    return np.stack([0.1 * r - infection, infection - 0.5 * e, 0.5 * e - 0.4 * i, 0.4 * i - 0.1 * r], axis=-1).reshape(
        x.shape
    )


def repressilator(x: np.ndarray) -> np.ndarray:
    """Elowitz and Leibler 2000: three messengers and three proteins, each repressing the next (scaled equations)."""
    m, p = x[..., :3], x[..., 3:]
    return np.concatenate([20.0 / (1.0 + np.roll(p, 1, -1) ** 2) + 0.2 - m, 1.5 * (m - p)], axis=-1)


def brusselators(x: np.ndarray) -> np.ndarray:
    """Prigogine and Lefever 1968, a = 1, b = 2.6 and more: cells on a ring between which both reactants diffuse."""
    u, v = x[..., ::2], x[..., 1::2]
    b = 2.6 + 0.2 * np.arange(u.shape[-1])
    reaction = u**2 * v
    return _interleaved(1.0 - (b + 1.0) * u + reaction + 0.1 * _diffusion(u), b * u - reaction + 0.05 * _diffusion(v))


def load_large_systems() -> tuple[LargeSystem, ...]:
    """All systems, by number of variables.

    Returns
    -------
    tuple of LargeSystem

    Examples
    --------
    >>> [system.name for system in load_large_systems() if system.dim == 4]
    ['goodwin-4', 'brusselators-4', 'rivalry-4', 'seir-4']
    """
    systems = [
        *(
            LargeSystem(f"lorenz96-{n}", n, lorenz_96, partial(_normal, 2.0, 3.0, n), 10.0, 4.0)
            for n in (5, 10, 20, 30)
        ),
        *(LargeSystem(f"ring-{n}", n, oscillator_ring, partial(_normal, 0.0, 1.5, n), 2.0, 15.0) for n in (6, 12)),
        LargeSystem("goodwin-4", 4, partial(goodwin, power=8), partial(_uniform, 0.1, 2.0, 4), 2.0, 40.0),
        LargeSystem("goodwin-8", 8, partial(goodwin, power=6), partial(_uniform, 0.1, 2.0, 8), 2.0, 60.0),
        LargeSystem("epidemic-5", 5, epidemic, partial(_shares, 5, 1), 0.0, 25.0),
        LargeSystem("epidemic-8", 8, two_epidemics, partial(_shares, 4, 2), 0.0, 25.0),
        LargeSystem("repressilator-6", 6, repressilator, partial(_uniform, 0.5, 6.0, 6), 1.0, 30.0),
        LargeSystem("brusselators-4", 4, brusselators, partial(_uniform, 0.5, 3.0, 4), 1.0, 12.0),
        LargeSystem("brusselators-8", 8, brusselators, partial(_uniform, 0.5, 3.0, 8), 1.0, 12.0),
    ]
    for name, system in zip(("rivalry-4", "seir-4"), load_odebench((4,)), strict=True):
        near = partial(_mixed, np.array(system.initial_states))
        systems.append(LargeSystem(name, 4, system.field, near, 0.0, 10.0))
    return tuple(sorted(systems, key=lambda system: system.dim))


def _interleaved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], axis=-1).reshape(*first.shape[:-1], -1)


def _diffusion(u: np.ndarray) -> np.ndarray:
    return np.roll(u, 1, -1) + np.roll(u, -1, -1) - 2.0 * u


def _normal(mean: float, deviation: float, dim: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(mean, deviation, dim)


def _uniform(low: float, high: float, dim: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(low, high, dim)


def _shares(parts: int, groups: int, rng: np.random.Generator) -> np.ndarray:
    """Parts of each group that sum to one, most of them susceptible."""
    return rng.dirichlet([6.0] + [1.0] * (parts - 1), groups).reshape(-1)


def _mixed(states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A state between the two published initial ones."""
    share = rng.uniform(0, 1)
    return share * states[0] + (1 - share) * states[1]
