"""A context as the checks look at it: few points, comparable units, smoothed, and how smooth it is.

Each variable of each trajectory is taken for a path of one of two kinds plus white noise: the integral of a Brownian
motion, which is what a cubic smoothing spline assumes and what solutions of ODEs look like; or a Brownian motion
itself, which is what paths of SDEs look like. Both are fitted by restricted likelihood to the same second differences,
so that the two likelihoods can be compared.

Letters: L points, D variables, M = L - 2 second differences, G noise ratios.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpbtrf, dpbtrs

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.rows import followed
from skdyn.dynamics.units import state_units

SHORTEST = 8  # points of a trajectory that is looked at
_MOST_TRAJECTORIES, _MOST_POINTS = 4, 240
_ROUNDING = 1e-12
_RATIOS = np.logspace(-6.0, 6.0, 9)  # of the variances of noise and of the path's own changes in one mean step
_STATE_NOISE, _SLOPE_NOISE = 3 / (8 * np.sqrt(2)), 1 / (8 * np.sqrt(2))
"""Integrals of the squares of a smoothing spline's equivalent kernel (Silverman 1984) and of its slope."""


@dataclass(frozen=True)
class Paths:
    """Smoothed trajectories, in standard deviations of the states and in mean time steps.

    Attributes
    ----------
    variables : integer array
        Those that vary; D counts these.
    whole : list of tuples of arrays of shapes (M,), (M, D) and an int
        Times and observed states of all of each trajectory, of which every so many points are kept.
    times : list of arrays of shape (L,)
        Of all of each trajectory too, or of stretches of it.
    observed, states, slopes : lists of arrays of shape (L, D)
        As they were observed, smoothed, and the slopes of the smoothed paths.
    outside : list of arrays of shape (L, G)
        Inputs and parameters, in their standard deviations; zero where all are constant.
    noise : array of shape (D,)
        Deviation of the white noise.
    ratio : array of shape (D,)
        Of the variances of noise and of the path's own changes in one mean step.
    state_noise, slope_noise : arrays of shape (D,)
        Deviation of the error of the smoothed states and of their slopes that comes from it.
    roughness : array of shape (D,)
        By how many nats a point the likelihood of a Brownian path is above that of a smooth one.
    """

    variables: np.ndarray
    whole: list[tuple[np.ndarray, np.ndarray, int]]
    times: list[np.ndarray]
    observed: list[np.ndarray]
    states: list[np.ndarray]
    slopes: list[np.ndarray]
    outside: list[np.ndarray]
    noise: np.ndarray
    ratio: np.ndarray
    state_noise: np.ndarray
    slope_noise: np.ndarray
    roughness: np.ndarray

    @classmethod
    def of(cls, context: Trajectories) -> Paths | None:
        """Take at most four trajectories, evenly, and 240 points of them; None where all are too short.

        Where every n-th point of a long trajectory would not follow its motion, the points are those of stretches.
        """
        rows = _chosen(context)
        if not rows:
            return None
        times = [context.times[k][cut] for k, cut in rows]
        states = [context.states[k][cut] for k, cut in rows]
        outside = [context.outside[k][cut] for k, cut in rows]
        middle, spread = state_units(np.concatenate(outside))
        spread = np.where(spread > 0, spread, 1.0)
        together = np.concatenate(states)
        level, deviation = state_units(together)
        with np.errstate(all="ignore"):
            varies = np.abs(together - level).max(axis=0) > _ROUNDING * np.abs(together).max(axis=0)
        if not varies.any():
            return None
        step = float(np.mean([(t[-1] - t[0]) / (len(t) - 1) for t in times]))

        def scaled(t: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return (t - t[0]) / step, (x[:, varies] - level[varies]) / deviation[varies]

        parts = [scaled(t, x) for t, x in zip(times, states, strict=True)]
        every = {k: cut.step for k, cut in rows}
        return cls._smooth(
            np.flatnonzero(varies),
            [(*scaled(context.times[k][::n], context.states[k][::n]), n) for k, n in every.items()],
            [t for t, _ in parts],
            [x for _, x in parts],
            [(u - middle) / spread for u in outside],
        )

    @classmethod
    def _smooth(
        cls,
        variables: np.ndarray,
        whole: list[tuple[np.ndarray, np.ndarray, int]],
        times: list[np.ndarray],
        observed: list[np.ndarray],
        outside: list[np.ndarray],
    ) -> Paths:
        splines = [Spline.of(t, x) for t, x in zip(times, observed, strict=True)]
        smooth, ratio = _best(np.sum([spline.misfits(spline.smooth) for spline in splines], axis=0))
        rough, _ = _best(np.sum([spline.misfits(spline.rough) for spline in splines], axis=0))
        count = sum(len(spline.bends) for spline in splines)
        fits = [spline.fit(x, ratio) for spline, x in zip(splines, observed, strict=True)]
        states, slopes, variances = (list(part) for part in zip(*fits, strict=True))
        noise = np.average(variances, axis=0, weights=[len(t) for t in times])
        return cls(
            variables=variables,
            whole=whole,
            times=times,
            observed=observed,
            states=states,
            slopes=slopes,
            outside=outside,
            noise=np.sqrt(noise),
            ratio=ratio,
            state_noise=np.sqrt(noise * np.minimum(_STATE_NOISE / ratio**0.25, 1.0)),
            slope_noise=np.sqrt(noise * _SLOPE_NOISE / ratio**0.75),
            roughness=(smooth - rough) / (2 * count),
        )


def _chosen(context: Trajectories) -> list[tuple[int, slice]]:
    """Trajectories and rows that are looked at; none where all are too short."""
    long = [k for k, t in enumerate(context.times) if len(t) >= SHORTEST]
    if not long:
        return []
    chosen = [long[i] for i in np.unique(np.linspace(0, len(long) - 1, _MOST_TRAJECTORIES).round().astype(int))]
    most, count = max(_MOST_POINTS // len(chosen), SHORTEST), _MOST_TRAJECTORIES // len(chosen)
    states = [context.states[k] for k in chosen]
    unit = state_units(np.concatenate(states))[1]
    unit = np.where(unit > 0, unit, 1.0)
    cuts = [followed(x, max(1, len(x) // most), count, unit, SHORTEST) for x in states]
    return [(k, cut) for k, own in zip(chosen, cuts, strict=True) for cut in own]


@dataclass(frozen=True)
class Spline:
    """The second differences of a trajectory and their covariances, as upper bands (Green and Silverman 1994, 2.3).

    Attributes
    ----------
    gaps : array of shape (L - 1,)
    bends : array of shape (M, D)
        Differences of the mean slopes between points.
    smooth, rough, white : arrays of shape (3, M)
        Covariance of the bends for a smooth path, for a Brownian one, and for white noise.
    """

    gaps: np.ndarray
    bends: np.ndarray
    smooth: np.ndarray
    rough: np.ndarray
    white: np.ndarray

    @classmethod
    def of(cls, t: np.ndarray, x: np.ndarray) -> Spline:
        """Of times (L,) and states (L, D)."""
        gaps = np.maximum(np.diff(t), 1e-3)  # points that nearly coincide would make the covariances singular
        inverse, size = 1 / gaps, len(t) - 2
        middle = -(inverse[:-1] + inverse[1:])
        smooth, rough, white = np.zeros((3, 3, size))
        smooth[2], smooth[1, 1:] = (gaps[:-1] + gaps[1:]) / 3, gaps[1:-1] / 6
        rough[2], rough[1, 1:] = -middle, -inverse[1:-1]
        white[2] = inverse[:-1] ** 2 + middle**2 + inverse[1:] ** 2
        white[1, 1:], white[0, 2:] = inverse[1:-1] * (middle[:-1] + middle[1:]), inverse[1:-2] * inverse[2:-1]
        return cls(gaps, np.diff(np.diff(x, axis=0) * inverse[:, None], axis=0), smooth, rough, white)

    def misfits(self, path: np.ndarray) -> np.ndarray:
        """Minus twice the restricted log-likelihood (G, D), up to a constant, for each ratio of `_RATIOS`."""
        out = np.empty((len(_RATIOS), self.bends.shape[1]))
        for row, ratio in enumerate(_RATIOS):
            factor, solved = _solve(path + ratio * self.white, self.bends)
            variance = np.einsum("md,md->d", self.bends, solved) / len(solved)
            out[row] = len(solved) * np.log(variance + 1e-30) + 2 * np.log(factor[2]).sum()
        return out

    def fit(self, x: np.ndarray, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Smoothed states and slopes (L, D) and the noise's variance (D,), for a ratio (D,) for each variable."""
        states, slopes, variance = np.empty_like(x), np.empty_like(x), np.empty(x.shape[1])
        inverse = 1 / self.gaps
        for d, value in enumerate(ratio):
            bends = self.bends[:, d]
            _, solved = _solve(self.smooth + value * self.white, bends[:, None])
            second = np.pad(solved[:, 0], 1)
            states[:, d] = x[:, d] - value * np.diff(np.pad(np.diff(second) * inverse, 1))
            chords = np.diff(states[:, d]) * inverse
            slopes[:-1, d] = chords - self.gaps / 6 * (2 * second[:-1] + second[1:])
            slopes[-1, d] = chords[-1] + self.gaps[-1] / 6 * second[-2]
            variance[d] = value * bends @ solved[:, 0] / len(bends)
        return states, slopes, variance


def _solve(bands: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cholesky factor of a covariance in bands, and the covariance's inverse times ``right``; NaN where it has none."""
    factor, failed = dpbtrf(bands)
    if failed:
        return np.full_like(bands, np.nan), np.full_like(right, np.nan)
    return factor, dpbtrs(factor, right)[0]


def _best(misfits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least misfit (D,) of misfits (G, D), and the ratio (D,) that has it, at a parabola's vertex."""
    misfits = np.where(np.isnan(misfits), np.inf, misfits)
    best = misfits.argmin(axis=0)
    columns = np.arange(misfits.shape[1])
    inner = np.clip(best, 1, len(_RATIOS) - 2)
    low, middle, high = (misfits[inner + shift, columns] for shift in (-1, 0, 1))
    edge, spacing = best != inner, np.log(_RATIOS[1] / _RATIOS[0])
    with np.errstate(all="ignore"):
        bend = low + high - 2 * middle
        vertex = np.where(bend > 0, np.clip((low - high) / (2 * bend), -1, 1), 0.0)
        shift = np.where(edge, best - inner, vertex)
        least = np.where(edge, misfits[best, columns], middle - shift * (low - high) / 4)
    return least, _RATIOS[inner] * np.exp(spacing * shift)
