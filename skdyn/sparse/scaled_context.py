"""A context in the search's own units: thinned, smoothed, scaled and weighted.

Letters: K trajectories, L points of one, M points of all of them, D variables. What every later step reads of the data
is here, one row a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.sparse.smoothing import LEAST_OBSERVED, check_observed, smooth, smooth_with_gaps

Array = NDArray[np.float64]

#: Relative accuracy below which nothing is resolved: a floor for noise and for every error in the score.
FLOOR = 3e-4
#: Most points, trajectories and variables that enter a fit; more points and trajectories are thinned evenly.
MAX_POINTS = 1200
MAX_TRAJECTORIES = 240
MAX_FEATURES = 64
_LEAST_ROWS = 2
#: Mean distances of a variable's observations by which thinning may widen its largest gap.
_WIDER = 4.0
#: A Runge-Kutta step of clean data; the states move by about a deviation in a unit of scaled time.
_LONGEST_STEP = 0.1
_MOST_SUBSTEPS = 8
#: A variable that moves less than this share of its level is measured from the level, not from zero.
HIGH_LEVEL = 0.01
#: Values of an input or a parameter that are closer than this share of their range count as one.
_SAME_VALUE = 0.01
#: Of the largest value, by which a column that is never negative may be below zero.
_ROUNDING = 1e-6
#: Largest size of a state or duration, and the inverse of the least: their powers must stay finite.
MAX_SIZE = 1e25


@dataclass(frozen=True)
class ScaledContext:
    """Trajectories in units ``u = (x - center) / scale`` and ``tau = rate * (t - t[0])``, one row a point.

    Attributes
    ----------
    tau : array of shape (M,)
        Scaled times, starting at 0 in each trajectory.
    observed, path, slopes : array of shape (M, D)
        Scaled states, their smoothing spline and its slopes.
    weights : array of shape (M, D)
        Inverse variances of the observed states; zero where a state was not observed.
    bounds : int array of shape (K + 1,)
        Trajectory k holds the rows ``bounds[k]:bounds[k + 1]``.
    noise : array of shape (D,)
        Mean-square residual of the spline.
    center : array of shape (D,)
        Origin of the scaled states, in the user's units: 0 unless a variable hardly moves about a high level.
    scale : array of shape (D,)
        User's units of state in one scaled unit.
    rate : float
        Scaled time units in one of the user's.
    clean : bool
        No noise is visible above the floor.
    n_given : int
        Points before thinning.
    usable : boolean array of shape (M, D)
        Where the path is known from observations near by.
    seen : boolean array of shape (M, D)
        What was observed; elsewhere `observed` is the path, without weight.
    outside : array of shape (M, G)
        Scaled inputs and parameters.
    outside_scale : array of shape (G,)
    holds : bool
        Inputs are between two points as at the one before, not on the straight line.
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
    usable: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    outside: Array
    outside_scale: Array
    holds: bool

    @property
    def columns(self) -> Array:
        """What the terms are made of, along the path: an array of shape (M, L)."""
        return np.hstack([self.path, self.outside])

    @property
    def n_columns(self) -> int:
        """Number of columns L: variables, inputs and parameters."""
        return self.n_features + self.outside.shape[1]

    @property
    def column_scale(self) -> Array:
        """User's units in one scaled unit of each column (L,)."""
        return np.concatenate([self.scale, self.outside_scale])

    @property
    def column_center(self) -> Array:
        """Origin of each column (L,), in the user's units; zero for inputs and parameters."""
        return np.concatenate([self.center, np.zeros_like(self.outside_scale)])

    @cached_property
    def is_positive(self) -> NDArray[np.bool_]:
        """Which columns (L,) are never negative, or by no more than their noise and rounding."""
        least = np.zeros(self.n_columns)
        least[: self.n_features] = np.sqrt(self.noise)
        return self.columns.min(axis=0) >= -least - _ROUNDING * np.abs(self.columns).max(axis=0)

    @property
    def n_features(self) -> int:
        """Number of variables D."""
        return self.observed.shape[1]

    @property
    def n_points(self) -> int:
        """Number of points M that enter the fit."""
        return len(self.tau)

    @cached_property
    def highest_powers(self) -> tuple[int, ...]:
        """Highest power of each input and parameter (G,) that lower ones do not imply: its number of values, less one.

        Of a dose that is given or not, the square is the dose itself in other units.
        """
        return tuple(_different_values(values) - 1 for values in self.outside.T)

    @cached_property
    def starts_of_steps(self) -> NDArray[np.intp]:
        """Points (J,) after which another one of the same trajectory comes."""
        return np.delete(np.arange(self.n_points - 1), self.bounds[1:-1] - 1)

    @cached_property
    def substeps(self) -> int:
        """Runge-Kutta steps in an interval of ordinary length: where noise is seen, one is exact enough."""
        if not self.clean:
            return 1
        gaps = np.diff(self.tau)[self.starts_of_steps]
        return int(np.clip(np.ceil(np.median(gaps) / _LONGEST_STEP), 2, _MOST_SUBSTEPS))


def scale_context(context: Trajectories, max_points: int = MAX_POINTS, true_origin: bool = False) -> ScaledContext:
    """Thin, smooth and scale trajectories.

    Parameters
    ----------
    context : Trajectories
    max_points : int, default=1200
        Most points that enter the fit.
    true_origin : bool, default=False
        Measure every variable from zero, also one that hardly moves about a high level.

    Returns
    -------
    ScaledContext

    Raises
    ------
    TrajectoryError
        More than 64 variables, or numbers whose powers would not be finite.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> t = np.linspace(0.0, 6.0, 80)
    >>> scaled = scale_context(Trajectories([(t, 5.0 * np.sin(t))]), max_points=50)
    >>> scaled.n_points, scaled.n_given, scaled.clean
    (50, 80, True)
    """
    _check_sizes(context)
    thinned = _thin(list(zip(context.times, context.states, context.outside, strict=True)), max_points)
    kept = [(t, x) for t, x, _ in thinned]
    outside = np.concatenate([given for _, _, given in thinned])
    outside_scale = np.sqrt(np.mean(outside**2, axis=0))
    outside_scale[outside_scale == 0] = 1.0

    smoothed = [_smoothed(t, x) for t, x in kept]
    path = np.concatenate([states for states, _, _ in smoothed])
    slopes = np.concatenate([slope for _, slope, _ in smoothed])
    raw = np.concatenate([x for _, x in kept])
    seen = ~np.isnan(raw)
    y = np.where(seen, raw, path)
    bounds = np.cumsum([0] + [len(t) for t, _ in kept])

    usable = np.concatenate([known for _, _, known in smoothed])
    if np.count_nonzero(usable.all(axis=1)) < _LEAST_ROWS:
        raise TrajectoryError(
            f"fewer than {_LEAST_ROWS} points have all variables observed, or near enough to observations to be "
            "interpolated: there is nothing to begin with; use rows at common times, or fewer variables"
        )
    center = np.zeros(context.n_features) if true_origin else _center(y)
    scale = np.sqrt(np.mean((y - center) ** 2, axis=0))
    scale[scale == 0] = 1.0
    rate = _rate(kept, [states for states, _, _ in smoothed], y)
    observed, path, slopes = (y - center) / scale, (path - center) / scale, slopes / (scale * rate)

    # A parabola through three points or a line through two leaves no residual and says nothing about noise.
    telling = np.concatenate([np.full(len(t), len(t) > 3) for t, _ in kept])
    residual = np.where(telling[:, None] & seen, observed - path, 0.0)
    share = np.maximum(np.count_nonzero(telling[:, None] & seen, axis=0), 1)
    noise = np.maximum(np.sum(residual**2, axis=0) / share, FLOOR**2)
    fourth = np.sum(np.where(seen, path**4, 0.0), axis=0)
    relative = np.sum(residual**2 * path**2, axis=0) / np.where(fourth > 0, fourth, 1.0)
    weights = 1.0 / (0.25 * noise + 0.75 * relative * path**2 + FLOOR**2)
    return ScaledContext(
        tau=np.concatenate([(t - t[0]) * rate for t, _ in kept]),
        observed=observed,
        path=path,
        slopes=slopes,
        weights=np.where(seen, weights, 0.0),
        bounds=np.asarray(bounds, dtype=np.intp),
        noise=noise,
        center=center,
        scale=scale,
        rate=rate,
        clean=bool(np.all(noise < (3 * FLOOR) ** 2)),
        n_given=context.n_points,
        usable=usable,
        seen=seen,
        outside=outside / outside_scale,
        outside_scale=outside_scale,
        holds=context.given.holds,
    )


def _check_sizes(context: Trajectories) -> None:
    """Say what in sound trajectories cannot be raised to powers."""
    if context.n_features > MAX_FEATURES:
        raise TrajectoryError(
            f"a sparse fit takes at most {MAX_FEATURES} variables, got {context.n_features}; reduce them first, for "
            "instance with FIMCoarseGrainer"
        )
    check_observed(context)
    for k, (t, x) in enumerate(context):
        for d, largest in enumerate(np.nanmax(np.abs(x), axis=0)):
            if largest and not 1 / MAX_SIZE <= largest <= MAX_SIZE:
                raise TrajectoryError(
                    f"trajectory {k}, variable {d}: states up to {largest:.1e} cannot be raised to powers in floating "
                    f"point; rescale them to within {1 / MAX_SIZE:.0e} and {MAX_SIZE:.0e}"
                )
        if not 1 / MAX_SIZE <= t[-1] - t[0] <= MAX_SIZE:
            raise TrajectoryError(f"trajectory {k} lasts {t[-1] - t[0]:.1e} units of time; rescale the times")
    given = np.abs(np.concatenate(context.outside)).max(axis=0)
    for name, largest in zip(context.column_names[context.n_features :], given, strict=True):
        if largest and not 1 / MAX_SIZE <= largest <= MAX_SIZE:
            raise TrajectoryError(
                f"{name}: inputs or parameters up to {largest:.1e} cannot be raised to powers in floating point; "
                f"rescale them to within {1 / MAX_SIZE:.0e} and {MAX_SIZE:.0e}"
            )


def _smoothed(t: Array, x: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """States, slopes and where these are known."""
    if np.isnan(x).any():
        return smooth_with_gaps(t, x)
    return *smooth(t, x), np.ones(x.shape, dtype=bool)


def _thin(trajectories: Sequence[tuple[Array, ...]], max_points: int) -> list[tuple[Array, ...]]:
    """Keep evenly spaced trajectories, and evenly spaced points of each, up to the limits.

    Where these would pass over a variable, as one that was observed at every second time, points are evenly spaced
    among those at which the same variables were observed.
    """
    count = min(len(trajectories), MAX_TRAJECTORIES, max(max_points // 2, 1))
    chosen = {int(k): trajectories[k] for k in np.linspace(0, len(trajectories) - 1, count).round().astype(int)}
    total = sum(len(arrays[0]) for arrays in chosen.values())
    if total <= max_points:
        return list(chosen.values())
    out = []
    spare = (max_points - 2 * count) / (total - 2 * count)
    for k, arrays in chosen.items():
        share = 2 + int((len(arrays[0]) - 2) * spare)
        seen = ~np.isnan(arrays[1])
        rows = _rows_kept(seen, share)
        left = seen[rows].sum(axis=0)
        if left.min() < LEAST_OBSERVED:
            raise TrajectoryError(
                f"trajectory {k}, variable {left.argmin()} keeps {left.min()} observations where {len(arrays[0])} "
                f"points are thinned to {share}: leave out rows in which it was not observed, or raise max_points"
            )
        out.append(tuple(array[rows] for array in arrays))
    return out


def _rows_kept(seen: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    """Evenly spaced rows, or where these would pass over what was seen (L, D) of a variable, so of those seen alike."""
    rows = np.linspace(0, len(seen) - 1, count).round().astype(int)
    if seen.all():
        return rows
    allowed = _largest_gaps(np.arange(len(seen)), seen) + _WIDER * len(seen) / (count * seen.mean(axis=0))
    if seen[rows].sum(axis=0).min() >= LEAST_OBSERVED and (_largest_gaps(rows, seen) <= allowed).all():
        return rows
    return np.sort(np.lexsort(~seen.T)[rows])


def _largest_gaps(rows: NDArray[np.intp], seen: NDArray[np.bool_]) -> Array:
    """Most rows (D,) from an observation to the next, or to an end, where some rows (M,) of all (L,) are kept."""
    return np.array([np.diff(rows[own[rows]], prepend=-1, append=len(own)).max() for own in seen.T])


def _center(y: Array) -> Array:
    """Return the origin of each variable: its own zero, where sparsity lives, unless motion drowns in its level.

    The level is rounded to what the spread resolves, so that it can be printed in full.
    """
    level, spread = y.mean(axis=0), y.std(axis=0)
    high = (spread > 1e-12 * np.abs(level)) & (spread < HIGH_LEVEL * np.abs(level))
    return np.array([_short(c, s) if far else 0.0 for c, s, far in zip(level, spread, high, strict=True)])


def _different_values(values: Array) -> int:
    """How many values there are, up to small differences."""
    rest, count, width = np.sort(values), 0, _SAME_VALUE * np.ptp(values)
    while len(rest):
        rest, count = rest[rest > rest[0] + width], count + 1
    return count


def _short(level: float, spread: float) -> float:
    """Round to a tenth of the spread's leading digit."""
    digits = int(np.floor(np.log10(abs(level))) - np.floor(np.log10(spread))) + 2
    return float(f"{level:.{min(digits, 17)}g}")


def _rate(trajectories: list[tuple[Array, Array]], paths: list[Array], y: Array) -> float:
    """Return the root-mean-square speed of the smoothed path in standard deviations of the states."""
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
