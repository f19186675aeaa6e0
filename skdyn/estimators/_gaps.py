"""Single values that are missing, filled in by what a field says of the motion between those that were observed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.smoothing import completed, has_gaps, smoothed

if TYPE_CHECKING:
    from skdyn.models.context import Context
    from skdyn.models.inference import Engine


def filled_along(
    context: Trajectories, paths: Sequence[np.ndarray], velocity: Callable[[np.ndarray], np.ndarray]
) -> Trajectories:
    """The same trajectories with what is missing filled in along the integral of a field.

    One step of Picard's iteration: the field is integrated along the smoothed paths, and what the observations leave of
    the integral, which changes little where the field is good, is smoothed and added to it.

    Parameters
    ----------
    context : Trajectories
        NaN where not observed, with two observations of each variable in each trajectory.
    paths : sequence of K arrays of shape (L, D)
        `skdyn.sparse.smoothing.smoothed` of the context.
    velocity : callable
        From states, with inputs and parameters beside them (N, D + G), to the field (N, D).

    Returns
    -------
    Trajectories
    """
    starts = [np.hstack([path, outside]) for path, outside in zip(paths, context.outside, strict=True)]
    speeds = np.split(velocity(np.concatenate(starts)), np.cumsum([len(t) for t in context.times])[:-1])
    curves = [CubicSpline(t, own).antiderivative()(t) for t, own in zip(context.times, speeds, strict=True)]
    left = [x - curve for x, curve in zip(context.states, curves, strict=True)]
    rest = smoothed(context.with_states(left, context.feature_names))
    return completed(context, [curve + own for curve, own in zip(curves, rest, strict=True)])


def encoded(engine: Engine, contexts: Sequence[Trajectories]) -> Context:
    """Encode contexts in one batch; where values are missing, twice, as `FIMODERegressor` does."""
    if not any(map(has_gaps, contexts)):
        return engine.encode(contexts)
    paths = [smoothed(context) for context in contexts]
    batch = engine.encode([completed(*pair) for pair in zip(contexts, paths, strict=True)])

    def field_of(row: int) -> Callable[[np.ndarray], np.ndarray]:
        own = batch.take(np.array([row]))
        return lambda points: engine.field(own, points[None])[0]

    pairs = enumerate(zip(contexts, paths, strict=True))
    return engine.encode([filled_along(*pair, field_of(row)) for row, pair in pairs])
