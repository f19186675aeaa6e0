"""Equations of one pass where variables stay far from zero, so that powers, sines and Hill functions look alike.

Letters: N states, D variables, C columns (the variables first, then what is given).
"""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.candidates import eliminate
from skdyn.sparse.field import SparseField
from skdyn.sparse.library import TermKey, TermLibrary, monomials
from skdyn.sparse.scaled_context import scale_context

_HIGHEST = 3
_VERY_FAR = 10.0
_STATES_PER_TERM = 4
_AGREED = 0.1
"""Of a field's typical size: what answers that count as one may differ by, as in the shares of equations."""

Equation = dict[TermKey, float]


def simplest_alike(
    found: SparseField, context: Trajectories, states: np.ndarray, values: np.ndarray, errors: np.ndarray
) -> tuple[SparseField, np.ndarray]:
    """Replace equations by the simplest polynomials that say the same field, where variables are far from zero.

    A variable is far from zero where its range is less than its least distance from zero. An equation with powers or
    functions of it gives way to the polynomial of the lowest degree that differs from the field by less than the
    field's predicted error, if that has a lower degree and no more terms; functions and powers above the third also to
    more terms, where the range is less than a tenth of the distance. Variables that move by less than a hundredth of
    their level are measured from the level, as a search does, and their powers about zero always give way.

    Parameters
    ----------
    found : SparseField
        Powers about zero.
    context : Trajectories
    states : array of shape (N, C)
        Observed ones, at which fields are compared.
    values, errors : array of shape (N, D)
        The field there, and the predicted scale of its error.

    Returns
    -------
    field : SparseField
        With all equations as they were where no variable is far from zero, or all are linear in those that are.
    unclear : boolean array of shape (D,)
        Where there is no such polynomial, and the terms cannot be told apart.
    """
    dim = values.shape[1]
    extent, distance = np.ptp(states, axis=0), np.abs(states).min(axis=0)
    far = (extent > 0) & (distance > extent) & (np.arange(states.shape[1]) < dim)
    very_far = far & (distance > _VERY_FAR * extent)
    equations = [_equation(found, d) for d in range(dim)]
    bent = [_is_bent(equation, far) for equation in equations]
    unclear = np.zeros(dim, dtype=bool)
    if not any(bent):
        return found, unclear
    center = scale_context(context, len(states)).column_center
    for d, equation in enumerate(equations):
        simple, drowned = None, _is_bent(equation, center != 0)
        if bent[d]:
            degree = max(map(_degree, equation))
            highest = min(degree - (not drowned), _HIGHEST)
            allowed = min(np.sqrt(np.mean(errors[:, d] ** 2)), _AGREED * np.abs(values[:, d]).mean())
            simple = _polynomial(states - center, values[:, d], allowed, highest)
            blurred = drowned or (degree > _HIGHEST and _is_bent(equation, very_far))
            if simple is not None and len(simple) > len(equation) and not blurred:
                simple = None
        unclear[d] = drowned and simple is None
        equations[d] = _moved(equation, center) if simple is None else simple
    return _joined(equations, center), unclear


def _equation(field: SparseField, variable: int) -> Equation:
    """Terms of one equation, with their coefficients."""
    column = field.coefficients[:, variable]
    return {field.library.key(int(row)): float(column[row]) for row in np.flatnonzero(column)}


def _degree(term: TermKey) -> int:
    """Total degree; of functions one more than any polynomial that is tried."""
    exponents, function = term
    return sum(exponents) if function is None else _HIGHEST + 1


def _is_bent(equation: Equation, columns: np.ndarray) -> bool:
    """Whether an equation has one of the columns (C,) in a term that is not linear."""
    for exponents, function in filter(lambda term: _degree(term) > 1, equation):
        inside = np.array(exponents) > 0
        if function is not None:
            inside |= function.gradient.any(axis=1)
        if (inside & columns).any():
            return True
    return False


def _moved(equation: Equation, center: np.ndarray) -> Equation:
    """The same equation in powers of ``x - center``, whatever is not linear being of columns whose center is zero."""
    linear = [(exponents.index(1), value) for (exponents, _), value in equation.items() if sum(exponents) == 1]
    level = sum(value * center[column] for column, value in linear)
    constant: TermKey = ((0,) * len(center), None)
    return equation | {constant: equation.get(constant, 0.0) + level} if level else equation


def _polynomial(states: np.ndarray, values: np.ndarray, allowed: float, highest: int) -> Equation | None:
    """The polynomial of the lowest degree, and of few terms, that differs from values (N,) by less than is allowed."""
    still, unit = np.ptp(states, axis=0) == 0, np.sqrt(np.mean(values**2)) or 1.0
    for degree in range(highest + 1):
        powers = [row for row in monomials(len(still), degree) if not still[np.array(row) > 0].any()]
        if len(powers) * _STATES_PER_TERM > len(states):
            break
        design = np.stack([np.prod(states**row, axis=1) for row in powers], axis=1)
        errors, coefficients = eliminate(design, values[:, None] / unit)
        if (enough := np.flatnonzero(np.sqrt(errors[:, 0]) <= allowed / unit)).size:
            fewest = coefficients[enough[0], :, 0] * unit
            return {(powers[j], None): float(fewest[j]) for j in np.flatnonzero(fewest)}
    return None


def _joined(equations: list[Equation], center: np.ndarray) -> SparseField:
    """One field of the equations, with lower powers first and functions last."""

    def place(term: TermKey) -> tuple[bool, int, list[int]]:
        return term[1] is not None, sum(term[0]), [-power for power in term[0]]

    keys = sorted(dict.fromkeys(term for equation in equations for term in equation), key=place)
    library = TermLibrary.of_keys(keys)
    return SparseField(
        exponents=library.exponents,
        functions=library.functions,
        function_of=library.function_of,
        coefficients=np.array([[equation.get(key, 0.0) for equation in equations] for key in keys]).reshape(
            len(keys), len(equations)
        ),
        center=center,
        score=0.0,
    )
