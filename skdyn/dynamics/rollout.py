"""Score a field by simulating observed trajectories from their first states."""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.metrics import variance_weighted_r2
from skdyn.dynamics.paths import follow
from skdyn.dynamics.signals import SampledSignals, derivatives_driven_by, driven_by
from skdyn.dynamics.simulate import MOST_EVALUATIONS, Field, FieldAndJacobian
from skdyn.dynamics.units import state_units


def rollout_scores(
    field: Field,
    observed: Trajectories,
    center: np.ndarray,
    scale: np.ndarray,
    most_evaluations: int = MOST_EVALUATIONS,
    field_and_jacobian: FieldAndJacobian | None = None,
) -> np.ndarray:
    """R2 of each trajectory simulated from its first state over its own times.

    Parameters
    ----------
    field : callable, (N, D + G) -> (N, D)
    observed : Trajectories
        Its inputs and parameters are given to the field. NaN where nothing was observed, but not in first rows.
    center, scale : arrays of shape (D,)
        Units of the tolerances and of the divergence bound; the largest scale is that of the agreement.
    most_evaluations : int, default=50000
        Of the field for each trajectory; what lies after them counts as a simulation that diverges.
    field_and_jacobian : callable, (N, D + G) -> (N, D), (N, D, D + G), optional
        For stiff fields.

    Returns
    -------
    array of shape (K,)
        Between -1 and 1; a worse score, or a simulation that diverges, counts as -1.
    """
    outside = SampledSignals.of(observed) if observed.given else None
    paths = follow(
        driven_by(outside, field),
        derivatives_driven_by(outside, field_and_jacobian),
        np.stack([x[0] for x in observed.states]),
        observed.times,
        center=center,
        scale=scale,
        most_evaluations=most_evaluations,
        breaks=None if outside is None else outside.jumps,
        corners=None if outside is None else outside.corners,
    )
    return agreement(observed, paths, scale)


def agreement(observed: Trajectories, paths: list[np.ndarray], scale: np.ndarray | None = None) -> np.ndarray:
    """R2 (K,) of paths (L_k, D) with what was observed of trajectories; not below -1.

    A trajectory that moves by less than some 1e-8 of the largest scale (D,) is at rest; by default the scales are the
    deviations of the observed states. One unit for all variables leaves them the weights that they have.
    """
    scale = state_units(np.concatenate(observed.states))[1] if scale is None else scale
    unit = scale.max() or 1.0
    scores = [
        variance_weighted_r2(*_where_observed(x / unit, path / unit))
        for x, path in zip(observed.states, paths, strict=True)
    ]
    return np.clip(scores, -1.0, 1.0)


def _where_observed(x: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observed states (L, D) and a path, both at their mean, which counts for nothing, where these are NaN."""
    seen = ~np.isnan(x)
    if seen.all():
        return x, path
    counts = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, x, 0.0).sum(axis=0) / counts
    return np.where(seen, x, mean), np.where(seen, path, mean)
