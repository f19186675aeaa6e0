"""Systems of pharmacology, growth and epidemics in which one known number differs between individuals.

Each is a published model; the numbers are chosen so that the covariate moves the paths by as much as their own change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

Rates = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class IndividualSystem:
    """One system, autonomous for each individual.

    Attributes
    ----------
    name : str
    covariate : str
        What differs.
    rates : callable
        Maps a state (D,) and the covariate to its derivative (D,).
    low, high : float
        Ends of the covariate's range.
    start : (array of shape (D,), array of shape (D,))
        Ends of the box of initial states.
    duration : float
    """

    name: str
    covariate: str
    rates: Rates
    low: float
    high: float
    start: tuple[tuple[float, ...], tuple[float, ...]]
    duration: float

    def draw(self, rng: np.random.Generator) -> tuple[float, np.ndarray]:
        """A covariate and an initial state (D,)."""
        return float(rng.uniform(self.low, self.high)), rng.uniform(*map(np.array, self.start))

    def path(self, covariate: float, state: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The exact path (L, D)."""
        solved = solve_ivp(
            lambda _, x: self.rates(x, covariate), (0, times[-1]), state, "LSODA", times, rtol=1e-9, atol=1e-11
        )
        if not solved.success:
            raise RuntimeError(f"{self.name}: {solved.message}")
        return solved.y.T


def _bolus(x: np.ndarray, clearance: float) -> np.ndarray:
    """One compartment: elimination in proportion to the clearance (Rowland and Tozer)."""
    return -clearance * x


def _saturable(x: np.ndarray, activity: float) -> np.ndarray:
    """One compartment with Michaelis and Menten's elimination."""
    return -activity * x / (2.0 + x)


def _compartments(x: np.ndarray, clearance: float) -> np.ndarray:
    """Two compartments that exchange, elimination from the first."""
    blood, tissue = x
    exchange = 0.8 * blood - 0.4 * tissue
    return np.array([-clearance * blood - exchange, exchange])


def _absorption(x: np.ndarray, clearance: float) -> np.ndarray:
    """A gut that empties into the blood."""
    gut, blood = x
    return np.array([-1.2 * gut, 1.2 * gut - clearance * blood])


def _logistic(x: np.ndarray, capacity: float) -> np.ndarray:
    """Verhulst's growth to a capacity."""
    return 0.9 * x * (1.0 - x / capacity)


def _gompertz(x: np.ndarray, vigour: float) -> np.ndarray:
    """Gompertz's growth, as of tumours (Laird 1964)."""
    return vigour * x - 0.5 * x * np.log(x)


def _treated(x: np.ndarray, dose: float) -> np.ndarray:
    """A tumour of logistic growth under a drug that kills in proportion."""
    return 0.8 * x * (1.0 - x / 5.0) - dose * x


def _chemostat(x: np.ndarray, dilution: float) -> np.ndarray:
    """Monod's bacteria in a vessel that is fed and emptied."""
    food, cells = x
    growth = 1.2 * food * cells / (1.0 + food)
    return np.array([dilution * (4.0 - food) - growth, growth - dilution * cells])


def _epidemic(x: np.ndarray, contacts: float) -> np.ndarray:
    """Kermack and McKendrick's susceptible and infected parts of a town."""
    susceptible, infected = x
    infection = contacts * susceptible * infected
    return np.array([-infection, infection - 0.4 * infected])


def _predators(x: np.ndarray, hunting: float) -> np.ndarray:
    """Lotka's and Volterra's prey and predators, with a rate of capture."""
    prey, predator = x
    return np.array([prey - hunting * prey * predator, 0.5 * hunting * prey * predator - 0.6 * predator])


SYSTEMS = (
    IndividualSystem("bolus", "clearance", _bolus, 0.2, 1.2, ((2.0,), (6.0,)), 4.0),
    IndividualSystem("saturable", "activity", _saturable, 1.0, 5.0, ((3.0,), (8.0,)), 4.0),
    IndividualSystem("compartments", "clearance", _compartments, 0.2, 1.5, ((3.0, 0.0), (8.0, 0.2)), 6.0),
    IndividualSystem("absorption", "clearance", _absorption, 0.1, 1.0, ((3.0, 0.0), (8.0, 0.1)), 6.0),
    IndividualSystem("logistic", "capacity", _logistic, 2.0, 10.0, ((0.2,), (1.0,)), 8.0),
    IndividualSystem("gompertz", "vigour", _gompertz, 0.4, 1.4, ((0.2,), (1.0,)), 8.0),
    IndividualSystem("treated", "dose", _treated, 0.0, 1.2, ((0.5,), (4.0,)), 6.0),
    IndividualSystem("chemostat", "dilution", _chemostat, 0.2, 0.8, ((1.0, 0.3), (4.0, 2.0)), 10.0),
    IndividualSystem("epidemic", "contacts", _epidemic, 0.8, 2.5, ((0.8, 0.01), (1.0, 0.1)), 12.0),
    IndividualSystem("predators", "hunting", _predators, 0.5, 1.5, ((1.0, 0.5), (3.0, 1.5)), 8.0),
)
