"""Which functions to try beside polynomials: those that explain the smoothed slopes best.

Letters: M points of the context, D variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from skdyn.sparse.candidates import eliminate
from skdyn.sparse.functions import ScalarFunction, stretched
from skdyn.sparse.library import factor_count, terms
from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]
Functions = tuple[ScalarFunction, ...]

#: Degree of the polynomial beside the functions.
DEGREE = 2
_PENALTY = 12.0
POWERS = (1, 2, 4)
#: Logarithm of the ratio of neighbouring scales, of the turns in the data's width and of the half-saturations.
STEP = 0.25
TURNS = 0.15 * np.exp(STEP * np.arange(12))
#: What turns more often is an angle that went on, in radians or in degrees: its scale is known.
_MANY_TURNS = 1.01 * TURNS[-1]
_ANGLES = (1.0, np.pi / 180)
_POINTS_PER_TURN = 4
HALVES = 0.1 * np.exp(STEP * np.arange(13))


def choose_functions(context: ScaledContext, count: int, kinds: Sequence[str] = ("sin", "hill")) -> list[Functions]:
    """Return sets of functions, the most promising first, at most one of each kind and argument.

    Each is judged by the regression of the smoothed slopes on polynomials and the set, and by the number of terms that
    backward elimination leaves.

    Parameters
    ----------
    context : ScaledContext
    count : int
        How many sets.
    kinds : sequence of {"sin", "hill"}
        Which functions.

    Returns
    -------
    list of tuple of ScalarFunction
        Each of one direction: a sine with its cosine, or one Hill function.
    """
    best: dict[tuple[object, ...], tuple[float, Functions]] = {}
    for label, functions in _sets(context, kinds):
        value = _criterion(context, functions)
        if label not in best or value < best[label][0]:
            best[label] = value, functions
    ranked = sorted(best.values(), key=lambda entry: entry[0])[: 2 * count]
    refined = sorted((_refined(context, functions) for _, functions in ranked), key=lambda entry: entry[0])
    return [functions for _, functions in refined[:count]]


def _refined(context: ScaledContext, functions: Functions) -> tuple[float, Functions]:
    """Return the set at its best scale between two of the grid, after its criterion; an angle as it is."""
    direction = functions[0].direction
    if functions[0].kind == "sin" and _turns(context, direction) > _MANY_TURNS:
        return _criterion(context, functions), functions

    def value(log_factor: float) -> float:
        return _criterion(context, stretched(functions, direction, float(np.exp(log_factor))))

    found = minimize_scalar(value, bounds=(-STEP, STEP), method="bounded", options={"maxiter": 14})
    return float(found.fun), stretched(functions, direction, float(np.exp(found.x)))


def angles(context: ScaledContext, axis: Array) -> list[Array]:
    """Directions in which an axis (L,), in the user's units, is an angle that turns more often than the grid's scales.

    Not so often that no points would show it.
    """
    most = context.n_points / _POINTS_PER_TURN
    return [unit * axis for unit in _ANGLES if _MANY_TURNS < _turns(context, unit * axis) <= most]


def _turns(context: ScaledContext, direction: ArrayLike) -> float:
    """How often a sine goes round along the path."""
    return float(np.ptp(context.columns @ np.asarray(direction)) / (2 * np.pi))


def _criterion(context: ScaledContext, functions: Functions) -> float:
    """Regress the slopes on the library's terms, built here without the rows that only derivatives need."""
    powers = terms(context.n_columns, DEGREE).design(context.columns)
    factors = powers[:, : factor_count(context.n_columns, len(functions))]
    columns = [factors * function.value(context.columns.T)[:, None] for function in functions]
    rows = context.usable.all(axis=1)
    design = np.concatenate([powers, *columns], axis=1)[rows]
    errors, _ = eliminate(design[:, : max(1, len(design) // 2)], context.slopes[rows])
    counts = np.arange(len(errors))[:, None]
    return float((0.25 * len(design) * np.log(errors) + _PENALTY * counts).min(axis=0).sum())


def _sets(context: ScaledContext, kinds: Sequence[str]) -> Iterator[tuple[tuple[object, ...], Functions]]:
    """Sines with cosines, and Hill functions, each at several scales, with a label of kind and argument."""
    path, dim = context.columns, context.n_features
    axes = [tuple(row) for row in np.eye(path.shape[1])[:dim]]
    # Of two variables their difference in the user's units.
    differences = [tuple(np.subtract(*np.diag(context.column_scale)[:2]))] if dim == 2 else []
    for axis in axes + differences if "sin" in kinds else []:
        z = path @ np.array(axis)
        width = float(np.ptp(z))
        if width == 0:
            continue
        in_units = np.array(axis) if axis in differences else context.column_scale * axis
        grid = [2 * np.pi * turns / width * np.array(axis) for turns in TURNS]
        for direction in map(tuple, [*grid, *angles(context, in_units)]):
            yield ("sin", axis), (ScalarFunction("sin", direction), ScalarFunction("cos", direction))
    for axis, positive in zip(axes, context.is_positive.tolist(), strict=False) if "hill" in kinds else []:
        z = path @ np.array(axis)
        if np.ptp(z) == 0:
            continue
        for power in POWERS:
            if power % 2 and not positive:
                continue
            for half in HALVES * np.abs(z).max():
                direction = tuple(np.array(axis) / half)
                yield ("rise", axis, power), (ScalarFunction("rise", direction, power),)
                yield ("fall", axis, power), (ScalarFunction("fall", direction, power),)
