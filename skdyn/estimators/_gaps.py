"""Single values that are missing, filled in by what a field says of the motion between those that were observed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.smoothing import completed, smoothed

if TYPE_CHECKING:
    from skdyn.models.inference import Context, Engine


def filled_along(context: Trajectories, velocity: Callable[[np.ndarray], np.ndarray]) -> Trajectories:
    """The same trajectories with what is missing filled in along the integral of a field.

    One step of Picard's iteration: the field is integrated along the smoothed path, and what the observations leave of
    the integral, which changes little where the field is good, is smoothed and added to it.

    Parameters
    ----------
    context : Trajectories
        NaN where not observed, with two observations of each variable in each trajectory.
    velocity : callable
        From states, with inputs and parameters beside them (N, D + G), to the field (N, D).

    Returns
    -------
    Trajectories
    """
    paths = smoothed(context)
    starts = [np.hstack([path, outside]) for path, outside in zip(paths, context.outside, strict=True)]
    speeds = np.split(velocity(np.concatenate(starts)), np.cumsum([len(t) for t in context.times])[:-1])
    curves = zip(context.times, speeds, strict=True)
    return completed(context, [CubicSpline(t, own).antiderivative()(t) for t, own in curves])


def encoded(engine: Engine, contexts: Sequence[Trajectories]) -> Context:
    """Encode contexts in one batch; where values are missing, twice, as `FIMODERegressor` does."""
    filled = [completed(context) for context in contexts]
    batch = engine.encode(filled)
    if all(one is other for one, other in zip(filled, contexts, strict=True)):
        return batch

    def field_of(row: int) -> Callable[[np.ndarray], np.ndarray]:
        own = batch.take(np.array([row]))
        return lambda points: engine.field(own, points[None])[0]

    return engine.encode([filled_along(context, field_of(row)) for row, context in enumerate(contexts)])
