"""Equations of a sparse field in the user's names, as text and for sympy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdyn.sparse import SparseODE, printing
from skdyn.sparse.digits import digits_that_reproduce
from skdyn.sparse.field import SparseField
from skdyn.sparse.library import TermLibrary


@dataclass(frozen=True)
class NamedEquations:
    """Equations of an estimator.

    Attributes
    ----------
    field : SparseField
    names : tuple of C str
        Of the variables, the inputs and the parameters.
    shares : array of shape (D,)
        Share of the estimator's field that each is; one where the field is the equation.
    states : array of shape (M, C)
        The observed states, with what is given beside them, on which printed equations are to say the same field.
    """

    field: SparseField
    names: tuple[str, ...]
    shares: np.ndarray
    states: np.ndarray

    def text(self, precision: int | None, standard_errors: bool = False) -> list[str]:
        """One readable equation a variable."""
        errors = None
        if standard_errors:
            if not isinstance(self.field, SparseODE):
                raise ValueError("standard errors are those of a search: use refine='sparse'")
            errors = self.field.standard_errors
        return printing.equations(*self._parts, self._digits(precision), self.names, errors)

    @property
    def alternatives(self) -> tuple[SparseField, ...]:
        """Fields that fit nearly as well; none without a search."""
        return self.field.alternatives if isinstance(self.field, SparseODE) else ()

    def latex(self, precision: int | None) -> list[str]:
        """One line of LaTeX a variable."""
        return printing.latex(*self._parts, self._digits(precision), self.names)

    @property
    def _parts(self) -> tuple[TermLibrary, np.ndarray, np.ndarray]:
        return self.field.library, self.field.coefficients, self.field.center

    def _digits(self, precision: int | None) -> list[int]:
        if precision is None:
            return digits_that_reproduce(self.field, self.states)
        return [precision] * self.field.n_features

    def to_sympy(self) -> list[Any]:
        """One sympy expression a variable, the right-hand sides of the equations.

        Raises
        ------
        ImportError
            Without sympy: ``pip install "skdyn[symbolic]"``.
        """
        try:
            import sympy
        except ImportError:
            raise ImportError('to_sympy needs sympy: pip install "skdyn[symbolic]"') from None
        field = self.field
        variables: Sequence[Any] = [
            sympy.Symbol(name) - sympy.Float(float(c)) if c else sympy.Symbol(name)
            for name, c in zip(self.names, field.center, strict=True)
        ]
        terms = [sympy.Mul(*(v ** int(p) for v, p in zip(variables, row, strict=True))) for row in field.exponents]
        functions = [sympy.Integer(1), *(function.to_sympy(variables) for function in field.functions)]
        terms = [term * functions[f + 1] for term, f in zip(terms, field.function_of, strict=True)]
        return [
            sympy.Add(*(sympy.Float(float(value)) * term for value, term in zip(column, terms, strict=True) if value))
            for column in field.coefficients.T
        ]
