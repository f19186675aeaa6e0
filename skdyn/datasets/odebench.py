"""ODEBench: 63 autonomous systems, mostly from Strogatz's textbook, solved anew from their equations.

The equations, constants and initial states are those collected by d'Ascoli, Becker, Mathis, Schwaller and
Kilbertus (*ODEFormer: Symbolic Regression of Dynamical Systems with Transformers*, ICLR 2024). No trajectory
is stored here: each is integrated on first use and kept in the process.
"""

import warnings
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.datasets import _odebench_1d, _odebench_2d, _odebench_3d4d
from skdyn.datasets._odebench_system import ODEBenchSystem

__all__ = ["ODEBenchSystem", "load_odebench", "odebench_times", "simulate_odebench", "solve"]

_SYSTEMS = _odebench_1d.SYSTEMS + _odebench_2d.SYSTEMS + _odebench_3d4d.SYSTEMS


def load_odebench(dims: Iterable[int] = (1, 2, 3)) -> tuple[ODEBenchSystem, ...]:
    """Systems of ODEBench of the given dimensions, in the published order.

    Parameters
    ----------
    dims : iterable of int, default=(1, 2, 3)
        Dimensions D to keep. There are 23 systems of dimension 1, 28 of 2, 10 of 3 and 2 of 4; the usual
        protocol takes the first 61.

    Returns
    -------
    tuple of ODEBenchSystem

    Raises
    ------
    ValueError
        If a dimension is not 1, 2, 3 or 4.

    References
    ----------
    S. d'Ascoli, S. Becker, A. Mathis, P. Schwaller and N. Kilbertus, *ODEFormer*, ICLR 2024.
    S. H. Strogatz, *Nonlinear Dynamics and Chaos*, Westview Press.

    Examples
    --------
    >>> from skdyn.datasets import load_odebench
    >>> len(load_odebench())
    61
    """
    wanted = set(dims)
    unknown = sorted(wanted - {1, 2, 3, 4})
    if unknown:
        raise ValueError(f"dims: ODEBench has systems of dimension 1, 2, 3 and 4, not {unknown[0]!r}")
    return tuple(system for system in _SYSTEMS if system.dim in wanted)


def odebench_times() -> NDArray[np.float64]:
    """Observation times of the protocol.

    Returns
    -------
    ndarray of shape (200,)
        The points ``floor(511 i / 199)``, i = 0 ... 199, of 512 equidistant times on [0, 10].
    """
    return np.linspace(0.0, 10.0, 512)[511 * np.arange(200) // 199]


def solve(system: ODEBenchSystem, t: ArrayLike | None = None, *, solver: str = "published") -> NDArray[np.float64]:
    """Clean trajectories of a system from its two initial states.

    Parameters
    ----------
    system : ODEBenchSystem
        The system to integrate.
    t : array-like of shape (L,), optional
        Increasing times, L >= 2; the initial states hold at ``t[0]``. By default `odebench_times`, and then
        the result is computed once in a process and is read-only.
    solver : {"published", "tight"}, default="published"
        Which solution. The published samples carry the errors of LSODA at a relative tolerance of 1e-5 and an
        absolute one of 1e-7; "published" repeats that, so that scores can be laid beside published ones.
        "tight" is DOP853 at a relative tolerance of 1e-12: what the equations say.

    Returns
    -------
    ndarray of shape (2, L, D)
        The two trajectories, float64.

    Raises
    ------
    ValueError
        If the times are not finite and increasing, or the solver's name is unknown.
    RuntimeError
        If the solver stops before the last time, as it does where a solution ceases to exist.

    Notes
    -----
    Differences relative to the largest value of a trajectory. Between "published" and the published samples:
    below 1e-6 for most trajectories, and below 1e-4 for all but the chaotic systems 55, 56 and 61, where LSODA's
    choices of steps hang on rounding (up to 1e-2). Between "tight" and the published samples: 1e-6 to 3e-3,
    and up to 0.5 for the same three systems. The second trajectory of system 55, a Lorenz system with
    c1 = 99.96, differs from its published samples by half its size whatever the solver.

    Examples
    --------
    >>> from skdyn.datasets import load_odebench
    >>> from skdyn.datasets.odebench import solve
    >>> solve(load_odebench()[1], [0.0, 1.0], solver="tight").round(3)
    array([[[4.78 ],
            [6.016]],
    <BLANKLINE>
           [[0.87 ],
            [1.095]]])
    """
    if solver not in _SOLVERS:
        raise ValueError(f"solver: expected one of {sorted(_SOLVERS)}, got {solver!r}")
    if t is None:
        return _solve_at_odebench_times(system, solver)
    times = np.asarray(t, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("t: at least two finite, increasing times are needed, in one dimension")
    with np.errstate(all="ignore"):  # trial steps may leave the equations' domain before the solver shortens them
        return np.stack([_SOLVERS[solver](system, x0, times) for x0 in system.initial_states])


def simulate_odebench(dims: Iterable[int] = (1, 2, 3), *, solver: str = "published") -> dict[int, NDArray[np.float64]]:
    """Clean trajectories of all systems of the given dimensions at the protocol's times.

    Parameters
    ----------
    dims : iterable of int, default=(1, 2, 3)
        Dimensions D to keep, as in `load_odebench`.
    solver : {"published", "tight"}, default="published"
        As in `solve`.

    Returns
    -------
    dict of int to ndarray of shape (2, 200, D)
        Read-only arrays under the systems' numbers, at the times of `odebench_times`. They are integrated on
        the first call in a process.

    Examples
    --------
    >>> from skdyn.datasets.odebench import simulate_odebench
    >>> simulate_odebench(dims=(3,))[56].shape
    (2, 200, 3)
    """
    return {system.id: solve(system, solver=solver) for system in load_odebench(dims)}


@cache
def _solve_at_odebench_times(system: ODEBenchSystem, solver: str) -> NDArray[np.float64]:
    x = solve(system, odebench_times(), solver=solver)
    x.flags.writeable = False
    return x


def _solve_tight(system: ODEBenchSystem, x0: tuple[float, ...], t: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.integrate import solve_ivp  # the table of systems is wanted more often than a solver

    rhs, constants = system.rhs, system.constants
    solution = solve_ivp(lambda _, x: rhs(*x, *constants), (t[0], t[-1]), x0, "DOP853", t, rtol=1e-12, atol=1e-13)
    if not solution.success:
        raise RuntimeError(f"system {system.id} from {x0}: {solution.message}")
    return solution.y.T


def _solve_published(system: ODEBenchSystem, x0: tuple[float, ...], t: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.integrate import ODEintWarning, odeint

    rhs, constants = system.rhs, system.constants
    # The first step and the halt at the end are part of the recipe: they fix LSODA's whole sequence of steps.
    with warnings.catch_warnings(action="ignore", category=ODEintWarning):  # a failure is raised below
        x, info = odeint(
            lambda _, x: rhs(*x, *constants),
            x0,
            t,
            tfirst=True,
            full_output=True,
            rtol=1e-5,
            atol=1e-7,
            h0=1e-6,
            hmin=1e-10,
            tcrit=t[-1:],
        )
    if info["message"] != "Integration successful.":
        raise RuntimeError(f"system {system.id} from {x0}: {info['message']}")
    return x


_SOLVERS = {"published": _solve_published, "tight": _solve_tight}
