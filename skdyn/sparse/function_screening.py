"""Which functions to try beside polynomials in many variables: those that explain some equation's integrals best.

Letters: M points, L columns, D of them variables, C columns of candidates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skdyn.sparse.function_choice import HALVES, POWERS, STEP, TURNS
from skdyn.sparse.functions import ScalarFunction, TermFunction, stretched
from skdyn.sparse.integral import Integrals
from skdyn.sparse.library import TermKey, TermLibrary, monomials
from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]

#: What a term must add to the logarithm of the likelihood, and how many additions an equation has at most.
_PENALTY, _MOST_ADDED = 12.0, 5
#: Of the additions so many are judged at their best scales.
_REFINED = 4
#: Scales closer than this, in logarithms, are one.
_SAME = 0.2
#: Mean squares below this, in units of what the observations resolve, are alike.
_LEAST_ERROR = 0.01
_DEPENDENT = 1e-10


@dataclass(frozen=True)
class _Option:
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

    def stretched(self, log_factor: float) -> _Option:
        """The same at another scale."""
        factor = float(np.exp(log_factor))
        return _Option(self.exponents, stretched(self.functions, self.functions[0].direction, factor))

    @property
    def keys(self) -> Iterator[TermKey]:
        """Its terms, for libraries."""
        return ((self.exponents, function) for function in self.functions)


def screen_functions(context: ScaledContext, kind: str, most: int) -> tuple[float, list[TermKey]]:
    """Return how well equations with functions explain a context, lower is better, and the terms with functions.

    Each equation has a constant and all linear terms. What explains most of the rest is added again and again: a
    product of two columns, or a function at its best scale. Judged are the integrals along the context's path.

    Parameters
    ----------
    context : ScaledContext
    kind : {"sin", "hill"}
        Sines and cosines of a variable or of the difference of two; or Hill functions of a variable, by themselves or
        times a column.
    most : int
        Different functions that are kept, those that gain most.

    Returns
    -------
    float, list of TermKey
    """
    dim, width = context.n_features, context.n_columns
    options = [_Option(row) for row in monomials(width, 2)[1 + width :]]
    options += _sines(context) if kind == "sin" else _hills(context)
    every = Integrals.of(context, lambda x: np.hstack([option.columns(x) for option in options]))
    starts = np.concatenate([[0], np.cumsum([option.width for option in options])[:-1]])
    costs = _PENALTY * np.array([option.width for option in options])
    base = Integrals.along(context, TermLibrary(monomials(width, 1)))
    found: list[tuple[float, _Option]] = []
    total = 0.0
    for d in range(dim):
        plain = _Equation.of(context, base, d)
        columns = plain.columns(every)
        equation, added = plain, list[tuple[_Option, Array]]()
        while len(added) < _MOST_ADDED:
            leaders = _leaders(options, equation.gains(columns, starts) - costs)
            gain, option = max((_at_best_scale(context, equation, option) for option in leaders), key=lambda e: e[0])
            if gain <= 0:
                break
            added.append((option, equation.columns(Integrals.of(context, option.columns))))
            equation = equation.beside(added[-1][1])
        equation, losses = _pruned(plain, equation, added)
        found += [(loss, option) for loss, (option, _) in zip(losses, added, strict=True) if option.functions]
        total += equation.log_left / 2 + _PENALTY * sum(option.width for option, _ in added)
    return total, _joined(found, most)


def _pruned(plain: _Equation, equation: _Equation, added: list[tuple[_Option, Array]]) -> tuple[_Equation, list[float]]:
    """Drop what later additions have made needless; return what is left, and what each of the others is worth."""
    while True:
        others = []
        for k in range(len(added)):
            without = plain
            for _, columns in added[:k] + added[k + 1 :]:
                without = without.beside(columns)
            others.append(without)
        losses = [
            (other.log_left - equation.log_left) / 2 - _PENALTY * option.width
            for other, (option, _) in zip(others, added, strict=True)
        ]
        if min(losses, default=1.0) > 0:
            return equation, losses
        k = int(np.argmin(losses))
        equation = others[k]
        del added[k]


def rescaled(context: ScaledContext, library: TermLibrary, support: NDArray[np.bool_]) -> list[TermKey]:
    """Return a library's terms with functions that a field uses, at the scales that fit its equations best."""
    used = support[: library.n_terms]

    def left(log_factor: float, library: TermLibrary, direction: tuple[float, ...], equations: list[int]) -> float:
        other = _stretched(library, direction, log_factor)

        def terms(d: int) -> Integrals:
            return Integrals.of(context, lambda x: other.design(x)[:, : other.n_terms][:, used[:, d]])

        return sum(_Equation.of(context, terms(d), d).log_left for d in equations)

    for direction, own in library.parameters().items():
        concerned = np.flatnonzero(used[own].any(axis=0)).tolist()
        if concerned:
            given = library, direction, concerned
            found = minimize_scalar(left, bounds=(-STEP, STEP), args=given, method="bounded", options={"xatol": 1e-4})
            if found.fun < left(0.0, *given):
                library = _stretched(library, direction, float(found.x))
    return [library.key(t) for t in np.flatnonzero(used.any(axis=1)).tolist() if library.function_of[t] >= 0]


def _stretched(library: TermLibrary, direction: tuple[float, ...], log_factor: float) -> TermLibrary:
    """The same terms with one direction of their functions longer."""
    return library.with_functions(stretched(library.functions, direction, float(np.exp(log_factor))))


@dataclass(frozen=True)
class _Equation:
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
    def of(cls, context: ScaledContext, terms: Integrals, d: int) -> _Equation:
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

    def beside(self, columns: Array) -> _Equation:
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

    def gains(self, columns: Array, starts: NDArray[np.intp]) -> Array:
        """What the logarithm of the likelihood gains by each option: its one or two columns, from its start on."""
        sizes = np.sum(columns**2, axis=0)
        columns = columns - self.basis @ (self.basis.T @ columns)
        first = columns[:, starts]
        gained = _explained(first, self.left, sizes[starts])
        pairs = np.diff([*starts, columns.shape[1]]) == 2
        if pairs.any():
            head, second = first[:, pairs], columns[:, starts[pairs] + 1]
            norm = np.maximum(np.sum(head**2, axis=0), 1e-300)
            second = second - head * (np.sum(head * second, axis=0) / norm)
            gained[pairs] += _explained(second, self.left, sizes[starts[pairs] + 1])
        total, floor = float(self.left @ self.left), self.count * _LEAST_ERROR
        return self.count / 2 * np.log((total + floor) / (np.maximum(total - gained, 0.0) + floor))


def _explained(columns: Array, left: Array, sizes: Array) -> Array:
    """Squares of what each column explains; nothing where it follows from what there is."""
    own = np.sum(columns**2, axis=0)
    fresh = own > _DEPENDENT * sizes
    return np.where(fresh, (left @ columns) ** 2 / np.where(fresh, own, 1.0), 0.0)


def _leaders(options: list[_Option], gains: Array) -> list[_Option]:
    """The options that gain most, one of each argument: scales between those of the grid may change their order."""
    chosen: dict[object, _Option] = {}
    for place in np.argsort(-gains, kind="stable").tolist():
        chosen.setdefault(options[place].argument, options[place])
        if len(chosen) == _REFINED:
            break
    return list(chosen.values())


def _at_best_scale(context: ScaledContext, equation: _Equation, option: _Option) -> tuple[float, _Option]:
    """What an option gains at the best scale near its own, less its terms' costs."""

    def loss(log_factor: float) -> float:
        own = option.stretched(log_factor) if option.functions else option
        gains = equation.gains(equation.columns(Integrals.of(context, own.columns)), np.zeros(1, dtype=np.intp))
        return _PENALTY * option.width - float(gains[0])

    if not option.functions:
        return -loss(0.0), option
    found = minimize_scalar(loss, bounds=(-STEP, STEP), method="bounded", options={"maxiter": 12})
    return -float(found.fun), option.stretched(float(found.x))


def beside(known: Sequence[TermKey], new: Sequence[TermKey]) -> list[TermKey]:
    """Terms, and of new ones those whose functions are not nearly the same."""
    functions = [function for _, function in known if isinstance(function, ScalarFunction)]

    def is_new(function: TermFunction | None) -> bool:
        return isinstance(function, ScalarFunction) and not any(_are_alike(function, other) for other in functions)

    return [*known, *(key for key in new if is_new(key[1]))]


def _joined(found: list[tuple[float, _Option]], most: int) -> list[TermKey]:
    """Terms of the options that gain most, with one scale where several are alike."""
    kept: list[tuple[ScalarFunction, ...]] = []
    keys: dict[TermKey, None] = {}
    for _, option in sorted(found, key=lambda entry: -entry[0]):
        alike = next((other for other in kept if _are_alike(other[0], option.functions[0])), None)
        if alike is None:
            if len(kept) == most:
                continue
            kept.append(alike := option.functions)
        keys.update(dict.fromkeys(_Option(option.exponents, alike).keys))
    return list(keys)


def _are_alike(one: ScalarFunction, other: ScalarFunction) -> bool:
    """Whether two functions differ by hardly more than rounding of their scale."""
    a, b = np.array(one.direction), np.array(other.direction)
    ratio = float(a @ b) / float(b @ b)
    same = (one.kind, one.power) == (other.kind, other.power) and np.allclose(a, ratio * b)
    return same and ratio > 0 and abs(np.log(ratio)) < _SAME


def _sines(context: ScaledContext) -> Iterator[_Option]:
    axes = np.diag(context.column_scale)[: context.n_features]
    none = (0,) * context.n_columns
    for axis in [*axes, *(one - other for i, one in enumerate(axes) for other in axes[:i])]:
        width = float(np.ptp(context.columns @ axis))
        for turns in TURNS if width > 0 else ():
            direction = tuple((2 * np.pi * turns / width * axis).tolist())
            yield _Option(none, (ScalarFunction("sin", direction), ScalarFunction("cos", direction)))


def _hills(context: ScaledContext) -> Iterator[_Option]:
    for axis in np.eye(context.n_columns)[: context.n_features]:
        z = context.columns @ axis
        for power in POWERS if np.ptp(z) > 0 else ():
            if power % 2 and z.min() < 0:
                continue
            for half in HALVES * np.abs(z).max():
                rise = ScalarFunction("rise", tuple((axis / half).tolist()), power)
                for factor in monomials(context.n_columns, 1):
                    yield _Option(factor, (rise,))
