"""Candidate fields in batches, and the first of them: backward elimination of the regression of slopes on terms.

Letters: M points of the context, D variables; T terms and R rows of a library, C candidate fields, P coefficients in
use of the one that has most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.library import TermLibrary
from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: Penalties a term: from "whatever the data offer" to "only what is beyond doubt".
PENALTIES = (0.0, 2.0, 8.0, 25.0)
_DEPENDENT = 1e-8
_LEAST_ERROR = 1e-14


@dataclass(frozen=True)
class Candidates:
    """A batch of C fields with the states that they were fitted through.

    Attributes
    ----------
    coefficients : array of shape (C, R, D)
        Zero outside the support.
    support : boolean array of shape (C, R, D)
        The terms in use.
    states : array of shape (C, M, D)
        Fitted states at the points of the context.
    cost : array of shape (C,)
        Of the least squares that fitted each; infinite where not known.
    score : array of shape (C,)
        Lower is better; infinite where not known.
    origin : tuple of str
        The stage of the search that made each.
    """

    coefficients: Array
    support: NDArray[np.bool_]
    states: Array
    cost: Array
    score: Array
    origin: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.coefficients)

    def take(self, rows: Sequence[int]) -> Candidates:
        """Return some of the batch, in this order."""
        index = np.asarray(rows, dtype=np.intp)
        return Candidates(
            self.coefficients[index],
            self.support[index],
            self.states[index],
            self.cost[index],
            self.score[index],
            tuple(self.origin[i] for i in index),
        )

    def best(self, count: int) -> Candidates:
        """Return the ``count`` best scores among distinct supports, best first."""
        chosen: list[int] = []
        seen: set[bytes] = set()
        for i in np.argsort(self.score, kind="stable"):
            key = self.support[i].tobytes()
            if key not in seen and len(chosen) < count:
                seen.add(key)
                chosen.append(int(i))
        return self.take(chosen)


@dataclass(frozen=True)
class ActiveCoefficients:
    """The coefficients in use of each candidate, padded to one length P.

    Attributes
    ----------
    row : int array of shape (C, P)
        Which row of the library; 0 in the padding.
    component : int array of shape (C, P)
        Of which variable's derivative; -1 in the padding.
    used : boolean array of shape (C, P)
        False in the padding.
    position : int array of shape (C, P)
        Place in flattened (R, D); 0 in the padding.
    """

    row: Index
    component: Index
    used: NDArray[np.bool_]
    position: Index

    @classmethod
    def of(cls, support: NDArray[np.bool_]) -> ActiveCoefficients:
        """Return those of supports (C, R, D)."""
        n, _, dim = support.shape
        flat = support.reshape(n, -1)
        width = max(int(flat.sum(axis=1).max()), 1)
        order = np.argsort(~flat, axis=1, kind="stable")[:, :width]
        used = np.take_along_axis(flat, order, axis=1)
        position = np.where(used, order, 0)
        return cls(position // dim, np.where(used, position % dim, -1), used, position)

    def subtract(self, coefficients: Array, change: Array) -> Array:
        """Return coefficients (C, R, D) less a change (C, P) of those in use."""
        out = coefficients.reshape(len(change), -1).copy()
        # The padding repeats position 0: add, do not assign.
        np.subtract.at(out, (np.arange(len(change))[:, None], self.position), np.where(self.used, change, 0.0))
        return out.reshape(coefficients.shape)


def join(batches: Sequence[Candidates]) -> Candidates:
    """Concatenate batches."""
    return Candidates(
        np.concatenate([b.coefficients for b in batches]),
        np.concatenate([b.support for b in batches]),
        np.concatenate([b.states for b in batches]),
        np.concatenate([b.cost for b in batches]),
        np.concatenate([b.score for b in batches]),
        sum((b.origin for b in batches), ()),
    )


def propose(context: ScaledContext, library: TermLibrary, origin: str) -> Candidates:
    """Return distinct candidates from the smoothed path, for each degree and penalty a term."""
    rows = context.usable.all(axis=1)
    design, slopes = library.design(context.columns)[rows], context.slopes[rows]
    found: dict[bytes, Array] = {}
    for degree in range(1, max(int(library.degrees.max()), 1) + 1):
        columns = library.up_to(degree)[: max(1, len(design) // 2)]
        errors, paths = eliminate(design[:, columns], slopes)
        counts = np.arange(len(errors))
        for penalty in PENALTIES:
            criterion = 0.25 * len(design) * np.log(errors) + penalty * counts[:, None]
            chosen = np.argmin(criterion, axis=0)
            coefficients = np.zeros((library.size, context.n_features))
            for d, count in enumerate(chosen):
                coefficients[columns, d] = paths[count, :, d]
            found.setdefault((coefficients != 0).tobytes(), coefficients)
    coefficients = np.stack(list(found.values()))
    n_found = len(coefficients)
    return Candidates(
        coefficients,
        coefficients != 0,
        np.repeat(context.path[None], n_found, axis=0),
        np.full(n_found, np.inf),
        np.full(n_found, np.inf),
        (origin,) * n_found,
    )


def eliminate(design: Array, targets: Array) -> tuple[Array, Array]:
    """Drop the regressor of least |t| again and again, for each target by itself.

    Columns that depend on those before them are left out from the start.

    Parameters
    ----------
    design : array of shape (M, T)
        Regressors.
    targets : array of shape (M, D)
        What they explain.

    Returns
    -------
    errors : array of shape (n + 1, D)
        Mean-square error with 0, 1, ..., n regressors.
    coefficients : array of shape (n + 1, T, D)
        The regressions.
    """
    n_rows, n_columns = design.shape
    n_targets = targets.shape[1]
    norms = np.linalg.norm(design, axis=0)
    kept = np.flatnonzero(norms > 0)
    scaled = design[:, kept] / norms[kept]
    # The diagonal of R is what each column adds to those before it. Dropping one changes the later ones.
    while True:
        q, r = np.linalg.qr(scaled)
        fresh = np.abs(np.diag(r)) > _DEPENDENT
        if fresh.all():
            break
        first = int(np.argmin(fresh))
        kept, scaled = np.delete(kept, first), np.delete(scaled, first, axis=1)
    projected = q.T @ targets
    outside = np.maximum(np.sum(targets**2, axis=0) - np.sum(projected**2, axis=0), 0.0)

    n = len(kept)
    errors = np.empty((n + 1, n_targets))
    coefficients = np.zeros((n + 1, n_columns, n_targets))
    errors[0] = np.sum(targets**2, axis=0)
    active = np.tile(np.arange(n), (n_targets, 1))
    columns = np.arange(n_targets)[:, None]
    for count in range(n, 0, -1):
        q_sub, r_sub = np.linalg.qr(r[:, active].transpose(1, 0, 2))
        rotated = np.einsum("dnc,nd->dc", q_sub, projected)
        inverse = np.linalg.inv(r_sub)
        solution = np.einsum("dij,dj->di", inverse, rotated)
        unexplained = np.sum(projected**2, axis=0) - np.sum(rotated**2, axis=1)
        errors[count] = outside + np.maximum(unexplained, 0.0)
        index = kept[active]
        coefficients[count, index, columns] = solution / norms[index]
        strength = np.abs(solution) / np.linalg.norm(inverse, axis=2)
        weakest = np.argmin(strength, axis=1)
        keep = np.arange(count)[None, :] != weakest[:, None]
        active = active[keep].reshape(n_targets, count - 1)
    return errors / n_rows + _LEAST_ERROR, coefficients
