"""How the recording was made: how often, how long, and how different the variables' clocks are."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from skdyn.diagnosis.paths import Paths, Spline

_NEIGHBOURS = 3


def jump(paths: Paths) -> float:
    """Mean square of a variable's changes from point to point, of twice its variance; one for independent points.

    The von Neumann ratio (Annals of Mathematical Statistics 12, 367, 1941) of the variable that has the largest.
    """
    changes = np.concatenate([np.diff(x, axis=0) for x in paths.observed])
    return float((np.mean(changes**2, axis=0) / 2).max())


def predicted_by_map(paths: Paths) -> float:
    """Share of the variance of the next point that the neighbours of this one predict; at most 1.

    Nearest neighbours in the observed states, as in Sugihara and May, Nature 344, 734 (1990).
    """
    now = np.concatenate([x[:-1] for x in paths.observed])
    then = np.concatenate([x[1:] for x in paths.observed])
    if len(now) <= 2 * _NEIGHBOURS:
        return np.nan
    _, neighbours = cKDTree(now).query(now, _NEIGHBOURS + 1)
    error = then - then[neighbours[:, 1:]].mean(axis=1)
    return float(1 - np.mean(error**2) / np.mean((then - then.mean(axis=0)) ** 2))


def cycles(paths: Paths) -> tuple[float, float]:
    """Most completed cycles of a variable in one trajectory, and the points of the recording that the shortest has.

    A cycle is completed where the smoothed path rises through the middle of its range again; NaN and NaN where no path
    turns back by a quarter of its range, so that there are no cycles to speak of.
    """
    most, points, turns = 0.0, np.nan, False
    for t, x, every in paths.whole:
        for values in Spline.of(t, x).fit(x, paths.ratio)[0].T:
            turns = turns or _turns_back(values)
            middle = (values.min() + values.max()) / 2
            up = np.flatnonzero((values[:-1] < middle) & (values[1:] >= middle))
            if len(up) > 1:
                most = max(most, len(up) - 1.0)
                points = float(np.nanmin([points, every * np.diff(up).mean()]))
    return (most, points) if turns or most else (np.nan, np.nan)


def _turns_back(values: np.ndarray) -> bool:
    """Whether a path falls by a quarter of its range after it rose by as much, or rises after it fell."""
    span = np.ptp(values)
    drop = (np.maximum.accumulate(values) - values).max()
    rise = (values - np.minimum.accumulate(values)).max()
    return bool(min(drop, rise) > span / 4)


def clock_ratio(paths: Paths) -> float:
    """How many times the fastest variable is faster than the slowest, by slope over deviation; NaN for one."""
    if len(paths.variables) < 2:
        return np.nan
    speeds = np.sqrt(np.mean(np.concatenate(paths.slopes) ** 2, axis=0) / np.var(np.concatenate(paths.states), axis=0))
    return float(speeds.max() / max(speeds.min(), 1e-12))
