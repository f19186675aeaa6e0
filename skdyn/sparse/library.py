"""Terms of a field: monomials, and functions times low monomials; values, derivatives and readable names.

Letters: D variables, T terms, R rows (the terms and the derivatives behind them), N queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.functions import ScalarFunction

Array = NDArray[np.float64]


class TermLibrary:
    """All monomials of D variables up to ``degree``, then functions times the lowest of them.

    Behind the T terms stand rows that no field uses: the derivatives of the functions, times the same factors. With
    them the derivative of every term is a combination of rows, as it is for monomials alone, where there are none.
    Without functions, the library of a lower degree is a prefix of that of a higher one.

    Parameters
    ----------
    n_features : int
        Number of variables D.
    degree : int
        Largest total degree of the monomials by themselves, at least 1; with functions at least 2.
    functions : sequence of ScalarFunction
        One is multiplied with all monomials up to degree two, several with those up to degree one.

    Attributes
    ----------
    exponents : int array of shape (T, D)
        Row l holds the powers of term l's monomial; row 0 is the constant.
    degrees : int array of shape (T,)
        Total degree of each term's monomial, at least 1 with a function.
    function_of : int array of shape (T,)
        Which function a term has; -1 for none.
    derivative : array of shape (D, R, R)
        ``derivative[e] @ c`` are the coefficients of the derivative, by variable e, of the field with coefficients c.

    Examples
    --------
    >>> import numpy as np
    >>> library = TermLibrary(2, 2)
    >>> library.names(["x", "y"])
    ['1', 'x', 'y', 'x^2', 'x y', 'y^2']
    >>> library.design(np.array([[2.0, 3.0]]))
    array([[1., 2., 3., 4., 6., 9.]])
    >>> TermLibrary(1, 2, [ScalarFunction("sin", (2.0,))]).names(["x"])
    ['1', 'x', 'x^2', 'sin(2 x)', 'x sin(2 x)', 'x^2 sin(2 x)']
    """

    def __init__(self, n_features: int, degree: int, functions: Sequence[ScalarFunction] = ()) -> None:
        self.n_features = n_features
        self.degree = degree
        self.functions = tuple(functions)
        rows = [[0] * n_features]
        # Each monomial is a lower one times one variable: evaluation costs one product a monomial.
        self._products: list[tuple[int, slice, slice]] = []  # a variable, and the rows from and to which it leads
        end_of_lower = 1
        for total in range(1, degree + 1):
            words = list(combinations_with_replacement(range(n_features), total))
            rows.extend([word.count(e) for e in range(n_features)] for word in words)
            end = len(rows)
            for e in range(n_features):
                # The words that begin with e are e before each word, one shorter, of letters from e on: the last ones.
                count = sum(word[0] == e for word in words)
                first = end - sum(word[0] >= e for word in words)
                if total > 1:
                    lower = slice(end_of_lower - count, end_of_lower)
                    self._products.append((e, lower, slice(first, first + count)))
            end_of_lower = end
        self._n_monomials = n = len(rows)
        self._width = width = factor_count(n_features, len(self.functions))
        count = width * len(self.functions)
        self.exponents = np.array(rows + rows[:width] * len(self.functions), dtype=np.int64)
        self.function_of = np.concatenate([np.full(n, -1), np.repeat(np.arange(len(self.functions)), width)])
        self.degrees = np.maximum(self.exponents.sum(axis=1), self.function_of >= 0)
        self.derivative = np.zeros((n_features, n + 2 * count, n + 2 * count))
        position = {tuple(row): l for l, row in enumerate(rows)}
        for l, row in enumerate(rows):
            for e in range(n_features):
                if row[e]:
                    one_less = (*row[:e], row[e] - 1, *row[e + 1 :])
                    self.derivative[e, position[one_less], l] = row[e]
        for f, function in enumerate(self.functions):
            own = np.arange(n + f * width, n + (f + 1) * width)
            for e in range(n_features):
                self.derivative[e][np.ix_(own, own)] = self.derivative[e, :width, :width]
                self.derivative[e, own + count, own] = function.direction[e]

    def parameters(self) -> dict[tuple[float, ...], NDArray[np.intp]]:
        """Return the terms that hang on each direction of the functions: a number fitted beside the coefficients."""
        directions = [None, *(function.direction for function in self.functions)]
        own = [directions[f + 1] for f in self.function_of]
        return {d: np.flatnonzero([o == d for o in own]) for d in directions if d is not None}

    @property
    def n_terms(self) -> int:
        """Number of terms T, the first rows."""
        return len(self.exponents)

    @property
    def size(self) -> int:
        """Number of rows R: the terms and the derivatives behind them."""
        return self.derivative.shape[1]

    def up_to(self, degree: int) -> NDArray[np.intp]:
        """Return the positions of the terms of at most this degree."""
        return np.flatnonzero(self.degrees <= degree)

    def fill(self, x: Array, out: Array) -> None:
        """Write the rows at ``x`` (D, ...) into ``out``, all R of them or the T terms alone, by its length."""
        out[0] = 1.0
        out[1 : self.n_features + 1] = x
        for e, lower, rows in self._products:
            np.multiply(out[lower], x[e], out=out[rows])
        width = self._width
        for f, function in enumerate(self.functions):
            first = self._n_monomials + f * width
            behind = first + width * len(self.functions)
            if behind < len(out):
                value, slope = function.evaluate(x)
                np.multiply(out[:width], slope, out=out[behind : behind + width])
            else:
                value = function.value(x)
            np.multiply(out[:width], value, out=out[first : first + width])

    def design(self, x: Array) -> Array:
        """Return the matrix (N, R) of all rows at states ``x`` (N, D)."""
        out = np.empty((self.size, len(x)))
        self.fill(np.ascontiguousarray(x.T), out)
        return np.ascontiguousarray(out.T)

    def field(self, x: Array, coefficients: Array) -> Array:
        """Return the field (N, D) at states ``x`` (N, D) for coefficients (R, D)."""
        # Not a matrix product, whose last bits depend on the number of states.
        return np.einsum("nr,rd->nd", self.design(x), coefficients)

    def jacobian(self, x: Array, coefficients: Array) -> Array:
        """Return the field's Jacobian (N, D, D), ``[n, d, e]`` the derivative of component d by variable e."""
        lowered = self.derivative @ coefficients  # (e, R, d)
        return np.einsum("nt,etd->nde", self.design(x), lowered)

    def unit_factors(self, scale: Array, rate: float) -> Array:
        """Return factors (T, D) that carry coefficients of scaled units to the user's.

        With ``u = x / scale`` and ``tau = rate * t``, ``dx/dt = Theta(x) (factors * xi)`` whenever
        ``du/dtau = Theta(u) xi``.
        """
        monomial_scale = np.prod(scale[None, :] ** self.exponents, axis=1)
        return scale[None, :] * rate / monomial_scale[:, None]

    def names(self, variables: Sequence[str], precision: int = 3) -> list[str]:
        """Return one readable name a term, with so many digits inside functions; the constant as ``"1"``."""
        out = []
        for row, f in zip(self.exponents, self.function_of):
            factors = [name if power == 1 else f"{name}^{power}" for name, power in zip(variables, row) if power]
            if f >= 0:
                factors.append(self.functions[f].name(variables, precision))
            out.append(" ".join(factors) or "1")
        return out


def factor_count(n_features: int, n_functions: int) -> int:
    """Return how many monomials multiply a function: up to degree two for one by itself, else up to degree one."""
    return n_features + 1 + (n_features * (n_features + 1) // 2 if n_functions == 1 else 0)


@lru_cache(maxsize=32)
def terms(n_features: int, degree: int, functions: tuple[ScalarFunction, ...] = ()) -> TermLibrary:
    """Return the shared library of these terms (building one takes milliseconds)."""
    return TermLibrary(n_features, degree, functions)
