"""Polynomial fields with waves of the time or of the states, whose one frequency is scanned.

A driven oscillator has a wave of the time, a pendulum one of its angle. For every frequency of a grid the rest is a
linear fit by integral matching: states less their mean over a window against the integrals of the terms. The best
frequency is refined, and terms that are not needed are left out.
Letters: N points, D channels, P monomials, W frequencies, Q columns.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.experts.grid import Array
from skdyn.forecasting.experts.polynomial_fields import Fields, Terms, monomials

Integrate = Callable[[Array], Array]
"""Maps rates (N, Q) at the points to their integrals from the first point."""

_WINDOW = 40
_RIDGE = 1e-10
_SCANNED, _ROUNDS, _FINER = 40, 3, 9
_MOST_COLUMNS = 0.5
_WALD = 3.0
_CYCLES = (1.0, 30.0)
_RADIANS = (0.3, 4.0)
"""Range of the wave in the states, per deviation of the states."""


def with_waves(terms: Terms, z: Array, clock: Array, integrate: Integrate) -> list[Fields]:
    """Fields with waves of the time and of the states, as far as there are points enough."""
    found = []
    n, dim = z.shape
    span = clock[-1] - clock[0]
    high = min(_CYCLES[1], n / 6)
    if high > 2 * _CYCLES[0]:
        of_time = 2 * np.pi / span * np.geomspace(_CYCLES[0], high, _SCANNED)
        found += _scan(terms, z, integrate, of_time, lambda w: _of_time(w, clock), is_time=True, columns=2)
    of_states = np.geomspace(*_RADIANS, _SCANNED)
    found += _scan(terms, z, integrate, of_states, lambda k: _of_states(k, z), is_time=False, columns=2 * dim)
    return found


def _of_time(frequency: float, clock: Array) -> Array:
    return np.column_stack([np.cos(frequency * clock), np.sin(frequency * clock)])


def _of_states(wave: float, z: Array) -> Array:
    return np.concatenate([np.sin(wave * z), np.cos(wave * z)], axis=-1)


def _scan(
    terms: Terms,
    z: Array,
    integrate: Integrate,
    grid: Array,
    rates: Callable[[float], Array],
    is_time: bool,
    columns: int,
) -> list[Fields]:
    n, dim = z.shape
    used = _affordable(terms, _MOST_COLUMNS * n - columns, 3 if is_time else 2)
    if used < 1 + dim:
        return []
    targets = _less_means(z)
    fixed = _less_means(integrate(monomials(terms, z)[:, :used]))

    def criterion(frequencies: Array) -> Array:
        waves = np.concatenate([rates(float(f)) for f in frequencies], axis=1)
        moving = _less_means(integrate(waves)).reshape(n, len(frequencies), columns).transpose(1, 0, 2)
        design = np.concatenate([np.broadcast_to(fixed, (len(frequencies), *fixed.shape)), moving], axis=2)
        return _log_residuals(design, targets)

    step = grid[1] / grid[0]
    best = float(grid[int(criterion(grid).argmin())])
    for _ in range(_ROUNDS):
        near = best * step ** np.linspace(-1, 1, _FINER)
        best = float(near[int(criterion(near).argmin())])
        step **= 2 / (_FINER - 1)
    design = np.concatenate([fixed, _less_means(integrate(rates(best)))], axis=1)
    fields = []
    for coefficients in (_dense(design, targets), _sparse(design, targets)):
        polynomial = np.zeros((1, dim, len(terms)))
        polynomial[0, :, :used] = coefficients[:used].T
        plain = Fields.polynomial(terms, polynomial, np.zeros((1, dim)), np.ones((1, dim)))
        wave = coefficients[used:].T[None]
        none, there = np.zeros(1), np.array([best])
        if is_time:
            parts = (none, plain.of_states, there, wave)
        else:
            parts = (there, wave, none, plain.of_time)
        fields.append(Fields(terms, polynomial, plain.shift, plain.scale, *parts))
    return fields


def _affordable(terms: Terms, room: float, most: int) -> int:
    """How many of the terms, of whole degrees, leave points enough."""
    counts = [sum(len(term) <= degree for term in terms) for degree in range(1, most + 1)]
    return max([count for count in counts if count <= room], default=0)


def _less_means(values: Array) -> Array:
    """Values (N, Q) less their mean over windows of forty points, the last of which may be longer."""
    answer, n = values.copy(), len(values)
    edges = [*range(0, max(n - _WINDOW, 0) + 1, _WINDOW), n] if n >= 2 * _WINDOW else [0, n]
    if len(edges) > 2 and edges[-1] - edges[-2] < _WINDOW:
        edges.pop(-2)
    for begin, end in pairwise(edges):
        answer[begin:end] -= answer[begin:end].mean(axis=0)
    return answer


def _log_residuals(design: Array, targets: Array) -> Array:
    """Sum over channels of the log of what linear fits (W,) leave."""
    gram = design.transpose(0, 2, 1) @ design
    cross = design.transpose(0, 2, 1) @ targets
    root = np.sqrt(np.maximum(np.einsum("wii->wi", gram), 1e-300))
    gram = gram / root[:, :, None] / root[:, None] + _RIDGE * np.eye(gram.shape[-1])
    cross = cross / root[:, :, None]
    explained = (cross * np.linalg.solve(gram, cross)).sum(axis=1)
    total = (targets**2).sum(axis=0)
    return np.log(np.maximum(total - explained, 1e-12 * total + 1e-300)).sum(axis=1)


def _dense(design: Array, targets: Array) -> Array:
    root = np.sqrt(np.maximum((design**2).sum(axis=0), 1e-300))
    scaled = design / root
    return np.linalg.solve(scaled.T @ scaled + _RIDGE * np.eye(len(root)), scaled.T @ targets) / root[:, None]


def _sparse(design: Array, targets: Array) -> Array:
    """Coefficients (Q, D) of which those below three of their standard errors have been left out one by one."""
    answer = np.zeros((design.shape[1], targets.shape[1]))
    root = np.sqrt(np.maximum((design**2).sum(axis=0), 1e-300))
    scaled = design / root
    gram, cross = scaled.T @ scaled, scaled.T @ targets
    for channel, target in enumerate(targets.T):
        active: NDArray[np.intp] = np.arange(len(root))
        while len(active):
            inverse = np.linalg.inv(gram[np.ix_(active, active)] + _RIDGE * np.eye(len(active)))
            weights = inverse @ cross[active, channel]
            left = float(target @ target - weights @ cross[active, channel])
            variance = max(left, 1e-12 * float(target @ target)) / max(len(target) - len(active), 1)
            wald = np.abs(weights) / np.sqrt(np.maximum(np.diag(inverse) * variance, 1e-300))
            drop = np.argsort(wald)[: max(1, len(active) // 4)]
            drop = drop[wald[drop] < _WALD]
            if not len(drop):
                answer[active, channel] = weights / root[active]
                break
            active = np.delete(active, drop)
    return answer
