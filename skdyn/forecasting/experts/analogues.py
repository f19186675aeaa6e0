"""What came after the moments of the past that resemble the present: parrots, simplex projection and S-maps.

Letters: N points of an even grid, D channels, E points of a motif, M moments compared.
"""

from __future__ import annotations

import numpy as np

from skdyn.forecasting.experts.grid import Array, StepForecast, on_grid, require
from skdyn.forecasting.experts.registry import Expert

_MOTIFS = (3, 6, 12, 24, 48)
_SIMPLEX_LAGS = (1, 2, 4)
_TRIALS = 6
_LOCALITIES = (0.0, 1.0, 3.0, 8.0)
_MOST_MOMENTS = 3000
_RIDGE = 1e-6


def _parrot(even: Array) -> StepForecast:
    scaled = _in_deviations(even)
    length = int(np.clip(len(even) // 4, 3, 20))
    require(len(even) > length + 1, "too short to resemble itself")
    begin = int(_distances(scaled, length, len(even))[:-1].argmin()) + length  # the point after the best match
    return lambda count: even[begin + np.arange(count) % (len(even) - begin)]


PARROT = Expert("parrot", on_grid(_parrot), "long, fast series that come back near where they were")
"""Context parroting: find what the last points resemble most, and repeat what came after that.

The motif has a quarter of the prefix's points, at least three and at most twenty; channels are compared in their own
deviations. Y. Zhang and W. Gilpin, *Context parroting: a simple but tough-to-beat baseline for foundation models in
scientific machine learning*, arXiv:2505.11349.
"""


def _analogues(even: Array) -> StepForecast:
    require(len(even) >= 20, "too short for several analogues")
    scaled = _in_deviations(even)
    reach = max(2, len(even) // 8)
    trials = np.unique(np.linspace(len(even) // 2, len(even) - reach, _TRIALS).astype(int))
    best, chosen = np.inf, (3, 1)
    for length in _MOTIFS:
        if length > len(even) // 4:
            break
        for matches in (1, length if length <= 6 else 6):
            errors = [
                np.mean((_mean_of(scaled, length, matches, end, reach) - scaled[end : end + reach]) ** 2)
                for end in trials
            ]
            if (error := float(np.mean(errors))) < best:
                best, chosen = error, (length, matches)
    length, matches = chosen
    return lambda count: _continued(even, scaled, length, matches, count)


ANALOGUES = Expert("analogues", on_grid(_analogues), "the same under noise, from 20 points")
"""Several matches of a motif, weighted by their nearness: motif and number are those that forecast the past best.

Simplex projection (G. Sugihara and R. May, *Nature* 344, 734, 1990) with motifs of 3 to 48 points.
"""


def _continued(even: Array, scaled: Array, length: int, matches: int, count: int) -> Array:
    """What followed the matches, again and again from the end of the shortest, until there is enough."""
    values, known = even, scaled
    ahead: list[Array] = []
    deviation = _deviations(even)
    while sum(map(len, ahead)) < count:
        piece = min(count - sum(map(len, ahead)), max(1, len(even) // 4))
        part = _mean_of(known, length, matches, len(known), piece) * deviation
        ahead.append(part)
        values = np.concatenate([values, part])
        known = values / deviation
    return np.concatenate(ahead)[:count]


def _mean_of(scaled: Array, length: int, matches: int, end: int, count: int) -> Array:
    """Weighted mean of what came in ``count`` steps after the motifs before ``end`` that resemble the last one."""
    distances = _distances(scaled, length, end)[: end - length - count + 1]
    if not len(distances):
        return np.repeat(scaled[end - 1 : end], count, axis=0)
    places: list[int] = []
    left = distances.copy()
    for _ in range(min(matches, len(distances))):
        place = int(left.argmin())
        if not np.isfinite(left[place]):
            break
        places.append(place)
        left[max(0, place - length // 2) : place + length // 2 + 1] = np.inf  # neighbours are the same moment
    near = np.sqrt(distances[places])
    weights = np.exp(-near / max(near[0], 1e-12))
    pieces = scaled[np.array(places)[:, None] + length + np.arange(count)]
    return np.tensordot(weights / weights.sum(), pieces, axes=1)


def _distances(scaled: Array, length: int, end: int) -> Array:
    """Mean square distance of every motif before ``end`` from the last one, the last one included."""
    motif = scaled[end - length : end]
    total = np.zeros(end - length + 1)
    for place in range(length):
        total += ((scaled[place : end - length + 1 + place] - motif[place]) ** 2).sum(axis=1)
    return np.round(total / length, 12)  # what is as near stays so in other units


def _s_map(even: Array) -> StepForecast:
    require(len(even) >= 20, "too short for local linear maps")
    lags = int(np.clip(len(even) // (4 * even.shape[1]), 2, max(2, 8 // even.shape[1] + 1)))
    deviation, center = _deviations(even), even.mean(axis=0)
    scaled = (even - center) / deviation
    states = np.column_stack([scaled[lags - 1 - lag : len(scaled) - lag] for lag in range(lags)])
    past, targets = states[:-1][-_MOST_MOMENTS:], scaled[lags:][-_MOST_MOMENTS:]
    design = np.column_stack([np.ones(len(past)), past])
    locality = _chosen_locality(design, targets)
    low, high = 2 * scaled.min(axis=0) - scaled.max(axis=0), 2 * scaled.max(axis=0) - scaled.min(axis=0)

    def ahead(count: int) -> Array:
        state, answer = states[-1], np.empty((count, even.shape[1]))
        for row in range(count):
            point = np.clip(_local_answer(design, targets, np.append(1.0, state)[None], locality)[0], low, high)
            answer[row] = point
            state = np.concatenate([point, state[: -even.shape[1]]])
        return answer * deviation + center

    return ahead


S_MAP = Expert("s-map", on_grid(_s_map), "smooth nonlinear series, from 20 points")
"""S-map: the linear map that fits the past best, near moments weighing more, iterated from the last one.

G. Sugihara, *Phil. Trans. R. Soc. A* 348, 477 (1994). How local the map is, is chosen by forecasts of single steps that
leave the moment itself and its neighbours out.
"""


def _chosen_locality(design: Array, targets: Array) -> float:
    tried = np.unique(np.linspace(len(design) // 3, len(design) - 1, 30).astype(int))
    errors = []
    for locality in _LOCALITIES:
        answer = _local_answer(design, targets, design[tried], locality, tried)
        errors.append(np.mean((answer - targets[tried]) ** 2))
    return _LOCALITIES[int(np.argmin(errors))]


def _local_answer(design: Array, targets: Array, asked: Array, locality: float, without: Array | None = None) -> Array:
    """Answers (A, D) of the weighted linear fits around the rows (A, 1 + E D) that are asked about."""
    distances = np.sqrt(((design[None, :, 1:] - asked[:, None, 1:]) ** 2).sum(axis=-1))
    weights = np.exp(-locality * distances / np.maximum(distances.mean(axis=1, keepdims=True), 1e-12))
    if without is not None:
        weights = weights * (np.abs(np.arange(len(design)) - without[:, None]) > 2)
    weighted = weights[:, :, None] * design
    gram = weighted.transpose(0, 2, 1) @ design
    cross = weighted.transpose(0, 2, 1) @ targets
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] / gram.shape[-1]
    solution = np.linalg.solve(gram + _RIDGE * size * np.eye(gram.shape[-1]), cross)
    return (asked[:, None] @ solution)[:, 0]


def _deviations(even: Array) -> Array:
    return np.maximum(even.std(axis=0), 1e-12 * np.abs(even).max() + 1e-300)


def _in_deviations(even: Array) -> Array:
    return even / _deviations(even)
