"""Whether one state has one velocity: what an autonomous ODE needs, and what a hidden variable or an input breaks.

The smoothed velocities are taken for a smooth function of the states, a Gaussian process with a length of one
deviation. Each is predicted from those of other times (a twelfth of the points around it is left out), and where the
state was visited at other times the prediction must agree; in the manner of Kaplan and Glass, Physical Review Letters
68, 427 (1992), who compare directions in boxes. The same with a length of a quarter tells a field that bends sharply,
whose velocities it predicts much better, from one that contradicts itself.

Letters: N points of all trajectories together, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from skdyn.diagnosis.held import jumps
from skdyn.diagnosis.paths import Paths, Spline

_MOST_POINTS = 100
_LENGTHS = (1.0, 0.25)  # of the Gaussian process, in standard deviations of the states
_REMOVED = 1 / 3  # share of a contradiction from which on it is only that the field bends sharply
_TOLERANCE = 0.1  # error of a smoothed velocity that needs no noise, in typical velocities
_LEFT_OUT = 12
_KNOWN = 0.1  # variance of a prediction, of one without data, below which the state counts as visited
_FEWEST = 5


@dataclass(frozen=True)
class Contradiction:
    """How far the velocities of one state, at different times, are apart.

    Attributes
    ----------
    size : float
        Mean square of the differences, in squared typical velocities of the variable that has the largest; NaN where
        no state was visited twice.
    excess : float
        The same in squares of what noise and the prediction's own error explain.
    """

    size: float
    excess: float


def contradiction(paths: Paths) -> Contradiction:
    """Compare the velocities of states that were visited at several times, under the same inputs and parameters.

    NaN where there are too few of them.
    """
    if sum(map(len, paths.states)) < _FEWEST:
        return Contradiction(np.nan, np.nan)
    states = np.hstack([np.concatenate(paths.states), np.concatenate(paths.outside)])
    slopes = np.concatenate(paths.slopes)
    every = -(-len(states) // _MOST_POINTS)
    states, slopes = states[::every], slopes[::every]
    typical = np.sqrt(np.mean(slopes**2, axis=0))
    typical = np.where(typical > 0, typical, 1.0)
    # What the error of the states makes of the velocities, by the linear field that fits best.
    gradient = np.linalg.lstsq(states - states.mean(axis=0), slopes, rcond=None)[0]
    by_states = gradient[: slopes.shape[1]]
    variance = paths.slope_noise**2 + by_states.T**2 @ paths.state_noise**2
    apart = np.square(states[:, None] - states).sum(axis=-1)
    worst = Contradiction(np.nan, np.nan)
    for d in range(slopes.shape[1]):
        noise = _TOLERANCE**2 + variance[d] / typical[d] ** 2
        values = slopes[:, d] / typical[d]
        found = _unless_sharper(
            *(_against_other_times(np.exp(-apart / (2 * length**2)), values, noise) for length in _LENGTHS)
        )
        if not found.size <= worst.size:
            worst = found if np.isfinite(found.size) else worst
    return worst


def _unless_sharper(smooth: Contradiction, sharp: Contradiction) -> Contradiction:
    """What a smooth field finds, or where a sharper one removes most of it, what that one does."""
    return sharp if sharp.size < _REMOVED * smooth.size else smooth


def between_jumps(paths: Paths) -> Paths:
    """The same paths cut where a held input jumps, and smoothed anew: a smooth path across a jump misses the slopes."""
    pieces = []
    for t, x, u, jumped in zip(paths.times, paths.observed, paths.outside, jumps(paths.outside), strict=True):
        bounds = [0, *(np.flatnonzero(jumped) + 1).tolist(), len(t)]
        cuts = [slice(*ends) for ends in pairwise(bounds) if ends[1] - ends[0] >= _FEWEST]
        pieces += [(t[cut], x[cut], u[cut]) for cut in cuts]
    fits = [Spline.of(t, x).fit(x, paths.ratio) for t, x, _ in pieces]
    return replace(
        paths,
        times=[t for t, _, _ in pieces],
        observed=[x for _, x, _ in pieces],
        states=[states for states, _, _ in fits],
        slopes=[slopes for _, slopes, _ in fits],
        outside=[u for _, _, u in pieces],
    )


def _against_other_times(near: np.ndarray, values: np.ndarray, noise: float) -> Contradiction:
    """Predict values (N,) of a process with covariances ``near`` (N, N), each from those of other times."""
    count = len(values)
    inverse = np.linalg.inv(near + noise * np.eye(count))
    weighted = inverse @ values
    error, variance = np.empty(count), np.empty(count)
    width = max(3, count // _LEFT_OUT)
    for start in range(0, count, width):
        part = slice(start, start + width)
        block = np.linalg.inv(inverse[part, part])
        error[part], variance[part] = block @ weighted[part], np.diag(block)
    visited = variance - noise < _KNOWN
    if visited.sum() < _FEWEST:
        return Contradiction(np.nan, np.nan)
    squares = error[visited] ** 2
    return Contradiction(float(squares.mean()), float((squares / variance[visited]).mean()))


def with_delay(paths: Paths) -> Paths | None:
    """The same paths with each variable also a quarter of its cycle before; None where they are too short."""
    lag = _quarter_cycle(paths)
    if any(len(x) < lag + 3 * _FEWEST for x in paths.states):
        return None

    def both(parts: list[np.ndarray]) -> list[np.ndarray]:
        return [np.concatenate([x[lag:], x[:-lag]], axis=1) for x in parts]

    return replace(
        paths,
        times=[t[lag:] for t in paths.times],
        observed=both(paths.observed),
        states=both(paths.states),
        slopes=both(paths.slopes),
        outside=[u[lag:] for u in paths.outside],
        noise=np.tile(paths.noise, 2),
        state_noise=np.tile(paths.state_noise, 2),
        slope_noise=np.tile(paths.slope_noise, 2),
    )


def _quarter_cycle(paths: Paths) -> int:
    """Points after which the first variable's autocorrelation first comes below zero."""
    x = max(paths.states, key=len)[:, 0]
    x = x - x.mean()
    correlation = np.correlate(x, x, "full")[len(x) - 1 :]
    below = np.flatnonzero(correlation < 0)
    return int(below[0]) if len(below) else max(1, len(x) // 10)
