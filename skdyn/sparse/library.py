"""Terms of a field: monomials, and functions times monomials; values, derivatives and readable names.

Letters: L columns that terms are made of, D of them variables that evolve, the first; T terms, R rows (the terms and
what their derivatives need behind them), N queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.functions import TermFunction

Array = NDArray[np.float64]
Rows = slice | NDArray[np.intp]
#: A row: powers of its monomial, its function (-1 for none), and which slope of the function (-1 for its value).
Key = tuple[tuple[int, ...], int, int]
TermKey = tuple[tuple[int, ...], TermFunction | None]


class TermLibrary:
    """A list of terms, each a monomial by itself or times one function.

    Behind the T terms stand rows that no field uses: lower monomials and derivatives of the functions, where the terms'
    derivatives need them. With them the derivative of every term is a combination of rows.

    Parameters
    ----------
    exponents : sequence of T tuples of L int
        Powers of each term's monomial.
    functions : sequence of TermFunction
    function_of : sequence of T int, optional
        Which function a term has; -1 for none, as all have by default.

    Attributes
    ----------
    exponents : int array of shape (T, L)
    degrees : int array of shape (T,)
        Total degree of each term's monomial, at least 1 with a function.
    function_of : int array of shape (T,)

    Examples
    --------
    >>> import numpy as np
    >>> library = terms(2, 2)
    >>> library.names(["x", "y"])
    ['1', 'x', 'y', 'x^2', 'x y', 'y^2']
    >>> library.design(np.array([[2.0, 3.0]]))
    array([[1., 2., 3., 4., 6., 9.]])
    >>> TermLibrary.of_keys([library.key(1), library.key(4)]).names(["x", "y"])
    ['x', 'x y']
    """

    def __init__(
        self,
        exponents: Sequence[tuple[int, ...]],
        functions: Sequence[TermFunction] = (),
        function_of: Sequence[int] | None = None,
    ) -> None:
        self.functions = tuple(functions)
        own = [-1] * len(exponents) if function_of is None else list(function_of)
        self.exponents = np.array(exponents, dtype=np.int64).reshape(len(own), -1)
        self.function_of = np.array(own, dtype=np.int64)
        self.degrees = np.maximum(self.exponents.sum(axis=1), self.function_of >= 0)
        self._keys: list[Key] = [(tuple(row), f, -1) for row, f in zip(self.exponents.tolist(), own, strict=True)]
        self._keys += self._behind(self._keys)
        self._position = {key: l for l, key in enumerate(self._keys)}
        self._plan()

    @property
    def n_columns(self) -> int:
        """Number of columns L that terms are made of."""
        return self.exponents.shape[1]

    @property
    def degree(self) -> int:
        """Largest total degree of the monomials by themselves."""
        return int(self.degrees[self.function_of < 0].max(initial=0))

    @property
    def n_terms(self) -> int:
        """Number of terms T, the first rows."""
        return len(self.exponents)

    @property
    def size(self) -> int:
        """Number of rows R: the terms, and behind them what their derivatives need."""
        return len(self._keys)

    @cached_property
    def n_values(self) -> int:
        """Number of rows before the slopes of functions, which only derivatives need."""
        return sum(slope < 0 for _, _, slope in self._keys)

    def _behind(self, keys: list[Key]) -> list[Key]:
        """Rows beside these: lower monomials, values and slopes of functions; each only where it is needed."""
        have = set(keys)
        monomials: dict[Key, None] = {}
        values: dict[Key, None] = {}
        slopes: list[dict[Key, None]] = [{} for _ in self.functions]

        def need(kind: dict[Key, None], key: Key) -> None:
            if key not in have:
                kind[key] = None

        for row, f, _ in keys:
            for e, power in enumerate(row):
                if power:
                    need(monomials if f < 0 else values, (_lower(row, e), f, -1))
            if f >= 0:
                for s in range(self.functions[f].gradient.shape[1]):
                    need(slopes[f], (row, f, s))
        # Each monomial is made of a lower one, down to the constant; those that multiply functions too.
        for row, _, _ in [*keys, *values, *monomials]:
            while any(row):
                need(monomials, (row, -1, -1))
                row = _lower(row, _first(row))
            need(monomials, (row, -1, -1))
        return [
            *sorted(monomials, key=lambda key: (sum(key[0]), [-power for power in key[0]])),
            *values,
            *(key for own in slopes for key in own),
        ]

    def _plan(self) -> None:
        """Order the products by which rows are made: monomials by degree, then functions times them."""
        steps: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        blocks: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        self._constant = -1
        plain_columns: list[int] = []
        plain_rows: list[int] = []
        for l, (row, f, s) in enumerate(self._keys):
            total = sum(row)
            if f >= 0:
                below, at = blocks.setdefault((f, s), ([], []))
                below.append(self._position[row, -1, -1])
                at.append(l)
            elif total == 0:
                self._constant = l
            elif total == 1:
                plain_columns.append(_first(row))
                plain_rows.append(l)
            else:
                e = _first(row)
                below, at = steps.setdefault((total, e), ([], []))
                below.append(self._position[_lower(row, e), -1, -1])
                at.append(l)
        self._columns = _rows(plain_columns), _rows(plain_rows)
        self._products = [(e, _rows(below), _rows(at)) for (_, e), (below, at) in sorted(steps.items())]
        self._blocks = {key: (_rows(below), _rows(at)) for key, (below, at) in blocks.items()}

    @cached_property
    def derivative(self) -> Array:
        """Of shape (L, R, R): ``[e] @ c`` are the coefficients of the derivative by column e of the field with c."""
        out = np.zeros((self.n_columns, self.size, self.size))
        for l, (row, f, _) in enumerate(self._keys[: self.n_terms]):
            for e, power in enumerate(row):
                if power:
                    out[e, self._position[_lower(row, e), f, -1], l] = power
            if f >= 0:
                gradient = self.functions[f].gradient
                for s in range(gradient.shape[1]):
                    out[:, self._position[row, f, s], l] = gradient[:, s]
        return out

    def parameters(self) -> dict[tuple[float, ...], NDArray[np.intp]]:
        """Return the terms that hang on each direction of the functions: a number fitted beside the coefficients."""
        directions = [None, *(function.fitted_direction for function in self.functions)]
        own = [directions[f + 1] for f in self.function_of]
        return {d: np.flatnonzero([o == d for o in own]) for d in directions if d is not None}

    def up_to(self, degree: int) -> NDArray[np.intp]:
        """Return the positions of the terms of at most this degree."""
        return np.flatnonzero(self.degrees <= degree)

    def key(self, term: int) -> TermKey:
        """What tells a term from all others, whatever its library: its powers and its function."""
        row, f, _ = self._keys[term]
        return row, self.functions[f] if f >= 0 else None

    @staticmethod
    def of_keys(keys: Iterable[TermKey]) -> TermLibrary:
        """Return the library of terms with these keys, in this order."""
        keys = list(keys)
        functions = tuple(dict.fromkeys(function for _, function in keys if function is not None))
        number = {None: -1} | {function: f for f, function in enumerate(functions)}
        return listed(tuple(row for row, _ in keys), functions, tuple(number[function] for _, function in keys))

    def with_functions(self, functions: Sequence[TermFunction]) -> TermLibrary:
        """Return the same terms with other functions in the places of these."""
        return listed(tuple(row for row, _, _ in self._keys[: self.n_terms]), tuple(functions), self._function_numbers)

    @property
    def _function_numbers(self) -> tuple[int, ...]:
        return tuple(self.function_of.tolist())

    def fill(self, x: Array, out: Array) -> None:
        """Write the rows at ``x`` (L, ...) into ``out``, all R of them or those without slopes, by its length."""
        if self._constant >= 0:
            out[self._constant] = 1.0
        out[self._columns[1]] = x[self._columns[0]]
        for e, lower, rows in self._products:
            out[rows] = out[lower] * x[e]
        for f, function in enumerate(self.functions):
            if len(out) > self.n_values:
                value, slopes = function.evaluate(x)
                for s, slope in enumerate(slopes):
                    below, rows = self._blocks[f, s]
                    out[rows] = out[below] * slope
            else:
                value = function.value(x)
            below, rows = self._blocks[f, -1]
            out[rows] = out[below] * value

    def design(self, x: Array) -> Array:
        """Return the matrix (N, R) of all rows at states ``x`` (N, L)."""
        out = np.empty((self.size, len(x)))
        self.fill(np.ascontiguousarray(x.T), out)
        return np.ascontiguousarray(out.T)

    def field(self, x: Array, coefficients: Array) -> Array:
        """Return the field (N, D) at states ``x`` (N, L) for coefficients (R, D)."""
        # Not a matrix product, whose last bits depend on the number of states.
        return np.einsum("nr,rd->nd", self.design(x), coefficients)

    def jacobian(self, x: Array, coefficients: Array) -> Array:
        """Return the field's Jacobian (N, D, L), ``[n, d, e]`` the derivative of component d by column e."""
        lowered = self.derivative @ coefficients  # (e, R, d)
        return np.einsum("nt,etd->nde", self.design(x), lowered)

    def unit_factors(self, scale: Array, rate: float) -> Array:
        """Return factors (T, D) that carry coefficients of scaled units to the user's.

        With ``u = x / scale`` (L,) and ``tau = rate * t``, ``dx/dt = Theta(x) (factors * xi)`` whenever
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


def _first(row: tuple[int, ...]) -> int:
    return next(e for e, power in enumerate(row) if power)


def _lower(row: tuple[int, ...], e: int) -> tuple[int, ...]:
    return (*row[:e], row[e] - 1, *row[e + 1 :])


def _rows(places: list[int]) -> Rows:
    """Places as a slice where they are neighbours: views cost no copies."""
    first = places[0] if places else 0
    if places == list(range(first, first + len(places))):
        return slice(first, first + len(places))
    return np.array(places, dtype=np.intp)


def monomials(n_columns: int, degree: int) -> list[tuple[int, ...]]:
    """Return the powers of all monomials up to a degree, by degree; the constant first."""
    rows = []
    for total in range(degree + 1):
        for word in combinations_with_replacement(range(n_columns), total):
            row = [0] * n_columns
            for e in word:
                row[e] += 1
            rows.append(tuple(row))
    return rows


def factor_count(n_features: int, n_functions: int) -> int:
    """Return how many monomials multiply a function: up to degree two for one by itself, else up to degree one."""
    return n_features + 1 + (n_features * (n_features + 1) // 2 if n_functions == 1 else 0)


@lru_cache(maxsize=64)
def listed(
    exponents: tuple[tuple[int, ...], ...], functions: tuple[TermFunction, ...] = (), function_of: tuple[int, ...] = ()
) -> TermLibrary:
    """Return the shared library of these terms (building one takes milliseconds)."""
    return TermLibrary(exponents, functions, function_of or None)


@lru_cache(maxsize=32)
def terms(n_features: int, degree: int, functions: tuple[TermFunction, ...] = ()) -> TermLibrary:
    """Return the library of all monomials up to a degree, at least 2 with functions, and functions times the lowest.

    Without functions, the library of a lower degree is a prefix of that of a higher one.
    """
    powers = monomials(n_features, degree)
    factors = powers[: factor_count(n_features, len(functions))]
    numbers = [-1] * len(powers) + [f for f in range(len(functions)) for _ in factors]
    return listed(tuple(powers + factors * len(functions)), functions, tuple(numbers))
