"""One equation's least squares by integrals: what its terms leave, and what others would explain of that.

Letters: M points, B and C terms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.integral import Integrals
from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]

#: Mean squares below this, in units of what the observations resolve, are alike.
_LEAST_ERROR = 0.01
_DEPENDENT = 1e-10


@dataclass(frozen=True)
class Equation:
    """What some terms leave of the observations of one variable.

    Attributes
    ----------
    weights : array of shape (M,)
    observed, left : array of shape (M,)
        The observations, and what the terms leave of them; see `Integrals.rooted`.
    basis : array of shape (M, B)
        Orthonormal, of the terms' integrals.
    count : float
        Observations less windows.
    """

    weights: Array
    observed: Array
    left: Array
    basis: Array
    count: float

    @classmethod
    def of(cls, context: ScaledContext, terms: Integrals, d: int) -> Equation:
        """The equation of variable d with these terms."""
        weights = context.weights[:, d]
        observed = terms.rooted(context.observed[:, d], weights)
        counted = terms.counted(weights) > 0
        count = max(1.0, float(counted.sum() - len(np.unique(terms.window[counted]))))
        plain = cls(weights, observed, observed, np.zeros((len(observed), 0)), count)
        return plain.beside(plain.columns(terms))

    def columns(self, terms: Integrals) -> Array:
        """Terms (M, C) as the observations are; see `Integrals.rooted`."""
        return terms.rooted(terms.design, self.weights)

    def beside(self, columns: Array) -> Equation:
        """The equation with more terms, if they do not follow from those that there are."""
        basis = self.basis
        for column in columns.T:
            size = np.linalg.norm(column)
            for _ in range(2):  # twice is enough
                column = column - basis @ (basis.T @ column)
            new = np.linalg.norm(column)
            if new > _DEPENDENT * size:
                basis = np.column_stack([basis, column / new])
        return replace(self, basis=basis, left=self.observed - basis @ (basis.T @ self.observed))

    @property
    def log_left(self) -> float:
        """Count of the observations times the logarithm of their mean square."""
        return self.count * float(np.log(self.left @ self.left / self.count + _LEAST_ERROR))

    @property
    def is_explained(self) -> bool:
        """Whether what is left is what the observations do not resolve."""
        return float(self.left @ self.left) < self.count * _LEAST_ERROR

    def gains(self, columns: Array, starts: NDArray[np.intp]) -> Array:
        """What the logarithm of the likelihood gains by each option: its one or two columns, from its start on."""
        return self.worth(self.explained(columns, starts))

    def worth(self, explained: Array) -> Array:
        """What the logarithm of the likelihood gains if so much of the sum of squares is explained."""
        total, floor = float(self.left @ self.left), self.count * _LEAST_ERROR
        return self.count / 2 * np.log((total + floor) / (np.maximum(total - explained, 0.0) + floor))

    def explained(self, columns: Array, starts: NDArray[np.intp]) -> Array:
        """How much of the sum of squares each option explains."""
        sizes = np.sum(columns**2, axis=0)
        columns = columns - self.basis @ (self.basis.T @ columns)
        first = columns[:, starts]
        found = _explained(first, self.left, sizes[starts])
        pairs = np.diff([*starts, columns.shape[1]]) == 2
        if pairs.any():
            head, second = first[:, pairs], columns[:, starts[pairs] + 1]
            norm = np.maximum(np.sum(head**2, axis=0), 1e-300)
            second = second - head * (np.sum(head * second, axis=0) / norm)
            found[pairs] += _explained(second, self.left, sizes[starts[pairs] + 1])
        return found


def _explained(columns: Array, left: Array, sizes: Array) -> Array:
    """Squares of what each column explains; nothing where it follows from what there is."""
    own = np.sum(columns**2, axis=0)
    fresh = own > _DEPENDENT * sizes
    return np.where(fresh, (left @ columns) ** 2 / np.where(fresh, own, 1.0), 0.0)
