"""Mean-field model of a forced cylinder wake, observed in coordinates like the principal components of a flow."""

import numpy as np

from skdyn.datasets.families._family import Array, Family, Parameters, Problems
from skdyn.datasets.families._forcing import chirp, multisine


class CylinderWake(Family):
    """Forced wake ``a' = m a - w b - A a c + F u``, ``b' = w a + m b - A b c``, ``c' = -l (c - a^2 - b^2)``.

    Observed are a, b, the real and imaginary part of ``(a + i b)^2``, and the shift mode c (B. R. Noack et al., *A
    hierarchy of low-dimensional models for the transient and post-transient cylinder wake*, JFM 497, 2003, without
    its forcing).

    Parameters
    ----------
    name : str
    forcing : str
        "sweep", "mono" or "multi": a swept sine, one sine, or three to six.
    """

    channels = ("pc1", "pc2", "pc3", "pc4", "shift")

    def __init__(self, name: str, forcing: str) -> None:
        self.name, self._forcing = name, forcing

    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""
        growth, w, drag = rng.uniform(0.1, 0.3, n), rng.uniform(0.8, 1.2, n), rng.uniform(0.8, 1.2, n)
        horizon = rng.uniform(4.0, 7.0, n) * 2 * np.pi / w
        radius, angle = np.sqrt(growth / drag), rng.uniform(0.0, 2 * np.pi, n)
        radius = radius * np.where(rng.random(n) < 0.5, 1.0, rng.uniform(0.05, 0.4, n))
        x0 = np.stack([radius * np.cos(angle), radius * np.sin(angle), radius**2])
        parameters = {
            "m": growth,
            "w": w,
            "A": drag,
            "l": rng.uniform(0.5, 2.0, n),
            "F": rng.uniform(0.02, 0.15, n),
            "T": horizon,
            "phase": rng.uniform(0.0, 2 * np.pi, (6, n)),
        }
        if self._forcing == "sweep":
            parameters |= {"first": w * rng.uniform(0.4, 0.9, n), "last": w * rng.uniform(1.1, 1.8, n)}
        else:
            low, high = (0.5, 1.6) if self._forcing == "mono" else (0.3, 2.0)
            number = np.ones(n) if self._forcing == "mono" else rng.integers(3, 7, n)
            present = np.arange(6)[:, None] < number
            parameters |= {"size": present / np.sqrt(number), "frequency": w * rng.uniform(low, high, (6, n))}
        return Problems(parameters, x0, horizon)

    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives."""
        if self._forcing == "sweep":
            u = chirp(t, p["first"], p["last"], p["T"], p["phase"][0])
        else:
            u = multisine(t, p["size"], p["frequency"], p["phase"])
        a, b, c = x
        growth = p["m"] - p["A"] * c
        return [growth * a - p["w"] * b + p["F"] * u, p["w"] * a + growth * b, -p["l"] * (c - a**2 - b**2)]

    def observe(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """The five channels."""
        a, b, c = x
        return [a, b, a**2 - b**2, 2 * a * b, c]
