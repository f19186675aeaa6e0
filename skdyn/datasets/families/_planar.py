"""First-order systems of two variables that cycle or spiral."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems, log_uniform


class LotkaVolterra(Family):
    """Lotka and Volterra's ``x' = x (a - b y)``, ``y' = y (d x - c)``, started off the point of rest."""

    name = "lotka_volterra"
    channels = ("prey", "predator")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        a, c = rng.uniform(0.5, 1.5, (2, n))
        b, d = rng.uniform(0.2, 1.0, (2, n))
        x0 = np.stack([c / d * log_uniform(rng, 0.3, 3.0, n), a / b * log_uniform(rng, 0.3, 3.0, n)])
        parameters = {"a": a, "b": b, "c": c, "d": d}
        return Problems(parameters, x0, rng.uniform(2.5, 5.0, n) * 2 * np.pi / np.sqrt(a * c))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[0] * (p["a"] - p["b"] * x[1]), x[1] * (p["d"] * x[0] - p["c"])]


class FitzHughNagumo(Family):
    """FitzHugh and Nagumo's neuron ``v' = v - v^3 / 3 - w + I``, ``w' = e (v + a - b w)``."""

    name = "fitzhugh_nagumo"
    channels = ("v", "w")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        parameters = {
            "a": rng.uniform(0.5, 0.8, n),
            "b": rng.uniform(0.5, 0.9, n),
            "e": rng.uniform(0.06, 0.12, n),
            "I": rng.uniform(0.3, 1.3, n),
        }
        x0 = np.stack([rng.uniform(-2.0, 2.0, n), rng.uniform(-1.0, 1.5, n)])
        return Problems(parameters, x0, rng.uniform(80.0, 200.0, n))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[0] - x[0] ** 3 / 3 - x[1] + p["I"], p["e"] * (x[0] + p["a"] - p["b"] * x[1])]


class Hopf(Family):
    """Normal form of the Hopf bifurcation, ``z' = (m + i w) z - (1 + i s) |z|^2 z``, on both sides of it."""

    name = "hopf"
    channels = ("x", "y")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        w = rng.uniform(1.0, 4.0, n)
        parameters = {"m": rng.uniform(-0.4, 1.0, n), "w": w, "s": rng.uniform(-1.0, 1.0, n)}
        return Problems(parameters, rng.uniform(-1.5, 1.5, (2, n)), rng.uniform(3.0, 6.0, n) * 2 * np.pi / w)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        square = x[0] ** 2 + x[1] ** 2
        growth, turn = p["m"] - square, p["w"] - p["s"] * square
        return [growth * x[0] - turn * x[1], growth * x[1] + turn * x[0]]


class Brusselator(Family):
    """Brusselator ``x' = a + x^2 y - (b + 1) x``, ``y' = b x - x^2 y``, beyond its Hopf bifurcation."""

    name = "brusselator"
    channels = ("x", "y")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        a = rng.uniform(0.8, 1.5, n)
        b = 1 + a**2 + rng.uniform(0.1, 1.2, n)
        x0 = np.stack([a * rng.uniform(0.3, 2.0, n), b / a * rng.uniform(0.3, 2.0, n)])
        return Problems({"a": a, "b": b}, x0, rng.uniform(2.5, 6.0, n) * 2 * np.pi / a)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        reaction = x[0] ** 2 * x[1]
        return [p["a"] + reaction - (p["b"] + 1) * x[0], p["b"] * x[0] - reaction]
