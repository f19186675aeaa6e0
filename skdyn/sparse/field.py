"""A sparse field: its terms and their coefficients, its values, derivatives and readable form.

Letters: D variables, T terms; queries may have any shape (..., D).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.sparse.functions import TermFunction
from skdyn.sparse.library import TermLibrary, listed
from skdyn.sparse.printing import equations as print_equations

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SparseField:
    """A sparse field ``dx/dt = Theta(x - center) coefficients`` of monomials and, where it needs them, functions.

    Attributes
    ----------
    exponents : int array of shape (T, C)
        Powers of each term's monomial in C columns: the states and, behind them, inputs and parameters.
    functions : tuple of ScalarFunction or KnownPart
        Sines, cosines and Hill functions, each with some of the monomials, and what the user knows of the field. Empty
        for a polynomial.
    function_of : int array of shape (T,)
        Which function each term has; -1 for none.
    coefficients : array of shape (T, D)
        In the user's units; exactly zero for terms that are not in the field.
    center : array of shape (C,)
        Origin of the monomials: they are powers of ``x - center``. Zero, except for a variable that moves by less
        than a hundredth of its level.
    score : float
        Lower is better, comparable within one fit only.

    Examples
    --------
    The field ``dx/dt = 2 - x`` of one variable:

    >>> import numpy as np
    >>> field = SparseField(
    ...     exponents=np.array([[0], [1]]),
    ...     functions=(),
    ...     function_of=np.array([-1, -1]),
    ...     coefficients=np.array([[2.0], [-1.0]]),
    ...     center=np.zeros(1),
    ...     score=0.0,
    ... )
    >>> field.equations()
    ['d(x0)/dt = 2 - x0']
    >>> field.field([[0.0], [5.0]]).tolist(), field.jacobian([0.0]).tolist()
    ([[2.0], [-3.0]], [[-1.0]])
    """

    exponents: NDArray[np.int64]
    functions: tuple[TermFunction, ...]
    function_of: NDArray[np.int64]
    coefficients: Array
    center: Array
    score: float

    def __post_init__(self) -> None:
        for name, value in tuple(vars(self).items()):
            if isinstance(value, np.ndarray):
                own = value.copy()
                own.setflags(write=False)
                object.__setattr__(self, name, own)

    @property
    def library(self) -> TermLibrary:
        """All terms that the field could have had."""
        rows = tuple(map(tuple, self.exponents.tolist()))
        return listed(rows, self.functions, tuple(self.function_of.tolist()))

    @property
    def _rows(self) -> Array:
        """Coefficients of all rows of the library, those behind the terms being zero."""
        return np.pad(self.coefficients, ((0, self.library.size - len(self.coefficients)), (0, 0)))

    @property
    def n_features(self) -> int:
        """Number of variables D."""
        return self.coefficients.shape[1]

    @property
    def n_columns(self) -> int:
        """Number of columns C: variables, inputs and parameters."""
        return self.exponents.shape[1]

    @property
    def n_terms(self) -> int:
        """Number of terms in the field."""
        return int(np.count_nonzero(self.coefficients))

    def field(self, points: ArrayLike) -> Array:
        """Return time derivatives at states.

        Parameters
        ----------
        points : array of shape (..., C)
            States, with inputs and parameters behind them, in the user's units.

        Returns
        -------
        array of shape (..., D)
            Time derivatives, in the user's units of state over time.
        """
        states, shape = self._states(points)
        return self.library.field(states, self._rows).reshape(*shape[:-1], self.n_features)

    def jacobian(self, points: ArrayLike) -> Array:
        """Return the field's derivatives at states.

        Parameters
        ----------
        points : array of shape (..., C)
            States, with inputs and parameters behind them, in the user's units.

        Returns
        -------
        array of shape (..., D, C)
            ``[..., d, e]`` is the derivative of component d by column e, in inverse units of time (times the
            ratio of the two states' units).
        """
        states, shape = self._states(points)
        return self.library.jacobian(states, self._rows).reshape(*shape[:-1], self.n_features, self.n_columns)

    def terms_at(self, points: ArrayLike) -> Array:
        """Return the values of all terms, coefficients left out.

        Parameters
        ----------
        points : array of shape (..., C)
            States, with inputs and parameters behind them, in the user's units.

        Returns
        -------
        array of shape (..., T)
        """
        states, shape = self._states(points)
        terms = len(self.exponents)
        return self.library.design(states)[:, :terms].reshape(*shape[:-1], terms)

    def equations(self, precision: int = 3, names: Sequence[str] | None = None) -> list[str]:
        """Write the field down, one readable equation a component.

        Parameters
        ----------
        precision : int
            Significant digits of the coefficients, and of the constants inside functions.
        names : sequence of str, optional
            One name a column; ``x0``, ``x1``, ... where omitted.

        Returns
        -------
        list of str
            D equations, such as ``"d(hare)/dt = 0.55 hare - 0.028 hare lynx"``.
        """
        variables = list(names) if names is not None else [f"x{d}" for d in range(self.n_columns)]
        if len(variables) != self.n_columns:
            raise ValueError(f"names must hold {self.n_columns} names, got {len(variables)}")
        digits = [precision] * self.n_features
        return print_equations(self.library, self.coefficients, self.center, digits, variables)

    def _states(self, points: ArrayLike) -> tuple[Array, tuple[int, ...]]:
        states = np.asarray(points, dtype=np.float64)
        if states.ndim == 0 or states.shape[-1] != self.n_columns:
            raise ValueError(f"points must have shape (..., {self.n_columns}), got {states.shape}")
        return states.reshape(-1, self.n_columns) - self.center, states.shape
