"""Equations that a model's own fits come to, in the user's units.

Letters: T terms, D variables, C columns (the variables first, then what is given).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class LeadingEquations:
    """Equations that carry most of a field.

    Attributes
    ----------
    exponents : integer array of shape (T, C)
    functions : tuple of (kind, direction, power)
        By which some of the monomials are multiplied, as `skdyn.sparse.functions.ScalarFunction` has them.
    function_of : integer array of shape (T,)
        Which of them; -1 for none.
    coefficients : array of shape (T, D)
        Of ``dx/dt``; zero for terms that are not in an equation.
    shares : array of shape (D,)
        Mean weight of all answers that agree with the equation's.
    """

    exponents: np.ndarray
    functions: tuple[tuple[Any, tuple[float, ...], int], ...]
    function_of: np.ndarray
    coefficients: np.ndarray
    shares: np.ndarray

    @classmethod
    def in_units(cls, found: Any, shares: Any, units: np.ndarray, speed: float) -> LeadingEquations:
        """From a network's `Equations` of one fit, with the units of the columns (C,) and of one over time."""
        exponents, function_of, coefficients, shares = (
            part.cpu().numpy() for part in (found.exponents, found.function_of, found.coefficients[0], shares)
        )
        functions = tuple(
            (kind, tuple((np.array(direction) / units).tolist()), power) for kind, direction, power in found.functions
        )
        unit = units[: coefficients.shape[1]] * speed
        factor = unit / np.prod(units**exponents, axis=1, keepdims=True)
        return cls(exponents, functions, function_of, coefficients * factor, shares)
