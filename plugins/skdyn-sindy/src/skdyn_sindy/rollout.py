"""Roll-outs of many polynomial fields from the first states of many trajectories, all in one solve."""

from __future__ import annotations

import numpy as np

_SUBSTEPS = 2  # Runge-Kutta steps in an interval
_POINTS = 500  # of a trajectory, at most


def rollout_scores(
    exponents: np.ndarray,
    candidates: np.ndarray,
    starts: np.ndarray,
    trajectories: list[tuple[np.ndarray, np.ndarray]],
    outside: list[np.ndarray] | None = None,
    holds: bool = False,
) -> np.ndarray:
    """How well each candidate's simulations follow the trajectories.

    Parameters
    ----------
    exponents : array of shape (P, D + G)
    candidates : array of shape (C, P, D)
        Coefficients of each field.
    starts : array of shape (C, K, D)
        First states of the simulations.
    trajectories : list of K pairs (t, x) of shapes (L_k,) and (L_k, D)
        At most 500 points of each, evenly chosen, are visited.
    outside : list of K arrays of shape (L_k, G), optional
        Inputs and parameters of each trajectory.
    holds : bool
        Whether inputs are held between points; else they lie on straight lines.

    Returns
    -------
    array of shape (C,)
        Coefficient of determination over all points, each variable weighted by its variance; minus infinity where a
        simulation overflows.
    """
    if outside is None:
        outside = [x[:, :0] for _, x in trajectories]
    chosen = [_kept(len(t)) for t, _ in trajectories]
    thinned = [(t[keep], x[keep]) for (t, x), keep in zip(trajectories, chosen, strict=True)]
    steps, observed, present = _pad(thinned)
    given = _pad([(t, u[keep]) for (t, _), u, keep in zip(thinned, outside, chosen, strict=True)])[1]
    states, errors = starts, np.zeros(len(candidates))
    with np.errstate(all="ignore"):  # simulations that overflow are part of the search
        for i in range(len(observed)):
            if i > 0:
                after = given[i - 1] if holds else given[i]
                states = _advance(exponents, candidates, states, steps[i - 1, :, None], given[i - 1], after)
            errors += np.where(present[i, :, None], np.square(states - observed[i]), 0.0).sum(axis=(1, 2))
        scores = 1.0 - errors / sum(np.square(x - x.mean(axis=0)).sum() for _, x in thinned)
    return np.where(np.isfinite(scores), scores, -np.inf)


def _kept(points: int) -> np.ndarray:
    return np.unique(np.linspace(0, points - 1, min(points, _POINTS)).astype(int))


def _pad(trajectories: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps (L - 1, K), states (L, K, D) and which of them there are (L, K); the steps after the end are zero."""
    shape = max(len(t) for t, _ in trajectories), len(trajectories)
    steps = np.zeros((shape[0] - 1, shape[1]))
    observed = np.zeros((*shape, trajectories[0][1].shape[1]))
    present = np.zeros(shape, dtype=bool)
    for k, (t, x) in enumerate(trajectories):
        steps[: len(t) - 1, k] = np.diff(t)
        observed[: len(t), k], present[: len(t), k] = x, True
    return steps, observed, present


def _advance(
    exponents: np.ndarray,
    candidates: np.ndarray,
    states: np.ndarray,
    steps: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> np.ndarray:
    """States (C, K, D) after ``steps`` (K, 1), by the classical method of Runge and Kutta.

    What is given, (K, G), moves on straight lines from before to after the step.
    """

    def fields(states: np.ndarray, share: float) -> np.ndarray:
        given = np.broadcast_to(before + share * (after - before), (len(states), *before.shape))
        return _fields(exponents, candidates, np.concatenate([states, given], axis=-1))

    h = steps / _SUBSTEPS
    for i in range(_SUBSTEPS):
        first, middle, last = ((i + part) / _SUBSTEPS for part in (0.0, 0.5, 1.0))
        k1 = fields(states, first)
        k2 = fields(states + h / 2 * k1, middle)
        k3 = fields(states + h / 2 * k2, middle)
        k4 = fields(states + h * k3, last)
        states = states + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return states


def _fields(exponents: np.ndarray, candidates: np.ndarray, states: np.ndarray) -> np.ndarray:
    powers = np.ones((int(exponents.max()) + 1, *states.shape))
    for e in range(1, len(powers)):
        powers[e] = powers[e - 1] * states
    monomials = powers[exponents[:, 0], ..., 0]
    for d in range(1, states.shape[-1]):
        monomials = monomials * powers[exponents[:, d], ..., d]
    return np.moveaxis(monomials, 0, -1) @ candidates
