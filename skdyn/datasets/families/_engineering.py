"""Input-output systems of engineering: frequency control of a power grid, and Wiener-Hammerstein blocks."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems, log_uniform
from skdyn.datasets.families._forcing import chirp, multisine, noise_waves


class DroopControl(Family):
    """Grid frequency under droop control after a step of the load, in one area or two joined by a tie line.

    ``M f' = p - dP - D f - tie``, ``Tg g' = -f / R - g``, ``Tt p' = g - p`` in each area, ``tie' = k (f1 - f2)``.
    Observed are the frequency, turbine power and governor of one area, or both frequencies and the tie line's flow.
    """

    name = "droop"
    channels = ("f1", "p1 or f2", "g1 or tie")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        two = rng.random(n) < 0.5
        parameters = {
            "M": rng.uniform(4.0, 12.0, (2, n)),
            "D": rng.uniform(0.5, 2.0, (2, n)),
            "R": rng.uniform(0.03, 0.08, (2, n)),
            "Tg": rng.uniform(0.1, 0.4, (2, n)),
            "Tt": rng.uniform(0.3, 0.8, (2, n)),
            "dP": rng.choice([-1.0, 1.0], n) * rng.uniform(0.02, 0.2, n),
            "k": two * rng.uniform(2.0, 10.0, n),
            "two": two.astype(float),
        }
        return Problems(parameters, np.zeros((7, n)), rng.uniform(6.0, 20.0, n))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        f, g, power, tie = x[0:2], x[2:4], x[4:6], x[6]
        load = np.stack([p["dP"] + tie, -tie])
        return [
            *((power - load - p["D"] * f) / p["M"]),
            *((-f / p["R"] - g) / p["Tg"]),
            *((g - power) / p["Tt"]),
            p["k"] * (f[0] - f[1]),
        ]

    def observe(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """The three channels."""
        two = p["two"] > 0
        return [x[0], np.where(two, x[1], x[4]), np.where(two, x[6], x[2])]


class WienerHammerstein(Family):
    """Linear filter, static nonlinearity, linear filter, driven by a sine, three sines or a sweep; observed [u, y].

    The nonlinearity is a tanh, a dead zone, a half-wave rectifier or an asymmetric clip. In one of three systems
    noise enters before it.

    Parameters
    ----------
    name : str
    branches : int
        Parallel branches, whose outputs are added.
    """

    channels = ("u", "y")

    def __init__(self, name: str, branches: int) -> None:
        self.name, self._branches = name, branches

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        shape = (self._branches, n)
        natural = log_uniform(rng, 2.0, 8.0, n)
        base = natural * rng.uniform(0.2, 1.0, n)
        horizon = rng.uniform(4.0, 7.0, n) * 2 * np.pi / base
        kind = rng.integers(3, size=n)
        noise = np.where(rng.random(n) < 1 / 3, rng.uniform(0.02, 0.1, n), 0.0)
        sizes, rates, phases = noise_waves(rng, natural, noise)
        parameters = {
            "w1": natural * rng.uniform(0.7, 1.4, shape),
            "w2": natural * rng.uniform(0.7, 1.4, shape),
            "z1": rng.uniform(0.2, 0.9, shape),
            "z2": rng.uniform(0.2, 0.9, shape),
            "gain": rng.uniform(0.5, 3.0, shape),
            "shape": rng.integers(4, size=shape).astype(float),
            "size": np.where(kind == 1, [[0.6], [0.5], [0.4]], [[1.0], [0.0], [0.0]]),
            "frequency": base * np.stack([np.ones(n), rng.uniform(1.2, 2.5, n), rng.uniform(2.0, 4.0, n)]),
            "phase": rng.uniform(0.0, 2 * np.pi, (3, n)),
            "sweeps": (kind == 2).astype(float),
            "first": base * rng.uniform(0.3, 0.8, n),
            "last": base * rng.uniform(1.2, 2.0, n),
            "T": horizon,
            "noise_size": sizes,
            "noise_frequency": rates,
            "noise_phase": phases,
        }
        return Problems(parameters, np.zeros((4 * self._branches, n)), horizon)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        u = self._input(t, p)
        first, first_slope, second, second_slope = x.reshape(4, self._branches, -1)
        disturbed = first + multisine(t, p["noise_size"], p["noise_frequency"], p["noise_phase"])
        middle = _static(disturbed, p["shape"])
        return [
            *first_slope,
            *(p["w1"] ** 2 * (p["gain"] * u - first) - 2 * p["z1"] * p["w1"] * first_slope),
            *second_slope,
            *(p["w2"] ** 2 * (middle - second) - 2 * p["z2"] * p["w2"] * second_slope),
        ]

    def observe(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Input and output."""
        return [self._input(t, p), x[2 * self._branches : 3 * self._branches].sum(axis=0)]

    def _input(self, t: Array, p: Parameters) -> Array:
        sines = multisine(t, p["size"], p["frequency"], p["phase"])
        sweep = chirp(t, p["first"], p["last"], p["T"], p["phase"][0])
        return np.where(p["sweeps"] > 0, sweep, sines)


def _static(x: Array, shape: Array) -> Array:
    """The nonlinearity of each branch by its number."""
    dead_zone = x - np.clip(x, -0.3, 0.3)
    return np.select(
        [shape == 0, shape == 1, shape == 2], [np.tanh(x), dead_zone, np.maximum(x, 0.0)], np.clip(x, -0.4, 0.9)
    )
