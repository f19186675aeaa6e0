"""What drift and diffusion leave of the observations: noise of their own, and correlated noise of the variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.state_space import DriftDiffusion, Windows, transition_moments

_SUBSTEP, _MOST_SUBSTEPS = 0.5, 6  # of the time in which the states move by their deviation
_LENGTH, _LOOKED_AT = 40, 800  # transitions of a window, and of all windows, that noise and correlation are taken from
_RATIOS = np.array([0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])
_FACTORS = (np.array([0.0, 0.4, 0.63, 1.0, 1.6, 2.5]), np.array([0.8, 0.9, 1.0, 1.1, 1.25]))
_SIGNIFICANT = 4.0  # standard errors from which a correlation counts
_LARGEST = 0.999
_TYPICAL = 0.5  # size of an error, whose tails are heavy, in the scales that two of hold 95%

Piece = tuple[np.ndarray, np.ndarray]
"""Times (L,) and states (L, D) of a part of a trajectory."""


@dataclass(frozen=True)
class Measurement:
    """Noise of the observations and correlation of the noise that drives the variables.

    Attributes
    ----------
    noise : array of shape (D,)
        Standard deviations; zero where the context does not tell them from zero.
    correlation : array of shape (D, D)
    """

    noise: np.ndarray
    correlation: np.ndarray


@dataclass(frozen=True)
class StateSpace:
    """An inferred equation with the scales that its steps are taken by.

    Attributes
    ----------
    drift_diffusion : callable, (M, D) -> (M, D), (M, D)
    rate : float
        At which drift or diffusion move the states by their deviation.
    scale : array of shape (D,)
        Standard deviations of the context.
    errors : callable, (M, D) -> (M, D), (M, D), optional
        Scales of the errors of drift and diffusion, taken for standard deviations: two of them hold 95%.
    """

    drift_diffusion: DriftDiffusion
    rate: float
    scale: np.ndarray
    errors: DriftDiffusion | None = None

    def windows(self, pieces: list[Piece], correlation: np.ndarray) -> Windows:
        """Pieces of trajectories, and how the equation moves states in them."""
        width, dim = max(len(t) for t, _ in pieces), len(self.scale)
        states, valid = np.zeros((len(pieces), width, dim)), np.zeros((len(pieces), width - 1), dtype=bool)
        for k, (t, x) in enumerate(pieces):
            states[k, : len(t)], valid[k, : len(t) - 1] = x, True
        steps = np.concatenate([np.diff(t) for t, _ in pieces])
        with np.errstate(all="ignore"):
            substeps = np.clip(np.ceil(steps * self.rate / _SUBSTEP), 1, _MOST_SUBSTEPS).astype(int)
            starts = states[:, :-1][valid]
            found = transition_moments(self.drift_diffusion, starts, steps, substeps, self.scale, correlation)
        mean, slope, covariance = (_spread(part, valid) for part in (found.mean, found.slope, found.covariance))
        return Windows(states, mean, slope, covariance, valid, self.scale)

    def log_likelihoods(self, observed: Trajectories, measurement: Measurement) -> np.ndarray:
        """Log-density of every observation given those before it in its trajectory, but for the first of each.

        Where the errors of drift and diffusion are known, their variance is part of the predicted one, and the
        densities are Student's, with the fewer degrees of freedom the less the diffusion is known.
        """
        pieces = _pieces(observed, 1 if not measurement.noise.any() else None)
        windows = self.windows(pieces, measurement.correlation)
        if self.errors is not None:
            windows = self._widened(windows, pieces)
        return windows.log_likelihoods(measurement.noise[None] ** 2)[0][windows.valid]

    def _widened(self, windows: Windows, pieces: list[Piece]) -> Windows:
        """The same windows with the variance that errors add over each step, and the doubt that they cast on it."""
        starts, h = _starts_and_steps(windows, pieces)
        assert self.errors is not None
        drift, diffusion = self.errors(starts)
        _, g = self.drift_diffusion(starts)
        with np.errstate(all="ignore"):
            added = diffusion**2 * h + _of_drift(drift, windows, h)
            # Of a squared normal variable with the mean g and the deviation s.
            doubt = (4 * g**2 * diffusion**2 + 2 * diffusion**4) * h**2
        return replace(_with_variance(windows, added), doubt=_spread(doubt, windows.valid))

    def measure(self, context: Trajectories) -> Measurement:
        """The likeliest noise of the observations of a context, and the correlations that its innovations show.

        What errors of the drift explain, where these are known, is no noise.
        """
        dim = context.n_features
        none = Measurement(np.zeros(dim), np.eye(dim))
        pieces = _pieces(context, _LENGTH, _LOOKED_AT)
        windows = self.windows(pieces, none.correlation)
        covariance = windows.covariance[windows.valid]
        usable = np.isfinite(covariance).all(axis=(1, 2)) & np.isfinite(windows.mean[windows.valid]).all(axis=1)
        if not usable.all():
            return none
        unit = np.median(np.diagonal(covariance, axis1=1, axis2=2), axis=0)
        # Where the diffusion explains next to nothing, what is left of the observations says how large noise may be.
        left = (windows.observed[:, 1:] - windows.mean)[windows.valid]
        with np.errstate(all="ignore"):
            unit = np.maximum(unit, np.nan_to_num(np.mean(left**2, axis=0)) / _RATIOS[-1])
        judged = windows
        if self.errors is not None:
            starts, h = _starts_and_steps(windows, pieces)
            with np.errstate(all="ignore"):
                judged = _with_variance(windows, _of_drift(_TYPICAL * self.errors(starts)[0], windows, h))
        variance = _likeliest_noise(lambda r: judged.log_likelihoods(r).sum(axis=(1, 2)), unit, len(covariance))
        return Measurement(np.sqrt(variance), _correlation(windows, variance))


def _pieces(observed: Trajectories, length: int | None, most: int | None = None) -> list[Piece]:
    """Trajectories in pieces of ``length`` transitions, at most about ``most`` of these spread over all."""
    pieces = [
        (t[i : i + size + 1], x[i : i + size + 1])
        for t, x in observed
        for size in [length or max(1, len(t) - 1)]
        for i in range(0, len(t) - 1, size)
    ]
    if most is not None:
        total = sum(len(t) - 1 for t, _ in pieces)
        pieces = pieces[:: max(1, -(-total // most))]
    return pieces


def _starts_and_steps(windows: Windows, pieces: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """States (M, D) from which transitions start, and their durations (M, 1)."""
    return windows.observed[:, :-1][windows.valid], np.concatenate([np.diff(t) for t, _ in pieces])[:, None]


def _of_drift(error: np.ndarray, windows: Windows, steps: np.ndarray) -> np.ndarray:
    """Variances (M, D) that errors (M, D) of the drift add: they act over the step, and are forgotten as states are."""
    kept = np.diagonal(windows.slope[windows.valid], axis1=1, axis2=2)
    return (error * steps * (1 + kept.clip(0, 1)) / 2) ** 2


def _with_variance(windows: Windows, added: np.ndarray) -> Windows:
    """The same windows with variances (M, D) added over each step."""
    wide = windows.covariance[windows.valid] + added[:, :, None] * np.eye(added.shape[1])
    return replace(windows, covariance=_spread(wide, windows.valid))


def _spread(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    padded = np.zeros((*valid.shape, *values.shape[1:]))
    padded[valid] = values
    return padded


def _likeliest_noise(likelihood: Callable[[np.ndarray], np.ndarray], unit: np.ndarray, count: int) -> np.ndarray:
    """Variances (D,): one ratio to the diffusion's over a step for all, then each by itself; zero without evidence."""
    values = likelihood(_RATIOS[:, None] * unit)
    best, found, dim = float(values.max()), unit * _RATIOS[int(values.argmax())], len(unit)
    for factors in _FACTORS:
        for d in range(dim):
            candidates = np.tile(found, (len(factors), 1))
            candidates[:, d] = factors * (found[d] or 0.03 * unit[d])
            tried = likelihood(candidates)
            if tried.max() > best:
                best, found = float(tried.max()), candidates[int(tried.argmax())]
    gain = best - float(values[0])
    return found if gain > 0.5 * np.count_nonzero(found) * np.log(max(count, 8)) else np.zeros(dim)


def _correlation(windows: Windows, variance: np.ndarray) -> np.ndarray:
    """Correlations (D, D) by which the innovations differ from independent noise; zero without evidence."""
    dim = len(variance)
    if dim == 1:
        return np.eye(1)
    innovations, sizes = (part[0][windows.valid] for part in windows.filter(variance[None]))
    own = np.diagonal(windows.covariance[windows.valid], axis1=1, axis2=2)
    with np.errstate(all="ignore"):
        root = np.sqrt(np.diagonal(sizes, axis1=1, axis2=2))
        unit = innovations / root
        excess = unit[:, :, None] * unit[:, None, :] - sizes / (root[:, :, None] * root[:, None, :])
        share = np.sqrt(own) / root  # of the innovation that is the diffusion's over this step
        weight = share[:, :, None] * share[:, None, :]
        found = np.sum(weight * excess, axis=0) / np.sum(weight**2, axis=0)
        error = np.sqrt(np.sum(weight**2 * excess**2, axis=0)) / np.sum(weight**2, axis=0)
    counted = np.isfinite(found) & np.isfinite(error) & (np.abs(found) > _SIGNIFICANT * error)
    found = np.where(counted, found, 0.0).clip(-_LARGEST, _LARGEST)
    np.fill_diagonal(found, 1.0)
    values, vectors = np.linalg.eigh(found)
    if values[0] < 1 - _LARGEST:
        found = (vectors * values.clip(min=1 - _LARGEST)) @ vectors.T
        size = np.sqrt(np.diag(found))
        found = found / (size[:, None] * size)
    return found
