"""Functions that polynomials do not hold: sines, cosines and Hill terms, and fields that a user knows.

Letter: D variables (columns of a library).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Powers that a Hill function may have.
HILL_POWERS = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class ScalarFunction:
    """A function of ``z = direction . x``.

    Attributes
    ----------
    kind : {"sin", "cos", "rise", "fall"}
        ``"rise"`` is ``z^n / (1 + z^n)`` and ``"fall"`` is ``1 / (1 + z^n)`` (A. V. Hill 1910), where an odd power
        takes a negative z for zero.
    direction : tuple of D float
        In inverse units of state.
    power : int
        n; 1 for sines and cosines.
    fixed : bool
        The user has given the direction: it is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> ScalarFunction("rise", (0.5,), 2).evaluate(np.array([[2.0]]))
    (array([0.5]), (array([0.5]),))
    """

    kind: Literal["sin", "cos", "rise", "fall"]
    direction: tuple[float, ...]
    power: int = 1
    fixed: bool = False

    def value(self, x: Array) -> Array:
        """Return values at states ``x`` (D, ...)."""
        z = self._argument(x)
        if self.kind == "sin":
            return np.sin(z)
        if self.kind == "cos":
            return np.cos(z)
        fall = 1.0 / (1.0 + z**self.power)
        return fall if self.kind == "fall" else 1.0 - fall

    @property
    def gradient(self) -> Array:
        """How the derivatives (D, 1) by each column follow from the slope that `evaluate` returns."""
        return np.array(self.direction)[:, None]

    @property
    def fitted_direction(self) -> tuple[float, ...] | None:
        """The direction, whose length is fitted beside the coefficients, unless the user has fixed it."""
        return None if self.fixed else self.direction

    def evaluate(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        """Return values at states ``x`` (D, ...), and their derivatives by z."""
        z = self._argument(x)
        if self.kind == "sin":
            return np.sin(z), (np.cos(z),)
        if self.kind == "cos":
            return np.cos(z), (-np.sin(z),)
        lower = z ** (self.power - 1) if self.power > 1 else np.where(self._form(x) < 0, 0.0, 1.0)
        fall = 1.0 / (1.0 + lower * z)
        slope = -self.power * lower * fall**2
        return (fall, (slope,)) if self.kind == "fall" else (1.0 - fall, (-slope,))

    def _argument(self, x: Array) -> Array:
        """Return z, without its negative values where an odd power takes them for zero."""
        z = self._form(x)
        return np.maximum(z, 0.0) if self.power % 2 and self.kind in ("rise", "fall") else z

    def _form(self, x: Array) -> Array:
        """Return ``direction . x``."""
        parts = [a * x[e] for e, a in enumerate(self.direction) if a]
        z = parts[0]
        for part in parts[1:]:
            z = z + part
        return z

    def in_units(self, scale: Array) -> ScalarFunction:
        """Return the same function of ``u``, where ``x = scale * u``."""
        return replace(self, direction=tuple(float(a) for a in np.array(self.direction) * scale))

    def name(self, variables: Sequence[str], precision: int = 3) -> str:
        """Return it in readable form, such as ``sin(2 x)`` or ``x^2/(0.25 + x^2)``."""
        if self.kind in ("sin", "cos"):
            return f"{self.kind}({linear_form(self.direction, variables, precision)})"
        variable, half = self._hill(variables)
        power = variable if self.power == 1 else f"{variable}^{self.power}"
        constant = f"{half**self.power:.{precision}g}"
        return f"{power if self.kind == 'rise' else constant}/({constant} + {power})"

    def to_sympy(self, variables: Sequence[Any]) -> Any:
        """Return it as a sympy expression of these variables."""
        import sympy

        if self.kind in ("sin", "cos"):
            z = sum(sympy.Float(a) * v for a, v in zip(self.direction, variables, strict=True) if a)
            return getattr(sympy, self.kind)(z)
        variable, half = self._hill(variables)
        constant, power = sympy.Float(half) ** self.power, variable**self.power
        return (power if self.kind == "rise" else constant) / (constant + power)

    def _hill(self, variables: Sequence[Any]) -> tuple[Any, float]:
        """Return the one variable of a Hill function and its half-saturation."""
        (index,) = (e for e, a in enumerate(self.direction) if a)
        return variables[index], 1.0 / self.direction[index]


@dataclass(frozen=True)
class KnownPart:
    """One component of a field that the user knows, as a function of ``x = scale * u``.

    Attributes
    ----------
    function : callable, (N, D) -> (N, D)
        Time derivatives at states, in the user's units.
    component : int
    scale : tuple of D float
    """

    function: Callable[[Array], Array]
    component: int
    scale: tuple[float, ...]
    fitted_direction: None = None

    @property
    def gradient(self) -> Array:
        """The derivatives by each column are the slopes themselves."""
        return np.eye(len(self.scale))

    def value(self, x: Array) -> Array:
        """Return values at states ``x`` (D, ...)."""
        scale = np.array(self.scale)
        states = x.reshape(len(x), -1).T * scale
        with np.errstate(all="ignore"):
            found = np.asarray(self.function(states), dtype=np.float64)[:, self.component]
        return found.reshape(x.shape[1:])

    def evaluate(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        """Return values at states ``x`` (D, ...), and their derivatives by each column, by central differences."""
        slopes = []
        for e in range(len(x)):
            ahead, behind = x.copy(), x.copy()
            step = _STEP * np.maximum(np.abs(x[e]), 1.0)
            ahead[e] += step
            behind[e] -= step
            slopes.append((self.value(ahead) - self.value(behind)) / (ahead[e] - behind[e]))
        return self.value(x), tuple(slopes)

    def in_units(self, scale: Array) -> KnownPart:
        """Return the same function of ``u``, where ``x = scale * u``."""
        return replace(self, scale=tuple(float(a) for a in np.array(self.scale) * scale))

    def name(self, variables: Sequence[str], precision: int = 3) -> str:
        """Return it in readable form, such as ``known_x(x, y)``."""
        return f"known_{variables[self.component]}({', '.join(variables)})"

    def to_sympy(self, variables: Sequence[Any]) -> Any:
        """Return it as an undefined function of these variables."""
        import sympy

        return sympy.Function(f"known_{self.component}")(*variables)


TermFunction = ScalarFunction | KnownPart
Kind = TypeVar("Kind", ScalarFunction, TermFunction)
#: Relative step of differences in a known field.
_STEP = 6e-6


def stretched(functions: tuple[Kind, ...], direction: tuple[float, ...], factor: float) -> tuple[Kind, ...]:
    """Return the functions with one direction that is fitted, wherever they have it, times a factor."""
    new = tuple(factor * a for a in direction)
    return tuple(
        replace(f, direction=new) if isinstance(f, ScalarFunction) and f.fitted_direction == direction else f
        for f in functions
    )


def linear_form(direction: Sequence[float], variables: Sequence[str], precision: int = 3) -> str:
    """A sum of variables with their weights, such as ``2 x - y``."""
    text = ""
    for a, variable in zip(direction, variables, strict=True):
        if a:
            sign = ("-" if a < 0 else "") if not text else (" - " if a < 0 else " + ")
            number = f"{abs(a):.{precision}g}"
            text += sign + (variable if number == "1" else f"{number} {variable}")
    return text
