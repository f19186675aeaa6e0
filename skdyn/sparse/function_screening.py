"""Which functions to try beside polynomials in many variables: those that explain some equation's integrals best.

Letters: M points, L columns, D of them variables, C columns of candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skdyn.sparse.equation import Equation
from skdyn.sparse.function_choice import STEP
from skdyn.sparse.function_options import Option, at_best_scales, hills, integrated, sines
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


@dataclass(frozen=True)
class Screened:
    """What equations with functions say of a context.

    Attributes
    ----------
    criterion : float
        How well they explain it; lower is better.
    functions : list of TermKey
        Their terms with functions.
    equations : list of list of TermKey
        Terms of each variable's equation, beside a constant and the linear ones.
    """

    criterion: float
    functions: list[TermKey]
    equations: list[list[TermKey]]


def screen_functions(
    context: ScaledContext, kind: str, most: int, complete: bool = False, falls: bool = False
) -> Screened | None:
    """Return the equations with functions that explain a context best.

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
    complete : bool
        Whether they have to explain all that the observations resolve.
    falls : bool
        Name falling Hill functions beside the rising ones: a constant less the one is the other, with coefficients that
        are not negative, as positive variables need them.

    Returns
    -------
    Screened or None
        None where they would have to explain all and do not.
    """
    screening = _Screening(context, kind)
    grown: list[_Grown] = []
    for d in range(context.n_features):
        grown.append(screening.grown(d))
        if complete and not grown[-1].equation.is_explained:
            return None
    kept = _kept(grown, most)
    equations = [
        [key for option, _ in equation.added if option in kept for key in kept[option].keys] for equation in grown
    ]
    functions = list(dict.fromkeys(key for option in kept.values() if option.functions for key in option.keys))
    if falls:
        functions, *equations = (_with_falls(keys) for keys in (functions, *equations))
    return Screened(sum(equation.criterion for equation in grown), functions, equations)


@dataclass(frozen=True)
class _Grown:
    """An equation, what was added to it, and what each of these is worth."""

    equation: Equation
    added: list[tuple[Option, Array]]
    losses: list[float]

    @property
    def criterion(self) -> float:
        """Half the logarithm of the likelihood, less the costs of what was added; lower is better."""
        return self.equation.log_left / 2 + _PENALTY * sum(option.width for option, _ in self.added)

    @property
    def functions(self) -> list[tuple[float, Option]]:
        """The functions among what was added, after their worth."""
        return [(loss, option) for loss, (option, _) in zip(self.losses, self.added, strict=True) if option.functions]


class _Screening:
    """All that may be added to the equations of a context.

    Parameters
    ----------
    context : ScaledContext
    kind : {"sin", "hill"}
    """

    def __init__(self, context: ScaledContext, kind: str) -> None:
        width = context.n_columns
        self.context = context
        self.options = [Option(row) for row in monomials(width, 2)[1 + width :]]
        self.options += sines(context) if kind == "sin" else hills(context)
        self.every, self.starts = integrated(context, self.options)
        self.costs = _PENALTY * np.array([option.width for option in self.options])
        arguments = [option.argument for option in self.options]
        self.changes = np.array([one != other for one, other in pairwise(arguments)], dtype=bool)
        self.alone = np.array([bool(option.functions) and not any(option.exponents) for option in self.options])
        self.base = Integrals.along(context, TermLibrary(monomials(width, 1)))

    def grown(self, d: int) -> _Grown:
        """The equation of variable d with what explains it best.

        One term may do what several have done, though the first of them gained more: if there are several, the
        equation is grown from others of the most promising too, functions by themselves among them.
        """
        plain = Equation.of(self.context, self.base, d)
        columns = plain.columns(self.every)
        best = self._grown(plain, columns, [])
        if len(best.added) > 1:
            worth = plain.gains(columns, self.starts) - self.costs
            starts = self._at_their_best(plain, self._leaders(worth, _REFINED))
            alone = np.where(self.alone, worth, -np.inf)
            starts += self._at_their_best(plain, self._leaders(alone, int(self.alone.sum())))[:_REFINED]
            for _, option in starts:
                first = option, plain.columns(integrated(self.context, [option])[0])
                best = min(best, self._grown(plain, columns, [first]), key=lambda grown: grown.criterion)
        return best

    def _grown(self, plain: Equation, columns: Array, added: list[tuple[Option, Array]]) -> _Grown:
        """The equation with what gains most, again and again, after some that are given."""
        equation = plain
        for _, own in added:
            equation = equation.beside(own)
        while len(added) < _MOST_ADDED:
            leaders = self._leaders(equation.gains(columns, self.starts) - self.costs, _REFINED)
            gain, option = self._at_their_best(equation, leaders)[0]
            if gain <= 0:
                break
            added = [*added, (option, equation.columns(integrated(self.context, [option])[0]))]
            equation = equation.beside(added[-1][1])
        return _pruned(plain, equation, added)

    def _leaders(self, worth: Array, most: int) -> list[Option]:
        """The options worth most, each better than those of neighbouring scales."""
        rises = np.concatenate([[True], (worth[1:] >= worth[:-1]) | self.changes, [True]])
        falls = np.concatenate([[True], (worth[:-1] > worth[1:]) | self.changes, [True]])
        peaks = np.flatnonzero(rises[:-1] & falls[1:] & (worth > -np.inf))
        return [self.options[place] for place in peaks[np.argsort(-worth[peaks], kind="stable")][:most].tolist()]

    def _at_their_best(self, equation: Equation, options: Sequence[Option]) -> list[tuple[float, Option]]:
        """What options gain at their best scales and next powers, less their terms' costs; the best first."""
        variants = [other for option in options for other in option.with_next_powers(self.context.is_positive)]
        if not variants:
            return []
        gains, variants = at_best_scales(self.context, equation, variants)
        gains = gains - _PENALTY * np.array([option.width for option in variants])
        return [(float(gains[place]), variants[place]) for place in np.argsort(-gains, kind="stable").tolist()]


def _pruned(plain: Equation, equation: Equation, added: list[tuple[Option, Array]]) -> _Grown:
    """Drop what later additions have made needless."""
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
            return _Grown(equation, added, losses)
        k = int(np.argmin(losses))
        equation = others[k]
        added = added[:k] + added[k + 1 :]


def criterion_of(context: ScaledContext, library: TermLibrary, support: NDArray[np.bool_]) -> float:
    """Return how well equations with the terms of a support (T, D) explain a context, as `Screened` does."""
    integrals, total = Integrals.along(context, library), 0.0
    added = (library.degrees > 1) | (library.function_of >= 0)
    for d, used in enumerate(support[: library.n_terms].T):
        equation = Equation.of(context, replace(integrals, design=integrals.design[:, used]), d)
        total += equation.log_left / 2 + _PENALTY * float((used & added).sum())
    return total


def rescaled(context: ScaledContext, library: TermLibrary, support: NDArray[np.bool_]) -> list[TermKey]:
    """Return a library's terms with functions that a field uses, at the scales that fit its equations best."""
    used = support[: library.n_terms]

    def left(log_factor: float, library: TermLibrary, direction: tuple[float, ...], equations: list[int]) -> float:
        other = _stretched(library, direction, log_factor)

        def terms(d: int) -> Integrals:
            return Integrals.of(context, lambda x: other.design(x)[:, : other.n_terms][:, used[:, d]])

        return sum(Equation.of(context, terms(d), d).log_left for d in equations)

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


def beside(known: Sequence[TermKey], new: Sequence[TermKey]) -> list[TermKey]:
    """Terms, and of new ones those whose functions are not nearly the same."""
    functions = [function for _, function in known if isinstance(function, ScalarFunction)]

    def is_new(function: TermFunction | None) -> bool:
        return isinstance(function, ScalarFunction) and not any(_are_alike(function, other) for other in functions)

    return [*known, *(key for key in new if is_new(key[1]))]


def _with_falls(keys: Sequence[TermKey]) -> list[TermKey]:
    """Terms, and for each with a rising Hill function the same with the falling one."""
    rises = [(row, f) for row, f in keys if isinstance(f, ScalarFunction) and f.kind == "rise"]
    return [*keys, *((row, replace(f, kind="fall")) for row, f in rises)]


def _kept(grown: Sequence[_Grown], most: int) -> dict[Option, Option]:
    """All that was added, but of functions only those that gain most, with one scale where several are alike."""
    kept = {option: option for equation in grown for option, _ in equation.added if not option.functions}
    functions: list[tuple[ScalarFunction, ...]] = []
    for _, option in sorted((entry for equation in grown for entry in equation.functions), key=lambda entry: -entry[0]):
        alike = next((other for other in functions if _are_alike(other[0], option.functions[0])), None)
        if alike is None:
            if len(functions) == most:
                continue
            functions.append(alike := option.functions)
        kept[option] = Option(option.exponents, alike)
    return kept


def _are_alike(one: ScalarFunction, other: ScalarFunction) -> bool:
    """Whether two functions differ by hardly more than rounding of their scale."""
    a, b = np.array(one.direction), np.array(other.direction)
    ratio = float(a @ b) / float(b @ b)
    same = (one.kind, one.power) == (other.kind, other.power) and np.allclose(a, ratio * b)
    return same and ratio > 0 and abs(np.log(ratio)) < _SAME
