"""Terms chosen equation by equation, by integral matching: the cost grows with the number of variables, not faster.

Letters: M points, D variables, T terms and R rows of a library, C candidate fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.integral import Integrals
from skdyn.sparse.library import TermKey, TermLibrary
from skdyn.sparse.parsing import Term
from skdyn.sparse.restricted_steps import UNSATISFIABLE, chosen_within
from skdyn.sparse.restriction import Restriction
from skdyn.sparse.scaled_context import ScaledContext
from skdyn.sparse.stepwise import forward, step_from

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Costs of a term, in units of the extended information criterion (J. Chen and Z. Chen 2008): for each number of terms,
#: as many fields are as likely as there are.
STRICTNESS = (0.6, 1.0, 2.0, 5.0, 12.0)
#: Most terms of an equation.
_MOST = 24
_REPEATS = 3
_LEAST_ERROR = 1e-14

#: Terms in use (T,), coefficients (T,), and the mean square in whose units the last of them was chosen.
_Terms = tuple[Mask, Array, float]


@dataclass(frozen=True)
class _Matching:
    """The normal equations of one variable's integrals: ``gram @ c = cross``.

    Attributes
    ----------
    gram : array of shape (T, T)
    cross : array of shape (T,)
    square : float
        Of the observations, less what is known.
    count : float
    cost : array of shape (T,)
        Of each term, to be multiplied by a strictness.
    """

    gram: Array
    cross: Array
    square: float
    count: float
    cost: Array

    @classmethod
    def of(
        cls, integrals: Integrals, context: ScaledContext, degrees: NDArray[np.int64], d: int, known: Array
    ) -> _Matching:
        """Of variable d, with some coefficients (T,) known."""
        gram, cross, square, count = integrals.moments(context.observed[:, d], context.weights[:, d])
        count = max(count, 1.0)
        cost = np.log(count) + np.log(np.cumsum(np.bincount(degrees))[degrees])
        square = max(square + float(known @ (gram @ known - 2.0 * cross)), 0.0)
        return cls(gram, cross - gram @ known, square, count, cost)

    def among(self, terms: Mask) -> _Matching:
        """With some of the terms alone."""
        return replace(self, gram=self.gram[np.ix_(terms, terms)], cross=self.cross[terms], cost=self.cost[terms])

    def left(self, values: Array) -> float:
        """Sum of squares that the best values (T,) leave."""
        return max(float(self.square - self.cross @ values), 0.0)


def propose_node_wise(
    context: ScaledContext,
    library: TermLibrary,
    origin: str,
    strictness: Sequence[float] = STRICTNESS,
    begin: Sequence[Sequence[TermKey]] | None = None,
    restriction: Restriction | None = None,
) -> Candidates:
    """Return fields of each strictness, each equation chosen by itself; neither fitted nor scored.

    Terms are selected from a constant and linear ones or from nothing, whichever an equation fares better with, and
    then all from nothing.

    Parameters
    ----------
    context : ScaledContext
        Its path and slopes are what terms are integrated along, its observed states what they are fitted to.
    library : TermLibrary
    origin : str
    strictness : sequence of float
    begin : sequence of sequence of TermKey, optional
        Terms of each equation from which to begin, beside a constant and the linear ones.
    restriction : Restriction, optional
        Constraints. From what each equation has by itself, terms are chosen anew within them, for those together that
        they tie to each other; fields for which nothing satisfies them are left out.

    Raises
    ------
    ValueError
        If no coefficients satisfy the constraints.
    """
    integrals = Integrals.along(context, library)
    dim, n_terms = context.n_features, library.n_terms
    fixed, opened = np.zeros((n_terms, dim)), np.ones((n_terms, dim), dtype=bool)
    if restriction is not None:
        fixed, opened = np.where(restriction.fixed, restriction.lower, 0.0), restriction.opened
    plain = (library.degrees <= 1) & (library.function_of < 0)
    starts = [plain] * dim
    if begin is not None:
        keys = [library.key(t) for t in range(n_terms)]
        starts = [plain | [key in own for key in keys] for own in map(set, begin)]
    matchings = [_Matching.of(integrals, context, library.degrees, d, fixed[:, d]) for d in range(dim)]
    factors = [*strictness, *strictness]
    shape = (len(factors), library.size, dim)
    coefficients, support, units = np.zeros(shape), np.zeros(shape, dtype=bool), np.ones((len(factors), dim))
    for d, (matching, own, start) in enumerate(zip(matchings, opened.T, starts, strict=True)):
        at = np.flatnonzero(own)
        found = zip(*_selected(matching.among(own), strictness, start[own]), strict=True)
        for c, (used, values, units[c, d]) in enumerate(chain(*found)):
            support[c, at, d], coefficients[c, at, d] = used, values
    costs = np.stack([matching.cost for matching in matchings], axis=1)
    rows: dict[bytes, int] = {}
    # Where it was said from what to begin, nothing begins from nothing.
    for c, factor in enumerate(factors if begin is None else strictness):
        if restriction is not None:
            surfaces = [(m.gram / unit, m.cross / unit) for m, unit in zip(matchings, units[c], strict=True)]
            within = chosen_within(restriction, surfaces, support[c, :n_terms], factor * costs)
            if within is None:
                continue
            support[c, :n_terms], coefficients[c, :n_terms] = within
        rows.setdefault(support[c].tobytes(), c)
    if not rows:
        raise ValueError(UNSATISFIABLE)
    kept = list(rows.values())
    return Candidates(
        coefficients[kept],
        support[kept],
        np.repeat(context.path[None], len(kept), axis=0),
        np.full(len(kept), np.inf),
        np.full(len(kept), np.inf),
        (origin,) * len(kept),
    )


def _selected(matching: _Matching, strictness: Sequence[float], start: Mask) -> Iterator[tuple[_Terms, _Terms]]:
    """Terms for each strictness: the better that selection finds from a start and from nothing, and the latter."""
    count, n_terms = matching.count, len(matching.cross)
    order, left = forward(matching.gram, matching.cross, matching.square, min(_MOST, int(count / 2), n_terms))
    spent = np.concatenate([[0.0], np.cumsum(matching.cost[order])])
    values = np.zeros(n_terms)
    values[start] = np.linalg.lstsq(matching.among(start).gram, matching.cross[start], rcond=None)[0]
    left_by_start = matching.left(values)
    for factor in strictness:
        criterion = count * np.log(left / count + _LEAST_ERROR) + factor * spent
        size = int(np.argmin(criterion))
        used = np.zeros(n_terms, dtype=bool)
        used[order[:size]] = True
        worth, found = _chosen(matching, used, float(left[size]) / count, factor)
        other_worth, other = _chosen(matching, start, left_by_start / count, factor)
        yield other if other_worth <= worth else found, found


def _chosen(matching: _Matching, used: Mask, unit: float, factor: float) -> tuple[float, _Terms]:
    """The criterion of the terms that stepwise selection reaches from some that leave a mean square, and these."""
    values, count = np.zeros(len(used)), matching.count
    unit = max(unit, _LEAST_ERROR)
    for _ in range(_REPEATS):
        ((chosen, values),) = step_from(matching.gram / unit, matching.cross / unit, used, [factor * matching.cost])
        if (chosen == used).all():
            break
        used = chosen
        unit = max(matching.left(values) / max(count - used.sum(), count / 4), _LEAST_ERROR)
    criterion = count * float(np.log(matching.left(values) / count + _LEAST_ERROR))
    return criterion + factor * float(matching.cost[used].sum()), (used, values, unit)


def compact(
    batches: Sequence[tuple[TermLibrary, Candidates]], opened: TermLibrary | None = None, named: Sequence[Term] = ()
) -> tuple[TermLibrary, list[Candidates]]:
    """Return the library of the terms that any of the fields use, of those of another and of some, and the fields."""
    keys: dict[TermKey, None] = dict.fromkeys((term.exponents, term.function) for term in named)
    if opened is not None:
        keys.update(dict.fromkeys(opened.key(t) for t in range(opened.n_terms)))
    for library, batch in batches:
        used = np.flatnonzero(batch.support[:, : library.n_terms].any(axis=(0, 2)))
        keys.update(dict.fromkeys(library.key(t) for t in used.tolist()))
    if not keys:
        keys[batches[0][0].key(0)] = None
    ordered = sorted(keys, key=lambda key: (sum(key[0]), [-power for power in key[0]], key[1] is not None))
    small = TermLibrary.of_keys(ordered)
    place = {key: t for t, key in enumerate(ordered)}
    out = []
    for library, batch in batches:
        old = np.flatnonzero(batch.support[:, : library.n_terms].any(axis=(0, 2)))
        new = [place[library.key(t)] for t in old.tolist()]
        shape = (len(batch), small.size, batch.support.shape[2])
        coefficients, support = np.zeros(shape), np.zeros(shape, dtype=bool)
        coefficients[:, new], support[:, new] = batch.coefficients[:, old], batch.support[:, old]
        out.append(Candidates(coefficients, support, batch.states, batch.cost, batch.score, batch.origin))
    return small, out
