"""Textbook equations with a few unknown numbers, fitted by shooting: what an expert of each field would try first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from scipy.integrate import odeint
from scipy.optimize import least_squares

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory

Rates = Callable[[np.ndarray, float, np.ndarray, Mapping[str, float]], np.ndarray]
"""Maps a state (D,), the time, the unknown numbers, and what is given by name, to the derivative (D,)."""


class Textbook:
    """An equation of known form; its unknown numbers are positive.

    Every trajectory is simulated from its first state, and all residuals together, each variable in its standard
    deviations, are made small by `scipy.optimize.least_squares` on the logarithms of the unknown numbers.

    Parameters
    ----------
    rates : callable
        See `Rates`.
    guess : sequence of positive floats
        Where the search begins.
    """

    numbers_: np.ndarray
    context_: Trajectories

    def __init__(self, rates: Rates, guess: tuple[float, ...]) -> None:
        self.rates, self.guess = rates, guess

    def fit(self, X: Trajectories) -> Self:
        """Search the unknown numbers."""
        self.context_ = X
        scale = np.concatenate(X.states).std(axis=0)

        def residuals(logarithms: np.ndarray) -> np.ndarray:
            paths = [self._path(np.exp(logarithms), x[0], item) for item, x in zip(X, X.states, strict=True)]
            errors = [(path - x) / scale for path, x in zip(paths, X.states, strict=True)]
            return np.clip(np.nan_to_num(np.concatenate(errors), nan=1e3), -1e3, 1e3).ravel()

        found = least_squares(residuals, np.log(self.guess), max_nfev=200)
        self.numbers_ = np.exp(found.x)
        return self

    def path(self, start: np.ndarray, item: Trajectory) -> np.ndarray:
        """The simulation (L, D) from a state at the first time of a trajectory, under what that one is given."""
        return self._path(self.numbers_, start, item)

    def _path(self, numbers: np.ndarray, start: np.ndarray, item: Trajectory) -> np.ndarray:
        times = np.asarray(item[0])
        given = dict(zip(item.given.parameters, np.atleast_1d(item.p), strict=True)) if item.given.parameters else {}
        inputs = None if item.u is None else np.asarray(item.u).reshape(len(times), -1)

        def rates(x: np.ndarray, t: float) -> np.ndarray:
            if inputs is None:
                return self.rates(x, t, numbers, given)
            row = inputs[max(int(np.searchsorted(times, t, side="right")) - 1, 0)]
            return self.rates(x, t, numbers, {**given, **dict(zip(item.given.inputs, row, strict=True))})

        with np.errstate(all="ignore"):
            return odeint(rates, start, times, hmax=float(np.diff(times).max()), mxstep=2000)


def one_compartment(x: np.ndarray, t: float, numbers: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Absorption from the gut and elimination, both in proportion (Boeckmann, Sheiner and Beal 1994)."""
    absorption, elimination, volume = numbers
    return given["dose"] / volume * absorption * np.exp(-absorption * t) - elimination * x


def slowing_elimination(x: np.ndarray, t: float, numbers: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Two exponentials seen in the blood alone: an elimination whose rate falls from one to another."""
    fast, slow, half = numbers
    return -(slow + fast * x / (half + x)) * x


def logistic(x: np.ndarray, t: float, numbers: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Verhulst's growth."""
    rate, capacity = numbers
    return rate * x * (1 - x / capacity)


def limited(x: np.ndarray, t: float, numbers: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Growth in proportion to what is left to an asymptote (von Bertalanffy)."""
    rate, asymptote = numbers
    return rate * (asymptote - x)


def warmed(x: np.ndarray, t: float, numbers: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Newton's cooling towards a level that activity raises."""
    rate, level, rise = numbers
    return rate * (level + rise * given["activity"] - x)


def lotka_volterra(x: np.ndarray, t: float, numbers: np.ndarray, given: Mapping[str, Any]) -> np.ndarray:
    """Prey and predators."""
    birth, capture, death, gain = numbers
    return np.array([birth * x[0] - capture * x[0] * x[1], gain * x[0] * x[1] - death * x[1]])
