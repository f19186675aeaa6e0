"""The simplest stochastic equation, observed with noise: its exact likelihood, and what a context says of it.

For one variable ``dx = (a - r x) dt + s dW``, seen with white noise. On a grid of the rate r and of the noise's
variance over the diffusion's in a mean step the likelihood is that of a Kalman filter; a and s are integrated in closed
form, under flat priors of a and of the logarithm of s. So Brownian motion with drift (r = 0), an Ornstein-Uhlenbeck
process and either with noise are weighed by their evidence, and what is predicted counts what is not known of them.

Letters: C points of the grid, K windows of W transitions, M transitions.
Source: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989), sections 3.4 and 4.5;
Zellner, An Introduction to Bayesian Inference in Econometrics (1971), section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from skdyn.dynamics.units import state_units

_RATES, _SLOWEST, _FASTEST = 16, 0.2, 3.0  # in the time of all transitions, and in their mean step
_RATIOS = np.concatenate([[0.0], np.geomspace(0.05, 30.0, 8)])
_LENGTH, _LOOKED_AT = 64, 1500  # transitions of a window, and about of all
_FLAT = 1e-9  # information of a, of one mean step
_NOT_WEIGHED = 1e-5  # share of the evidence below which a point of the grid is left out
_IMPOSSIBLE = -1e12  # least log-density
_NO_MOTION = 1e-20  # least sum of squared innovations, in units of the increments' or the states'

Path = tuple[np.ndarray, np.ndarray]
"""Times (L,) and values (L,)."""


@dataclass(frozen=True)
class LinearSDE:
    """What a context says of a linear equation for one variable, by points of a grid.

    Attributes
    ----------
    center, scale : float
        Mean and deviation of the context; all else is in these units.
    rate : array of shape (C,)
    noise : array of shape (C,)
        Variance of the observations' noise over the squared diffusion.
    constant : array of shape (C,)
        The likeliest ``a``.
    information : array of shape (C,)
        Of ``a``, for a diffusion of one.
    square : array of shape (C,)
        Squared diffusion: what is left of the innovations, over the degrees of freedom.
    log_weight : array of shape (C,)
        Logarithms of the shares of the evidence.
    freedom : int
        Degrees of freedom.
    """

    center: float
    scale: float
    rate: np.ndarray
    noise: np.ndarray
    constant: np.ndarray
    information: np.ndarray
    square: np.ndarray
    log_weight: np.ndarray
    freedom: int

    @classmethod
    def fit(cls, context: list[Path]) -> LinearSDE:
        """Weigh the grid by a context of at least one transition."""
        values = np.concatenate([x for _, x in context])
        center, scale = (float(part[0]) for part in state_units(values[:, None]))
        scale = scale or 1.0
        pieces = [
            (t[i : i + _LENGTH + 1], (x[i : i + _LENGTH + 1] - center) / scale)
            for t, x in context
            for i in range(0, len(t) - 1, _LENGTH)
        ]
        pieces = pieces[:: max(1, -(-sum(len(t) - 1 for t, _ in pieces) // _LOOKED_AT))]
        steps = np.concatenate([np.diff(t) for t, _ in pieces])
        unit, count = steps.mean(), len(steps)
        rates = np.concatenate([[0.0], np.geomspace(_SLOWEST / steps.sum(), _FASTEST / unit, _RATES)])
        rate, ratio = (part.ravel() for part in np.meshgrid(rates, _RATIOS, indexing="ij"))
        innovations, response, size = _filtered(pieces, rate, ratio * unit)
        information = (response**2 / size).sum(1) + _FLAT * unit
        cross = (response * innovations / size).sum(1)
        left = (innovations**2 / size).sum(1) - cross**2 / information
        moved = np.mean(np.concatenate([np.diff(x) for _, x in pieces]) ** 2) / unit
        left = np.maximum(left, _NO_MOTION * max(moved, 1 / unit))
        freedom = max(count - 1, 1)
        evidence = -0.5 * (freedom * np.log(left) + np.log(size).sum(1) + np.log(information))
        evidence = np.nan_to_num(evidence, nan=_IMPOSSIBLE).clip(min=_IMPOSSIBLE)
        log_weight = evidence - logsumexp(evidence)
        kept = log_weight > np.log(_NOT_WEIGHED)
        log_weight = log_weight[kept] - logsumexp(log_weight[kept])
        return cls(
            center=center,
            scale=scale,
            rate=rate[kept],
            noise=(ratio * unit)[kept],
            constant=(cross / information)[kept],
            information=information[kept],
            square=(left / freedom)[kept],
            log_weight=log_weight,
            freedom=freedom,
        )

    def log_likelihoods(self, path: Path) -> np.ndarray:
        """Log-densities (L - 1,) of the observations of a path, given those before and the context."""
        if len(path[0]) < 2:
            return np.zeros(0)
        with np.errstate(all="ignore"):
            standard = (path[0], (path[1] - self.center) / self.scale)
            innovations, response, size = _filtered([standard], self.rate, self.noise)
            error = innovations - response * self.constant[:, None]
            variance = self.square[:, None] * (size + response**2 / self.information[:, None])
            n = self.freedom
            each = gammaln((n + 1) / 2) - gammaln(n / 2) - 0.5 * np.log(n * np.pi * variance)
            each = each - (n + 1) / 2 * np.log1p(error**2 / variance / n) - np.log(self.scale)
        return averaged(each, self.log_weight)


def averaged(log_densities: np.ndarray, log_weights: np.ndarray) -> np.ndarray:
    """Log-densities (M,) of a path's observations under an average of C models, given those before.

    Parameters
    ----------
    log_densities : array of shape (C, M)
        Of each observation given those before, under each model. What is not finite counts as impossible.
    log_weights : array of shape (C,)
        Of the models before the first observation; each observation weighs them anew (Bayes' rule).
    """
    each = np.where(np.isfinite(log_densities), log_densities, _IMPOSSIBLE).clip(min=_IMPOSSIBLE)
    joint = np.concatenate([np.zeros((len(each), 1)), each.cumsum(axis=1)], axis=1) + log_weights[:, None]
    return np.diff(logsumexp(joint, axis=0))


def _filtered(paths: list[Path], rate: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Innovations, what a unit of ``a`` adds to them, and their variances for a diffusion of one, each (C, M)."""
    width = max(len(t) for t, _ in paths)
    observed, steps = np.zeros((len(paths), width)), np.zeros((len(paths), width - 1))
    valid = np.zeros((len(paths), width - 1), dtype=bool)
    for k, (t, x) in enumerate(paths):
        observed[k, : len(t)], steps[k, : len(t) - 1], valid[k, : len(t) - 1] = x, np.diff(t), True
    r = rate[:, None, None]
    with np.errstate(all="ignore"):
        kept = np.exp(-r * steps)
        spread = np.where(r > 0, -np.expm1(-2 * r * steps) / (2 * r), steps)
        pushed = np.where(r > 0, -np.expm1(-r * steps) / r, steps)
    if not noise.any():
        found = observed[:, 1:] - kept * observed[:, :-1], pushed, spread
        return found[0][:, valid], found[1][:, valid], found[2][:, valid]
    error = np.broadcast_to(noise[:, None], (len(rate), len(paths)))
    state, answer, variance = np.broadcast_to(observed[:, 0], error.shape), np.zeros(error.shape), error
    parts = []
    for i in range(width - 1):
        ahead = kept[..., i] ** 2 * variance + spread[..., i]
        size = np.where(valid[:, i], ahead + error, 1.0)
        state, answer = kept[..., i] * state, kept[..., i] * answer + pushed[..., i]
        innovation = observed[:, i + 1] - state
        parts.append((innovation, answer, size))
        gain = np.where(valid[:, i], ahead / size, 0.0)
        state, answer, variance = state + gain * innovation, answer - gain * answer, ahead * (1 - gain)
    innovations, response, sizes = (np.stack(part, -1)[:, valid] for part in zip(*parts, strict=True))
    return innovations, response, sizes
