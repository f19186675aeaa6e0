"""What may be added to an equation of many variables: products, sines and Hill functions, and their best scales.

Letters: N points, L columns, D of them variables, V options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.equation import Equation
from skdyn.sparse.function_choice import HALVES, STEP, TURNS, angles
from skdyn.sparse.functions import HILL_POWERS, ScalarFunction, stretched
from skdyn.sparse.integral import Integrals
from skdyn.sparse.library import TermKey, monomials
from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]

#: Powers of Hill functions that are tried, and then those next to one that is chosen.
_GRID = (1, 2, 4, 8)
_PARABOLAS = 5


@dataclass(frozen=True)
class Option:
    """What may be added to an equation: a monomial, by itself or times a Hill function, or a sine with its cosine."""

    exponents: tuple[int, ...]
    functions: tuple[ScalarFunction, ...] = ()

    def columns(self, x: Array) -> Array:
        """Values (N, 1 or 2) at columns (N, L)."""
        factor = np.prod([x[:, e] for e, power in enumerate(self.exponents) for _ in range(power)], axis=0)
        if not self.functions:
            return np.broadcast_to(factor, len(x))[:, None]
        return np.column_stack([factor * function.value(x.T) for function in self.functions])

    @property
    def width(self) -> int:
        """Number of columns."""
        return max(1, len(self.functions))

    @property
    def argument(self) -> object:
        """What it is but for its scale."""
        axis = [tuple(np.sign(function.direction)) for function in self.functions]
        return self.exponents, *((f.kind, f.power, a) for f, a in zip(self.functions, axis, strict=True))

    def with_next_powers(self, positive: NDArray[np.bool_]) -> list[Option]:
        """Itself, and a Hill function with the powers before and after its own; odd ones of positive columns (L,)."""
        if not self.functions or self.functions[0].kind != "rise":
            return [self]
        (function,) = self.functions
        place = HILL_POWERS.index(function.power)
        odd = bool(positive[np.flatnonzero(function.direction)].all())
        powers = [power for power in HILL_POWERS[max(0, place - 1) : place + 2] if odd or power % 2 == 0]
        return [Option(self.exponents, (replace(function, power=power),)) for power in powers]

    def stretched(self, log_factor: float) -> Option:
        """The same at another scale."""
        if not self.functions:
            return self
        factor = float(np.exp(log_factor))
        return Option(self.exponents, stretched(self.functions, self.functions[0].direction, factor))

    @property
    def keys(self) -> list[TermKey]:
        """Its terms, for libraries."""
        return [(self.exponents, function) for function in self.functions or (None,)]


def integrated(context: ScaledContext, options: Sequence[Option]) -> tuple[Integrals, NDArray[np.intp]]:
    """Integrals of options, and at which column each option's begin."""
    integrals = Integrals.of(context, lambda x: np.hstack([option.columns(x) for option in options]))
    widths = np.array([option.width for option in options], dtype=np.intp)
    return integrals, np.cumsum(widths) - widths


def at_best_scales(context: ScaledContext, equation: Equation, options: Sequence[Option]) -> tuple[Array, list[Option]]:
    """What options gain at the best scales near their own (V,), and the options at these.

    All side by side: five scales each, and then some steps to the vertex of the parabola through the best three.
    """

    def explained(logs: Array) -> Array:
        moved = [option.stretched(float(log)) for option, log in zip(options, logs, strict=True)]
        integrals, starts = integrated(context, moved)
        return equation.explained(equation.columns(integrals), starts)

    grid = STEP * np.linspace(-1, 1, 5)
    found = np.stack([explained(np.full(len(options), log)) for log in grid])
    rows = np.arange(len(options))
    top = found.argmax(axis=0)
    middle = np.clip(top, 1, len(grid) - 2)
    x0, x1, x2 = (grid[middle + shift] for shift in (-1, 0, 1))
    y0, y1, y2 = (found[middle + shift, rows] for shift in (-1, 0, 1))
    best, log = found[top, rows], grid[top]
    for _ in range(_PARABOLAS):
        left, right = (x1 - x0) * (y1 - y2), (x1 - x2) * (y1 - y0)
        bend = left - right
        vertex = x1 - ((x1 - x0) * left - (x1 - x2) * right) / np.where(bend == 0, 1.0, 2 * bend)
        new = np.where(bend == 0, x1, np.clip(vertex, x0, x2))
        value = explained(new)
        log, best = np.where(value > best, new, log), np.maximum(value, best)
        lower, higher = new < x1, value > y1
        middle_x, middle_y = np.where(higher, new, x1), np.where(higher, value, y1)
        first, last = lower != higher, lower == higher  # which end moves: to the middle, or to the new one
        x0, y0 = _moved(first, higher, (x0, y0), (x1, y1), (new, value))
        x2, y2 = _moved(last, higher, (x2, y2), (x1, y1), (new, value))
        x1, y1 = middle_x, middle_y
    return equation.worth(best), [option.stretched(float(scale)) for option, scale in zip(options, log, strict=True)]


def _moved(
    moves: NDArray[np.bool_],
    higher: NDArray[np.bool_],
    end: tuple[Array, Array],
    middle: tuple[Array, Array],
    new: tuple[Array, Array],
) -> tuple[Array, Array]:
    """An end of three points about a maximum, where it moves: to the middle if the new point is higher, or to that."""
    x, y = (np.where(moves, np.where(higher, m, n), e) for e, m, n in zip(end, middle, new, strict=True))
    return x, y


def sines(context: ScaledContext) -> Iterator[Option]:
    """Sines with cosines of a variable or of the difference of two."""
    axes = np.diag(context.column_scale)[: context.n_features]
    none = (0,) * context.n_columns
    for axis in [*axes, *(one - other for i, one in enumerate(axes) for other in axes[:i])]:
        width = float(np.ptp(context.columns @ axis))
        grid = [2 * np.pi * turns / width * axis for turns in TURNS if width > 0]
        for direction in (tuple(found.tolist()) for found in [*grid, *angles(context, axis)]):
            yield Option(none, (ScalarFunction("sin", direction), ScalarFunction("cos", direction)))


def hills(context: ScaledContext) -> Iterator[Option]:
    """Hill functions of a variable, by themselves or times a column."""
    for axis, positive in zip(np.eye(context.n_columns)[: context.n_features], context.is_positive, strict=False):
        z = context.columns @ axis
        for power in _GRID if np.ptp(z) > 0 else ():
            if power % 2 and not positive:
                continue
            for factor in monomials(context.n_columns, 1):
                for half in HALVES * np.abs(z).max():
                    yield Option(factor, (ScalarFunction("rise", tuple((axis / half).tolist()), power),))
