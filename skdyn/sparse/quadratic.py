"""Convex quadratic programmes of a few dozen unknowns, with linear equations and bounds.

The equations are eliminated by a basis of their null space; what remains is a least-distance problem, which
non-negative least squares solve (C. L. Lawson and R. J. Hanson 1974, chapter 23).

Letters: P unknowns, E equations, F free directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space, solve_triangular
from scipy.optimize import nnls

Array = NDArray[np.float64]

#: Relative misfit of equations that counts as a contradiction, and relative size of what is but rounding.
_CONTRADICTION = 1e-7
_ROUNDING = 1e-12
#: Unknowns that a basis of the equations' null space moves less than this are determined by the equations.
_DETERMINED = 1e-10
_JITTER = 1e-12


def minimise(hessian: Array, right: Array, equations: Array, values: Array, lower: Array, upper: Array) -> Array | None:
    """Return the least of ``x' H x / 2 - r' x`` with ``A x = b`` and ``lower <= x <= upper``.

    Parameters
    ----------
    hessian : array of shape (P, P)
        H, positive semidefinite.
    right : array of shape (P,)
        r.
    equations : array of shape (E, P)
        A; E may be 0.
    values : array of shape (E,)
        b.
    lower, upper : array of shape (P,)
        Infinite where there is no bound.

    Returns
    -------
    array of shape (P,) or None
        None where nothing satisfies all of them. Bounds hold exactly, equations to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> none = np.full(2, np.inf)
    >>> minimise(np.eye(2), np.array([3.0, 1.0]), np.ones((1, 2)), np.zeros(1), -none, none)
    array([ 1., -1.])
    >>> minimise(np.eye(2), np.array([3.0, -1.0]), np.ones((0, 2)), np.zeros(0), np.zeros(2), none)
    array([3., 0.])
    """
    # In units in which all curvatures are one, and equations have one size.
    unit = np.sqrt(np.diagonal(hessian))
    unit = 1.0 / np.where(unit > 0, unit, 1.0)
    equations = equations * unit
    size = np.abs(equations).max(axis=1, initial=np.finfo(float).tiny)
    low, high = lower / unit, upper / unit
    hessian, right = hessian * np.outer(unit, unit), right * unit
    found = _scaled(hessian, right, equations / size[:, None], values / size, low, high)
    if found is None:
        return None
    x = np.where(found == low, lower, np.where(found == high, upper, found * unit))
    return np.asarray(np.clip(x, lower, upper))


def _scaled(hessian: Array, right: Array, equations: Array, values: Array, lower: Array, upper: Array) -> Array | None:
    lower, upper = _forced(equations, values, lower, upper)
    at_bound = lower == upper
    fixed = np.where(at_bound, lower, 0.0)
    for _ in range(len(right) + 1):
        found = _with_fixed(hessian, right, equations, values, at_bound, fixed, lower, upper)
        if found is None:
            return None
        x, newly = found
        if not (newly & ~at_bound).any():
            break
        # What ended at a bound is put on it exactly, and the rest solved once more.
        bound = np.where(np.abs(x - lower) <= np.abs(x - upper), lower, upper)
        fixed = np.where(newly & ~at_bound, bound, fixed)
        at_bound = at_bound | newly
    return np.asarray(np.clip(x, lower, upper))


def _forced(equations: Array, values: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Narrower bounds: where an equation leaves nothing but its smallest or largest value, its unknowns are fixed."""
    while True:
        at_least = np.where(equations > 0, lower, np.where(equations < 0, upper, 0.0))
        at_most = np.where(equations > 0, upper, np.where(equations < 0, lower, 0.0))
        new_lower, new_upper = lower, upper
        for ends in (at_least, at_most):
            finite = np.asarray(np.isfinite(ends).all(axis=1))
            ends = np.where(finite[:, None], ends, 0.0)
            reached = np.einsum("ep,ep->e", equations, ends)
            slack = _ROUNDING * np.abs(equations * ends).sum(axis=1)
            forcing = np.flatnonzero(finite & (np.abs(reached - values) <= slack))
            for row, end in zip(equations[forcing], ends[forcing], strict=True):
                new_lower = np.where(row != 0, end, new_lower)
                new_upper = np.where(row != 0, end, new_upper)
        if (new_lower == lower).all() and (new_upper == upper).all():
            return lower, upper
        lower, upper = new_lower, new_upper


def _with_fixed(
    hessian: Array,
    right: Array,
    equations: Array,
    values: Array,
    at_bound: NDArray[np.bool_],
    fixed: Array,
    lower: Array,
    upper: Array,
) -> tuple[Array, NDArray[np.bool_]] | None:
    """Solve with some unknowns fixed; return the solution and which of the others ended at a bound."""
    free = ~at_bound
    x = np.where(at_bound, fixed, 0.0)
    none = np.zeros(len(x), dtype=bool)
    matrix = equations[:, free]
    left = values - equations @ x
    size = np.abs(values).max(initial=0.0) + (np.abs(equations) @ np.abs(x)).max(initial=0.0)
    if not free.any():
        return (x, none) if np.abs(left).max(initial=0.0) <= _CONTRADICTION * max(size, 1e-300) else None
    start = np.linalg.lstsq(matrix, left, rcond=None)[0] if len(matrix) else np.zeros(int(free.sum()))
    size += (np.abs(matrix) @ np.abs(start)).max(initial=0.0)
    if np.abs(matrix @ start - left).max(initial=0.0) > _CONTRADICTION * max(size, 1e-300):
        return None
    basis = null_space(matrix) if len(matrix) else np.eye(len(start))
    basis[np.linalg.norm(basis, axis=1) < _DETERMINED] = 0.0
    if not basis.shape[1]:
        x[free] = start
        return (x, none) if _inside(x, lower, upper) else None
    inner = hessian[np.ix_(free, free)]
    slope = right[free] - hessian[np.ix_(free, at_bound)] @ x[at_bound] - inner @ start
    reduced = basis.T @ inner @ basis
    scale = np.sqrt(np.maximum(np.diagonal(reduced), 1e-300))
    reduced = reduced / np.outer(scale, scale) + _JITTER * np.eye(len(scale))
    try:
        factor = np.linalg.cholesky(reduced)
    except np.linalg.LinAlgError:
        factor = np.linalg.cholesky(reduced + 1e-8 * np.eye(len(scale)))
    best = solve_triangular(factor, (basis.T @ slope) / scale, lower=True)  # in coordinates of unit curvature
    spread = solve_triangular(factor, (basis / scale).T, lower=True).T  # from these to the unknowns
    x[free] = start + spread @ best
    if _inside(x, lower, upper):
        return x, none
    return _nearest(x, free, spread, lower, upper)


def _inside(x: Array, lower: Array, upper: Array) -> bool:
    slack = _ROUNDING * np.maximum(np.abs(x), np.abs(x).max(initial=0.0))
    return bool(((x >= lower - slack) & (x <= upper + slack)).all())


def _nearest(
    x: Array, free: NDArray[np.bool_], spread: Array, lower: Array, upper: Array
) -> tuple[Array, NDArray[np.bool_]] | None:
    """Move least, in coordinates of unit curvature, to within the bounds: ``min |y|`` with ``G y >= h``."""
    place = np.flatnonzero(free)
    low, high = np.isfinite(lower[place]), np.isfinite(upper[place])
    rows = np.concatenate([spread[low], -spread[high]])
    need = np.concatenate([(lower - x)[place[low]], (x - upper)[place[high]]])
    owner = np.concatenate([place[low], place[high]])
    norm = np.linalg.norm(rows, axis=1)
    movable = norm > 0  # the others are where the equations put them
    if (need[~movable] > _CONTRADICTION * np.abs(x).max(initial=0.0)).any():
        return None
    rows, need, owner = rows[movable] / norm[movable, None], need[movable] / norm[movable], owner[movable]
    if not (need > 0).any():
        return x, np.zeros(len(x), dtype=bool)
    unit = max(float(need.max()), 1e-300)
    target = np.zeros(rows.shape[1] + 1)
    target[-1] = 1.0
    multipliers, distance = nnls(np.vstack([rows.T, need[None] / unit]), target, maxiter=50 * len(need) + 100)
    if distance < 1e-9:
        return None
    left = np.vstack([rows.T, need[None] / unit]) @ multipliers - target
    move = -unit * left[:-1] / left[-1]
    out = x.copy()
    out[free] += spread @ move
    newly = np.zeros(len(x), dtype=bool)
    newly[owner[multipliers > 0]] = True
    return out, newly
