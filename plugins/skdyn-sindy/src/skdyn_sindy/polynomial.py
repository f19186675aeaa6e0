"""A polynomial vector field in the user's units: values, exact derivatives and readable equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Polynomial:
    """Field ``dx_d/dt = sum_p coefficients[p, d] * prod_e x_e ** exponents[p, e]``.

    Attributes
    ----------
    exponents : array of int, shape (P, C)
        Powers of each of P monomials in C columns: D variables and, behind them, inputs and parameters.
    coefficients : array of shape (P, D)
        In units of state per unit of time, over the units of the monomial; zero for terms that are not in the field.

    Examples
    --------
    >>> import numpy as np
    >>> decay = Polynomial(np.array([[0], [1], [2]]), np.array([[0.0], [-0.5], [0.0]]))
    >>> decay.field(np.array([[4.0]]))
    array([[-2.]])
    >>> decay.equations(["x0"])
    ['d(x0)/dt = -0.5 x0']
    """

    exponents: np.ndarray
    coefficients: np.ndarray

    def field(self, x: np.ndarray) -> np.ndarray:
        """Time derivatives (N, D) at points (N, C)."""
        return self._evaluate(self.exponents, self.coefficients, x)

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Derivatives (N, D, C) at points (N, C): entry (d, e) is that of component d by column e."""
        columns = []
        for variable in range(x.shape[1]):
            power = self.exponents[:, variable]
            lowered = self.exponents.copy()
            lowered[:, variable] = np.maximum(power - 1, 0)
            columns.append(self._evaluate(lowered, power[:, None] * self.coefficients, x))
        return np.stack(columns, axis=-1)

    def equations(self, names: Sequence[str], precision: int = 3) -> list[str]:
        """One equation a component, of names (C,) of the columns; ``precision`` is the number of significant digits."""
        lines = []
        for name, column in zip(names, self.coefficients.T):  # behind the variables stands what is given
            text = ""
            for power, value in zip(self.exponents, column, strict=True):
                if value != 0:
                    sign = (" - " if value < 0 else " + ") if text else ("-" if value < 0 else "")
                    factors = [n if e == 1 else f"{n}^{e}" for n, e in zip(names, power, strict=True) if e]
                    number = f"{abs(value):.{precision}g}"
                    text += sign + " ".join(factors if factors and number == "1" else [number, *factors])
            lines.append(f"d({name})/dt = {text or '0'}")
        return lines

    @staticmethod
    def _evaluate(exponents: np.ndarray, coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
        # Term by term and not as a product of matrices, whose rounding would depend on the number of states.
        total = np.zeros((len(x), coefficients.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):
            for power, row in zip(exponents, coefficients, strict=True):
                if row.any():
                    monomial = np.ones(len(x))
                    for variable in np.flatnonzero(power):
                        for _ in range(power[variable]):
                            monomial = monomial * x[:, variable]
                    total += monomial[:, None] * row
        return total
