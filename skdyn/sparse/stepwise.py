"""Neighbouring supports, by stepwise selection on the quadratic that least squares sees about a fit.

Letters: R rows of a library, D variables, P coefficients open to selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_LEAST_PIVOT = 1e-9
#: Exchanges are looked for among at most so many coefficients: their cost grows with the third power.
_MOST_EXCHANGED = 128


@dataclass(frozen=True)
class Quadratic:
    """The cost about a fit: ``x' hessian x - 2 right' x`` and a constant, for the coefficients at some positions.

    Attributes
    ----------
    position : int array of shape (P,)
        Which coefficients: places in flattened (R, D).
    hessian : array of shape (P, P)
    right : array of shape (P,)
    """

    position: Index
    hessian: Array
    right: Array


Steps = Callable[[Quadratic, NDArray[np.bool_], Sequence[float]], list[tuple[NDArray[np.bool_], Array]]]
"""How selection goes on from a support, on a quadratic and at some penalties."""


def plain_steps(
    surface: Quadratic, begin: NDArray[np.bool_], penalties: Sequence[float]
) -> list[tuple[NDArray[np.bool_], Array]]:
    """Select without constraints."""
    return step_from(surface.hessian, surface.right, begin, penalties)


def neighbours(
    parents: Candidates,
    surfaces: Sequence[Quadratic],
    penalties: Sequence[float],
    seen: set[bytes],
    origin: str,
    steps: Steps = plain_steps,
) -> Candidates | None:
    """Return fields with the supports that stepwise selection reaches from those of the parents.

    Parameters
    ----------
    parents : Candidates
    surfaces : sequence of Quadratic
        The cost about each parent.
    penalties : sequence of float
        Costs of a term, one selection each.
    seen : set of bytes
        Supports that were fitted before; new ones are added.
    origin : str
        Name of the stage.
    steps : callable
        How selection goes on.

    Returns
    -------
    Candidates or None
        With the coefficients that minimise the quadratic; None where every such support has been seen.
    """
    rows: list[int] = []
    supports, coefficients = [], []
    for i, surface in enumerate(surfaces):
        if not (np.isfinite(surface.hessian).all() and np.isfinite(surface.right).all()):
            continue
        begin = parents.support[i].ravel()[surface.position]
        for used, values in steps(surface, begin, penalties):
            # What is not open to selection stays.
            support, value = parents.support[i].copy(), parents.coefficients[i].copy()
            support.ravel()[surface.position] = used
            value.ravel()[surface.position] = values
            key = support.tobytes()
            if used.any() and key not in seen:
                seen.add(key)
                rows.append(i)
                supports.append(support)
                coefficients.append(value)
    if not rows:
        return None
    return replace(
        parents.take(rows),
        support=np.stack(supports),
        coefficients=np.stack(coefficients),
        origin=(origin,) * len(rows),
    )


def step_from(
    hessian: Array,
    right: Array,
    support: NDArray[np.bool_],
    penalties: Sequence[float | Array],
    signs: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
    kept: NDArray[np.bool_] | None = None,
) -> list[tuple[NDArray[np.bool_], Array]]:
    """Add, drop and exchange terms while a quadratic plus a penalty a term falls.

    The quadratic is ``x' H x - 2 r' x``, least over the terms in use. From the given support the single best addition
    or removal is made again and again, and where none helps, the best exchange of two terms. All moves are read off
    one matrix that is swept on the terms in use (A. E. Beaton 1964).

    Parameters
    ----------
    hessian : array of shape (P, P)
        H, positive semidefinite.
    right : array of shape (P,)
        r.
    support : boolean array of shape (P,)
        Terms in use at the beginning.
    penalties : sequence of float or of array of shape (P,)
        Costs of a term, one selection each; every selection starts where the one before it ended.
    signs : two boolean arrays of shape (P,), optional
        Which terms may enter with a positive, and which with a negative value.
    kept : boolean array of shape (P,), optional
        Terms that are never dropped.

    Returns
    -------
    list of (boolean array, array), each of shape (P,)
        Supports and minimisers reached, one pair a penalty.

    Examples
    --------
    >>> import numpy as np
    >>> step_from(np.eye(3), np.array([3.0, 0.1, 0.0]), np.zeros(3, dtype=bool), [1.0])
    [(array([ True, False, False]), array([3., 0., 0.]))]
    """
    size, table, used = _tableau(hessian, right)
    n = len(right)
    for k in map(int, np.flatnonzero(support)):
        if table[k, k] > _LEAST_PIVOT:
            _sweep(table, used, k)
    reached = []
    for penalty in penalties:
        for _ in range(2 * n):
            gain = _allowed(_gains(table, used, penalty), table, used, signs, kept)
            k = int(np.argmax(gain))
            if gain[k] > 0:
                _sweep(table, used, k)
                continue
            pair = _exchange(table, used, penalty, signs, kept) if n <= _MOST_EXCHANGED else None
            if pair is None:
                break
            for k in pair:
                _sweep(table, used, k)
        reached.append((used.copy(), np.where(used, table[:, n] / size, 0.0)))
    return reached


def forward(hessian: Array, right: Array, square: float, most: int) -> tuple[Index, Array]:
    """Add terms one by one, each time the one that lowers a sum of squares most.

    Parameters
    ----------
    hessian : array of shape (P, P)
    right : array of shape (P,)
    square : float
        The sum without any term.
    most : int
        How many terms to add, if they are independent.

    Returns
    -------
    order : int array of shape (n,)
    left : array of shape (n + 1,)
        Sum of squares with none of them, with the first, and so on.

    Examples
    --------
    >>> import numpy as np
    >>> order, left = forward(np.eye(3), np.array([1.0, 3.0, 0.0]), 11.0, 2)
    >>> order.tolist(), left.tolist()
    ([1, 0], [11.0, 2.0, 1.0])
    """
    _, table, used = _tableau(hessian, right)
    order: list[int] = []
    left = [square]
    for _ in range(most):
        gain = np.where(used, -np.inf, _gains(table, used, 0.0))
        k = int(np.argmax(gain))
        if not gain[k] > 0:
            break
        _sweep(table, used, k)
        order.append(k)
        left.append(max(left[-1] - float(gain[k]), 0.0))
    return np.array(order, dtype=np.intp), np.array(left)


def _allowed(
    gain: Array,
    table: Array,
    used: NDArray[np.bool_],
    signs: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None,
    kept: NDArray[np.bool_] | None,
) -> Array:
    """Gains without those of steps that are not allowed."""
    if signs is not None:
        right = np.where(table[:, -1] > 0, *signs)
        gain = np.where(used | right, gain, -np.inf)
    return gain if kept is None else np.where(used & kept, -np.inf, gain)


def _gains(table: Array, used: NDArray[np.bool_], penalty: float | Array) -> Array:
    """What the penalised quadratic would fall by if each term were added or dropped."""
    pivot = np.diagonal(table)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = table[:, -1] ** 2 / pivot
    gain = np.where(used, penalty - change, change - penalty)
    return np.where(pivot > _LEAST_PIVOT, gain, -np.inf)


def _exchange(
    table: Array,
    used: NDArray[np.bool_],
    penalty: float | Array,
    signs: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None,
    kept: NDArray[np.bool_] | None,
) -> tuple[int, int] | None:
    """Return the terms to drop and to add whose exchange lowers the quadratic most, if any does."""
    best, pair = 1e-3, None
    cost = penalty if isinstance(penalty, np.ndarray) else 0.0
    loss = -_allowed(_gains(table, used, cost), table, used, signs, kept)
    for drop in map(int, np.flatnonzero(used & np.isfinite(loss))):
        trial, left = table.copy(), used.copy()
        _sweep(trial, left, drop)
        gain = np.where(left, -np.inf, _allowed(_gains(trial, left, cost), trial, left, signs, None))
        gain[drop] = -np.inf
        add = int(np.argmax(gain))
        if gain[add] - loss[drop] > best:
            best, pair = gain[add] - loss[drop], (drop, add)
    return pair


def _tableau(hessian: Array, right: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Sizes (P,) of the unknowns, the normal equations (P, P + 1) in units of these, and who is in: nobody yet."""
    size = np.sqrt(np.maximum(np.diagonal(hessian), 1e-300))
    table = np.column_stack([hessian / np.outer(size, size), right / size])
    return size, table, np.zeros(len(right), dtype=bool)


def _sweep(table: Array, used: NDArray[np.bool_], k: int) -> None:
    """Exchange the roles of term k, in place: in use or not."""
    pivot = table[k, k]
    row = table[k] / pivot
    column = table[:, k].copy()
    table -= np.outer(column, row)
    table[k] = row
    table[:, k] = -column / pivot
    table[k, k] = 1.0 / pivot
    used[k] = not used[k]
