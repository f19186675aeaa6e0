"""Simulate many paths of one stochastic differential equation in a single batch, and judge observed transitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.paths import name_rows
from skdyn.exceptions import ConvergenceWarning, warn

DriftDiffusion = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_WORST = -1e12  # least log-density that a transition counts with, so that a mean stays finite
_NOISELESS = 1e-8  # a transition's standard deviation is taken as at least this fraction of the data's


def euler_maruyama(
    drift_diffusion: DriftDiffusion,
    x0: np.ndarray,
    t: np.ndarray,
    *,
    rng: np.random.Generator,
    n_paths: int = 1,
    substeps: int | np.ndarray = 8,
    center: np.ndarray,
    scale: np.ndarray,
    bound: float = 100.0,
    progress: bool = False,
) -> np.ndarray:
    """Draw paths of ``dx = f(x) dt + g(x) dW`` (Ito) with independent noise in each variable.

    Every interval of ``t`` is cut into equal steps ``h``, and each step adds ``f h + g sqrt(h) N(0, 1)`` (Kloeden and
    Platen, Numerical Solution of Stochastic Differential Equations, 1992, section 9.1). A path that comes further than
    ``bound`` scales from the centre, or meets a drift or diffusion that is not finite, has diverged: it is NaN from the
    next requested time on, and one `ConvergenceWarning` names the initial states concerned. The noise of a path does
    not depend on what becomes of the others.

    Parameters
    ----------
    drift_diffusion : callable, (M, D) -> (M, D), (M, D)
        Drift f and diffusion g, the diagonal of the matrix that multiplies dW.
    x0 : array of shape (N, D)
        States at ``t[0]``.
    t : array of shape (L,), increasing
    rng : numpy.random.Generator
    n_paths : int, default=1
        Paths from each initial state.
    substeps : int or array of L - 1 int, default=8
        Steps in each interval of ``t``.
    center, scale : arrays of shape (D,)
        Units of the bound.
    bound : float, default=100.0
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    array of shape (N, n_paths, L, D)

    Examples
    --------
    An Ornstein-Uhlenbeck process has the standard deviation ``g / sqrt(2 theta)`` in the long run:

    >>> import numpy as np
    >>> settings = {"rng": np.random.default_rng(0), "center": np.zeros(1), "scale": np.ones(1)}
    >>> t = np.linspace(0, 5, 6)
    >>> paths = euler_maruyama(lambda x: (-2 * x, np.ones_like(x)), np.zeros((1, 1)), t, n_paths=4000, substeps=50,
    ...                        **settings)
    >>> paths.shape
    (1, 4000, 6, 1)
    >>> print(f"{paths[0, :, -1].std():.1f}")
    0.5
    """
    x = np.repeat(np.asarray(x0, dtype=np.float64), n_paths, axis=0)
    paths = np.full((len(x), len(t), x.shape[1]), np.nan)
    paths[:, 0] = x

    def near(states: np.ndarray) -> np.ndarray:
        return np.abs((states - center) / scale).max(axis=1) <= bound  # False for NaN

    with np.errstate(all="ignore"):
        alive = np.flatnonzero(near(x))
        intervals = zip(np.diff(t), np.broadcast_to(substeps, len(t) - 1), strict=True)
        bar = tqdm(intervals, total=len(t) - 1, desc="simulate", unit="interval", disable=not progress)
        for i, (interval, steps) in enumerate(bar, 1):
            h = interval / steps
            for _ in range(steps):
                noise = rng.standard_normal(x.shape)
                if len(alive) == 0:
                    break
                drift, diffusion = drift_diffusion(x[alive])
                x[alive] += h * drift + np.sqrt(h) * diffusion * noise[alive]
                alive = alive[near(x[alive])]
            paths[alive, i] = x[alive]
    if len(t) > 1 and len(alive) < len(x):
        gone = np.setdiff1d(np.arange(len(x)), alive)
        warn(
            f"{len(gone)} of {len(x)} paths diverged beyond {bound:g} scales of the data and are NaN from there on: "
            f"initial states {name_rows(np.unique(gone // n_paths))}",
            ConvergenceWarning,
        )
    return paths.reshape(-1, n_paths, *paths.shape[1:])


def transition_log_likelihoods(
    drift_diffusion: DriftDiffusion, observed: Trajectories, scale: np.ndarray
) -> np.ndarray:
    """Log-density of every observed transition under one Euler-Maruyama step.

    The density of ``x_{i+1}`` is normal with mean ``x_i + f(x_i) h`` and standard deviation ``g(x_i) sqrt(h)`` in each
    variable, with h the time between the two points. It is exact as h goes to zero.

    Parameters
    ----------
    drift_diffusion : callable, (M, D) -> (M, D), (M, D)
    observed : Trajectories
    scale : array of shape (D,)
        Standard deviation of the data; that of a transition is taken as at least 1e-8 of it.

    Returns
    -------
    array of shape (number of points - number of trajectories,)
        In nats, densities being per unit of each variable. At least -1e12, which is also that of a transition for
        which drift or diffusion is not finite.
    """
    start = np.concatenate([x[:-1] for x in observed.states])
    moved = np.concatenate([np.diff(x, axis=0) for x in observed.states])
    h = np.concatenate([np.diff(t) for t in observed.times])[:, None]
    with np.errstate(all="ignore"):
        drift, diffusion = drift_diffusion(start)
        std = np.maximum(diffusion * np.sqrt(h), _NOISELESS * scale)
        standardised = (moved - drift * h) / std
        density = (-0.5 * standardised**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    return np.where(np.isfinite(density), density, _WORST).clip(min=_WORST)
