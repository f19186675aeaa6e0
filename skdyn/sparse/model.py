"""The result of a sparse fit: a field of few terms in the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.library import TermLibrary, terms

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """What one stage of the search had found when it ended.

    Attributes
    ----------
    name : str
        The stage.
    score : float
        Best score so far; lower is better.
    n_terms : int
        Number of terms of the field with that score.
    """

    name: str
    score: float
    n_terms: int


@dataclass(frozen=True, eq=False)
class SparseODE:
    """A sparse field ``dx/dt = Theta(x - center) coefficients`` of monomials and, where it needs them, functions.

    Attributes
    ----------
    exponents : ndarray of int, shape (T, D)
        Powers of each term's monomial.
    functions : tuple of ScalarFunction
        Sines, cosines and Hill functions; each multiplies some of the monomials. Empty for a polynomial.
    function_of : ndarray of int, shape (T,)
        Which function each term has; -1 for none.
    coefficients : ndarray, shape (T, D)
        In the user's units; exactly zero for terms that are not in the field.
    standard_errors : ndarray, shape (T, D)
        One standard deviation of each coefficient, from the least squares' normal matrix; zero for terms that
        are not in the field, infinite where the data do not determine one. Given the support: the search for
        it is not accounted for.
    center : ndarray, shape (D,)
        Origin of the monomials: they are powers of ``x - center``. Zero, except for a state that moves by less
        than a hundredth of its level.
    start_states : ndarray, shape (K, D)
        Fitted first state of each trajectory that entered the fit.
    noise : ndarray, shape (D,)
        Root-mean-square residual of the smoothing spline, in the user's units of state.
    score : float
        Score of the field; lower is better, comparable within one fit only.
    origin : str
        Stage of the search that produced the field.
    path : tuple of Stage
        Best score after each stage.
    n_points_given, n_points_used : int
        Number of observations, before and after thinning.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn.sparse import fit_sparse
    >>> t = np.linspace(0.0, 4.0, 60)
    >>> ode = fit_sparse([(t, 2.0 * np.exp(-0.5 * t)[:, None])])
    >>> ode.equations()
    ['d(x0)/dt = -0.5 x0']
    >>> ode.field(np.array([[1.0], [4.0]])).round(3).tolist()
    [[-0.5], [-2.0]]
    """

    exponents: NDArray[np.int64]
    functions: tuple[ScalarFunction, ...]
    function_of: NDArray[np.int64]
    coefficients: Array
    standard_errors: Array
    center: Array
    start_states: Array
    noise: Array
    score: float
    origin: str
    path: tuple[Stage, ...]
    n_points_given: int
    n_points_used: int

    def __post_init__(self) -> None:
        for name in ("exponents", "function_of", "coefficients", "standard_errors", "center", "start_states", "noise"):
            getattr(self, name).setflags(write=False)

    @property
    def _library(self) -> TermLibrary:
        return terms(self.dimension, int(self.exponents[self.function_of < 0].sum(axis=1).max()), self.functions)

    @property
    def _rows(self) -> Array:
        """Coefficients of all rows of the library, those behind the terms being zero."""
        return np.pad(self.coefficients, ((0, self._library.size - len(self.coefficients)), (0, 0)))

    @property
    def dimension(self) -> int:
        """Number of state variables D."""
        return self.exponents.shape[1]

    @property
    def n_terms(self) -> int:
        """Number of terms in the field."""
        return int(np.count_nonzero(self.coefficients))

    def field(self, x: ArrayLike) -> Array:
        """Return time derivatives at states.

        Parameters
        ----------
        x : array-like, shape (..., D)
            States, in the user's units.

        Returns
        -------
        ndarray, shape (..., D)
            Time derivatives, in the user's units of state over time.
        """
        states, shape = self._states(x)
        return self._library.field(states, self._rows).reshape(shape)

    def jacobian(self, x: ArrayLike) -> Array:
        """Return the field's derivatives at states.

        Parameters
        ----------
        x : array-like, shape (..., D)
            States, in the user's units.

        Returns
        -------
        ndarray, shape (..., D, D)
            ``[..., d, e]`` is the derivative of component d by variable e, in inverse units of time (times the
            ratio of the two states' units).
        """
        states, shape = self._states(x)
        return self._library.jacobian(states, self._rows).reshape(*shape, self.dimension)

    def terms_at(self, x: ArrayLike) -> Array:
        """Return the values of all terms, coefficients left out.

        Parameters
        ----------
        x : array-like, shape (..., D)
            States, in the user's units.

        Returns
        -------
        ndarray, shape (..., T)
        """
        states, shape = self._states(x)
        terms = len(self.exponents)
        return self._library.design(states)[:, :terms].reshape(*shape[:-1], terms)

    def equations(self, precision: int = 3, names: Sequence[str] | None = None) -> list[str]:
        """Write the field down, one readable equation a component.

        Parameters
        ----------
        precision : int
            Significant digits of the coefficients.
        names : sequence of str, optional
            One name a state variable; ``x0``, ``x1``, ... where omitted.

        Returns
        -------
        list of str
            D equations, such as ``"d(hare)/dt = 0.55 hare - 0.028 hare lynx"``.
        """
        variables = list(names) if names is not None else [f"x{d}" for d in range(self.dimension)]
        if len(variables) != self.dimension:
            raise ValueError(f"names must hold {self.dimension} names, not {len(variables)}.")
        shifted = [
            f"({name} {'-' if c > 0 else '+'} {abs(c):.{precision + 3}g})" if c else name
            for name, c in zip(variables, self.center)
        ]
        term_names = self._library.names(shifted)
        out = []
        for d, variable in enumerate(variables):
            text = ""
            for value, name in zip(self.coefficients[:, d], term_names):
                if value == 0:
                    continue
                sign = ("-" if value < 0 else "") if not text else (" - " if value < 0 else " + ")
                number = f"{abs(value):.{precision}g}"
                text += sign + (number if name == "1" else name if number == "1" else f"{number} {name}")
            out.append(f"d({variable})/dt = {text or '0'}")
        return out

    def _states(self, x: ArrayLike) -> tuple[Array, tuple[int, ...]]:
        states = np.asarray(x, dtype=np.float64)
        if states.ndim == 0 or states.shape[-1] != self.dimension:
            raise ValueError(f"States must have shape (..., {self.dimension}), not {states.shape}.")
        return states.reshape(-1, self.dimension) - self.center, states.shape
