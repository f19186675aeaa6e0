"""An order of trajectories that does not depend on the one in which they came."""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.units import state_units


def by_mean_state(context: Trajectories) -> np.ndarray:
    """Which trajectory (K,) comes first, second and so on, by the sums of their mean states in units of all."""
    center, scale = state_units(np.concatenate(context.states))
    means = [float(((x.mean(axis=0) - center) / np.where(scale > 0, scale, 1.0)).sum()) for x in context.states]
    return np.argsort(means, kind="stable")


def some_states(context: Trajectories, most: int) -> np.ndarray:
    """At most so many states (M, D) of a context, evenly from all of it, whatever the order of its trajectories."""
    states = np.concatenate([context.states[k] for k in by_mean_state(context)])
    return states[:: -(-len(states) // most)]
