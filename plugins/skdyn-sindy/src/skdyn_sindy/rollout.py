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
) -> np.ndarray:
    """How well each candidate's simulations follow the trajectories.

    Parameters
    ----------
    exponents : array of shape (P, D)
    candidates : array of shape (C, P, D)
        Coefficients of each field.
    starts : array of shape (C, K, D)
        First states of the simulations.
    trajectories : list of K pairs (t, x) of shapes (L_k,) and (L_k, D)
        At most 500 points of each, evenly chosen, are visited.

    Returns
    -------
    array of shape (C,)
        Coefficient of determination over all points, each variable weighted by its variance; minus infinity where a
        simulation overflows.
    """
    thinned = [_thin(t, x) for t, x in trajectories]
    steps, observed, present = _pad(thinned)
    states, errors = starts, np.zeros(len(candidates))
    with np.errstate(all="ignore"):  # simulations that overflow are part of the search
        for i in range(len(observed)):
            if i > 0:
                states = _advance(exponents, candidates, states, steps[i - 1, :, None])
            errors += np.where(present[i, :, None], np.square(states - observed[i]), 0.0).sum(axis=(1, 2))
        scores = 1.0 - errors / sum(np.square(x - x.mean(axis=0)).sum() for _, x in thinned)
    return np.where(np.isfinite(scores), scores, -np.inf)


def _thin(t: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = np.unique(np.linspace(0, len(t) - 1, min(len(t), _POINTS)).astype(int))
    return t[keep], x[keep]


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


def _advance(exponents: np.ndarray, candidates: np.ndarray, states: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """States (C, K, D) after ``steps`` (K, 1), by the classical method of Runge and Kutta."""
    h = steps / _SUBSTEPS
    for _ in range(_SUBSTEPS):
        k1 = _fields(exponents, candidates, states)
        k2 = _fields(exponents, candidates, states + h / 2 * k1)
        k3 = _fields(exponents, candidates, states + h / 2 * k2)
        k4 = _fields(exponents, candidates, states + h * k3)
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
