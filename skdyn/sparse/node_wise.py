"""Terms chosen equation by equation, by integral matching: the cost grows with the number of variables, not faster.

Letters: M points, D variables, T terms and R rows of a library, C candidate fields.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.integral import Integrals
from skdyn.sparse.library import TermKey, TermLibrary
from skdyn.sparse.scaled_context import ScaledContext
from skdyn.sparse.stepwise import forward, step_from

Array = NDArray[np.float64]

#: Costs of a term, in units of the extended information criterion (J. Chen and Z. Chen 2008): for each number of terms,
#: as many fields are as likely as there are.
STRICTNESS = (0.6, 1.0, 2.0, 5.0, 12.0)
#: Most terms of an equation.
_MOST = 24
_REPEATS = 3
_LEAST_ERROR = 1e-14


def propose_node_wise(
    context: ScaledContext,
    library: TermLibrary,
    origin: str,
    strictness: Sequence[float] = STRICTNESS,
    begin: Sequence[Sequence[TermKey]] | None = None,
) -> Candidates:
    """Return a field for each strictness, each equation chosen by itself; neither fitted nor scored.

    Parameters
    ----------
    context : ScaledContext
        Its path and slopes are what terms are integrated along, its observed states what they are fitted to.
    library : TermLibrary
    origin : str
    strictness : sequence of float
    begin : sequence of sequence of TermKey, optional
        Terms of each equation from which to choose too, beside a constant and the linear ones.
    """
    integrals = Integrals.along(context, library)
    shape = (len(strictness), library.size, context.n_features)
    coefficients, support = np.zeros(shape), np.zeros(shape, dtype=bool)
    sizes = np.bincount(library.degrees)[library.degrees]
    if begin is not None:
        plain = (library.degrees <= 1) & (library.function_of < 0)
        keys = [library.key(t) for t in range(library.n_terms)]
        starts = np.stack([plain | [key in own for key in keys] for own in map(set, begin)], axis=1)
    for d in range(context.n_features):
        gram, cross, square, count = integrals.moments(context.observed[:, d], context.weights[:, d])
        count = max(count, 1.0)
        moments = gram, cross, square, count
        cost = np.log(count) + np.log(np.cumsum(np.bincount(library.degrees)))[library.degrees]
        order, left = forward(gram, cross, square, min(_MOST, int(count / 2), len(sizes)))
        for c, factor in enumerate(strictness):
            spent = np.concatenate([[0.0], np.cumsum(cost[order])])
            criterion = count * np.log(left / count + _LEAST_ERROR) + factor * spent
            used = np.zeros(library.n_terms, dtype=bool)
            size = int(np.argmin(criterion))
            used[order[:size]] = True
            found = _chosen(moments, used, float(left[size]) / count, factor * cost)
            if begin is not None:
                own = starts[:, d]
                values = np.linalg.lstsq(gram[np.ix_(own, own)], cross[own], rcond=None)[0]
                other = _chosen(moments, own, float(square - cross[own] @ values) / count, factor * cost)
                found = other if other[0] < found[0] else found
            _, support[c, : library.n_terms, d], coefficients[c, : library.n_terms, d] = found
    count_c = len(strictness)
    return Candidates(
        coefficients,
        support,
        np.repeat(context.path[None], count_c, axis=0),
        np.full(count_c, np.inf),
        np.full(count_c, np.inf),
        (origin,) * count_c,
    )


def _chosen(
    moments: tuple[Array, Array, float, float], used: NDArray[np.bool_], unit: float, costs: Array
) -> tuple[float, NDArray[np.bool_], Array]:
    """The terms that stepwise selection reaches from some, with the mean square that these leave; and its criterion."""
    gram, cross, square, count = moments
    values = np.zeros(len(used))
    for _ in range(_REPEATS):
        unit = max(unit, _LEAST_ERROR)
        ((chosen, values),) = step_from(gram / unit, cross / unit, used, [costs])
        if (chosen == used).all():
            break
        used = chosen
        unit = float(np.maximum(square - cross @ values, 0.0)) / max(count - used.sum(), count / 4)
    left = float(np.maximum(square - cross @ values, 0.0))
    return count * float(np.log(left / count + _LEAST_ERROR)) + float(costs[used].sum()), used, values


def compact(
    batches: Sequence[tuple[TermLibrary, Candidates]], opened: TermLibrary | None = None
) -> tuple[TermLibrary, list[Candidates]]:
    """Return the library of the terms that any of the fields use, and of those of another, and the fields in it."""
    keys = {} if opened is None else {opened.key(t): (opened, t) for t in range(opened.n_terms)}
    for library, batch in batches:
        for t in np.flatnonzero(batch.support[:, : library.n_terms].any(axis=(0, 2))).tolist():
            keys.setdefault(library.key(t), (library, t))
    if not keys:
        library, _ = batches[0]
        keys[library.key(0)] = library, 0
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
