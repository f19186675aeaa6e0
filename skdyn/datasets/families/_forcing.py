"""Inputs of forced systems: sums of sines, swept sines and noise, as functions of time."""

import numpy as np

from skdyn.datasets.families._family import Array


def multisine(t: Array, amplitude: Array, frequency: Array, phase: Array) -> Array:
    """Sum of K sines at times (..., n); amplitude, angular frequency and phase have the shape (K, n)."""
    shape = (len(amplitude), *(1,) * (t.ndim - 1), t.shape[-1])
    amplitude, frequency, phase = (part.reshape(shape) for part in (amplitude, frequency, phase))
    return (amplitude * np.sin(frequency * t + phase)).sum(axis=0)


def chirp(t: Array, first: Array, last: Array, horizon: Array, phase: Array) -> Array:
    """Sine whose angular frequency goes linearly from ``first`` to ``last`` over the horizon."""
    return np.sin((first + 0.5 * (last - first) * t / horizon) * t + phase)


def noise_waves(rng: np.random.Generator, rate: Array, size: Array, waves: int = 16) -> tuple[Array, Array, Array]:
    """Amplitudes, frequencies and phases (K, n) of sines that add up to band-limited Ornstein-Uhlenbeck noise.

    The frequencies are drawn from the spectrum, a Lorentzian of half-width ``rate`` cut at ten times that, so that
    all amplitudes are equal (S. O. Rice, *Mathematical analysis of random noise*, 1944).
    """
    n = len(rate)
    frequency = rate * np.tan(np.arctan(10.0) * rng.random((waves, n)))
    amplitude = np.broadcast_to(size * np.sqrt(2.0 / waves), (waves, n))
    return amplitude, frequency, rng.uniform(0.0, 2 * np.pi, (waves, n))
