"""Fit the scale of a function in a field, its frequency or half-saturation.

Letters: R rows of a library, D variables.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.optimize import minimize_scalar

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.functions import ScalarFunction, stretched
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.shooting import Schedule

Direction = tuple[float, ...]

#: The scale is fitted within this factor of its guess.
STRETCH = 1.25
#: And within this one where the guess is the first order of a series.
_NEAR = 1.02
_TRIALS = 6
_LARGEST = 1e100
_STEPS = Schedule(5, 10.0, 4)


def at_best_scale(
    problem: ShootingProblem, field: Candidates, direction: Direction, guess: float = 1.0, reach: float = STRETCH
) -> tuple[ShootingProblem, Candidates]:
    """The field whose functions of a direction have it at the length that fits best, and its problem.

    Parameters
    ----------
    problem : ShootingProblem
    field : Candidates
        One field.
    direction : tuple of float
        Of the functions whose scale is fitted.
    guess, reach : float
        Factor of the length, and by which factor the best may differ from it.
    """

    @cache
    def fitted(log_factor: float) -> tuple[ShootingProblem, Candidates]:
        functions = stretched(problem.library.functions, direction, float(np.exp(log_factor)))
        other = problem.over(problem.library.with_functions(functions))
        return other, other.polish(field, _STEPS, "function's scale")

    middle, width = np.log(guess), np.log(reach)
    found = minimize_scalar(
        lambda x: min(float(np.nan_to_num(fitted(x)[1].cost[0], nan=_LARGEST)), _LARGEST),
        bounds=(middle - width, middle + width),
        method="bounded",
        options={"maxiter": _TRIALS, "xatol": 1e-4},
    )
    return fitted(found.x)


def without_slope(
    problem: ShootingProblem, field: Candidates, direction: Direction
) -> tuple[Candidates, Direction, float, float] | None:
    """The field without terms that mend the scale of a wave, and what the scale must be then; None without such terms.

    ``x cos(k x)`` beside ``sin(k x)`` is the first order of a change of k: with both there is no best k, and what is
    found has a wrong one and a term too many.

    Returns
    -------
    field, direction, guess, reach
        As `at_best_scale` takes them, or None.
    """
    library, axes = problem.library, np.flatnonzero(direction)
    if len(axes) > 1 or problem.restriction is not None:
        return None
    once = tuple(int(e == axes[0]) for e in range(library.n_columns))
    waves = (ScalarFunction("sin", direction), ScalarFunction("cos", direction))
    keys = [library.key(term) for term in range(library.n_terms)]
    place: dict[tuple[tuple[int, ...], str], int] = {
        (row, f.kind): term for term, (row, f) in enumerate(keys) if f in waves
    }
    support, guess = field.support.copy(), 1.0
    for kind, other, sign in (("sin", "cos", 1.0), ("cos", "sin", -1.0)):
        wave, slope = place.get(((0,) * library.n_columns, kind)), place.get((once, other))
        if wave is None or slope is None:
            continue
        both = support[0, wave] & support[0, slope]
        support[0, slope] &= ~both
        for d in np.flatnonzero(both & (field.coefficients[0, wave] != 0)):
            guess += sign * float(field.coefficients[0, slope, d] / field.coefficients[0, wave, d]) / direction[axes[0]]
    if (support == field.support).all() or not 1 / STRETCH < guess < STRETCH:
        return None
    rest = replace(field, support=support, coefficients=np.where(support, field.coefficients, 0.0))
    return rest, direction, guess, _NEAR
