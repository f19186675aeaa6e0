"""Textbook systems that validation holds out; no prior contains them as such.

Each is given with parameters of our own choice. Sources: B. van der Pol 1926; R. FitzHugh 1961 and J. Nagumo 1962;
the damped pendulum; O. Roessler 1976; J. Sel'kov 1968.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.priors.base import BatchedField, Rates, Start


@dataclass(frozen=True)
class Classic(BatchedField):
    """One textbook system, repeated for several sets of initial states.

    Attributes
    ----------
    formula : str
        Name in `CLASSICS`.
    """

    formula: str

    def rates(self, x: Rates) -> Rates:
        """Time derivatives at the given states."""
        return CLASSICS[self.formula].rates(*x)


@dataclass(frozen=True)
class Textbook:
    """Formula, initial states and horizon of a textbook system."""

    rates: Callable[..., Rates]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    horizon: float

    def field(self, name: str, copies: int) -> Classic:
        """``copies`` batched systems with the same formula."""
        rows = torch.tensor([self.centre, self.spread]).expand(copies, 2, -1)
        positive = torch.zeros(copies, dtype=torch.bool)
        return Classic(Start(rows[:, 0].clone(), rows[:, 1].clone(), positive), name)


def _van_der_pol(x: Tensor, y: Tensor) -> Rates:
    return y, 1.7 * (1 - x * x) * y - x


def _fitzhugh_nagumo(v: Tensor, w: Tensor) -> Rates:
    return 3 * (v - v**3 / 3 + w), (0.25 - v - 0.15 * w) / 3


def _pendulum(angle: Tensor, speed: Tensor) -> Rates:
    return speed, -2.3 * angle.sin() - 0.12 * speed


def _roessler(x: Tensor, y: Tensor, z: Tensor) -> Rates:
    return -y - z, x + 0.17 * y, 0.23 + z * (x - 5.1)


def _selkov(x: Tensor, y: Tensor) -> Rates:
    feedback = 0.08 * y + x * x * y
    return feedback - x, 0.55 - feedback


CLASSICS: dict[str, Textbook] = {
    "van_der_pol": Textbook(_van_der_pol, (0.0, 0.0), (1.5, 1.5), 18.0),
    "fitzhugh_nagumo": Textbook(_fitzhugh_nagumo, (0.0, 0.0), (1.0, 1.0), 25.0),
    "pendulum": Textbook(_pendulum, (0.0, 0.0), (1.2, 1.2), 14.0),
    "roessler": Textbook(_roessler, (0.0, -3.0, 0.5), (2.0, 2.0, 0.3), 30.0),
    "selkov": Textbook(_selkov, (0.6, 1.0), (0.4, 0.4), 25.0),
}
