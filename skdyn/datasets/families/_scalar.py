"""Scalar equations with a closed-form solution."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems, log_uniform


class Bernoulli(Family):
    """Bernoulli's equation ``x' = -p x + q x^m`` with m = 2 or 3, below its unstable root where it has one."""

    name = "bernoulli"
    channels = ("x",)

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        p, q, m = rng.uniform(0.5, 2.0, n), rng.uniform(-1.5, 1.5, n), rng.choice([2.0, 3.0], n)
        root = (p / np.maximum(q, 1e-3)) ** (1 / (m - 1))
        x0 = np.where(q > 0, np.minimum(root, 100.0) * rng.uniform(0.2, 0.8, n), rng.uniform(0.3, 3.0, n))
        return Problems({"p": p, "q": q, "m": m}, x0[None], rng.uniform(3.0, 6.0, n))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [-p["p"] * x[0] + p["q"] * np.abs(x[0]) ** p["m"]]


class Logistic(Family):
    """Logistic growth ``x' = g x (1 - x / K)`` from below (four in five) or above the capacity K."""

    name = "logistic"
    channels = ("x",)

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        g, capacity = rng.uniform(0.5, 2.0, n), log_uniform(rng, 1.0, 50.0, n)
        share = np.where(rng.random(n) < 0.8, rng.uniform(0.01, 0.2, n), rng.uniform(1.2, 2.0, n))
        return Problems({"g": g, "K": capacity}, (capacity * share)[None], rng.uniform(6.0, 12.0, n) / g)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [p["g"] * x[0] * (1.0 - x[0] / p["K"])]
