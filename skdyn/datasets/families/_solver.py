"""Dormand and Prince's adaptive method for many independent systems at once, each with its own steps.

Letters: n systems, S state variables, P points of output. The systems are the last axis of every array, so that a
family's formulas read like the textbook's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
Rates = Callable[[Array, Array, Parameters], "list[Array] | tuple[Array, ...] | Array"]

_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def solve(
    rates: Rates,
    x0: Array,
    times: Array,
    parameters: Parameters,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    bound: float = 1e6,
    max_steps: int = 20_000,
) -> Array:
    """Integrate every system through its own times.

    A step never passes the next time of output, so that no interpolation adds an error of its own. Finished systems
    leave the batch when they are the majority.

    Parameters
    ----------
    rates : callable
        ``rates(t, x, parameters)`` with t (n,), x (S, n) gives S arrays (n,).
    x0 : array of shape (S, n)
        States at ``times[0]``.
    times : array of shape (P, n)
        Never decreasing.
    parameters : mapping of str to array of shape (..., n)
    rtol, atol : float
        Tolerances of one step.
    bound : float
        A system that leaves ``|x| <= bound`` has diverged.
    max_steps : int
        Trial steps of the slowest system.

    Returns
    -------
    array of shape (S, P, n)
        NaN from where a system diverged or ran out of steps.

    References
    ----------
    J. R. Dormand and P. J. Prince, *A family of embedded Runge-Kutta formulae*, Journal of Computational and Applied
    Mathematics 6, 1980.
    """
    points, n = times.shape
    out = np.full((len(x0), points, n), np.nan)
    out[:, 0] = x0
    system = np.arange(n)  # which column of the output each active system has
    t, x, p = times[0].copy(), x0.copy(), dict(parameters)
    step = np.maximum(times[-1] - times[0], 1e-300) * 1e-4
    place = np.ones(n, dtype=int)  # the next point of output
    first = np.asarray(rates(t, x, p))
    active = np.full(n, points > 1)
    for _ in range(max_steps):
        if not active.any():
            break
        if 2 * active.sum() < len(system):
            keep = active.nonzero()[0]
            system, t, step, place, active = (a[keep] for a in (system, t, step, place, active))
            x, first = x[:, keep], first[:, keep]
            p = {name: value[..., keep] for name, value in p.items()}
        target = times[np.minimum(place, points - 1), system]
        left = target - t
        lands = step >= left * (1 - 1e-12)
        h = np.where(active, np.where(lands, left, step), 0.0)
        slopes = [first]
        for node, weights in zip(_NODES[1:], _STAGES[1:], strict=True):
            increment = sum(w * k for w, k in zip(weights, slopes, strict=True) if w)
            new = x + h * increment
            slopes.append(np.asarray(rates(t + node * h, new, p)))
        error = h * sum(w * k for w, k in zip(_ERROR, slopes, strict=True) if w)
        scaled = error / (atol + rtol * np.maximum(np.abs(x), np.abs(new)))
        size = np.sqrt(np.mean(scaled**2, axis=0))
        size = np.where(np.isfinite(size), size, np.inf)
        good = active & (size <= 1.0)
        factor = np.clip(0.9 * np.maximum(size, 1e-10) ** -0.2, 0.2, 5.0)
        # A step cut short by an output time says nothing against the longer one.
        step = np.where(good & lands, np.maximum(step, h * factor), np.where(active, h * factor, step))
        x = np.where(good, new, x)
        first = np.where(good, slopes[-1], first)
        t = np.where(good, np.where(lands, target, t + h), t)
        arrived = (good & lands).nonzero()[0]
        out[:, place[arrived], system[arrived]] = x[:, arrived]
        place[arrived] += 1
        inside = (np.abs(x) <= bound).all(axis=0) & (step > 1e-14 * np.abs(t))
        active = active & inside & (place < points)
    return out
