"""Pruning: drop the terms of smallest Wald statistics, fit again, keep what scores better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skdyn.sparse.candidates import Candidates

#: Terms below this many standard errors are dropped together.
WEAK = 2.5


def thinned(parents: Candidates, seen: set[bytes], origin: str) -> Candidates | None:
    """Return the parents with fewer terms: 1, a quarter, half, and all weak ones dropped.

    Parameters
    ----------
    parents : Candidates
        With Wald statistics.
    seen : set of bytes
        Supports that were fitted before; new ones are added.
    origin : str
        Name of the stage.

    Returns
    -------
    Candidates or None
        None where every such support has been seen.
    """
    rows: list[int] = []
    supports = []
    for i in range(len(parents)):
        support = parents.support[i]
        terms = np.flatnonzero(support)
        strength = parents.wald[i].ravel()[terms]
        order = terms[np.argsort(strength, kind="stable")]
        n_terms = len(terms)
        for drop in sorted({1, n_terms // 4, n_terms // 2, int(np.count_nonzero(strength < WEAK))}):
            if not 0 < drop < n_terms:
                continue
            fewer = support.copy()
            fewer.ravel()[order[:drop]] = False
            key = fewer.tobytes()
            if key not in seen:
                seen.add(key)
                rows.append(i)
                supports.append(fewer)
    if not rows:
        return None
    children = parents.take(rows)
    support = np.stack(supports)
    return replace(
        children,
        support=support,
        coefficients=np.where(support, children.coefficients, 0.0),
        origin=(origin,) * len(rows),
    )
