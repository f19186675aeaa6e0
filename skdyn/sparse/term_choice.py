"""Which terms a search may use: the user's choice, and the libraries that follow from it for given variables.

Letters: L columns that terms are made of, D of them variables that evolve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from skdyn.data.parameters import check_number
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.functions import KnownPart, ScalarFunction, TermFunction
from skdyn.sparse.library import TermKey, TermLibrary, factor_count, listed, monomials
from skdyn.sparse.parsing import Term, parse_terms

KINDS = ("sin", "hill")
_MOST_TERMS = 1000


@dataclass(frozen=True)
class Library:
    """The terms that found equations may have.

    Parameters
    ----------
    degree : int, optional
        Largest total degree of the monomials; by default chosen by the search, and tried one after another. Of an
        input or a parameter with n different values they have powers below n: the data cannot tell higher ones.
    functions : tuple of {"sin", "hill"}, or bool, default=("sin", "hill")
        Kinds of functions that are tried where polynomials leave structure unexplained: sines with cosines, and Hill
        functions, both with fitted scales. True is both, False none. From three variables on, and up to twelve, each
        equation is screened for those that it lacks, where polynomials leave structure unexplained or need many terms;
        of three variables they are taken only if they leave nothing, unless functions are asked for here.
    interactions : {True, False, "inputs-linear"}, default=True
        Products of different variables: all, none, or all but those with more than one factor that is an input or a
        parameter.
    extra : str or sequence of str
        More terms, such as ``["sin(2*x)", "x^4"]``, of any kind that `terms` takes.
    terms : str, optional
        Exactly these terms and no others, separated by commas: ``"x0, x0*x1, sin(x2)"``. A term is a product of powers
        of variables and at most one function: ``sin`` or ``cos`` of a sum of variables, or a Hill function such as
        ``x^2/(0.25 + x^2)``. Numbers inside of functions stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Library, SparseODERegressor
    >>> t = np.linspace(0, 8, 80)
    >>> x = 1 / (1 + 9 * np.exp(-t))
    >>> SparseODERegressor(library=Library(degree=3, functions=False)).fit([(t, x)]).equations()
    ['d(x0)/dt = x0 - x0^2']
    >>> SparseODERegressor(library="x0, x0^2").fit([(t, x)]).equations()
    ['d(x0)/dt = x0 - x0^2']
    """

    degree: int | None = None
    functions: tuple[str, ...] | bool | None = None
    interactions: bool | Literal["inputs-linear"] = True
    extra: str | Sequence[str] = ()
    terms: str | None = None

    @classmethod
    def read(cls, value: Any) -> Library:
        """Read what a user gave: None, ``"polynomial"``, other text as `terms`, a mapping of the fields, or a Library.

        Raises
        ------
        ValueError
        """
        if value is None:
            return cls()
        if isinstance(value, str):
            return cls(functions=False) if value == "polynomial" else cls(terms=value)
        if isinstance(value, Mapping):
            known = [field.name for field in fields(cls)]
            for name in value:
                if name not in known:
                    raise ValueError(f"library has no {name!r}; it has {', '.join(known)}")
            value = cls(**value)
        if not isinstance(value, cls):
            raise ValueError(
                f"library must be None, 'polynomial', terms separated by commas, or a Library, got {value!r:.80}"
            )
        value._check()
        return value

    def _check(self) -> None:
        if self.degree is not None:
            check_number("library: degree", self.degree, whole=True, low=1, include_low=True, high=9)
        kinds = self.functions
        if not (kinds is None or isinstance(kinds, bool) or _are_of(kinds, KINDS)):
            raise ValueError(f"library: functions must be some of {KINDS}, True or False, got {kinds!r:.80}")
        if not (isinstance(self.interactions, bool) or self.interactions == "inputs-linear"):
            raise ValueError(
                f"library: interactions must be True, False or 'inputs-linear', got {self.interactions!r:.80}"
            )
        if not (isinstance(self.extra, str) or _are_of(self.extra, None)):
            raise ValueError(f"library: extra must be text or a sequence of texts, got {self.extra!r:.80}")
        if self.terms is not None and (self.degree is not None or self.extra or self.functions):
            raise ValueError("library: terms are exactly those that a field may have: no degree, functions or extra")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of functions to try."""
        if self.terms is not None:
            return ()
        if self.functions is None or isinstance(self.functions, bool):
            return KINDS if self.functions is not False else ()
        return tuple(self.functions)


def _are_of(values: Any, known: Sequence[str] | None) -> bool:
    return isinstance(values, (tuple, list)) and all(
        isinstance(v, str) and (known is None or v in known) for v in values
    )


@dataclass(frozen=True)
class TermChoice:
    """The choice for given variables, in a search's units.

    Attributes
    ----------
    library : Library
    n_features, n_columns : int
        D and L.
    extra : tuple of Term
        In every library, beside its own terms; the functions in scaled units.
    highest_powers : tuple of int
        Of each input and parameter, in all terms that are not extra; see `ScaledContext.highest_powers`.
    """

    library: Library
    n_features: int
    n_columns: int
    extra: tuple[Term, ...]
    highest_powers: tuple[int, ...]

    @classmethod
    def of(
        cls,
        library: Library,
        names: Sequence[str],
        n_features: int,
        scale: np.ndarray,
        known: ReadConstraints,
        highest_powers: tuple[int, ...],
    ) -> TermChoice:
        """Read the texts of a choice with the names of the columns, and take in what is known or required.

        Raises
        ------
        ValueError
        """
        _refuse_fitted(library.kinds, names, known)
        texts = [library.extra] if isinstance(library.extra, str) and library.extra else list(library.extra)
        what = "library: extra"
        if library.terms is not None:
            texts, what = [library.terms], "library"
        found = [term for text in texts for term in parse_terms(text, names, what)]
        if known.known_part is not None:
            zero = (0,) * len(names)
            ones = (1.0,) * len(names)
            found += [Term(zero, KnownPart(known.known_part, d, ones)) for d in range(n_features)]
        scaled = [in_units(term, scale) for term in [*found, *known.named_terms]]
        return cls(library, n_features, len(names), tuple(dict.fromkeys(scaled)), highest_powers)

    @property
    def is_listed(self) -> bool:
        """Whether the terms are exactly those that the user has listed."""
        return self.library.terms is not None

    def polynomials(self, degree: int) -> TermLibrary:
        """The library of a degree, with the extra terms behind it."""
        return self.with_functions(degree, ())

    def with_functions(self, degree: int, functions: tuple[TermFunction, ...]) -> TermLibrary:
        """The library of a degree, functions times its lowest monomials, and the extra terms.

        Raises
        ------
        ValueError
            More than 1000 terms.
        """
        rows: list[tuple[tuple[int, ...], int]] = []
        if not self.is_listed:
            count = math.comb(self.n_columns + degree, degree)
            if count > _MOST_TERMS and self.library.interactions is not False:
                raise ValueError(
                    f"polynomials of degree {degree} in {self.n_columns} variables have {count} terms, more than "
                    f"{_MOST_TERMS}: choose a smaller degree, or fewer variables"
                )
            rows = [(row, -1) for row in self._monomials(degree)]
            factors = monomials(self.n_columns, 2)[: factor_count(self.n_columns, len(functions))]
            rows += [(row, f) for f, function in enumerate(functions) for row in factors if self._allows(row, function)]
        for term in self.extra:
            if term.function is not None and term.function not in functions:
                functions = (*functions, term.function)
            row = term.exponents, -1 if term.function is None else functions.index(term.function)
            if row not in rows:
                rows.append(row)
        return listed(tuple(row for row, _ in rows), functions, tuple(f for _, f in rows))

    def with_terms(self, degree: int, keys: Sequence[TermKey]) -> TermLibrary:
        """The library of a degree, with its extra terms and others behind it, unless these are products not allowed."""
        library = self.polynomials(degree)
        own = [library.key(t) for t in range(library.n_terms)]
        return TermLibrary.of_keys(dict.fromkeys([*own, *(key for key in keys if self._allows(*key))]))

    def _allows(self, row: tuple[int, ...], function: TermFunction | None) -> bool:
        """Whether the interactions chosen, and the data, allow a monomial by itself or times a function."""
        if any(power > most for power, most in zip(row[self.n_features :], self.highest_powers, strict=True)):
            return False
        if self.library.interactions == "inputs-linear":
            return sum(row[self.n_features :]) <= 1
        columns = {e for e, power in enumerate(row) if power}
        if columns and isinstance(function, ScalarFunction):
            columns |= {e for e, a in enumerate(function.direction) if a}
        return bool(self.library.interactions) or len(columns) <= 1

    def _monomials(self, degree: int) -> list[tuple[int, ...]]:
        if self.library.interactions is False:
            unit = np.eye(self.n_columns, dtype=int)
            pure = [tuple((power * row).tolist()) for power in range(1, degree + 1) for row in unit]
            rows = [(0,) * self.n_columns, *pure]
        else:
            rows = monomials(self.n_columns, degree)
        return [row for row in rows if self._allows(row, None)]


def _refuse_fitted(kinds: Sequence[str], names: Sequence[str], known: ReadConstraints) -> None:
    """Refuse to forbid or bound terms with a function of a kind whose inner numbers are fitted: none is just this."""
    entries = [(bound.term, bound.source) for bound in known.bounds]
    entries += [(term, source) for _, term, source in known.forbidden]
    entries += [(term, source) for _, term, value, source in known.fixed if not value]
    for term, source in entries:
        if not isinstance(term.function, ScalarFunction):
            continue
        kind = "sin" if term.function.kind in ("sin", "cos") else "hill"
        if kind in kinds:
            (name,) = TermLibrary.of_keys([(term.exponents, term.function)]).names(names)
            others = tuple(other for other in kinds if other != kind) or False
            raise ValueError(
                f"{source}: a search with functions of the kind {kind!r} fits the numbers inside of them, and may find "
                f"others beside {name}: pass library=Library(functions={others}), with extra={name!r} if equations may "
                "have the term, or list all terms in library"
            )


def in_units(term: Term, scale: np.ndarray) -> Term:
    """The same term of ``u``, where ``x = scale * u``."""
    if term.function is None:
        return term
    return Term(term.exponents, term.function.in_units(scale))
