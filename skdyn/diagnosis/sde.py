"""The checks of an SDE with independent noise in each variable, from the increments of its paths.

Letters: N increments of all trajectories together, D variables. Increments are divided by the root of their time, so
that those of a Brownian motion have one variance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check
from skdyn.diagnosis.paths import SHORTEST, Paths

FEW_INCREMENTS = 100.0
FEW_RELAXATIONS = 5.0
MEASUREMENT, HOPELESS_MEASUREMENT = 0.4, 0.8
JUMPS, HOPELESS_JUMPS = 0.3, 0.6
CORRELATION, HOPELESS_CORRELATION = 0.35, 0.7
SMOOTH = -0.3


@np.errstate(all="ignore")
def sde_checks(context: Trajectories, estimated: Callable[[], np.ndarray] | None = None) -> list[Check]:
    """What the data alone say of an SDE.

    Parameters
    ----------
    context : Trajectories
    estimated : callable, () -> array of shape (D,), optional
        Deviations of the noise of the observation that the fit has found, asked for only where the data show some.
    """
    varies = np.ptp(np.concatenate(context.states), axis=0) > 0
    changes = [np.diff(x[:, varies], axis=0) / np.sqrt(np.diff(t))[:, None] for t, x in context]
    paths = Paths.of(context)
    count = float(sum(map(len, changes)))
    roughness = np.nan if paths is None else float(paths.roughness.max())
    noise = jumps = correlation = np.nan
    shares = np.full(varies.sum(), np.nan)
    if count >= FEW_INCREMENTS:
        shares, jumps = measurement_noise(changes), jump_share(changes)
        noise = float(shares.max())
        if roughness > 0:  # where drift makes the increments, they may well be correlated
            correlation = largest_correlation(changes)
    noisy = np.flatnonzero(varies)[shares > MEASUREMENT]
    allowed_for = len(noisy) > 0 and estimated is not None and bool((estimated()[noisy] > 0).all())
    if allowed_for:
        likely = "noise of the observation, which is estimated as noise_: drift, diffusion and score allow for it"
        advice = "simulate(observed=True) for paths that have it"
    else:
        likely = "noise of the observation, which an SDE takes for diffusion or for fast motion"
        advice = "points closer together in time, by which the two are told apart"
    checks = [
        Check("increments", count, FEW_INCREMENTS, "below", "the number of increments",
              "the paths are too few or too short for a diffusion", "longer or more paths"),
        Check("relaxations", relaxations(context), FEW_RELAXATIONS, "below",
              "the time of all paths in that in which the slowest variable forgets where it was",
              "the paths are too short for a drift",
              "longer paths; more points in the same time help the diffusion alone"),
        Check("measurement noise", noise, MEASUREMENT, "above",
              "the share of noise of the observation in the increments",
              likely, advice, hopeless=noise > HOPELESS_MEASUREMENT and not allowed_for),
        Check("jumps", jumps, JUMPS, "above", "the share of single large increments in the quadratic variation",
              "jumps, or noise with heavy tails", "a model with jumps, or the paths cut at them",
              hopeless=jumps > HOPELESS_JUMPS),
        Check("correlated noise", correlation, CORRELATION, "above",
              "the largest correlation of two variables' increments",
              "noise that the variables share", "correlation_, with which paths are simulated and scored, or principal "
              "components as variables (skdyn.preprocessing)",
              hopeless=correlation > HOPELESS_CORRELATION),
        Check("smooth paths", roughness, SMOOTH, "below",
              "the advantage of a Brownian path over a smooth one, in nats a point,",
              "no noise that drives the system, or one with a memory", "FIMODERegressor, or every n-th point"),
    ]  # fmt: skip
    return [check for check in checks if check.name != "correlated noise" or varies.sum() > 1]


def measurement_noise(changes: list[np.ndarray]) -> np.ndarray:
    """Shares (D,) of white noise of the observation in the variance of the increments, at most 1.

    White noise makes neighbouring increments anticorrelated, and those one apart not; mean reversion does both alike.
    NaN where too few increments are one apart.
    """
    first, second = _lag_correlation(changes, 1), _lag_correlation(changes, 2)
    return np.clip(2 * (second - first), 0.0, 1.0)


def jump_share(changes: list[np.ndarray]) -> float:
    """Share of jumps in the quadratic variation: one minus bipower over realised variation.

    Barndorff-Nielsen and Shephard, Journal of Financial Econometrics 2, 1 (2004).
    """
    realised = sum(np.sum(d**2, axis=0) for d in changes)
    pairs = sum(max(len(d) - 1, 0) for d in changes)
    bipower = sum(np.sum(np.abs(d[1:] * d[:-1]), axis=0) for d in changes)
    count = sum(map(len, changes))
    return float(np.clip(1 - np.pi / 2 * (bipower / pairs) / (realised / count), 0.0, 1.0).max())


def largest_correlation(changes: list[np.ndarray]) -> float:
    """Largest correlation of the increments of two variables, without its sign; NaN for one variable."""
    together = np.concatenate(changes)
    if together.shape[1] < 2:
        return np.nan
    # Signs and ranks would lose what the size says; a robust size keeps single jumps from deciding.
    limit = 4 * np.median(np.abs(together), axis=0) / 0.6745
    clipped = np.clip(together, -limit, limit)
    size = np.sqrt(np.mean(clipped**2, axis=0))
    clipped = clipped / np.where(size > 0, size, 1.0)
    return float(np.abs(np.triu(clipped.T @ clipped / len(clipped), 1)).max())


def relaxations(context: Trajectories) -> float:
    """Time of all paths in times after which the slowest variable's autocorrelation is below 1 / e.

    The autocorrelation is that of the longest path, or of all that are as long, of those with points enough; NaN where
    none has.
    """
    together = np.concatenate(context.states)
    center, varies = together.mean(axis=0), np.ptp(together, axis=0) > 0
    spans = [(float(t[-1] - t[0]), len(t)) for t in context.times]
    span, points = max((own for own in spans if own[1] >= SHORTEST), default=(0.0, 0))
    if not points:
        return np.nan
    size = next_fast_len(2 * points - 1, real=True)
    power = sum(
        np.abs(rfft(x - center, size, axis=0)) ** 2
        for x, own in zip(context.states, spans, strict=True)
        if own[1] == points and np.isclose(own[0], span)
    )
    slowest = 0.0
    for correlation in irfft(power, size, axis=0)[:points, varies].T:
        below = np.flatnonzero(correlation < np.exp(-1) * correlation[0])
        slowest = max(slowest, span * (below[0] if len(below) else points - 1) / (points - 1))
    return float(sum(length for length, _ in spans) / slowest) if slowest > 0 else np.nan


def _lag_correlation(changes: list[np.ndarray], lag: int) -> np.ndarray:
    pairs = [(d[lag:], d[:-lag]) for d in changes if len(d) > lag]
    if sum(len(later) for later, _ in pairs) < FEW_INCREMENTS / 2:
        return np.full(changes[0].shape[1], np.nan)
    product = np.mean(np.concatenate([later * earlier for later, earlier in pairs]), axis=0)
    return np.asarray(product / np.mean(np.square(np.concatenate(changes)), axis=0))
