"""How sure the equilibria of a field are: what becomes of each in other fields that are as plausible.

Letters: S plausible fields, R equilibria, N states, D variables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import norm, qmc

from skdyn.dynamics.equilibria import Equilibrium, classify

PlausibleFields = Callable[[np.ndarray], np.ndarray]
"""S fields at states (S, N, D), each at its own, or (1, N, D), all at the same: returns (S, N, D)."""

SAMPLES = 32
"""Fields that are drawn."""
NEAR = 0.5
"""How far from an equilibrium of the field that of a plausible one may lie, in deviations of the data a variable."""
_STENCIL = 0.02
_CLOUD = 32
_CUBE = 8  # variables up to which the cloud is what the ball keeps of a cube
_ITERATIONS = 4
_CONVERGED = 0.05
_WAVES = 64


def weigh_equilibria(
    found: Sequence[Equilibrium],
    fields: PlausibleFields,
    scale: np.ndarray,
    tolerance: float,
    near: float = NEAR,
) -> list[Equilibrium]:
    """Say of each equilibrium in which share of plausible fields it is there, of which kind and where.

    About the equilibrium every field is screened; from where it is slowest, and from the equilibrium itself, Broyden's
    iteration runs, in all fields at once. What it converges to counts if it lies within ``near`` and has the same
    index: a node, spiral or centre is no saddle, however close. Such pairs come and go together, while an equilibrium
    persists when its stability changes.

    Parameters
    ----------
    found : sequence of R Equilibrium
        Of one search.
    fields : callable
        See `PlausibleFields`.
    scale : array of shape (D,)
        Units of the states in which distances are measured.
    tolerance : float
        See `skdyn.dynamics.equilibria.classify`.
    near : float
        Largest distance, in these units, times the square root of D.

    Returns
    -------
    list of R Equilibrium
        With ``probability``, ``kinds`` and ``covariance``.
    """
    if not found:
        return []
    free = np.setdiff1d(np.arange(len(scale)), found[0].held)
    roots = np.array([point.state[free] for point in found]) / scale[free]

    def at(z: np.ndarray) -> np.ndarray:
        states = np.tile(found[0].state, (*z.shape[:-1], 1))
        states[..., free] = z * scale[free]
        return fields(states)[..., free] / scale[free]

    ends, jacobians = _follow(at, roots, near)
    out = []
    for r, point in enumerate(found):
        sign = _index(point.eigenvalues)
        kinds: Counter[str] = Counter()
        matched = []
        for own, its_jacobians in zip(ends[:, r :: len(found)], jacobians[:, r :: len(found)], strict=True):
            for end, jacobian in zip(own, its_jacobians, strict=True):
                if not (np.isfinite(end).all() and np.isfinite(jacobian).all()):
                    continue
                eigenvalues = np.linalg.eigvals(jacobian).astype(complex)
                eigenvalues = eigenvalues[np.lexsort((eigenvalues.imag, -eigenvalues.real))]
                if _index(eigenvalues) == sign:
                    kinds[classify(eigenvalues, tolerance)] += 1
                    matched.append((end - roots[r]) * scale[free])
                    break
        offsets = np.zeros((len(matched), len(scale)))
        offsets[:, free] = np.array(matched).reshape(-1, len(free))
        with np.errstate(over="ignore", invalid="ignore"):  # squares of numbers that are near the largest
            covariance = offsets.T @ offsets / max(len(offsets), 1) if matched else None
        shares = {kind: count / len(ends) for kind, count in kinds.most_common()}
        out.append(
            replace(
                point,
                probability=len(matched) / len(ends),
                kinds=shares,
                covariance=covariance,
            )
        )
    return out


def _index(eigenvalues: np.ndarray) -> int:
    """Sign of the determinant of the Jacobian."""
    return int(np.sign(np.prod(eigenvalues).real))


def _follow(at: Callable[[np.ndarray], np.ndarray], roots: np.ndarray, near: float) -> tuple[np.ndarray, np.ndarray]:
    """Where Broyden's iteration, and two steps of Newton's, lead in each field from near a root (R, D).

    Returns
    -------
    ends : array of shape (S, 2 R, D)
        From the field's slowest state about each root, then from each root itself; NaN where it leads further than
        ``near`` or does not converge.
    jacobians : array of shape (S, 2 R, D, D)
    """
    count, dim = roots.shape
    reach = near * dim**0.5
    cloud = _cloud(dim)
    size = np.linalg.norm(at((roots[:, None] + reach * cloud).reshape(1, -1, dim)), axis=-1)
    slowest = np.nan_to_num(size, nan=np.inf).reshape(-1, count, len(cloud)).argmin(axis=-1)
    # From the root itself too: beside a fold the slowest state may belong to the root's partner.
    z = np.concatenate([roots + reach * cloud[slowest], np.broadcast_to(roots, (*slowest.shape, dim))], axis=1)
    roots = np.concatenate([roots, roots])
    field, jacobian = _linearise(at, z)
    for _ in range(_ITERATIONS):
        away = z + _step(jacobian, field, reach) - roots
        # One that has gone astray waits at the border: where it is asked for may not be computable.
        distance = np.linalg.norm(away, axis=-1, keepdims=True)
        trial = roots + away * np.minimum(1.0, 2 * reach / np.maximum(distance, 1e-300))
        moved, ahead = trial - z, at(trial)
        length = (moved**2).sum(-1, keepdims=True)
        direction = np.where(length > 1e-12 * reach**2, moved / np.maximum(length, 1e-300), 0.0)
        miss = ahead - field - np.einsum("srij,srj->sri", jacobian, moved)
        jacobian = jacobian + miss[..., None] * direction[..., None, :]
        z, field = trial, ahead
    field, jacobian = _linearise(at, z)
    last = _step(jacobian, field, reach)
    z = z + last
    last = _step(jacobian, at(z), reach)
    z = z + last
    good = (np.linalg.norm(last, axis=-1) < _CONVERGED * dim**0.5) & (np.linalg.norm(z - roots, axis=-1) < reach)
    good &= np.isfinite(jacobian).all((-1, -2))
    return np.where(good[..., None], z, np.nan), jacobian


def _cloud(dim: int) -> np.ndarray:
    """States (C, D) in the unit ball, its centre first."""
    if dim <= _CUBE:
        points = 2 * qmc.Sobol(dim, scramble=False).random(_CLOUD * 2 ** (dim - 1)) - 1
        points = points[np.linalg.norm(points, axis=1) <= 1]
    else:
        shares = qmc.Sobol(dim + 1, scramble=False).random(2 * _CLOUD) + 0.25 / _CLOUD
        directions = norm.ppf(shares[:, :dim])
        points = shares[:, dim:] ** (1 / dim) * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return np.concatenate([np.zeros((1, dim)), points])


def _linearise(at: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fields (S, R, D) and Jacobians (S, R, D, D) by central differences, at states (S or 1, R, D)."""
    count, dim = z.shape[1:]
    offsets = np.concatenate([np.zeros((1, dim)), _STENCIL * np.eye(dim), -_STENCIL * np.eye(dim)])
    values = at((z[:, :, None] + offsets).reshape(len(z), -1, dim)).reshape(-1, count, 2 * dim + 1, dim)
    slopes = (values[:, :, 1 : dim + 1] - values[:, :, dim + 1 :]) / (2 * _STENCIL)
    return values[:, :, 0], np.swapaxes(slopes, -1, -2)


def _step(jacobian: np.ndarray, field: np.ndarray, reach: float) -> np.ndarray:
    """Newton's step, no longer than the reach; none where there is no answer."""
    dim = field.shape[-1]
    with np.errstate(over="ignore"):  # what is too long for a number is no answer
        usable = np.isfinite((jacobian**2).sum((-1, -2))) & np.isfinite(field).all(-1)
        matrix = np.where(usable[..., None, None], jacobian, np.eye(dim))
        size = np.linalg.norm(matrix, axis=(-1, -2), keepdims=True)
        shift = (1e-9 * size + 1e-200) * np.eye(dim)
        step = np.linalg.solve(matrix + shift, -np.where(usable[..., None], field, 0.0)[..., None])[..., 0]
        length = np.linalg.norm(step, axis=-1, keepdims=True)
    return np.where(np.isfinite(length), step, 0.0) * np.minimum(1.0, reach / np.maximum(length, 1e-300))


def wavy_fields(
    field: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], scale: np.ndarray, dim: int, samples: int, seed: int
) -> PlausibleFields:
    """Fields that leave one along smooth random functions with the deviation that its error predicts.

    Parameters
    ----------
    field : callable, (N, D + G) -> (N, D), (N, D)
        Field and the Laplace scale of its error.
    scale : array of shape (D + G,)
        Units of the states and of what is given beside them, over which the random functions change.
    dim : int
        Number of variables D.
    samples, seed : int

    Returns
    -------
    PlausibleFields
    """
    rng = np.random.default_rng(seed)
    frequencies = rng.standard_normal((_WAVES, len(scale)))
    cosines, sines = rng.standard_normal((2, samples, _WAVES, dim)) / _WAVES**0.5

    def fields(points: np.ndarray) -> np.ndarray:
        shape = (*points.shape[:-1], dim)
        center, error = (part.reshape(shape) for part in field(points.reshape(-1, points.shape[-1])))
        angles = points / scale @ frequencies.T
        waves = np.cos(angles) @ cosines + np.sin(angles) @ sines
        return np.asarray(center + np.sqrt(2.0) * error * waves)

    return fields
