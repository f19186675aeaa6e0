"""Systems of three and more variables that are chaotic for many of their parameters, recorded on the attractor."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems


class Lorenz63(Family):
    """Lorenz's convection ``x' = s (y - x)``, ``y' = x (r - z) - y``, ``z' = x y - b z``."""

    name = "lorenz63"
    channels = ("x", "y", "z")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        parameters = {"s": rng.uniform(8.0, 12.0, n), "r": rng.uniform(20.0, 40.0, n), "b": rng.uniform(2.0, 3.3, n)}
        x0 = rng.normal(0.0, 5.0, (3, n)) + np.array([0.0, 0.0, 25.0])[:, None]
        return Problems(parameters, x0, rng.uniform(3.0, 6.0, n), burn_in=np.full(n, 5.0))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [p["s"] * (x[1] - x[0]), x[0] * (p["r"] - x[2]) - x[1], x[0] * x[1] - p["b"] * x[2]]


class Rossler(Family):
    """Rössler's ``x' = -y - z``, ``y' = x + a y``, ``z' = b + z (x - c)``."""

    name = "rossler"
    channels = ("x", "y", "z")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        parameters = {"a": rng.uniform(0.1, 0.3, n), "b": rng.uniform(0.1, 0.3, n), "c": rng.uniform(4.0, 8.0, n)}
        x0 = rng.uniform(-2.0, 2.0, (3, n)) + np.array([0.0, 0.0, 2.0])[:, None]
        return Problems(parameters, x0, rng.uniform(20.0, 45.0, n), burn_in=np.full(n, 30.0))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [-x[1] - x[2], x[0] + p["a"] * x[1], p["b"] + x[2] * (x[0] - p["c"])]


class Lorenz96(Family):
    """Lorenz's ring of five sites, ``x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F``."""

    name = "lorenz96"
    channels = ("x0", "x1", "x2", "x3", "x4")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        force = rng.uniform(3.0, 9.0, n)
        x0 = force + rng.normal(0.0, 1.0, (len(self.channels), n))
        return Problems({"F": force}, x0, rng.uniform(4.0, 8.0, n), burn_in=np.full(n, 5.0))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return list((np.roll(x, -1, axis=0) - np.roll(x, 2, axis=0)) * np.roll(x, 1, axis=0) - x + p["F"])


class Thomas(Family):
    """Thomas's cyclically symmetric ``x' = sin y - b x`` and so on around."""

    name = "thomas"
    channels = ("x", "y", "z")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        burn_in = np.full(n, 50.0)
        return Problems(
            {"b": rng.uniform(0.1, 0.25, n)}, rng.uniform(-2.0, 2.0, (3, n)), rng.uniform(30.0, 70.0, n), None, burn_in
        )

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return list(np.sin(np.roll(x, -1, axis=0)) - p["b"] * x)


class HindmarshRose(Family):
    """Hindmarsh and Rose's bursting neuron, with the usual constants but for the current I and the slow rate r."""

    name = "hindmarsh_rose"
    channels = ("x", "y", "z")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        parameters = {"I": rng.uniform(1.5, 3.5, n), "r": rng.uniform(0.005, 0.02, n)}
        x0 = np.stack([rng.uniform(-1.5, 1.5, n), rng.uniform(-6.0, 0.0, n), rng.uniform(1.5, 3.0, n)])
        return Problems(parameters, x0, rng.uniform(60.0, 160.0, n), burn_in=np.full(n, 100.0))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [
            x[1] - x[0] ** 3 + 3.0 * x[0] ** 2 - x[2] + p["I"],
            1.0 - 5.0 * x[0] ** 2 - x[1],
            p["r"] * (4.0 * (x[0] + 1.6) - x[2]),
        ]
