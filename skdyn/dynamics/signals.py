"""What is given from outside at any time: inputs between their points, and parameters.

Letters: N rows, M_n points of row n, D variables, U inputs, P parameters, G = U + P.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.corners import corners
from skdyn.dynamics.solver import first_later

_PARTS = 200  # of a simulation, none of which a step may pass where inputs are a function


class Signals(Protocol):
    """Values at any time, for N rows."""

    def __call__(self, rows: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Values (n, G) of some rows (n,) at times (n,)."""

    @property
    def jumps(self) -> list[np.ndarray]:
        """Times of each row at which its values jump; no step of a solver may cross one."""

    @property
    def corners(self) -> list[np.ndarray]:
        """Times of each row at which its values turn; no step may cross one, which might pass a whole event."""


class SampledSignals:
    """Values between the points of each row, on straight lines or as at the point before; as at the ends beyond them.

    Parameters
    ----------
    times : N arrays of shape (M_n,)
        Increasing.
    values : N arrays of shape (M_n, G)
    holds : bool
        As at the point before, with jumps where it differs.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = SampledSignals([np.array([0.0, 1.0])], [np.array([[0.0], [2.0]])], holds=False)
    >>> ramp(np.array([0, 0]), np.array([0.25, 5.0]))
    array([[0.5],
           [2. ]])
    >>> step = SampledSignals([np.array([0.0, 1.0])], [np.array([[0.0], [2.0]])], holds=True)
    >>> step(np.array([0]), np.array([0.25])), step.jumps
    (array([[0.]]), [array([1.])])
    """

    def __init__(self, times: Sequence[np.ndarray], values: Sequence[np.ndarray], holds: bool) -> None:
        counts = np.array([len(t) for t in times])
        self._times, self._values, self._holds = np.concatenate(times), np.concatenate(values), holds
        self._stop = np.cumsum(counts)
        self._start = self._stop - counts

    @classmethod
    def of(cls, observed: Trajectories) -> SampledSignals:
        """What was given along observed trajectories."""
        return cls(observed.times, observed.outside, observed.given.holds)

    def __call__(self, rows: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Values (n, G) of some rows (n,) at times (n,)."""
        start, stop = self._start[rows], self._stop[rows]
        before = np.clip(first_later(self._times, start, stop, t) - 1, start, None)
        if self._holds:
            return self._values[before]
        after = np.minimum(before + 1, stop - 1)
        span = self._times[after] - self._times[before]
        share = (t - self._times[before]) / np.where(span > 0, span, 1.0)
        share = share.clip(0.0, 1.0)[:, None]
        return self._values[before] * (1 - share) + self._values[after] * share

    @property
    def jumps(self) -> list[np.ndarray]:
        """Times of each row at which its values jump."""
        pieces = [slice(start, stop) for start, stop in zip(self._start, self._stop, strict=True)]
        if not self._holds:
            return [np.empty(0) for _ in pieces]
        return [self._times[piece][1:][(np.diff(self._values[piece], axis=0) != 0).any(axis=1)] for piece in pieces]

    @property
    def corners(self) -> list[np.ndarray]:
        """Times of each row at which its straight lines turn."""
        if self._holds:
            return [np.empty(0) for _ in self._start]
        kept = corners(self._times, self._values, self._start, self._stop)
        pieces = [slice(start, stop) for start, stop in zip(self._start, self._stop, strict=True)]
        return [self._times[piece][kept[piece]] for piece in pieces]


class CalledSignals:
    """Inputs by a function of the time, the same for all rows, beside parameters of each.

    Parameters
    ----------
    function : callable, (n,) -> (n, U)
    parameters : array of shape (N, P)
    times : array of shape (L,)
        Those of the simulation. After the last one the function is not asked; events that are shorter than the steps
        between them, and than a two-hundredth of the simulation, may be missed.
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray, times: np.ndarray) -> None:
        self._function, self._parameters, self._times = function, parameters, times

    def __call__(self, rows: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Values (n, U + P) of some rows (n,) at times (n,)."""
        return np.hstack([self._function(t), self._parameters[rows]])

    @property
    def jumps(self) -> list[np.ndarray]:
        """The last time, which no step crosses; others are not known, and a step of the solver may cross one."""
        return [self._times[-1:] for _ in self._parameters]

    @property
    def corners(self) -> list[np.ndarray]:
        """All times of the simulation, and even ones between the first and the last."""
        even = np.linspace(self._times[0], self._times[-1], _PARTS + 1)
        times = np.union1d(self._times, even)
        return [times for _ in self._parameters]


def driven_by(signals: Signals | None, function: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """A field of points (n, D + G) as one of rows (n,), times (n,) and states (n, D)."""
    if signals is None:
        return lambda rows, t, x: function(x)
    return lambda rows, t, x: function(np.hstack([x, signals(rows, t)]))


def derivatives_driven_by(
    signals: Signals | None, function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None
) -> Callable[..., tuple[np.ndarray, np.ndarray]] | None:
    """As `driven_by`, of a function that returns a field (n, D) and its derivatives (n, D, D + G): by states alone."""
    if function is None or signals is None:
        return None if function is None else lambda rows, t, x: function(x)

    def by_states(rows: np.ndarray, t: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        field, jacobian = function(np.hstack([x, signals(rows, t)]))
        return field, jacobian[..., : x.shape[1]]

    return by_states
