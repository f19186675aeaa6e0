"""The families of neural SDEs, by where the state enters as a factor.

Letters: N points, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn_neuralode.units import Array, Pairs

_FLOOR = 1e-3  # least diffusion, in the one that the data would have without drift
_CHORD = 10  # intervals over which speeds are taken, so that noise averages out


@dataclass(frozen=True)
class Family:
    """What multiplies the network and the noise: one, or the state.

    Attributes
    ----------
    drift_is_relative, noise_is_relative : bool
        Counted per unit of the state itself.
    """

    drift_is_relative: bool
    noise_is_relative: bool


FAMILIES = {
    "langevin": Family(False, False),
    "linear-noise": Family(False, True),
    "geometric": Family(True, True),
}


@dataclass(frozen=True)
class Sizes:
    """Where training starts, in units without dimension.

    Attributes
    ----------
    speeds, noise : arrays of shape (D,)
        Typical values of what the network gives and of the noise's factor, per unit of the state where it is relative.
    floor : array of shape (D,)
        Least diffusion, so that no transition is certain.
    """

    speeds: Array
    noise: Array
    floor: Array

    @classmethod
    def of(cls, pairs: Pairs, zero: Array, family: Family) -> Sizes:
        """Measure trajectories (tau, z) whose states are counted from ``zero``."""
        gaps = np.concatenate([np.diff(tau) for tau, _ in pairs])[:, None]
        moved = np.concatenate([np.diff(z, axis=0) for _, z in pairs])
        noise = _positive(np.sqrt((np.square(moved) / gaps).mean(axis=0)))
        speeds = _positive(np.median(np.abs(np.concatenate([_slopes(*pair) for pair in pairs])), axis=0))
        size = np.sqrt(np.square(np.concatenate([z for _, z in pairs]) - zero).mean(axis=0))
        return cls(
            speeds / size if family.drift_is_relative else speeds,
            noise / size if family.noise_is_relative else noise,
            _FLOOR * noise,
        )


def _slopes(tau: Array, z: Array) -> Array:
    """Slopes (N, D) of chords over some intervals."""
    length = min(_CHORD, len(tau) - 1)
    return (z[length:] - z[:-length]) / (tau[length:] - tau[:-length])[:, None]


def _positive(values: Array) -> Array:
    """A variable that does not move takes the largest value, or one where none moves."""
    return np.where(values > 0, values, values.max() or 1.0)
