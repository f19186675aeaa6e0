"""Closed-form affine scaling of states and time, and of fields back to the user's units.

Everything here works on NumPy arrays and on torch tensors alike, so that inference and GPU pretraining share one
implementation. Letters: B contexts, K trajectories, L points, D dimensions, N queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn.data.moments import TINY, Array, namespace, state_moments

_ROUNDING = 1e-13  # a deviation below this fraction of the mean is the rounding of a constant


@dataclass(frozen=True)
class Scaling:
    """Affine maps between the user's units and a model's normalised units, one per context.

    Attributes
    ----------
    mean, std : array of shape (B, D)
        ``z = (x - mean) / std``.
    speed : array of shape (B,)
        ``tau = (t - t_first) * speed``; so ``f(x) = std * speed * f_norm(z)``.
    """

    mean: Array
    std: Array
    speed: Array

    def normalise(self, x: Array) -> Array:
        """Map states of shape (B, ..., D) to normalised units."""
        return (x - _expand(self.mean, x)) / _expand(self.std, x)

    def normalise_times(self, times: Array) -> Array:
        """Map times of shape (B, K, L) to normalised time since each trajectory's first point."""
        return (times - times[..., :1]) * self.speed[:, None, None]

    def field(self, normalised: Array) -> Array:
        """Map a normalised field (or its scale) of shape (B, ..., D) to the user's units."""
        return normalised * _expand(self.std * self.speed[:, None], normalised)

    def normalise_field(self, field: Array) -> Array:
        """Map a field of shape (B, ..., D) in the user's units to normalised units."""
        return field / _expand(self.std * self.speed[:, None], field)

    def diffusion(self, normalised: Array) -> Array:
        """Map a normalised diffusion (or its scale) of shape (B, ..., D) to the user's units: time enters as a root."""
        return normalised * _expand(self.std * self.speed[:, None] ** 0.5, normalised)

    def normalise_diffusion(self, diffusion: Array) -> Array:
        """Map a diffusion of shape (B, ..., D) in the user's units to normalised units."""
        return diffusion / _expand(self.std * self.speed[:, None] ** 0.5, diffusion)

    def jacobian(self, normalised: Array, units: Array | None = None) -> Array:
        """Map normalised Jacobians of shape (B, ..., D, E) to the user's units.

        They are derivatives by the states, or by columns whose units (B, E) are given.
        """
        units = self.std if units is None else units
        ratio = self.std[:, :, None] / units[:, None, :] * self.speed[:, None, None]
        return normalised * ratio.reshape(ratio.shape[0], *([1] * (normalised.ndim - 3)), *ratio.shape[1:])


def _expand(per_context: Array, like: Array) -> Array:
    """Reshape (B, D) to (B, 1, ..., 1, D) with as many axes as ``like``."""
    return per_context.reshape(per_context.shape[0], *([1] * (like.ndim - 2)), per_context.shape[1])


def _state_units(states: Array, mask: Array) -> tuple[Array, Array]:
    """Moments of the observed points; a constant variable takes the largest deviation of the others."""
    xp = namespace(states)
    mean, std = state_moments(states, mask)
    constant = std <= _ROUNDING * xp.abs(mean)
    std = xp.where(constant, xp.zeros_like(std) + xp.amax(std, axis=-1)[:, None], std)
    return mean, xp.clip(std, TINY, None)


@dataclass(frozen=True)
class OutsideScaling:
    """Affine map of what is given from outside, ``(u - mean) / std``, with arrays of shape (B, G) for each context."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, mask: np.ndarray) -> OutsideScaling:
        """By the moments of the observed points of values (B, K, L, G); a constant keeps its unit."""
        mean, std = state_moments(values, mask)
        return cls(mean, np.where(std > _ROUNDING * np.abs(mean), std, 1.0))

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """Map values of shape (B, ..., G) to normalised units."""
        return (values - _expand(self.mean, values)) / _expand(self.std, values)


def fim_ode_scaling(states: Array, times: Array, mask: Array) -> Scaling:
    """Scale of states and time of FIM-ODE, format 1.

    States are standardised by the moments of all observed points; a constant variable takes the largest deviation of
    the others, so that it stays zero. The speed is the root mean square of the standardised slopes at a lag of a
    twentieth of each trajectory, so that a normalised slope is about one whatever the units of time.

    Parameters
    ----------
    states : array of shape (B, K, L, D), float64
    times : array of shape (B, K, L), float64
        Increasing along L where observed.
    mask : boolean array of shape (B, K, L)
        Observed points come first in each trajectory.

    Returns
    -------
    Scaling
    """
    xp = namespace(states)
    mean, std = _state_units(states, mask)
    z = (states - mean[:, None, None]) / std[:, None, None]

    batch, paths, points, dim = states.shape
    lengths = mask.sum(axis=-1)
    lag = xp.clip(lengths // 20, 1, None)
    b, k, i = (xp.arange(n) for n in (batch, paths, points))
    if xp is not np:
        b, k, i = (index.to(states.device) for index in (b, k, i))
    ahead = i + lag[..., None]
    pair = ahead < lengths[..., None]
    ahead = xp.where(pair, ahead, xp.zeros_like(ahead))
    b, k = b[:, None, None], k[None, :, None]
    one = xp.ones_like(times)
    step = xp.where(pair, times[b, k, ahead] - times, one)
    squares = ((z[b, k, ahead] - z) / step[..., None]) ** 2
    squares = xp.where(pair[..., None], squares, xp.zeros_like(squares))
    pairs = xp.clip(pair.sum(axis=(1, 2)), 1, None)
    speed = xp.sqrt(squares.sum(axis=(1, 2, 3)) / (pairs * dim))
    return Scaling(mean, std, xp.clip(speed, TINY, None))


def fim_sde_scaling(states: Array, times: Array, mask: Array) -> Scaling:
    """Scale of states and time of FIM-SDE, format 1.

    States are standardised as for FIM-ODE. The speed is the structure function over its lag,
    ``S(m) / delta(m)``, where ``S(m)`` is the mean square of the standardised increments over m points and ``delta(m)``
    their mean duration, at the smallest lag m = 1, 2, 4, ... with ``S(m) >= 1/2``; without one, at the largest lag at
    which a quarter of the increments are left. A diffusion of normalised size one then moves the states by about their
    deviation in a unit of time, whatever the sampling, and observation noise hardly matters.

    Parameters
    ----------
    states : array of shape (B, K, L, D), float64
    times : array of shape (B, K, L), float64
        Increasing along L where observed.
    mask : boolean array of shape (B, K, L)
        Observed points come first in each trajectory.

    Returns
    -------
    Scaling
    """
    xp = namespace(states)
    mean, std = _state_units(states, mask)
    z = (states - mean[:, None, None]) / std[:, None, None]
    points, dim = states.shape[2:]
    speed = xp.zeros_like(mean[:, 0])
    done = speed > 0
    first = xp.clip(mask[:, :, 1:].sum(axis=(1, 2)), 1, None)
    lag = 1
    while lag == 1 or lag < points:
        pair = mask[:, :, lag:]
        count = pair.sum(axis=(1, 2))
        increments = xp.where(pair[..., None], z[:, :, lag:] - z[:, :, :-lag], xp.zeros_like(z[:, :, lag:]))
        steps = xp.where(pair, times[:, :, lag:] - times[:, :, :-lag], xp.zeros_like(times[:, :, lag:]))
        squares = (increments**2).sum(axis=(1, 2, 3)) / dim
        usable = ~done & ((4 * count >= first) | (lag == 1))
        elapsed = steps.sum(axis=(1, 2))
        speed = xp.where(usable, squares / xp.where(elapsed > 0, elapsed, xp.ones_like(elapsed)), speed)
        done = done | (squares >= 0.5 * xp.clip(count, 1, None)) | ~usable
        lag *= 2
    return Scaling(mean, std, xp.clip(speed, TINY, None))
