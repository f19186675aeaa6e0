"""Whether a model can take contexts, and the scaling that it gives them; what it cannot take is refused here.

Letters: B contexts, K trajectories, L points, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.models.normalization import Scaling
from skdyn.models.registry import calling
from skdyn.models.weights import LoadedModel


def check_variables(model: LoadedModel, context: Trajectories) -> None:
    """Refuse inputs and parameters that the model does not know, and more variables than it takes.

    Raises
    ------
    TrajectoryError
    """
    given = context.given
    if given and not model.takes_outside:
        raise TrajectoryError(
            f"the model {model.spec.name!r} takes no inputs nor parameters, but the trajectories have "
            f"{', '.join(given.names)}: choose another model, such as 'fim-ode', or leave them out"
        )
    dim = context.n_features + len(given)
    if dim > model.max_variables:
        what = "variables, inputs and parameters" if given else "variables"
        raise TrajectoryError(
            f"the trajectories have {dim} {what} but the model {model.spec.name!r} takes at most "
            f"{model.max_variables}; choose fewer variables or reduce them first"
        )


def scale_contexts(
    model: LoadedModel, contexts: Sequence[Trajectories], states: np.ndarray, times: np.ndarray, mask: np.ndarray
) -> Scaling:
    """The scaling that a model gives contexts.

    Parameters
    ----------
    model : LoadedModel
        Of a vector field, or of drift and diffusion.
    contexts : sequence of B Trajectories
    states, times, mask : arrays of shape (B, K, L, D), (B, K, L) and (B, K, L)
        The same contexts padded; see `skdyn.data.padding.pad`.

    Raises
    ------
    TrajectoryError
        If a context shows no motion, or numbers are too large or too small: of the first such context.
    """
    assert model.spec.scaling is not None  # the specification sees to that
    with np.errstate(over="ignore", invalid="ignore"), calling(model.spec, "fails to scale the context"):
        scaling = model.spec.scaling(states, times, mask)
        if not isinstance(scaling, Scaling):
            raise TypeError(f"a scaling must be a Scaling, not a {type(scaling).__name__}")
    _check_motion(contexts, scaling)
    return scaling


def _check_motion(contexts: Sequence[Trajectories], scaling: Scaling) -> None:
    for b, context in enumerate(contexts):
        place = "" if len(contexts) == 1 else f"context {b}: "
        with np.errstate(over="ignore"):
            units = scaling.std[b] * scaling.speed[b]
        if not all(np.isfinite(part).all() for part in (scaling.mean[b], scaling.std[b], units)):
            raise TrajectoryError(f"{place}the states or time steps are too large or too small for float64 arithmetic")
        if all((x == x[0]).all() and (x[0] == context.states[0][0]).all() for x in context.states):
            raise TrajectoryError(f"{place}every state is the same: constant trajectories show no dynamics")
        if scaling.speed[b] <= 1e-150 or scaling.std[b].max() <= 1e-140:
            raise TrajectoryError(
                f"{place}the states show no motion at the lag that sets the speed, or vary below 1e-140"
            )
