"""The observed trajectories in the engine's own units, smoothed, thinned and weighted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.exceptions import TrajectoryError
from skdyn.sparse.smoothing import smooth

Array = NDArray[np.float64]

#: Relative accuracy below which nothing is resolved: a floor for noise and for every error in the score.
FLOOR = 3e-4
#: Largest number of points and of trajectories that enter the fit; more are thinned evenly.
MAX_POINTS = 1200
MAX_TRAJECTORIES = 240
MAX_DIMENSION = 64
#: A state that moves less than this share of its level is measured from the level, not from zero.
HIGH_LEVEL = 0.01
#: Largest size of a state or duration, and the inverse of the least: their powers must stay finite.
MAX_SIZE = 1e25


@dataclass(frozen=True)
class Context:
    """Trajectories in units ``u = (x - center) / scale`` and ``tau = rate * (t - t[0])``, one row an observation.

    Attributes
    ----------
    tau : ndarray, shape (N,)
        Scaled times, starting at 0 in each trajectory.
    observed, path, slopes : ndarray, shape (N, D)
        Scaled observations, their smoothing spline and its slopes.
    weights : ndarray, shape (N, D)
        Inverse variances of the observations.
    bounds : ndarray of int, shape (K + 1,)
        Trajectory k holds the rows ``bounds[k]:bounds[k + 1]``.
    noise : ndarray, shape (D,)
        Mean-square residual of the spline.
    center : ndarray, shape (D,)
        Origin of the scaled states, in the user's units: 0 unless a state hardly moves about a high level.
    scale : ndarray, shape (D,)
        User's units of state in one scaled unit.
    rate : float
        Scaled time units in one of the user's.
    clean : bool
        No noise is visible above the floor.
    n_given : int
        Points before thinning.
    """

    tau: Array
    observed: Array
    path: Array
    slopes: Array
    weights: Array
    bounds: NDArray[np.intp]
    noise: Array
    center: Array
    scale: Array
    rate: float
    clean: bool
    n_given: int

    @property
    def dimension(self) -> int:
        """Number of state variables D."""
        return self.observed.shape[1]

    @property
    def n_points(self) -> int:
        """Number of observations N that enter the fit."""
        return len(self.tau)


def build_context(trajectories: Sequence[tuple[Array, Array]], max_points: int = MAX_POINTS) -> Context:
    """Thin, smooth and scale trajectories.

    Parameters
    ----------
    trajectories : sequence of (t, x)
        Times (L_k,) strictly increasing and states (L_k, D), L_k >= 2, in the user's units.
    max_points : int
        Most points that enter the fit.

    Returns
    -------
    Context

    Raises
    ------
    TrajectoryError
        No trajectory, one with fewer than two points, more than 64 state variables, or numbers that are not
        finite or whose powers would not be.
    """
    _check(trajectories)
    n_given = sum(len(t) for t, _ in trajectories)
    kept = _thin(trajectories, max_points)

    smoothed = [smooth(t, x) for t, x in kept]
    y = np.concatenate([x for _, x in kept])
    path = np.concatenate([states for states, _ in smoothed])
    slopes = np.concatenate([slope for _, slope in smoothed])
    bounds = np.cumsum([0] + [len(t) for t, _ in kept])

    center = _center(y)
    scale = np.sqrt(np.mean((y - center) ** 2, axis=0))
    scale[scale == 0] = 1.0
    rate = _rate(kept, [states for states, _ in smoothed], y)
    observed, path, slopes = (y - center) / scale, (path - center) / scale, slopes / (scale * rate)

    # A parabola through three points or a line through two leaves no residual and says nothing about noise.
    telling = np.concatenate([np.full(len(t), len(t) > 3) for t, _ in kept])
    residual = np.where(telling[:, None], observed - path, 0.0)
    share = max(int(np.count_nonzero(telling)), 1)
    noise = np.maximum(np.sum(residual**2, axis=0) / share, FLOOR**2)
    fourth = np.sum(path**4, axis=0)
    relative = np.sum(residual**2 * path**2, axis=0) / np.where(fourth > 0, fourth, 1.0)
    weights = 1.0 / (0.25 * noise + 0.75 * relative * path**2 + FLOOR**2)
    return Context(
        tau=np.concatenate([(t - t[0]) * rate for t, _ in kept]),
        observed=observed,
        path=path,
        slopes=slopes,
        weights=weights,
        bounds=np.asarray(bounds, dtype=np.intp),
        noise=noise,
        center=center,
        scale=scale,
        rate=rate,
        clean=bool(np.all(noise < (3 * FLOOR) ** 2)),
        n_given=n_given,
    )


def _check(trajectories: Sequence[tuple[Array, Array]]) -> None:
    """Say which trajectory cannot be fitted, and why."""
    if len(trajectories) == 0:
        raise TrajectoryError("A sparse fit needs at least one trajectory.")
    dimension = trajectories[0][1].shape[1]
    if dimension > MAX_DIMENSION:
        raise TrajectoryError(
            f"A sparse fit takes at most {MAX_DIMENSION} state variables, not {dimension}: reduce the dimension first."
        )
    for k, (t, x) in enumerate(trajectories):
        if x.shape != (len(t), dimension):
            raise TrajectoryError(f"Trajectory {k} has states {x.shape}; ({len(t)}, {dimension}) is needed.")
        if len(t) < 2:
            raise TrajectoryError(f"Trajectory {k} has {len(t)} point; a sparse fit needs at least two.")
        if not (np.all(np.isfinite(t)) and np.all(np.diff(t) > 0)):
            raise TrajectoryError(f"Trajectory {k} has times that are not finite and strictly increasing.")
        if not np.all(np.isfinite(x)):
            row = int(np.argwhere(~np.isfinite(x))[0, 0])
            raise TrajectoryError(f"Trajectory {k} is not finite in row {row}.")
        for d in range(dimension):
            largest = float(np.abs(x[:, d]).max())
            if largest and not 1 / MAX_SIZE <= largest <= MAX_SIZE:
                raise TrajectoryError(
                    f"Trajectory {k}, variable {d}: states up to {largest:.1e} cannot be raised to powers in "
                    f"floating point; rescale them to within {1 / MAX_SIZE:.0e} and {MAX_SIZE:.0e}."
                )
        if not 1 / MAX_SIZE <= t[-1] - t[0] <= MAX_SIZE:
            raise TrajectoryError(f"Trajectory {k} lasts {t[-1] - t[0]:.1e} units of time; rescale the times.")


def _thin(trajectories: Sequence[tuple[Array, Array]], max_points: int) -> list[tuple[Array, Array]]:
    """Keep evenly spaced trajectories, and evenly spaced points of each, up to the limits."""
    count = min(len(trajectories), MAX_TRAJECTORIES, max(max_points // 2, 1))
    chosen = [trajectories[k] for k in np.linspace(0, len(trajectories) - 1, count).round().astype(int)]
    total = sum(len(t) for t, _ in chosen)
    if total <= max_points:
        return chosen
    out = []
    spare = (max_points - 2 * count) / (total - 2 * count)
    for t, x in chosen:
        share = 2 + int((len(t) - 2) * spare)
        rows = np.linspace(0, len(t) - 1, share).round().astype(int)
        out.append((t[rows], x[rows]))
    return out


def _center(y: Array) -> Array:
    """Return the origin of each state: its own zero, where sparsity lives, unless the motion drowns in its level."""
    level, spread = y.mean(axis=0), y.std(axis=0)
    return np.where((spread > 1e-12 * np.abs(level)) & (spread < HIGH_LEVEL * np.abs(level)), level, 0.0)


def _rate(trajectories: list[tuple[Array, Array]], paths: list[Array], y: Array) -> float:
    """Return the root-mean-square speed of the smoothed path in standard deviations of the state."""
    spread = y.std(axis=0)
    moving = spread > 1e-12 * np.sqrt(np.mean(y**2, axis=0))
    speeds = [
        (np.diff(path, axis=0) / np.diff(t)[:, None])[:, moving] / spread[moving]
        for (t, _), path in zip(trajectories, paths)
    ]
    flat = np.concatenate([s.ravel() for s in speeds])
    rate = float(np.sqrt(np.mean(flat**2))) if flat.size else 0.0
    duration = max(float(t[-1] - t[0]) for t, _ in trajectories)
    return max(rate, 1e-3 / duration)
