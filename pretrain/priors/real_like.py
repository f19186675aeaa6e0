"""Draws that look like what people record: seasons, trends, growth, correlated noise, level shifts; long chaotic ones.

Letters: L points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Array = NDArray[np.float64]

_SEASONS = (4, 7, 12, 24, 52)
_LENGTHS = (40, 400)


def recorded_like(rng: np.random.Generator, length: int) -> Array:
    """One series (L,) of a given length: five of six `real_like`, the others `growth` or `recurrent`."""
    kind = rng.random()
    if kind < 5 / 6:
        return real_like(rng, length)
    return growth(rng, length) if kind < 11 / 12 else recurrent(rng, length)


def real_like(rng: np.random.Generator, length: int | None = None) -> Array:
    """One series (L,): a trend and a season, times or plus each other, with noise and now and then a shift."""
    length = length or int(np.exp(rng.uniform(*np.log(_LENGTHS))))
    clock = np.arange(length) / length
    seasonal = rng.random() < 0.6
    season = _season(length, rng) if seasonal else np.zeros(length)
    noise = _noise(length, rng)
    kind = rng.random()
    if kind < 0.3:
        amounts = np.exp(rng.normal(size=3) * 1.2)
        amounts[0] *= rng.random() < 0.7
        series = amounts[0] * _trend(clock, rng) + amounts[1] * season + 0.5 * amounts[2] * noise
    elif kind < 0.55:
        growth = rng.normal() * 1.0 * _trend(clock, rng)
        sizes = np.exp(rng.normal(size=2) * 0.7 - 1.5)
        series = np.exp(growth + sizes[0] * season + sizes[1] * noise) + rng.choice([0.0, 1.0]) * rng.random()
    else:
        level = _wandering(length, rng)
        series = level + np.exp(rng.normal() - 1.5) * season + np.exp(rng.normal() - 3) * noise
        if rng.random() < 0.5:
            series = np.exp(series * rng.uniform(0.1, 1.0))
    if rng.random() < 0.15:
        series = series + rng.normal() * series.std() * (clock > rng.uniform(0.1, 0.95))
    if rng.random() < 0.08:
        series = np.rint(series / series.std() * rng.uniform(2, 10))
    return series * np.exp(2 * rng.normal()) + 3 * rng.normal() * (rng.random() < 0.5)


def _wandering(length: int, rng: np.random.Generator) -> Array:
    """A level that walks, with a slope that may walk too, of deviation one."""
    slope = rng.normal() * 0.3 + np.cumsum(rng.normal(size=length)) * 10 ** rng.uniform(-3, -0.5) * rng.integers(2)
    level = np.cumsum(slope + _noise(length, rng) * 10 ** rng.uniform(-1.0, 0.3))
    return level / max(float(level.std()), 1e-9)


def recurrent(rng: np.random.Generator, length: int | None = None) -> Array:
    """A long recording (L,) of one quantity of a chaotic system that comes back near where it was, few points a cycle.

    Lorenz's or Roessler's equations with parameters of chance; the quantity itself or its square, perhaps in whole
    numbers, perhaps with a little noise.
    """
    length = length or int(rng.integers(400, 1000))
    if rng.random() < 0.6:
        sigma, rho, beta = rng.uniform(8, 12), rng.uniform(25, 45), rng.uniform(2, 3.2)

        def rates(_: float, x: Array) -> list[float]:
            return [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]

        step, start = rng.uniform(0.04, 0.12), rng.normal(size=3) * 5 + [0, 0, 20]
    else:
        a, b, c = rng.uniform(0.15, 0.3), rng.uniform(0.1, 0.3), rng.uniform(4, 9)

        def rates(_: float, x: Array) -> list[float]:
            return [-x[1] - x[2], x[0] + a * x[1], b + x[2] * (x[0] - c)]

        step, start = rng.uniform(0.4, 0.9), rng.normal(size=3)
    times = step * np.arange(length + 100)
    path = solve_ivp(rates, (0.0, float(times[-1])), start, t_eval=times, rtol=1e-6, atol=1e-6).y[:, 100:]
    values = path[rng.integers(3)]
    if rng.random() < 0.4:
        values = values**2
    values = values + values.std() * 10 ** rng.uniform(-3, -1) * rng.normal(size=len(values)) * (rng.random() < 0.5)
    return np.rint(values / np.abs(values).max() * 255) if rng.random() < 0.5 else values


def growth(rng: np.random.Generator, length: int | None = None) -> Array:
    """Growth or decay (L,) by a law of few parameters, hardly disturbed: exponential, logistic, Gompertz or a power."""
    clock = np.linspace(0, 1, length or int(rng.integers(30, 150)))
    kind, rate = rng.integers(4), rng.uniform(1, 8)
    if kind == 0:
        series = np.exp(0.75 * rate * clock * rng.choice([-1, 1, 1]))
    elif kind == 1:
        series = 1 / (1 + np.exp(-2 * rate * (clock - rng.uniform(0.2, 0.8))))
    elif kind == 2:
        series = np.exp(-np.exp(-rate * (clock - rng.uniform(0.1, 0.5))))
    else:
        series = (clock + 0.1) ** rng.uniform(-1, 3)
    noise = 10 ** rng.uniform(-4, -2) * (rng.random() < 0.5) * np.ptp(series[: len(series) // 2])
    return series + noise * rng.normal(size=len(series)) + rng.normal() * (rng.random() < 0.5)


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
    if rng.random() < 0.25:  # the profile itself walks
        drift = np.cumsum(rng.normal(size=(length // max(int(period), 1) + 2, 6)), axis=0) * rng.uniform(0.05, 0.4)
        moving = drift[(np.arange(length) / period).astype(int)]
        wave = wave + sum(moving[:, k] * np.sin((k % 3 + 1) * phase + k // 3 * np.pi / 2) for k in range(6))
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
