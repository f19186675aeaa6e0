"""Constraints on a field that the data contradict: the fit keeps them all the same.

Letters: D variables, L points.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.functions import linear_form

Array = NDArray[np.float64]

#: Standard deviations of the noise that are no contradiction, of one value and of a mean square.
_OF_ONE, _OF_ALL = 5.0, 2.0
#: Nor is this share of the largest value, or of what the variables of a sum vary by.
_ROUNDING, _SHARE = 1e-6, 0.02


def contradictions(known: ReadConstraints, context: Trajectories, noise: Array) -> Iterator[str]:
    """What of the constraints the states contradict, for people.

    Parameters
    ----------
    known : ReadConstraints
    context : Trajectories
    noise : array of shape (D,)
        Standard deviation of the observations.
    """
    names = context.column_names
    for d in np.flatnonzero(known.positive):
        least = [float(np.nanmin(x[:, d])) for x in context.states]
        k = int(np.argmin(least))
        largest = max(float(np.nanmax(np.abs(x[:, d]))) for x in context.states)
        if least[k] < -_OF_ONE * noise[d] - _ROUNDING * largest:
            row = int(np.nanargmin(context.states[k][:, d]))
            yield (
                f"constraints: positive: {names[d]!r} is {least[k]:.4g} in trajectory {k}, row {row}, below zero by "
                "more than the noise; the equations keep the constraint and not the data"
            )
    for weights in known.conserved:
        sums = [x @ weights for x in context.states]
        sums = [own[~np.isnan(own)] for own in sums]
        left = np.concatenate([own - own.mean() for own in sums if len(own)] or [np.zeros(1)])
        varied = np.nanvar(np.concatenate([x - np.nanmean(x, axis=0) for x in context.states]), axis=0)
        allowed = _OF_ALL * np.sqrt(weights**2 @ noise**2) + _SHARE * np.sqrt(weights**2 @ varied)
        if np.sqrt(np.mean(left**2)) > allowed:
            k = int(np.argmax([np.ptp(own) if len(own) else 0.0 for own in sums]))
            total = linear_form(weights.tolist(), names[: len(weights)])
            yield (
                f"constraints: conserved: {total} goes from {sums[k].min():.4g} to {sums[k].max():.4g} "
                f"in trajectory {k}, by more than the noise; the equations keep the constraint and not the data: are "
                "all parts there, each with its weight?"
            )
