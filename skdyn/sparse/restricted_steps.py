"""Stepwise selection under constraints: steps over combinations of coefficients, then the least within bounds.

Letters: D variables, T terms of a library, P coefficients open to selection, A atoms (combinations of coefficients that
satisfy the equations).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.restriction import Restriction
from skdyn.sparse.scaled_context import FLOOR, ScaledContext
from skdyn.sparse.stepwise import Quadratic, step_from

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Ways to balance what is fixed that are tried.
_MOST_BALANCES = 6
#: Costs of an atom in the first selections, in squares of what all terms together leave of a slope.
_PENALTIES = (2.0, 8.0, 30.0, 100.0, 400.0, 1600.0)
_DEPENDENT = 1e-8
#: Of more atoms only those are tried that share a coefficient with the field so far.
_MOST_ATOMS = 400

UNSATISFIABLE = (
    "no coefficients satisfy the constraints at once: look for bounds, known terms and conserved sums that exclude "
    "each other, or for a library without the terms that they need"
)


def restricted_steps(
    restriction: Restriction, surface: Quadratic, begin: Mask, penalties: Sequence[float | Array]
) -> list[tuple[Mask, Array]]:
    """Return supports and coefficients, each of shape (P,), that selection reaches; the constraints hold in all.

    Parameters
    ----------
    restriction : Restriction
    surface : Quadratic
        Of the open coefficients.
    begin : boolean array of shape (P,)
        In use at the beginning.
    penalties : sequence of float or of array of shape (P,)
        Costs of an atom, or of its dearest coefficient; one selection each.
    """
    place = {int(p): i for i, p in enumerate(surface.position)}
    atoms = [(np.array([place[p] for p in at.tolist()]), values) for at, values in restriction.atoms
             if all(p in place for p in at.tolist())]  # fmt: skip
    if len(atoms) > _MOST_ATOMS:
        atoms = [(at, values) for at, values in atoms if len(at) == 1 or begin[at].any()]
    costs = [
        np.array([penalty[at].max() for at, _ in atoms]) if isinstance(penalty, np.ndarray) else penalty
        for penalty in penalties
    ]
    basis = np.zeros((len(place), len(atoms)))
    for a, (at, values) in enumerate(atoms):
        basis[at, a] = values
    lower, upper = (bound.ravel()[surface.position] for bound in (restriction.lower, restriction.upper))
    # A bound of zero is a sign of every atom that the coefficient is in.
    falls, rises = (upper <= 0)[:, None], (lower >= 0)[:, None]
    up, down = (~np.any((falls & (sign > 0)) | (rises & (sign < 0)), axis=0) for sign in (basis, -basis))
    required = restriction.required.ravel()[surface.position]
    kept = np.array([len(at) == 1 and bool(required[at[0]]) for at, _ in atoms], dtype=bool)
    started = np.array([bool(begin[at].all()) for at, _ in atoms], dtype=bool) | kept
    out: list[tuple[Mask, Array]] = []
    for offset in _offsets(restriction, place, begin):
        hessian = basis.T @ surface.hessian @ basis
        right = basis.T @ (surface.right - surface.hessian @ offset)
        always = (offset != 0) | required
        reached = step_from(hessian, right, started, costs, signs=(up, down), kept=kept)
        for (used, _), cost in zip(reached, costs, strict=True):
            found = _within(restriction, surface, always | basis[:, used].any(axis=1), required)
            if found is None:
                continue
            out.append(found)
            left = used & ~basis[~found[0]].any(axis=0)
            if (left != used).any():  # what a bound has taken away may have stood in place of another term
                ((used, _),) = step_from(hessian, right, left | kept, [cost], signs=(up, down), kept=kept)
                found = _within(restriction, surface, always | basis[:, used].any(axis=1), required)
                out += [] if found is None else [found]
    return out


def _within(restriction: Restriction, surface: Quadratic, support: Mask, required: Mask) -> tuple[Mask, Array] | None:
    """The least of a support within the bounds; terms that end at zero are left out."""
    for _ in range(len(support)):
        at = np.flatnonzero(support)
        values = restriction.solve(surface.hessian[np.ix_(at, at)], surface.right[at], surface.position[at])
        if values is None:
            return None
        idle = (values == 0) & ~required[at]
        if not idle.any():
            out = np.zeros(len(support))
            out[at] = values
            return support, out
        support = support.copy()
        support[at[idle]] = False
    return None


def _offsets(restriction: Restriction, place: dict[int, int], begin: Mask) -> list[Array]:
    """Ways to balance the fixed coefficients, those within the support at the beginning alone if there are any."""
    choices = []
    for balances in restriction.balances:
        fitting = [(at, values) for at, values in balances if all(p in place for p in at.tolist())]
        inside = [entry for entry in fitting if all(begin[place[p]] for p in entry[0].tolist())]
        choices.append(inside or fitting)
    out = []
    for chosen in islice(product(*choices), _MOST_BALANCES):
        offset = np.zeros(len(place))
        for at, values in chosen:
            offset[[place[p] for p in at.tolist()]] += values
        out.append(offset)
    return out


def chosen_within(
    restriction: Restriction, equations: Sequence[tuple[Array, Array]], support: Mask, cost: Array
) -> tuple[Mask, Array] | None:
    """Choose terms anew within the constraints, from those that each equation has by itself.

    Parameters
    ----------
    restriction : Restriction
    equations : sequence of D pairs of array of shape (T, T) and (T,)
        The quadratic of each equation, with what is fixed taken out.
    support : boolean array of shape (T, D)
    cost : array of shape (T, D)
        Of each term in each equation.

    Returns
    -------
    support, coefficients : array of shape (T, D), or None
        With the fixed ones; None where nothing satisfies the constraints.
    """
    fixed = np.where(restriction.fixed, restriction.lower, 0.0)
    used, coefficients = fixed != 0, fixed.copy()
    begin = (support | restriction.required) & restriction.opened
    for group, known in restriction.groups:
        # Of equations that hang together, what none of them has is not what they exchange.
        terms = (begin[:, group] | used[:, group]).any(axis=1) if len(group) > 1 else np.ones(len(cost), dtype=bool)
        at, own = np.nonzero(terms[:, None] & restriction.opened[:, group])
        hessian, right = np.zeros((len(at), len(at))), np.zeros(len(at))
        for k, d in enumerate(group):
            of_one = np.flatnonzero(own == k)
            gram, cross = equations[d]
            hessian[np.ix_(of_one, of_one)] = gram[np.ix_(at[of_one], at[of_one])]
            right[of_one] = cross[at[of_one]]
        surface = Quadratic(at * support.shape[1] + group[own], hessian, right)
        dear = cost[at, group[own]]
        found = restricted_steps(known, surface, begin[at, group[own]], [dear])
        if not found:
            return None
        worth = [float(x @ hessian @ x - 2 * right @ x + dear[chosen].sum()) for chosen, x in found]
        best, values = found[int(np.argmin(worth))]
        used[at, group[own]], coefficients[at, group[own]] = best, values
    return used, coefficients


def propose_within(restriction: Restriction, context: ScaledContext, library: TermLibrary, origin: str) -> Candidates:
    """Return distinct candidates from the smoothed path that satisfy the constraints, one or more for each penalty.

    Raises
    ------
    ValueError
        If no coefficients satisfy the constraints.
    """
    shape = (library.size, context.n_features)
    fixed = np.zeros(shape)
    fixed[: library.n_terms] = np.where(restriction.fixed, restriction.lower, 0.0)
    surface = _regression(restriction, context, library, fixed)
    begin = np.ones(len(surface.position), dtype=bool)
    found: dict[bytes, tuple[Mask, Array]] = {}
    for used, values in restricted_steps(restriction, surface, begin, _PENALTIES):
        coefficients, support = fixed.copy(), fixed != 0
        support.ravel()[surface.position] = used
        coefficients.ravel()[surface.position] = values
        found.setdefault(support.tobytes(), (support, coefficients))
    if not found:
        raise ValueError(UNSATISFIABLE)
    count = len(found)
    return Candidates(
        np.stack([coefficients for _, coefficients in found.values()]),
        np.stack([support for support, _ in found.values()]),
        np.repeat(context.path[None], count, axis=0),
        np.full(count, np.inf),
        np.full(count, np.inf),
        (origin,) * count,
    )


def _regression(restriction: Restriction, context: ScaledContext, library: TermLibrary, fixed: Array) -> Quadratic:
    """The misfit of smoothed slopes, each component in units of what all terms together leave of it."""
    rows = context.usable.all(axis=1)
    design, slopes = library.design(context.columns)[rows], context.slopes[rows]
    slopes = slopes - design @ fixed
    at, components = np.nonzero(restriction.opened)
    position = at * context.n_features + components
    hessian = np.zeros((len(at), len(at)))
    right = np.zeros(len(at))
    for d in range(context.n_features):
        own = np.flatnonzero(components == d)
        matrix = design[:, at[own]]
        coefficients, *_ = np.linalg.lstsq(matrix, slopes[:, d], rcond=_DEPENDENT)
        spare = max(len(slopes) - len(own), len(slopes) // 4, 1)
        left = np.sum((slopes[:, d] - matrix @ coefficients) ** 2) / spare
        unit = max(float(left), FLOOR**2 * float(np.mean(slopes[:, d] ** 2)), 1e-12)
        hessian[np.ix_(own, own)] = matrix.T @ matrix / unit
        right[own] = matrix.T @ slopes[:, d] / unit
    return Quadratic(position, hessian, right)
