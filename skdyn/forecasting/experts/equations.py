"""Sparse equations found by multiple shooting, integrated ahead.

Letters: N observed points, D channels, H times ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.forecasting.experts.grid import Array, Forecast
from skdyn.forecasting.experts.registry import Expert

_MOST_POINTS = 400
_REACH = 50.0
_MOST_CALLS = 20_000


def sparse_ode(times: Array, values: Array) -> Forecast:
    """A sparse ODE (`skdyn.sparse.fit_sparse`), integrated from the fitted state at the last observation.

    Where the solution runs away, further than fifty half-ranges from the middle of the prefix, it stays.
    """
    from skdyn.sparse import fit_sparse

    ode = fit_sparse(Trajectories([(times, values)]), max_points=_MOST_POINTS)
    low, high = values.min(axis=0), values.max(axis=0)
    middle, reach = (low + high) / 2, _REACH * np.where(high > low, (high - low) / 2, 1.0)

    start, tolerance = ode.end_states[0], 1e-9 * np.maximum(np.abs(values).max(axis=0), 1e-300)

    def forecast(future: Array) -> Array:
        reached = integrated_inside(
            lambda x: ode.field(x[None])[0],
            start,
            times[-1],
            future,
            lambda x: 1.0 - float(np.abs((x - middle) / reach).max()),
            _MOST_CALLS,
            rtol=1e-6,
            atol=tolerance,
        )
        stays = reached[-1] if len(reached) else np.clip(start, low, high)
        return np.concatenate([reached, np.repeat(stays[None], len(future) - len(reached), axis=0)])

    return forecast


def integrated_inside(
    field: Callable[[Array], Array],
    start: Array,
    begin: float,
    times: Array,
    room: Callable[[Array], float],
    most_calls: int,
    **tolerances: Any,
) -> Array:
    """Integrate an equation that was found, which may run away.

    Parameters
    ----------
    field : callable (D,) -> (D,)
    start : array of shape (D,)
        State at ``begin``.
    begin : float
    times : array of shape (H,)
        Increasing, after ``begin``.
    room : callable (D,) -> float
        Positive inside the region that the solution may not leave.
    most_calls : int
        Of the field.
    **tolerances
        Of `scipy.integrate.solve_ivp`.

    Returns
    -------
    array of shape (R, D)
        States at the first R times, R < H where the solution leaves.

    Raises
    ------
    RuntimeError
        If the field is called too often.
    """
    from scipy.integrate import solve_ivp

    def inside(t: float, x: Array) -> float:
        return room(x)

    inside.terminal = True  # type: ignore[attr-defined]
    calls = iter(range(most_calls))

    def rates(t: float, x: Array) -> Array:
        if next(calls, None) is None:
            raise RuntimeError("the equation found is too stiff")
        return field(x)

    solution = solve_ivp(rates, (begin, times[-1]), start, t_eval=times, events=inside, **tolerances)
    return np.reshape(solution.y, (len(start), -1)).T


SPARSE_ODE = Expert("sparse-ode", sparse_ode, "clean series of few terms; takes seconds")
