"""Constraints seen from one library: which coefficients are open, where they lie, and how they hang together.

Letters: L columns, D variables, T terms and R rows of a library, P coefficients, E equations between them, A atoms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space, qr
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.functions import KnownPart, ScalarFunction
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.parsing import Term
from skdyn.sparse.quadratic import minimise
from skdyn.sparse.term_choice import in_units

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

#: Up to so many coefficients that hang together, all their smallest combinations are atoms; else a basis of them.
_MOST_TOGETHER = 10
_ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Restriction:
    """What constraints say of the coefficients (T, D) of a library, in given units.

    Attributes
    ----------
    allowed : boolean array of shape (T, D)
        Coefficients that may be other than zero.
    required : boolean array of shape (T, D)
        Those that every field has, the fixed ones among them.
    fixed : boolean array of shape (T, D)
    lower, upper : array of shape (T, D)
        Equal where fixed.
    equations : sparse array of shape (E, T D)
        Combinations of coefficients that vanish.
    """

    allowed: Mask
    required: Mask
    fixed: Mask
    lower: Array
    upper: Array
    equations: csr_array

    @classmethod
    def of(cls, known: ReadConstraints, library: TermLibrary, scale: Array, rate: float) -> Restriction:
        """For ``u = x / scale`` (L,) and ``tau = rate * t``; factors of one give those of the user's units.

        Raises
        ------
        ValueError
            If constraints contradict each other.
        """
        dim = len(known.positive)
        factors = library.unit_factors(scale, rate)[:, :dim]
        find = _Places(library, scale)
        shape = (library.n_terms, dim)
        allowed, required, fixed = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
        _keep_positive(known, library, allowed, lower)
        for t, function in enumerate(library.functions[f] if f >= 0 else None for f in library.function_of):
            if isinstance(function, KnownPart):
                allowed[t] = False
                d = function.component
                allowed[t, d] = required[t, d] = fixed[t, d] = True
                lower[t, d] = upper[t, d] = 1.0 / factors[t, d]
        for bound in known.bounds:
            d = bound.component
            for t in find(bound.term):
                lower[t, d] = max(lower[t, d], bound.low / factors[t, d])
                upper[t, d] = min(upper[t, d], bound.high / factors[t, d])
                if lower[t, d] > upper[t, d]:
                    raise ValueError(
                        f"{bound.source} contradicts that the variable stays positive, or another bound of the term"
                    )
        for d, term, _ in known.forbidden:
            for t in find(term):
                allowed[t, d] = False
        for d, term, value, source in known.fixed:
            (t,) = find(term)
            inside = value / factors[t, d]
            slack = _ZERO * abs(inside)
            if value and not allowed[t, d]:
                raise ValueError(f"{source} is forbidden by another constraint (forbidden, or positive)")
            if not lower[t, d] - slack <= inside <= upper[t, d] + slack:
                raise ValueError(f"{source} = {value:g} contradicts a bound of the same term (bounds, or positive)")
            lower[t, d] = upper[t, d] = inside
            allowed[t, d] = required[t, d] = fixed[t, d] = bool(value)
        for d, term, source in known.required:
            (t,) = find(term)
            if not allowed[t, d]:
                raise ValueError(f"{source} requires a term that another constraint forbids")
            required[t, d] = True
        equations = _equations(known, library, factors)
        out = cls(allowed, required, fixed, lower, upper, equations)
        out._check_feasible()
        return out

    def _check_feasible(self) -> None:
        if not self.equations.shape[0] or not (self.required.any() or np.isfinite(self.lower).any()):
            return
        low, high = np.where(self.allowed, self.lower, 0.0), np.where(self.allowed, self.upper, 0.0)
        limits = np.column_stack([low.ravel(), high.ravel()])
        zero = np.zeros(self.equations.shape[0])
        found = linprog(np.zeros(len(limits)), A_eq=self.equations, b_eq=zero, bounds=limits, method="highs")
        if found.status == 2:
            raise ValueError(
                "the constraints contradict each other: no coefficients have the known terms and bounds, and the "
                "conserved sums or the symmetry of the linear part, at once"
            )

    @cached_property
    def opened(self) -> Mask:
        """Coefficients (T, D) that are fitted where they are in use."""
        return self.allowed & ~self.fixed

    @cached_property
    def groups(self) -> list[tuple[Index, Restriction]]:
        """Variables whose equations hang together, in ascending order, and what is said of their coefficients."""
        n_terms, dim = self.allowed.shape
        touched = csr_array(
            (np.ones(self.equations.nnz), self.equations.indices % dim, self.equations.indptr),
            shape=(self.equations.shape[0], dim),
        )
        count, label = connected_components(touched.T @ touched, directed=False)
        out = []
        for number in range(count):
            inside = np.tile(label == number, (n_terms, 1))
            rows = np.flatnonzero(abs(self.equations) @ inside.ravel().astype(float))
            parts = {"allowed": self.allowed & inside, "required": self.required & inside, "fixed": self.fixed & inside}
            own = replace(self, **parts, equations=csr_array(self.equations[rows]))
            out.append((np.flatnonzero(label == number), own))
        return out

    def size(self, support: Mask) -> int:
        """Number of free coefficients of a support (T, D): those in use less the equations between them."""
        used = support.ravel()
        matrix = self._matrix(np.flatnonzero(used))
        rank = int(np.linalg.matrix_rank(matrix)) if len(matrix) else 0
        return int(used.sum()) - rank

    def solve(self, hessian: Array, right: Array, position: Index) -> Array | None:
        """Minimise ``x' H x / 2 - r' x`` over the coefficients at positions (P,) of flattened (T, D).

        All others are zero, but for the fixed ones, which may be among the positions or not. None where nothing
        satisfies the constraints.
        """
        matrix = self._matrix(position)
        outside = self.fixed.ravel().copy()
        outside[position] = False
        values = -(self._touching(position) @ np.where(outside, self.lower.ravel(), 0.0))
        lower, upper = self.lower.ravel()[position], self.upper.ravel()[position]
        return minimise(hessian, right, matrix, values, lower, upper)

    def step(self, hessian: Array, gradient: Array, position: Index, value: Array, unit: Array) -> Array:
        """Change (P,) to be subtracted from ``value`` so that the result is the least that the constraints allow.

        ``hessian`` and ``gradient`` are of the coefficients times ``unit``, as a Levenberg-Marquardt step has them.
        """
        matrix = hessian * np.outer(unit, unit)
        found = self.solve(matrix, matrix @ value - gradient * unit, position)
        return np.zeros_like(value) if found is None else value - found

    def directions(self, position: Index, value: Array) -> Array:
        """Orthonormal directions (P, F) in which coefficients may move from where they are, inside their bounds."""
        lower, upper = self.lower.ravel()[position], self.upper.ravel()[position]
        free = (value > lower) & (value < upper)
        out = np.zeros((len(position), len(position)))
        matrix = self._matrix(position)[:, free]
        basis = null_space(matrix) if len(matrix) else np.eye(int(free.sum()))
        out = np.zeros((len(position), basis.shape[1]))
        out[free] = basis
        return out

    def settle(self, coefficients: Array) -> Array:
        """The nearest coefficients (T, D) with the same zeros that satisfy the constraints to rounding."""
        position = np.flatnonzero(coefficients.ravel())
        value = coefficients.ravel()[position]
        weight = 1.0 / np.maximum(np.abs(value), np.finfo(float).tiny) ** 2
        weight /= weight.max(initial=np.finfo(float).tiny)
        found = self.solve(np.diag(weight), weight * value, position)
        out = np.zeros_like(coefficients)
        out.ravel()[position] = value if found is None else found
        return out

    @cached_property
    def atoms(self) -> list[tuple[Index, Array]]:
        """Smallest combinations of open coefficients that satisfy the equations, each as positions and values.

        Where no equation touches a coefficient, it is an atom by itself. A conserved sum has transfers between any two
        of its variables as atoms.
        """
        opened = np.flatnonzero(self.opened.ravel())
        matrix = self.equations[:, opened]
        kept = np.flatnonzero(np.diff(matrix.indptr))
        matrix = csr_array(matrix[kept])
        touched = np.zeros(len(opened), dtype=bool)
        touched[matrix.indices] = True
        out = [(opened[[k]], np.ones(1)) for k in np.flatnonzero(~touched)]
        if not touched.any():
            return out
        _, label = connected_components(matrix.T @ matrix, directed=False)
        for group in np.unique(label[touched]):
            own = np.flatnonzero((label == group) & touched)
            rows = matrix[:, own].toarray()
            out += [(opened[own[used]], values) for used, values in _circuits(rows[np.abs(rows).max(axis=1) > 0])]
        return out

    @cached_property
    def balances(self) -> list[list[tuple[Index, Array]]]:
        """For each group of equations that fixed coefficients do not satisfy by themselves, what balances them.

        Smallest sets of open coefficients, as positions and values.
        """
        left = self.equations @ np.where(self.fixed, self.lower, 0.0).ravel()
        if not np.abs(left).max(initial=0.0) > 0:
            return []
        opened = np.flatnonzero(self.opened.ravel())
        matrix = self.equations[:, opened]
        _, label = connected_components(matrix @ matrix.T, directed=False)
        out = []
        for group in np.unique(label[left != 0]):
            rows = np.flatnonzero(label == group)
            dense = matrix[rows].toarray()
            own = np.flatnonzero(np.abs(dense).max(axis=0) > 0)
            with_fixed = np.column_stack([dense[:, own], left[rows]])
            found = [(used, values) for used, values in _circuits(with_fixed) if used[-1] == len(own)]
            out.append([(opened[own[used[:-1]]], values[:-1] / values[-1]) for used, values in found])
        return out

    def _touching(self, position: Index) -> csr_array:
        used = np.zeros(self.allowed.size, dtype=bool)
        used[position] = True
        used |= self.fixed.ravel()
        chosen = np.flatnonzero(abs(self.equations) @ used.astype(float))
        return csr_array(self.equations[chosen])

    def _matrix(self, position: Index) -> Array:
        return np.asarray(self._touching(position)[:, position].toarray())


class _Places:
    """Where terms of the user's units stand in a library of scaled ones."""

    def __init__(self, library: TermLibrary, scale: Array) -> None:
        self._scale = scale
        self._place = {}
        for t, (row, f) in enumerate(zip(library.exponents.tolist(), library.function_of.tolist(), strict=True)):
            self._place[_key(Term(tuple(row), library.functions[f] if f >= 0 else None))] = t

    def __call__(self, term: Term) -> list[int]:
        """The place of a term, if the library has it."""
        place = self._place.get(_key(in_units(term, self._scale)))
        return [] if place is None else [place]


def _key(term: Term) -> tuple[object, ...]:
    function = term.function
    if not isinstance(function, ScalarFunction):
        return term.exponents, function
    # Scaling to and fro rounds.
    return term.exponents, function.kind, function.power, tuple(float(f"{a:.12g}") for a in function.direction)


def _keep_positive(known: ReadConstraints, library: TermLibrary, allowed: Mask, lower: Array) -> None:
    """Leave to positive variables factors of themselves, and inflows of terms that are not negative."""
    for d in np.flatnonzero(known.positive):
        for t, (row, f) in enumerate(zip(library.exponents, library.function_of, strict=True)):
            function = library.functions[f] if f >= 0 else None
            if isinstance(function, KnownPart):
                continue
            if row[d] or (function and function.kind in ("sin", "rise") and _only(function.direction, int(d))):
                continue
            sure = bool((row[~known.not_negative] % 2 == 0).all())
            if sure and (function is None or function.kind in ("rise", "fall")):
                lower[t, d] = 0.0
            else:
                allowed[t, d] = False


def _only(direction: tuple[float, ...], d: int) -> bool:
    return all((a != 0) == (e == d) for e, a in enumerate(direction))


def _equations(known: ReadConstraints, library: TermLibrary, factors: Array) -> csr_array:
    """Equations (E, T D) between scaled coefficients, from those between the user's."""
    n_terms, dim = factors.shape
    rows: list[dict[int, float]] = []
    for weights in known.conserved:
        for t in range(n_terms):
            if (f := library.function_of[t]) >= 0 and isinstance(library.functions[f], KnownPart):
                continue  # keeps the sum by itself, or not: it is the user's
            rows.append({t * dim + d: float(w * factors[t, d]) for d, w in enumerate(weights) if w})
    if known.linear_part:
        sign = 1.0 if known.linear_part == "skew" else -1.0
        place = {tuple(row): t for t, row in enumerate(library.exponents.tolist()) if library.function_of[t] < 0}
        unit = np.eye(library.n_columns, dtype=int).tolist()
        linear = [place.get(tuple(unit[e])) for e in range(dim)]
        for d in range(dim):
            for e in range(d + (sign < 0), dim):
                pair: dict[int, float] = {}
                for place_of, own, weight in ((linear[e], d, 1.0), (linear[d], e, sign)):
                    if place_of is not None:
                        at = place_of * dim + own
                        pair[at] = pair.get(at, 0.0) + weight * float(factors[place_of, own])
                rows.append(pair)
    # Each in units of its largest weight.
    kept = [row for row in rows if row]
    data = [w / max(map(abs, row.values())) for row in kept for w in row.values()]
    places = [place for row in kept for place in row]
    ends = np.cumsum([0, *map(len, kept)])
    flat = np.array(data, dtype=float), np.array(places, dtype=np.intp), ends
    return csr_array(flat, shape=(len(kept), n_terms * dim))


def _circuits(matrix: Array) -> list[tuple[Index, Array]]:
    """Combinations (positions, values) of least support with ``matrix @ x = 0``: all of them where few, or a basis.

    Of one equation all of them: its coefficients in pairs.
    """
    count = matrix.shape[1]
    if len(matrix) == 1 and (matrix != 0).all():
        pairs = combinations(range(count), 2)
        return [
            (np.array(pair, dtype=np.intp), np.array([1.0, -matrix[0, pair[0]] / matrix[0, pair[1]]])) for pair in pairs
        ]
    rank = int(np.linalg.matrix_rank(matrix))
    found: list[tuple[Index, Array]] = []
    if count <= _MOST_TOGETHER:
        seen: list[set[int]] = []
        for size in range(1, rank + 2):
            for chosen in combinations(range(count), size):
                if any(other <= set(chosen) for other in seen):
                    continue
                basis = null_space(matrix[:, chosen])
                if basis.shape[1] == 1 and (np.abs(basis) > _ZERO).all():
                    seen.append(set(chosen))
                    found.append((np.array(chosen, dtype=np.intp), basis[:, 0]))
        return found
    basis = null_space(matrix)
    # Of reduced echelon form: each vector has one entry that no other has, and few beside it.
    order = qr(basis.T, mode="r", pivoting=True)[1][: basis.shape[1]]
    reduced = np.linalg.solve(basis[order].T, basis.T)
    for row in reduced:
        used = np.flatnonzero(np.abs(row) > _ZERO)
        found.append((used, row[used]))
    return found
