"""Draws that look like what people record: seasons, trends, growth, correlated noise, level shifts.

Letters: L points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SEASONS = (4, 7, 12, 24, 52)
_LENGTHS = (40, 400)


def real_like(rng: np.random.Generator) -> Array:
    """One series (L,): a trend and a season, times or plus each other, with noise and now and then a shift."""
    length = int(np.exp(rng.uniform(*np.log(_LENGTHS))))
    clock = np.arange(length) / length
    seasonal = rng.random() < 0.6
    season = _season(length, rng) if seasonal else np.zeros(length)
    noise = _noise(length, rng)
    kind = rng.random()
    if kind < 0.45:
        amounts = np.exp(rng.normal(size=3) * 1.2)
        amounts[0] *= rng.random() < 0.7
        series = amounts[0] * _trend(clock, rng) + amounts[1] * season + 0.5 * amounts[2] * noise
    elif kind < 0.8:
        growth = rng.normal() * 1.0 * _trend(clock, rng)
        sizes = np.exp(rng.normal(size=2) * 0.7 - 1.5)
        series = np.exp(growth + sizes[0] * season + sizes[1] * noise) + rng.choice([0.0, 1.0]) * rng.random()
    else:
        walk = np.cumsum(noise) + np.cumsum(rng.normal(size=length)) * np.exp(rng.normal() - 1)
        series = walk / walk.std() + np.exp(rng.normal() - 0.5) * season
    if rng.random() < 0.15:
        series = series + rng.normal() * series.std() * (clock > rng.uniform(0.1, 0.95))
    if rng.random() < 0.08:
        series = np.rint(series / series.std() * rng.uniform(2, 10))
    return series * np.exp(2 * rng.normal()) + 3 * rng.normal() * (rng.random() < 0.5)


def _trend(clock: Array, rng: np.random.Generator) -> Array:
    """Of about one in size: a line, a bent line, saturating growth or a slow wave."""
    kind = rng.integers(4)
    if kind == 0:
        return clock * rng.choice([-1.0, 1.0])
    if kind == 1:
        bend = rng.uniform(0.2, 0.8)
        return rng.normal() * clock + rng.normal() * np.maximum(clock - bend, 0)
    if kind == 2:
        return 1 / (1 + np.exp(-(clock - rng.uniform(0, 1)) * rng.uniform(4, 15))) * rng.choice([-1.0, 1.0])
    return np.sin(2 * np.pi * (rng.uniform(0.3, 3) * clock + rng.random()))


def _season(length: int, rng: np.random.Generator) -> Array:
    """A profile of three harmonics that repeats, its size perhaps changing."""
    choices = [period for period in _SEASONS if period <= length / 3]
    period = float(rng.choice(choices)) if rng.random() < 0.7 else rng.uniform(3, length / 3)
    phase = 2 * np.pi * np.arange(length) / period
    amounts = rng.normal(size=(3, 2)) / np.array([[1.0], [1.5], [3.0]])
    wave = sum(a * np.sin((k + 1) * phase) + b * np.cos((k + 1) * phase) for k, (a, b) in enumerate(amounts))
    wave = wave / max(float(np.std(wave)), 1e-9)
    if rng.random() < 0.2:
        wave = np.sign(wave) * np.abs(wave) ** 2
    return wave * (1 + rng.uniform(-0.7, 2.0) * (rng.random() < 0.3) * np.linspace(0, 1, length))


def _noise(length: int, rng: np.random.Generator) -> Array:
    """Noise of deviation one: white, or autoregressive with a real or a complex pair of roots."""
    white = rng.normal(size=length + 100) if rng.random() < 0.7 else rng.standard_t(4, size=length + 100)
    kind = rng.integers(3)
    if kind:
        first, second = rng.uniform(-0.3, 0.98), 0.0
        if kind == 2:
            radius, angle = rng.uniform(0.7, 0.98), 2 * np.pi / rng.uniform(4, 20)
            first, second = 2 * radius * np.cos(angle), -(radius**2)
        for row in range(2, len(white)):
            white[row] += first * white[row - 1] + second * white[row - 2]
    noise = white[100:]
    return noise / max(float(noise.std()), 1e-9)
