"""Classical forecasters of one series: each is fitted to a prefix and then answers for any later times.

Letters: N observed points, D channels, H times ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdyn.data.trajectories import Trajectories

Array = NDArray[np.float64]
Forecast = Callable[[Array], Array]
Expert = Callable[[Array, Array], Forecast]

_MOST_POINTS = 400
_REACH = 2.0
_MOST_CALLS = 20_000
_MOST_STEPS = 10_000  # of an even grid over the prefix, where most of its points lie close together


def parrot(times: Array, values: Array) -> Forecast:
    """Context parroting: find what the last points resemble most, and repeat what came after that.

    The motif has a quarter of the prefix's points, at least three and at most twenty; channels are compared in their
    own deviations.

    References
    ----------
    Y. Zhang and W. Gilpin, *Context parroting: a simple but tough-to-beat baseline for foundation models in scientific
    machine learning*, arXiv:2505.11349.
    """

    def step_forecast(even: Array, step: float, count: int) -> Array:
        scaled = even / np.maximum(even.std(axis=0), 1e-12 * np.abs(even).max() + 1e-300)
        length = int(np.clip(len(even) // 4, 3, 20))
        windows = np.lib.stride_tricks.sliding_window_view(scaled, length, axis=0)  # (N - length + 1, D, length)
        distances = ((windows[:-1] - windows[-1]) ** 2).sum(axis=(1, 2))
        begin = int(distances.argmin()) + length  # the point after the best match
        return even[begin + np.arange(count) % (len(even) - begin)]

    return on_grid(step_forecast)(times, values)


def on_grid(step_forecast: Callable[[Array, float, int], Array]) -> Expert:
    """Make an expert of what maps evenly spaced values (N, D), their step and a count to that many more values."""

    def expert(times: Array, values: Array) -> Forecast:
        step = max(float(np.median(np.diff(times))), (times[-1] - times[0]) / _MOST_STEPS)
        grid = times[-1] - step * np.arange(int((times[-1] - times[0]) / step + 1e-6), -1, -1)
        even = np.column_stack([np.interp(grid, times, channel) for channel in values.T])

        def forecast(future: Array) -> Array:
            count = int(np.ceil((future[-1] - times[-1]) / step - 1e-6))
            ahead = np.concatenate([even[-1:], step_forecast(even, step, count)])
            at = times[-1] + step * np.arange(count + 1)
            return np.column_stack([np.interp(future, at, channel) for channel in ahead.T])

        return forecast

    return expert


def sparse_ode(times: Array, values: Array) -> Forecast:
    """A sparse ODE (`skdyn.sparse.fit_sparse`), integrated from the fitted state at the last observation.

    Where the solution runs away, further than two half-ranges from the middle of the prefix, it stays.
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
