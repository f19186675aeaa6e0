"""How well a field reproduces the data when it is simulated, in pieces of a fifth of each trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn.data.arrangement import thin
from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.simulate import Field, rk4
from skdyn.dynamics.units import state_units

_PIECES = 5
_MOST_POINTS = 1000
_MOST_TRAJECTORIES = 16
_ABOVE_NOISE = 2.0
_NOTHING = 1e-3  # standard deviations of the data
_FAR = 100.0


@dataclass(frozen=True)
class Reproduction:
    """Simulations from the first state of each piece, beside what was observed.

    Attributes
    ----------
    errors, states : lists of arrays of shape (L, D)
        What the simulations miss the states by, and the states, in standard deviations of the data from their mean.
    """

    errors: list[np.ndarray]
    states: list[np.ndarray]

    def explained(self) -> float:
        """Share of the variance of the data that the simulations explain; at most 1."""
        states = np.concatenate(self.states)
        missed = np.mean(np.square(np.concatenate(self.errors)))
        return float(1 - missed / np.mean(np.square(states - states.mean(axis=0))))

    def correlation(self, noise: np.ndarray) -> float:
        """Correlation of the error from one point to the next; zero where within twice the noise (D,), or tiny."""
        size = np.sqrt(np.mean(np.square(np.concatenate(self.errors)), axis=0)).max()
        if size <= max(_ABOVE_NOISE * noise.max(), _NOTHING):
            return 0.0
        product = sum(np.sum(error[1:] * error[:-1]) for error in self.errors)
        square = sum(np.sum(error[1:] ** 2 + error[:-1] ** 2) for error in self.errors) / 2
        return float(product / square) if square > 0 else 0.0


def reproduce(context: Trajectories, field: Field) -> Reproduction:
    """Simulate the pieces, at most sixteen trajectories and a thousand points; a path that is lost ends at the bound.

    Parameters
    ----------
    context : Trajectories
    field : callable, (N, D + G) -> (N, D)
        Of states, with what is given from outside beside them.
    """
    shown = thin(context[np.unique(np.linspace(0, len(context) - 1, _MOST_TRAJECTORIES).round().astype(int))],
                 _MOST_POINTS)  # fmt: skip
    center, scale = state_units(np.concatenate(shown.states))
    dim, pieces, given = len(center), [], []
    for (t, x), outside in zip(shown, shown.outside, strict=True):
        width = max(3, -(-len(t) // _PIECES))
        after = outside[:-1] if shown.given.holds else outside[1:]
        through = np.stack([outside[:-1], after], axis=1)
        # Each piece begins at the last point of the one before.
        pieces += [(t[i : i + width + 1], x[i : i + width + 1]) for i in range(0, len(t) - 1, width)]
        given += [through[i : i + width] for i in range(0, len(t) - 1, width)]
    steps = np.zeros((len(pieces), max(len(t) for t, _ in pieces) - 1))
    for row, (t, _) in zip(steps, pieces, strict=True):
        row[: len(t) - 1] = np.diff(t)
    observed = [(x - center) / scale for _, x in pieces]
    states = np.stack([x[0] for x in observed])
    errors = [np.zeros_like(x) for x in observed]
    for i in range(steps.shape[1]):
        step, outside = steps[:, i : i + 1], np.stack([own[min(i, len(own) - 1)] for own in given])

        def scaled(both: np.ndarray, step: np.ndarray = step, outside: np.ndarray = outside) -> np.ndarray:
            """Slopes of states with, beside them, what is given, which moves on a line through the step."""
            z, now = both[:, :dim], both[:, dim:]
            with np.errstate(all="ignore"):
                slopes = field(np.hstack([z * scale + center, now])) / scale
            near = np.abs(z).max(axis=1, keepdims=True) < _FAR
            slopes = np.where(near & np.isfinite(slopes), slopes, 0.0) * step
            return np.hstack([slopes, outside[:, 1] - outside[:, 0]])

        both = rk4(scaled, np.hstack([states, outside[:, 0]]), np.array([0.0, 1.0]), 1)[:, 1]
        states = np.clip(both[:, :dim], -_FAR, _FAR)
        for k, (t, _) in enumerate(pieces):
            if i + 1 < len(t):
                errors[k][i + 1] = states[k] - observed[k][i + 1]
    return Reproduction([error[1:] for error in errors], [x[1:] for x in observed])
