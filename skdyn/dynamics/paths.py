"""Paths of many initial states in the user's units, each over times of its own, and warnings of those that ended early.

Letters: N rows, L_n requested times of row n, D variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from skdyn.dynamics.solver import Field, FieldAndJacobian, Method, Problem, solve
from skdyn.exceptions import ConvergenceWarning, warn


def follow(
    field: Field,
    field_and_jacobian: FieldAndJacobian | None,
    x0: np.ndarray,
    times: Sequence[np.ndarray],
    *,
    center: np.ndarray,
    scale: np.ndarray,
    bound: float = 100.0,
    method: Method = "auto",
    rtol: float = 1e-5,
    atol: float = 1e-6,
    most_evaluations: int,
    breaks: Sequence[np.ndarray] | None = None,
    corners: Sequence[np.ndarray] | None = None,
    arrive: Callable[[float], None] = lambda time: None,
) -> list[np.ndarray]:
    """Simulate each row over its own times; see `skdyn.dynamics.simulate.integrate`.

    Parameters
    ----------
    field, field_and_jacobian : callables
        Of rows (n,), times (n,) and states (n, D); see `skdyn.dynamics.solver`.
    x0 : array of shape (N, D)
    times : N arrays of shape (L_n,)
        Increasing; the states ``x0`` are those at the first ones.
    center, scale : arrays of shape (D,) or (N, D)
    breaks : N arrays of shape (M_n,), optional
        Times at which the field of each row jumps; given also without any, of a field that depends on the time.
    corners : N arrays, optional
        Increasing times that no step of each row passes.
    arrive : callable
        Told the time since the first that all rows have reached.

    Returns
    -------
    list of N arrays of shape (L_n, D)
    """
    center, scale = (np.broadcast_to(part, x0.shape) for part in (center, scale))
    if not times:
        return []
    starts, last = (np.array([t[end] for t in times]) for end in (0, -1))

    def scaled(rows: np.ndarray, t: np.ndarray, z: np.ndarray) -> np.ndarray:
        return field(rows, starts[rows] + t, z * scale[rows] + center[rows]) / scale[rows]

    def with_jacobian(rows: np.ndarray, t: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert field_and_jacobian is not None
        units = scale[rows]
        slopes, jacobian = field_and_jacobian(rows, starts[rows] + t, z * units + center[rows])
        return slopes / units, jacobian * units[:, None] / units[:, :, None]

    problem = Problem(
        field=scaled,
        field_and_jacobian=None if field_and_jacobian is None else with_jacobian,
        bound=bound,
        rtol=rtol,
        atol=atol,
        most_evaluations=most_evaluations,
        breaks=None if breaks is None else _since(starts, breaks),
        corners=None if corners is None else _since(starts, corners),
        margin=4 * float(np.spacing(np.abs(starts).max() + np.abs(last).max())),
    )
    found = solve(problem, (x0 - center) / scale, [t - t[0] for t in times], method, arrive)
    paths = np.split(found.states, np.cumsum([len(t) for t in times])[:-1])
    paths = [z * unit + middle for z, unit, middle in zip(paths, scale, center, strict=True)]
    for path, x in zip(paths, x0, strict=True):
        path[0] = x
    warn_of_ends(paths, found.spent, starts + found.reached, last, bound, most_evaluations)
    return paths


def _since(starts: np.ndarray, breaks: Sequence[np.ndarray]) -> np.ndarray:
    """Times (N, M) counted from each row's start, those after it alone, then infinite ones."""
    later = [np.unique(own[own > start] - start) for own, start in zip(breaks, starts, strict=True)]
    table = np.full((len(starts), max(map(len, later)) + 1), np.inf)
    for row, own in enumerate(later):
        table[row, : len(own)] = own
    return table


def warn_of_ends(
    paths: Sequence[np.ndarray],
    spent: np.ndarray,
    reached: np.ndarray,
    last: np.ndarray,
    bound: float,
    most_evaluations: int,
) -> None:
    """Name the rows of paths (L_n, D) that have diverged, and those whose evaluations were spent.

    Parameters
    ----------
    paths : N arrays of shape (L_n, D)
    spent : boolean array of shape (N,)
    reached, last : arrays of shape (N,)
        Times that the rows have come to, and that they were asked for.
    bound : float
    most_evaluations : int
    """
    gone = np.flatnonzero(np.array([np.isnan(path[-1]).any() for path in paths]) & ~spent)
    if len(gone):
        warn(
            f"{len(gone)} of {len(paths)} initial states diverged beyond {bound:g} scales of the data, or met a field "
            f"that is not finite, and are NaN from there on: rows {name_rows(gone)}",
            ConvergenceWarning,
        )
    if len(rows := np.flatnonzero(spent)):
        times = f"{reached[rows].min():g}"
        if reached[rows].max() > reached[rows].min():
            times += f" to {reached[rows].max():g}"
        warn(
            f"within {most_evaluations} evaluations of the field the simulation has come to t = {times} of "
            f"{last[rows].max():g}, and {len(rows)} of {len(paths)} initial states are NaN from there on: rows "
            f"{name_rows(rows)}; go on from the last states that are not, or check the unit of the times",
            ConvergenceWarning,
        )


def name_rows(rows: np.ndarray) -> str:
    """List row numbers for a warning, at most ten of them."""
    return ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
