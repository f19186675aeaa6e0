"""What a forecaster sees of a recording: a prefix at some of its times, with noise; and what it is asked for.

Letters: N observed points, P points of a recording, T target times, D channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pretrain.priors.library import GRID


@dataclass(frozen=True)
class ObservationConfig:
    """How recordings are observed.

    Attributes
    ----------
    dims : mapping of number of channels to weight
        Batches are of one number of channels.
    ratio : pair of float
        Uniform range of the prefix's share of the time.
    window : pair of float
        Uniform range of the share of a recording that is used, in six of ten; the others are used whole.
    subset, mix : float
        Share of the series with some channels of a larger system, and with a random linear mix of channels.
    jittered, thinned, gapped : float
        Share of the series with times off the grid by up to 30% of a step, with 50% to 90% of the points, and with a
        gap of 5% to 20% of the time.
    clean : float
        Share of the series without noise.
    noise : pair of float
        Log-uniform range of the noise's standard deviation, relative to the range of a channel; targets stay clean.
    seen, unseen : int
        Target times in the prefix and after it.
    """

    dims: Mapping[int, float] = field(default_factory=lambda: {1: 0.2, 2: 0.45, 3: 0.2, 4: 0.05, 5: 0.1})
    ratio: tuple[float, float] = (0.3, 0.9)
    window: tuple[float, float] = (0.5, 1.0)
    subset: float = 0.2
    mix: float = 0.2
    jittered: float = 0.15
    thinned: float = 0.15
    gapped: float = 0.1
    clean: float = 0.5
    noise: tuple[float, float] = (0.002, 0.1)
    seen: int = 20
    unseen: int = 40


@dataclass(frozen=True)
class Cut:
    """One series in the user's units: what is seen (N,), (N, D) and what is asked for (T,), (T, D).

    Attributes
    ----------
    times, values : array
        Observed.
    target_times, targets : array
        Clean values; increasing times.
    half_range : array of shape (D,)
        Half of the range of the whole clean recording.
    end : float
        Last time of the recording.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    target_times: NDArray[np.float64]
    targets: NDArray[np.float64]
    half_range: NDArray[np.float64]
    end: float


def observe(recording: NDArray[np.float64], points: int, config: ObservationConfig, rng: np.random.Generator) -> Cut:
    """Look at a part of a recording at some of its times, up to a random share of the part."""
    share = 1.0 if rng.random() < 0.4 else rng.uniform(*config.window)
    step = max(1, int(share * (GRID - 1) / (points - 1)))
    count = min(points, (GRID - 1) // step + 1)
    first = int(rng.integers(GRID - step * (count - 1))) if rng.random() < 0.3 else 0
    last = first + step * (count - 1)
    places = first + step * np.arange(count)
    kind = rng.random()
    if kind < config.jittered:
        places[1:-1] += np.rint(rng.uniform(-0.3, 0.3, count - 2) * step).astype(int)
    elif kind < config.jittered + config.thinned:
        places = places[rng.random(count) < rng.uniform(0.5, 0.9)]
    elif kind < config.jittered + config.thinned + config.gapped:
        begin, width = rng.uniform(first, last), rng.uniform(0.05, 0.2) * (last - first)
        places = places[(places < begin) | (places > begin + width)]
    cut = first + rng.uniform(*config.ratio) * (last - first)
    places = places[places <= cut]
    if len(places) < 4:
        places = first + np.arange(4) * max(1, int(cut - first) // 4)
    seen, unseen = np.arange(places[0], places[-1] + 1), np.arange(places[-1] + 1, last + 1)
    asked = np.concatenate([_some(seen, config.seen, rng), _some(unseen, config.unseen, rng)])
    clean = recording[first : last + 1]
    observed = recording[places]
    if rng.random() >= config.clean:
        low, high = config.noise
        size = low * (high / low) ** rng.random() * np.ptp(observed, axis=0)
        observed = observed + size * rng.normal(size=observed.shape)
    return Cut(
        times=places.astype(np.float64),
        values=observed,
        target_times=asked.astype(np.float64),
        targets=recording[asked],
        half_range=np.ptp(clean, axis=0) / 2,
        end=float(last),
    )


def _some(places: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """``count`` of the places in order, repeated where there are fewer."""
    return np.sort(rng.choice(places, count, replace=len(places) < count))
