"""Terms chosen equation by equation, by integral matching: the cost grows with the number of variables, not faster.

Letters: M points, D variables, T terms and R rows of a library, C candidate fields.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.integral import Integrals
from skdyn.sparse.library import TermLibrary
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
    context: ScaledContext, library: TermLibrary, origin: str, strictness: Sequence[float] = STRICTNESS
) -> Candidates:
    """Return a field for each strictness, each equation chosen by itself; neither fitted nor scored.

    Parameters
    ----------
    context : ScaledContext
        Its path and slopes are what terms are integrated along, its observed states what they are fitted to.
    library : TermLibrary
    origin : str
    strictness : sequence of float
    """
    integrals = Integrals.along(context, library)
    shape = (len(strictness), library.size, context.n_features)
    coefficients, support = np.zeros(shape), np.zeros(shape, dtype=bool)
    sizes = np.bincount(library.degrees)[library.degrees]
    for d in range(context.n_features):
        gram, cross, square, count = integrals.moments(context.observed[:, d], context.weights[:, d])
        count = max(count, 1.0)
        cost = np.log(count) + np.log(np.cumsum(np.bincount(library.degrees)))[library.degrees]
        order, left = forward(gram, cross, square, min(_MOST, int(count / 2), len(sizes)))
        for c, factor in enumerate(strictness):
            spent = np.concatenate([[0.0], np.cumsum(cost[order])])
            criterion = count * np.log(left / count + _LEAST_ERROR) + factor * spent
            used = np.zeros(library.n_terms, dtype=bool)
            size = int(np.argmin(criterion))
            used[order[:size]] = True
            unit, values = left[size] / count, np.zeros(len(used))
            for _ in range(_REPEATS):
                unit = max(unit, _LEAST_ERROR)
                ((chosen, values),) = step_from(gram / unit, cross / unit, used, [factor * cost])
                if (chosen == used).all():
                    break
                used = chosen
                unit = max(square - cross @ values, 0.0) / max(count - used.sum(), count / 4)
            coefficients[c, : library.n_terms, d] = values
            support[c, : library.n_terms, d] = used
    count_c = len(strictness)
    return Candidates(
        coefficients,
        support,
        np.repeat(context.path[None], count_c, axis=0),
        np.full(count_c, np.inf),
        np.full(count_c, np.inf),
        (origin,) * count_c,
    )


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
