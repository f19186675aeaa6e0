"""Simulate many paths of one stochastic differential equation in a single batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from tqdm import tqdm

from skdyn.dynamics.arguments import check_answer, read_correlation, read_starts, read_times
from skdyn.dynamics.paths import name_rows
from skdyn.exceptions import ConvergenceWarning, warn

DriftDiffusion = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_NUMBERS_AT_ONCE = 2**18  # that are drawn for several steps at once


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
    correlation: np.ndarray | None = None,
    noise: np.ndarray | None = None,
) -> np.ndarray:
    """Draw paths of ``dx = f(x) dt + g(x) dW`` (Ito), with independent or correlated noise of the variables.

    Every interval of ``t`` is cut into equal steps ``h``, and each step adds ``f h + g sqrt(h) N(0, 1)`` (Kloeden and
    Platen, Numerical Solution of Stochastic Differential Equations, 1992, section 9.1). A path that comes further than
    ``bound`` scales from the centre, or meets a drift or diffusion that is not finite, has diverged: it is NaN from the
    next requested time on, and one `ConvergenceWarning` names the initial states concerned. The noise of a path depends
    neither on what becomes of the others nor on how many other initial states there are.

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
    correlation : array of shape (D, D), optional
        Of the increments of W; none by default.
    noise : array of shape (D,), optional
        Standard deviations of noise that is added to the states returned, and not to those that the path follows.

    Returns
    -------
    array of shape (N, n_paths, L, D)

    Raises
    ------
    ValueError
        If times do not increase, a shape is not as above, or ``correlation`` is that of no noise.

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
    starts, t = read_starts(x0), read_times(t)
    x = np.repeat(starts, n_paths, axis=0)
    key = rng.integers(2**32, size=4).tolist()
    streams = [np.random.default_rng([*key, i]) for i in range(len(starts))]
    kicks = _kicks(streams, n_paths, x.shape[1], int(np.sum(np.broadcast_to(substeps, len(t) - 1))))
    mixing = None if correlation is None else np.linalg.cholesky(read_correlation(correlation, x.shape[1])).T
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
                if len(alive) == 0:
                    break
                kick = next(kicks)[alive]
                here = x[alive]
                drift, diffusion = drift_diffusion(here)
                for part in (drift, diffusion):
                    check_answer("drift_diffusion", part, here.shape)
                x[alive] += h * drift + np.sqrt(h) * diffusion * (kick if mixing is None else kick @ mixing)
                alive = alive[near(x[alive])]
            paths[alive, i] = x[alive]
    if len(t) > 1 and len(alive) < len(x):
        gone = np.setdiff1d(np.arange(len(x)), alive)
        warn(
            f"{len(gone)} of {len(x)} paths diverged beyond {bound:g} scales of the data and are NaN from there on: "
            f"initial states {name_rows(np.unique(gone // n_paths))}",
            ConvergenceWarning,
        )
    of_starts = paths.reshape(-1, n_paths, *paths.shape[1:])
    if noise is not None:
        for i, own in enumerate(of_starts):
            own += noise * np.random.default_rng([*key, i, 1]).standard_normal(own.shape)
    return of_starts


def _kicks(streams: list[np.random.Generator], n_paths: int, dim: int, total: int) -> Iterator[np.ndarray]:
    """Standard normal numbers (N n_paths, D) for each of ``total`` steps, each initial state's from its own stream."""
    block = max(1, _NUMBERS_AT_ONCE // max(1, len(streams) * n_paths * dim))
    for begun in range(0, total, block):
        shape = (min(block, total - begun), n_paths, dim)
        drawn = [stream.standard_normal(shape) for stream in streams]
        yield from np.concatenate(drawn, axis=1) if drawn else np.zeros((shape[0], 0, dim))
