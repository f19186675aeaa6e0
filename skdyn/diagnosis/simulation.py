"""How well a field reproduces the data when it is simulated, in five pieces of each trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.rows import followed
from skdyn.dynamics.paths import follow
from skdyn.dynamics.signals import SampledSignals, driven_by
from skdyn.dynamics.simulate import Field
from skdyn.dynamics.units import state_units
from skdyn.exceptions import ConvergenceWarning, silenced

_PIECES = 5
_MOST_POINTS = 1000
_MOST_TRAJECTORIES = 16
_MOST_EVALUATIONS = 2000  # of the field for each piece
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
        """Share of the variance of the data that the simulations explain; at most 1, NaN where none came anywhere."""
        if not sum(map(len, self.errors)):
            return np.nan
        states = np.concatenate(self.states)
        missed = np.mean(np.square(np.concatenate(self.errors)))
        return float(1 - missed / np.mean(np.square(states - states.mean(axis=0))))

    def correlation(self, noise: np.ndarray) -> float:
        """Correlation of the error from one point to the next; zero where within twice the noise (D,), or tiny."""
        if not sum(map(len, self.errors)):
            return np.nan
        size = np.sqrt(np.mean(np.square(np.concatenate(self.errors)), axis=0)).max()
        if size <= max(_ABOVE_NOISE * noise.max(), _NOTHING):
            return 0.0
        product = sum(np.sum(error[1:] * error[:-1]) for error in self.errors)
        square = sum(np.sum(error[1:] ** 2 + error[:-1] ** 2) for error in self.errors) / 2
        return float(product / square) if square > 0 else 0.0


def reproduce(context: Trajectories, field: Field) -> Reproduction:
    """Simulate five pieces of each trajectory, at most sixteen of them and a thousand points; see `followed`.

    A path that is lost ends at the bound; what lies beyond two thousand evaluations of the field is left out.

    Parameters
    ----------
    context : Trajectories
    field : callable, (N, D + G) -> (N, D)
        Of states, with what is given from outside beside them.
    """
    shown = context[np.unique(np.linspace(0, len(context) - 1, _MOST_TRAJECTORIES).round().astype(int))]
    pieces = _pieces(shown)
    center, scale = state_units(np.concatenate([shown.states[k][rows] for k, rows in pieces]))
    times = [shown.times[k][rows] for k, rows in pieces]
    observed = [(shown.states[k][rows] - center) / scale for k, rows in pieces]
    between = [(k, slice(rows[0], rows[-1] + 1)) for k, rows in pieces]
    signals = None if not shown.given else SampledSignals(
        [shown.times[k][span] for k, span in between], [shown.outside[k][span] for k, span in between],
        shown.given.holds)  # fmt: skip
    velocity = driven_by(signals, field)

    def bounded(rows: np.ndarray, t: np.ndarray, x: np.ndarray) -> np.ndarray:
        slopes = velocity(rows, t, x)
        near = np.abs((x - center) / scale).max(axis=1, keepdims=True) < _FAR
        return np.where(near & np.isfinite(slopes), slopes, 0.0)

    with silenced(ConvergenceWarning), np.errstate(all="ignore"):
        paths = follow(bounded, None, np.stack([shown.states[k][rows[0]] for k, rows in pieces]), times, center=center,
                       scale=scale, bound=np.inf, most_evaluations=_MOST_EVALUATIONS,
                       breaks=None if signals is None else signals.jumps,
                       corners=None if signals is None else signals.corners)  # fmt: skip
    errors, states = [], []
    for path, x in zip(paths, observed, strict=True):
        reached = np.isfinite(path[1:]).all(axis=1)
        errors.append((np.clip((path[1:] - center) / scale, -_FAR, _FAR) - x[1:])[reached])
        states.append(x[1:][reached])
    return Reproduction(errors, states)


def _pieces(shown: Trajectories) -> list[tuple[int, np.ndarray]]:
    """Trajectories and rows of the pieces: fifths of each, or stretches of it where a fifth has too many cycles."""
    widest = -(-shown.n_points // _MOST_POINTS)
    unit = state_units(np.concatenate(shown.states))[1]
    pieces = []
    for k, x in enumerate(shown.states):
        cuts = followed(x, min(widest, max(1, len(x) // _PIECES)), _PIECES, np.where(unit > 0, unit, 1.0), 3)
        if len(cuts) > 1:
            pieces += [(k, np.arange(len(x))[cut]) for cut in cuts]
            continue
        rows = np.arange(len(x))[cuts[0]]
        width = max(3, -(-len(rows) // _PIECES))
        # Each piece begins at the last point of the one before.
        pieces += [(k, rows[i : i + width + 1]) for i in range(0, len(rows) - 1, width)]
    return pieces
