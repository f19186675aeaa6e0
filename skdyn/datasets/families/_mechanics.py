"""Held-out systems of mechanics and epidemics."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems, log_uniform


class Duffing(Family):
    """Duffing's ``x'' + d x' + a x + b x^3 = g cos(w t)``, with one well or two."""

    name = "duffing"
    channels = ("x", "v")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        w = rng.uniform(0.8, 1.6, n)
        parameters = {
            "d": rng.uniform(0.05, 0.3, n),
            "a": rng.uniform(-1.0, 1.0, n),
            "b": rng.uniform(0.5, 1.5, n),
            "g": rng.uniform(0.1, 0.5, n),
            "w": w,
        }
        return Problems(parameters, rng.uniform(-1.5, 1.5, (2, n)), rng.uniform(3.0, 7.0, n) * 2 * np.pi / w)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        force = p["g"] * np.cos(p["w"] * t)
        return [x[1], force - p["d"] * x[1] - p["a"] * x[0] - p["b"] * x[0] ** 3]


class SpringChain(Family):
    """Four masses in a row between two walls, on springs of unequal stiffness; observed in their positions."""

    name = "spring_chain"
    channels = ("x0", "x1", "x2", "x3")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        parameters = {
            "k": rng.uniform(0.5, 2.0, (5, n)),
            "m": rng.uniform(0.7, 1.5, (4, n)),
            "d": rng.uniform(0.0, 0.1, n),
        }
        x0 = np.concatenate([rng.uniform(-1.0, 1.0, (4, n)), rng.uniform(-0.5, 0.5, (4, n))])
        return Problems(parameters, x0, rng.uniform(12.0, 35.0, n))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        wall = np.zeros((1, x.shape[1]))
        tension = p["k"] * np.diff(np.concatenate([wall, x[:4], wall]), axis=0)
        return [*x[4:], *((np.diff(tension, axis=0) - p["d"] * x[4:]) / p["m"])]

    def observe(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """The positions."""
        return list(x[:4])


class RigidBody(Family):
    """Euler's equations of a free rigid body, ``I1 w1' = (I2 - I3) w2 w3`` and so on around."""

    name = "rigid_body"
    channels = ("w1", "w2", "w3")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        inertia = np.sort(rng.uniform(0.5, 1.0, (3, n)), axis=0) * np.array([1.0, 1.5, 2.0])[:, None]
        x0 = rng.normal(0.0, 1.0, (3, n))
        spin = np.linalg.norm(x0, axis=0)
        first, second, third = inertia
        rate = spin * np.sqrt((third - first) * (third - second) / (first * second))
        return Problems({"I": inertia}, x0, rng.uniform(2.5, 6.0, n) * 2 * np.pi / np.maximum(rate, 0.2))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        first, second, third = p["I"]
        return [
            (second - third) / first * x[1] * x[2],
            (third - first) / second * x[2] * x[0],
            (first - second) / third * x[0] * x[1],
        ]


class SIR(Family):
    """Epidemic ``S' = -b S I``, ``I' = b S I - g I``, ``R' = g I`` in shares of the population."""

    name = "sir"
    channels = ("S", "I", "R")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        g, number, seed = rng.uniform(0.1, 0.3, n), rng.uniform(1.5, 5.0, n), log_uniform(rng, 1e-3, 2e-2, n)
        until_peak = np.log(1 / seed) / (g * (number - 1))
        return Problems(
            {"g": g, "b": g * number}, np.stack([1 - seed, seed, np.zeros(n)]), rng.uniform(1.5, 3.5, n) * until_peak
        )

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        infected, recovered = p["b"] * x[0] * x[1], p["g"] * x[1]
        return [-infected, infected - recovered, recovered]
