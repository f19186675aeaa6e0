"""Prefixes cut from a library of clean recordings, with the values that follow them.

Letters: B series, D channels, N observed points, P points of a recording, T target times.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pretrain.priors.library import GRID, Library
from skdyn.nn.lass_ode import Prefixes, make_prefixes


@dataclass(frozen=True)
class PrefixShape:
    """Size of a batch.

    Attributes
    ----------
    points : int
        Points of a whole recording as it is observed, before any is lost.
    channels : int
        Channels in the batch, over all its series.
    weight : float
        Share of the batches.
    """

    points: int
    channels: int
    weight: float


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
class ForecastBatch:
    """Prefixes, and what the forecast should be.

    Attributes
    ----------
    prefixes : Prefixes
    times : Tensor of shape (B, T)
        Normalised target times, increasing.
    targets : Tensor of shape (B, D, T)
        Clean values in the prefix's units.
    unseen : boolean Tensor of shape (B, T)
        Whether a target lies after the last observed point.
    scale : Tensor of shape (B, D)
        Half of the range of the whole recording in the prefix's units: the unit of errors.
    """

    prefixes: Prefixes
    times: Tensor
    targets: Tensor
    unseen: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> ForecastBatch:
        """The same batch on another device."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        prefixes = values.pop("prefixes")
        moved = {f.name: getattr(prefixes, f.name).to(device) for f in dataclasses.fields(prefixes)}
        return ForecastBatch(Prefixes(**moved), **{name: value.to(device) for name, value in values.items()})


def make_forecast_batch(
    library: Library, dim: int, shape: PrefixShape, config: ObservationConfig, rng: np.random.Generator
) -> ForecastBatch:
    """Draw recordings of ``dim`` channels and cut them into prefix and future."""
    count = max(1, shape.channels // dim)
    parts = [_observe(_recording(library, dim, config, rng), shape.points, config, rng) for _ in range(count)]
    return collate(parts)


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


def collate(parts: list[Cut]) -> ForecastBatch:
    """One batch from series of the same number of channels and target times."""
    n, dim = max(len(part.times) for part in parts), parts[0].values.shape[1]
    values, times = np.zeros((len(parts), dim, n)), np.zeros((len(parts), dim, n))
    mask = np.zeros((len(parts), dim, n), dtype=bool)
    for b, part in enumerate(parts):
        length = len(part.times)
        values[b, :, :length], times[b, :, :length], mask[b, :, :length] = part.values.T, part.times, True
    end = torch.tensor([part.end for part in parts], dtype=torch.float64)
    prefixes, scaling = make_prefixes(torch.from_numpy(values), torch.from_numpy(times), torch.from_numpy(mask), end)
    asked = torch.from_numpy(np.stack([part.target_times for part in parts]))
    targets = torch.from_numpy(np.stack([part.targets.T for part in parts]))
    last = torch.tensor([part.times[-1] for part in parts], dtype=torch.float64)
    half = torch.from_numpy(np.stack([part.half_range for part in parts]))
    return ForecastBatch(
        prefixes=prefixes,
        times=scaling.normalise_times(asked).float(),
        targets=scaling.normalise(targets).float(),
        unseen=asked > last[:, None],
        scale=(half / scaling.half).clamp(min=1.0).float(),
    )


def _recording(library: Library, dim: int, config: ObservationConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """One clean recording (P, dim): a system of that many channels, or some channels of a larger one."""
    larger = [d for d in library if d > dim]
    source = dim if dim in library else min(larger)
    if dim in library and larger and rng.random() < config.subset:
        sizes = np.array([len(library[d]) for d in larger], dtype=float)
        source = int(rng.choice(larger, p=sizes / sizes.sum()))
    recording = library[source][rng.integers(len(library[source]))].astype(np.float64)
    recording = recording[:, rng.permutation(source)[:dim]] * rng.choice([-1.0, 1.0], dim)
    if dim > 1 and rng.random() < config.mix:
        deviation = recording.std(axis=0)
        recording = recording / np.where(deviation > 0, deviation, 1.0) @ rng.normal(size=(dim, dim))
    return recording


def _observe(recording: NDArray[np.float64], points: int, config: ObservationConfig, rng: np.random.Generator) -> Cut:
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
