"""Integrate many initial states of one vector field side by side."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
from tqdm import tqdm

from skdyn.dynamics.arguments import checked_derivatives, checked_field, read_starts, read_times
from skdyn.dynamics.paths import follow, warn_of_ends
from skdyn.dynamics.signals import Signals, derivatives_driven_by, driven_by

Field = Callable[[np.ndarray], np.ndarray]
FieldAndJacobian = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Method = Literal["auto", "dopri5", "rodas4", "rk4"]
METHODS: tuple[Method, ...] = ("auto", "dopri5", "rodas4", "rk4")

MOST_EVALUATIONS = 50_000
"""Evaluations of a field that one call may take where nothing else is said."""


def integrate(
    field: Callable[..., np.ndarray],
    x0: np.ndarray,
    t: np.ndarray,
    *,
    center: np.ndarray,
    scale: np.ndarray,
    field_and_jacobian: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None,
    outside: Signals | None = None,
    bound: float = 100.0,
    method: Method = "auto",
    rtol: float = 1e-5,
    atol: float = 1e-6,
    substeps: int = 4,
    most_evaluations: int = MOST_EVALUATIONS,
    progress: bool = False,
) -> np.ndarray:
    """Solve ``dx/dt = field(x)``, or ``field(x, u(t))``, from all rows of ``x0`` side by side.

    The adaptive methods choose the steps of each row for itself, and read requested states off the steps' own
    interpolants: a state depends on its initial state and on the field, not on the other rows nor on the other times.
    The live rows are evaluated in one call of the field.

    A state that comes further than ``bound`` scales from the centre has diverged; it is NaN from the next requested
    time on, as is one that meets a field that is not finite, and one `ConvergenceWarning` names the initial states
    concerned. Where a row's evaluations are spent before its last time it is NaN from there on, and one
    `ConvergenceWarning` names the rows and the times reached.

    Parameters
    ----------
    field : callable, (N, D + G) -> (N, D)
        Of states, with what is given from outside beside them.
    x0 : array of shape (N, D)
        States at ``t[0]``.
    t : array of shape (L,), increasing
    center, scale : arrays of shape (D,)
        Units of the bound and of the error tolerances.
    field_and_jacobian : callable, (N, D + G) -> (N, D), (N, D, D + G), optional
        Field and its derivatives, for stiff problems.
    outside : Signals, optional
        What is given to each row at any time. No step crosses a jump or a corner; before a jump, no step
        sees what comes after it.
    bound : float, default=100.0
        Largest distance from the centre, in scales, in any variable.
    method : {"auto", "dopri5", "rodas4", "rk4"}, default="auto"
        Dormand and Prince's explicit pair, the linearly implicit pair RODAS for stiff problems, or the classical method
        with fixed steps. ``"auto"`` begins each row with the explicit pair and, given a Jacobian, changes to the
        implicit one and back as the row's stiffness demands.
    rtol, atol : float
        Tolerances of the adaptive solvers; ``atol`` in scales.
    substeps : int, default=4
        Steps of ``"rk4"`` from one requested time to the next.
    most_evaluations : int, default=50000
        Of the field, for each row; a Jacobian counts as D.
    progress : bool, default=False
        Show a progress bar of the time that all rows have reached.

    Returns
    -------
    array of shape (N, L, D)

    Raises
    ------
    ValueError
        If there is no such method, times do not increase, a shape is not as above, ``"rodas4"`` is asked for without a
        Jacobian, or ``"rk4"`` with what is given from outside.

    References
    ----------
    Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I and II, 1993 and 1996.

    Examples
    --------
    A decay to an equilibrium is stiff far ahead, and costs no more there:

    >>> import numpy as np
    >>> unit = {"center": np.zeros(1), "scale": np.ones(1)}
    >>> integrate(lambda x: 1 - x, np.zeros((1, 1)), np.array([0.0, 1.0, 1e6]),
    ...           field_and_jacobian=lambda x: (1 - x, -np.ones((len(x), 1, 1))), **unit).round(4)
    array([[[0.    ],
            [0.6321],
            [1.    ]]])
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}")
    if method == "rodas4" and field_and_jacobian is None:
        raise ValueError("method='rodas4' needs field_and_jacobian")
    if method == "rk4" and outside is not None:
        raise ValueError("method='rk4' takes no inputs nor parameters, because its steps are fixed: choose 'dopri5'")
    x0, t = read_starts(x0), read_times(t)
    field = checked_field(field, x0.shape[1])
    field_and_jacobian = checked_derivatives(field_and_jacobian, x0.shape[1])
    elapsed = t - t[0]
    with tqdm(total=elapsed[-1], desc="simulate", unit="t", disable=not progress) as bar:

        def arrive(time: float) -> None:
            bar.update(min(time, bar.total) - bar.n)

        if method == "rk4":
            path = _fixed(field, x0, t, center, scale, bound, substeps, most_evaluations, arrive)
        else:
            paths = follow(
                driven_by(outside, field),
                derivatives_driven_by(outside, field_and_jacobian),
                x0,
                [t] * len(x0),
                center=center,
                scale=scale,
                bound=bound,
                method=method,
                rtol=rtol,
                atol=atol,
                most_evaluations=most_evaluations,
                breaks=None if outside is None else outside.jumps,
                corners=None if outside is None else outside.corners,
                arrive=arrive,
            )
            path = np.stack(paths) if paths else np.empty((0, len(t), x0.shape[1]))
        arrive(elapsed[-1])
    return path


def rk4(field: Field, z: np.ndarray, t: np.ndarray, substeps: int) -> np.ndarray:
    """Classical Runge-Kutta from states ``z`` (N, D), ``substeps`` steps between two times: paths (N, L, D)."""
    path = np.empty((len(t), *z.shape))
    path[0] = z
    for i, interval in enumerate(np.diff(t), start=1):
        h = interval / substeps
        for _ in range(substeps):
            k1 = field(z)
            k2 = field(z + h / 2 * k1)
            k3 = field(z + h / 2 * k2)
            k4 = field(z + h * k3)
            z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path[i] = z
    return path.transpose(1, 0, 2)


def rk4_driven(
    field: Field, z: np.ndarray, t: np.ndarray, outside: np.ndarray, holds: bool, substeps: int
) -> np.ndarray:
    """`rk4` of a field of states with inputs beside them, which are known at the times: paths (N, L, D).

    Parameters
    ----------
    field : callable, (N, D + G) -> (N, D)
    z : array of shape (N, D)
    t : array of shape (L,)
    outside : array of shape (N, L, G)
    holds : bool
        Whether inputs are held from one time to the next; else they lie on straight lines.
    substeps : int
    """
    path = np.empty((len(t), *z.shape))
    path[0] = z
    for i in range(len(t) - 1):
        before = outside[:, i]
        after = before if holds else outside[:, i + 1]
        rate = (after - before) / (t[i + 1] - t[i])

        def both(points: np.ndarray, rate: np.ndarray = rate) -> np.ndarray:
            return np.hstack([field(points), rate])

        path[i + 1] = rk4(both, np.hstack([path[i], before]), t[i : i + 2], substeps)[:, 1, : z.shape[1]]
    return path.transpose(1, 0, 2)


def _fixed(
    field: Callable[[np.ndarray], np.ndarray],
    x0: np.ndarray,
    t: np.ndarray,
    center: np.ndarray,
    scale: np.ndarray,
    bound: float,
    substeps: int,
    most_evaluations: int,
    arrive: Callable[[float], None],
) -> np.ndarray:
    """`rk4` of the rows that are within the bound, until the evaluations are spent."""
    path = np.full((len(x0), len(t), x0.shape[1]), np.nan)
    path[:, 0] = x0
    spent, reached = np.zeros(len(x0), dtype=bool), np.full(len(x0), t[0])
    with np.errstate(all="ignore"):
        live = np.flatnonzero(np.abs((x0 - center) / scale).max(axis=1) <= bound)
        for i, interval in enumerate(pairwise(t - t[0]), start=1):
            if 4 * substeps * i > most_evaluations:
                spent[live] = True
            if len(live) == 0 or spent.any():
                break
            x = rk4(field, path[live, i - 1], np.array(interval), substeps)[:, 1]
            inside = np.abs((x - center) / scale).max(axis=1) <= bound
            live = live[inside]
            path[live, i], reached[live] = x[inside], t[i]
            arrive(t[i] - t[0])
    warn_of_ends(list(path), spent, reached, np.full(len(x0), t[-1]), bound, most_evaluations)
    return path
