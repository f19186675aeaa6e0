"""The interface of a family of systems: parameters, initial states, horizon, and what is observed.

Letters: n systems, S state variables, P points, D observed channels. The systems are the last axis everywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.datasets.families._solver import Array, Parameters, solve

__all__ = ["Array", "Family", "Parameters", "Problems", "log_uniform"]

_ROUNDS = 50


@dataclass(frozen=True)
class Problems:
    """Initial-value problems of one family.

    Attributes
    ----------
    parameters : mapping of str to array of shape (..., n)
    x0 : array of shape (S, n)
    horizon : array of shape (n,)
        Duration of the recording: a few cycles or time constants.
    start : array of shape (n,), optional
        Time of the initial state; 0 by default.
    burn_in : array of shape (n,), optional
        Time that passes before the recording starts; none by default.
    """

    parameters: Parameters
    x0: Array
    horizon: Array
    start: Array | None = None
    burn_in: Array | None = None


class Family(ABC):
    """A named family of dynamical systems.

    Attributes
    ----------
    name : str
    channels : tuple of D str
        Names of what is observed.
    """

    name: str
    channels: tuple[str, ...]

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Problems:
        """Draw ``n`` problems."""

    @abstractmethod
    def rates(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Time derivatives, S arrays (n,), at times (n,) and states (S, n)."""

    def observe(self, t: Array, x: Array, p: Parameters) -> list[Array]:
        """Channels, D arrays (P, n), from times (P, n) and states (S, P, n); by default the states themselves."""
        return list(x)

    def simulate(
        self, n: int, rng: np.random.Generator, points: int | NDArray[np.int64] = 200, rtol: float = 1e-6
    ) -> tuple[Array, Array]:
        """Record ``n`` systems at evenly spaced times.

        Recordings that are not finite, leave ``|x| <= 1e4``, or whose every channel varies by less than a thousandth
        of its level, are drawn again.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        points : int, or array of n int
            Number of points of each recording.
        rtol : float
            Relative tolerance of the solver.

        Returns
        -------
        times : array of shape (n, P)
            From 0 on; P is the largest number of points, and a shorter recording repeats its last.
        values : array of shape (n, P, D)

        Raises
        ------
        RuntimeError
            If hardly any drawn system can be recorded.
        """
        counts = np.broadcast_to(np.asarray(points), (n,))
        times, values = np.empty((n, counts.max())), np.empty((n, counts.max(), len(self.channels)))
        todo = np.arange(n)
        for _ in range(_ROUNDS):
            t, x = self._record(counts[todo], counts.max(), rng, rtol)
            kept = usable(x)
            times[todo[kept]], values[todo[kept]] = t[kept], x[kept]
            todo = todo[~kept]
            if len(todo) == 0:
                return times, values
        raise RuntimeError(f"{self.name}: {len(todo)} of {n} systems could not be recorded in {_ROUNDS} rounds")

    def _record(
        self, counts: NDArray[np.int64], points: int, rng: np.random.Generator, rtol: float
    ) -> tuple[Array, Array]:
        problems = self.draw(len(counts), rng)
        zero = np.zeros(len(counts))
        start = zero if problems.start is None else problems.start
        burn_in = zero if problems.burn_in is None else problems.burn_in
        unit = np.minimum(np.arange(points)[:, None] / (counts - 1), 1.0)
        recorded = start + burn_in + problems.horizon * unit
        with np.errstate(all="ignore"):
            states = solve(self.rates, problems.x0, np.vstack([start, recorded]), problems.parameters, rtol=rtol)
            channels = np.stack(self.observe(recorded, states[:, 1:], problems.parameters))
        return (problems.horizon * unit).T, channels.transpose(2, 1, 0)


def usable(values: Array) -> NDArray[np.bool_]:
    """Which recordings (n, P, D) are finite, bounded by 1e4 and vary in some channel: booleans (n,)."""
    with np.errstate(invalid="ignore"):
        bounded = np.asarray((np.abs(values) <= 1e4).all(axis=(1, 2)))
    filled = np.where(bounded[:, None, None], values, 0.0)
    spread, level = np.ptp(filled, axis=1), np.abs(filled).max(axis=1)
    return bounded & (spread > 1e-3 * np.maximum(level, 1e-12)).any(axis=1)


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int) -> Array:
    """Uniform in the logarithm between ``low`` and ``high``."""
    return low * (high / low) ** rng.random(size)
