"""How many digits it takes for printed equations to say the field that they print.

Letters: N states, D variables.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from skdyn.sparse.field import SparseField
from skdyn.sparse.functions import KnownPart, TermFunction

_LEAST = 3
_MOST = 17
REPRODUCED = 1e-3
"""Of a field's root mean square on the data: what a printed equation may differ from it there."""


def digits_that_reproduce(field: SparseField, states: ArrayLike, tolerance: float = REPRODUCED) -> list[int]:
    """How many significant digits the numbers of each printed equation need.

    Parameters
    ----------
    field : SparseField
    states : array of shape (N, D)
        In the user's units.
    tolerance : float
        Largest difference at any of the states, in root mean squares of the component over them.

    Returns
    -------
    list of D int
        From 3 to 17, with which numbers are exact.

    Examples
    --------
    Two large terms of opposite sign:

    >>> import numpy as np
    >>> from skdyn.sparse import SparseField
    >>> field = SparseField(
    ...     exponents=np.array([[0], [1]]),
    ...     functions=(),
    ...     function_of=np.array([-1, -1]),
    ...     coefficients=np.array([[1000.25], [-1.0]]),
    ...     center=np.zeros(1),
    ...     score=0.0,
    ... )
    >>> digits_that_reproduce(field, np.array([[0.0], [10.0]])), digits_that_reproduce(field, [[1000.0]])
    ([3], [6])
    """
    states = np.asarray(states, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        truth = field.field(states)
        allowed = tolerance * np.sqrt(np.mean(truth**2, axis=0))
        needed = [_MOST] * field.n_features
        for digits in range(_MOST - 1, _LEAST - 1, -1):
            close = (np.abs(rounded(field, digits).field(states) - truth) <= allowed).all(axis=0)
            needed = [digits if good and last == digits + 1 else last for good, last in zip(close, needed, strict=True)]
    return needed


def rounded(field: SparseField, digits: int) -> SparseField:
    """The field that the text with so many significant digits says."""

    def cut(value: float) -> float:
        return float(f"{value:.{digits}g}")

    functions: list[TermFunction] = []
    for function in field.functions:
        if isinstance(function, KnownPart):
            functions.append(function)
        elif function.kind in ("sin", "cos"):
            functions.append(replace(function, direction=tuple(map(cut, function.direction))))
        else:
            power = function.power
            direction = tuple(cut(a**-power) ** (-1 / power) if a else a for a in function.direction)
            functions.append(replace(function, direction=direction))
    coefficients = np.array([cut(value) for value in field.coefficients.ravel()]).reshape(field.coefficients.shape)
    return replace(field, functions=tuple(functions), coefficients=coefficients)
