"""What a field from elsewhere, that of a pretrained model, says of a context: slopes, and how little noise there is.

Letters: M points of the context, J steps between them, D variables, G inputs and parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.scaled_context import FLOOR, ScaledContext

Array = NDArray[np.float64]
Velocity = Callable[[Array], Array]

_SUBSTEPS = 4
_TO_DEVIATION = 1.4826
"""From the median of a normal distribution's absolute values to its deviation."""
_BELIEVED = 0.25
"""So much of the mean square that splines leave of the points: white noise is left by both, whatever its levels."""
_TRIMMED = 0.1
"""Share of the largest that do not count."""


def with_slopes_of(context: ScaledContext, velocity: Velocity) -> ScaledContext | None:
    """The context with a field's slopes in place of the splines', where no noise is seen.

    Splines do not know the slopes between points that are far apart, and may take for noise what they miss of these.
    So where the field's flow from each point misses the next by less than half of what splines leave of the
    points, as it does not under noise, the states are believed as they were observed.

    Parameters
    ----------
    context : ScaledContext
    velocity : callable
        From columns (N, D + G) to rates (N, D), in the user's units.

    Returns
    -------
    ScaledContext or None
        None where there is noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> from skdyn.sparse.scaled_context import scale_context
    >>> t = np.linspace(0.0, 3.0, 20)
    >>> scaled = scale_context(Trajectories([(t, np.exp(-t)[:, None])]))
    >>> exact = with_slopes_of(scaled, lambda x: -x)
    >>> bool(np.allclose(exact.slopes * exact.rate, -exact.path))
    True
    """

    def rates(states: Array, outside: Array) -> Array:
        columns = np.hstack([states, outside]) * context.column_scale + context.column_center
        return np.asarray(velocity(columns)) / (context.scale * context.rate)

    if context.clean:
        return replace(context, slopes=rates(context.path, context.outside))
    if not context.seen.all():
        return None
    left = np.maximum(_mean_square(context.observed - context.path), FLOOR**2)
    for substeps in (1, _SUBSTEPS):  # most contexts have noise, and one step shows it
        missed = _missed(context, rates, substeps)
        if not np.all(_mean_square(missed) / 2 < _BELIEVED * left):
            return None
    noise = np.square(_TO_DEVIATION * np.median(np.abs(missed), axis=0)) / 2  # a step has that of two points
    noise = np.maximum(noise, FLOOR**2)
    return replace(
        context,
        path=context.observed,
        slopes=rates(context.observed, context.outside),
        weights=np.broadcast_to(1.0 / (noise + FLOOR**2), context.observed.shape),
        noise=noise,
        clean=bool(np.all(noise < (3 * FLOOR) ** 2)),
    )


def _missed(context: ScaledContext, rates: Callable[[Array, Array], Array], substeps: int) -> Array:
    """By how much (J, D) the flow from each observed state misses the next, by the classical Runge-Kutta method."""
    start = context.starts_of_steps
    states, given, change = context.observed[start], context.outside[start], context.outside[start + 1]
    change = np.zeros_like(given) if context.holds else change - given
    width = (context.tau[start + 1] - context.tau[start])[:, None] / substeps
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(substeps):
            early, middle, late = (given + (k + share) / substeps * change for share in (0.0, 0.5, 1.0))
            a = rates(states, early)
            b = rates(states + width / 2 * a, middle)
            c = rates(states + width / 2 * b, middle)
            d = rates(states + width * c, late)
            states = states + width / 6 * (a + 2 * b + 2 * c + d)
    return np.nan_to_num(states - context.observed[start + 1], nan=np.inf)


def _mean_square(values: Array) -> Array:
    """Of the smaller ones of values (J, D), for each variable (D,)."""
    squares = np.sort(np.square(values), axis=0)
    return np.asarray(squares[: len(squares) - int(_TRIMMED * len(squares))].mean(axis=0))
