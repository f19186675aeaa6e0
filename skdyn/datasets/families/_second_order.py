"""Second-order equations ``x'' = f(t, x, x')``, observed in x and x'."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems, log_uniform


class CauchyEuler(Family):
    """Cauchy and Euler's ``t^2 x'' + a t x' + b x = 0`` from t = 1; three in four oscillate in log t."""

    name = "cauchy_euler"
    channels = ("x", "v")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        a = rng.uniform(-1.0, 3.0, n)
        square = np.where(rng.random(n) < 0.75, rng.uniform(2.0, 9.0, n) ** 2, -(rng.uniform(0.1, 2.0, n) ** 2))
        x0 = np.stack([rng.uniform(-2.0, 2.0, n), rng.uniform(-3.0, 3.0, n)])
        parameters = {"a": a, "b": ((a - 1.0) / 2.0) ** 2 + square}
        return Problems(parameters, x0, rng.uniform(4.0, 10.0, n), start=np.ones(n))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[1], -p["a"] * x[1] / t - p["b"] * x[0] / t**2]


class EmdenFowler(Family):
    """Emden and Fowler's ``x'' + (k / t) x' + t^s |x|^m sign(x) = 0`` from t = 0.2, with m = 1, 3 or 5."""

    name = "emden_fowler"
    channels = ("x", "v")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        parameters = {
            "k": rng.uniform(0.5, 2.0, n),
            "s": rng.uniform(0.0, 0.5, n),
            "m": rng.choice([1.0, 3.0, 5.0], n),
        }
        x0 = np.stack([rng.uniform(0.7, 2.0, n), rng.uniform(-0.5, 0.5, n)])
        return Problems(parameters, x0, rng.uniform(10.0, 20.0, n), start=np.full(n, 0.2))

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[1], -p["k"] / t * x[1] - t ** p["s"] * np.abs(x[0]) ** p["m"] * np.sign(x[0])]


class VanDerPol(Family):
    """Van der Pol's ``x'' = m (1 - x^2) x' - x``.

    Parameters
    ----------
    name : str
    ranges : tuple of pairs of float
        Ranges of the damping m; each has the same share.
    """

    channels = ("x", "v")

    def __init__(self, name: str, ranges: tuple[tuple[float, float], ...]) -> None:
        self.name, self._ranges = name, np.array(ranges)

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        m = rng.uniform(*self._ranges[rng.integers(len(self._ranges), size=n)].T)
        period = 1.61 * m + 2 * np.pi / np.maximum(m, 1.0) ** (1 / 3)
        x0 = np.stack([rng.uniform(-2.5, 2.5, n), rng.uniform(-2.0, 2.0, n)])
        return Problems({"m": m}, x0, rng.uniform(2.5, 6.0, n) * period)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[1], p["m"] * (1.0 - x[0] ** 2) * x[1] - x[0]]


class Pendulum(Family):
    """Pendulum ``x'' = -d x' - w^2 sin x``, half of them damped; fast ones go over the top."""

    name = "pendulum"
    channels = ("angle", "speed")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        w = np.sqrt(log_uniform(rng, 1.0, 25.0, n))
        damping = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0.02, 0.3, n)) * w
        x0 = np.stack([rng.uniform(0.3, 2.9, n), rng.uniform(-2.0, 2.0, n) * w])
        return Problems({"w": w, "d": damping}, x0, rng.uniform(3.0, 7.0, n) * 2 * np.pi / w)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[1], -p["d"] * x[1] - p["w"] ** 2 * np.sin(x[0])]


class ErmakovPinney(Family):
    """Ermakov and Pinney's ``x'' = -w^2 x + c / x^3``."""

    name = "ermakov_pinney"
    channels = ("x", "v")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        w, c = rng.uniform(0.7, 2.0, n), rng.uniform(0.2, 3.0, n)
        x0 = np.stack([rng.uniform(0.5, 2.5, n), rng.uniform(-1.0, 1.0, n)])
        return Problems({"w": w, "c": c}, x0, rng.uniform(3.0, 7.0, n) * np.pi / w)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[1], -(p["w"] ** 2) * x[0] + p["c"] / x[0] ** 3]


class Swing(Family):
    """Swing equation of a generator, ``d' = w``, ``M w' = Pm - Pmax sin d - D w``, started off its stable angle."""

    name = "swing"
    channels = ("angle", "speed")

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        inertia, damping = rng.uniform(0.05, 0.3, n), rng.uniform(0.02, 0.2, n)
        maximum, load = rng.uniform(1.2, 2.5, n), rng.uniform(0.1, 0.7, n)
        angle = np.arcsin(load)
        period = 2 * np.pi * np.sqrt(inertia / (maximum * np.cos(angle)))
        x0 = np.stack([angle + rng.uniform(-0.9, 0.9, n), rng.uniform(-1.0, 1.0, n)])
        parameters = {"M": inertia, "D": damping, "Pmax": maximum, "Pm": maximum * load}
        return Problems(parameters, x0, rng.uniform(3.0, 7.0, n) * period)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        return [x[1], (p["Pm"] - p["Pmax"] * np.sin(x[0]) - p["D"] * x[1]) / p["M"]]
