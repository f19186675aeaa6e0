"""Monomials of a state: values, coefficient-space derivatives and readable names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class MonomialLibrary:
    """All monomials of ``dimension`` variables up to ``degree``, lowest degree first.

    The library of a lower degree is a prefix of that of a higher one, so that coefficients of the former
    are coefficients of the latter with zeros appended.

    Parameters
    ----------
    dimension : int
        Number of state variables D.
    degree : int
        Largest total degree.

    Attributes
    ----------
    exponents : ndarray of int, shape (T, D)
        Row l holds the powers of monomial l; row 0 is the constant.
    degrees : ndarray of int, shape (T,)
        Total degree of each monomial.
    derivative : ndarray, shape (D, T, T)
        ``derivative[e] @ c`` are the coefficients of the derivative, by variable e, of the polynomial with
        coefficients c.

    Examples
    --------
    >>> import numpy as np
    >>> library = MonomialLibrary(2, 2)
    >>> library.names(["x", "y"])
    ['1', 'x', 'y', 'x^2', 'x y', 'y^2']
    >>> library.design(np.array([[2.0, 3.0]]))
    array([[1., 2., 3., 4., 6., 9.]])
    """

    def __init__(self, dimension: int, degree: int) -> None:
        self.dimension = dimension
        self.degree = degree
        rows = []
        # Each monomial is a lower one times one variable: evaluation costs one product a monomial.
        self._levels: list[tuple[slice, NDArray[np.intp], NDArray[np.intp]]] = []
        index: dict[tuple[int, ...], int] = {(): 0}
        rows.append([0] * dimension)
        for total in range(1, degree + 1):
            words = list(combinations_with_replacement(range(dimension), total))
            first = len(rows)
            for word in words:
                index[word] = len(rows)
                rows.append([word.count(e) for e in range(dimension)])
            parents = np.array([index[word[:-1]] for word in words], dtype=np.intp)
            factors = np.array([word[-1] for word in words], dtype=np.intp)
            self._levels.append((slice(first, len(rows)), parents, factors))
        self.exponents = np.array(rows, dtype=np.int64)
        self.degrees = self.exponents.sum(axis=1)
        position = {tuple(row): l for l, row in enumerate(rows)}
        self.derivative = np.zeros((dimension, self.size, self.size))
        for l, row in enumerate(rows):
            for e in range(dimension):
                if row[e]:
                    lower = (*row[:e], row[e] - 1, *row[e + 1 :])
                    self.derivative[e, position[lower], l] = row[e]

    @property
    def size(self) -> int:
        """Number of monomials T."""
        return len(self.exponents)

    def prefix(self, degree: int) -> int:
        """Return the number of monomials of at most this degree."""
        return int(np.count_nonzero(self.degrees <= degree))

    def fill(self, x: Array, out: Array) -> None:
        """Write the monomials of ``x`` (D, ...) into ``out`` (T, ...), both with leading component axes."""
        out[0] = 1.0
        out[1 : self.dimension + 1] = x
        for rows, parents, factors in self._levels[1:]:
            np.multiply(out.take(parents, axis=0), x.take(factors, axis=0), out=out[rows])

    def design(self, x: Array) -> Array:
        """Return the design matrix (N, T) of states ``x`` (N, D)."""
        out = np.empty((self.size, len(x)))
        self.fill(np.ascontiguousarray(x.T), out)
        return np.ascontiguousarray(out.T)

    def field(self, x: Array, coefficients: Array) -> Array:
        """Return the field (N, D) at states ``x`` (N, D) for coefficients (T, D)."""
        return self.design(x) @ coefficients

    def jacobian(self, x: Array, coefficients: Array) -> Array:
        """Return the field's Jacobian (N, D, D), ``[n, d, e]`` the derivative of component d by variable e."""
        lowered = self.derivative @ coefficients  # (e, T, d)
        return np.einsum("nt,etd->nde", self.design(x), lowered)

    def unit_factors(self, scale: Array, rate: float) -> Array:
        """Return factors (T, D) that carry coefficients of scaled units to the user's.

        With ``u = x / scale`` and ``tau = rate * t``, ``dx/dt = Theta(x) (factors * xi)`` whenever
        ``du/dtau = Theta(u) xi``.
        """
        monomial_scale = np.prod(scale[None, :] ** self.exponents, axis=1)
        return scale[None, :] * rate / monomial_scale[:, None]

    def names(self, variables: Sequence[str]) -> list[str]:
        """Return one readable name a monomial, the constant as ``"1"``."""
        out = []
        for row in self.exponents:
            factors = [name if power == 1 else f"{name}^{power}" for name, power in zip(variables, row) if power]
            out.append(" ".join(factors) or "1")
        return out


@lru_cache(maxsize=32)
def monomials(dimension: int, degree: int) -> MonomialLibrary:
    """Return the shared library of this dimension and degree (building one takes milliseconds)."""
    return MonomialLibrary(dimension, degree)
