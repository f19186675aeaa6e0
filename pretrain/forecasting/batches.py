"""Prefixes cut from a library of clean recordings, with the values that follow them.

Letters: B series, D channels, N observed points, P points of a recording, T target times.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pretrain.forecasting.corruption import Cut, ObservationConfig, observe
from pretrain.priors.library import Library
from skdyn.nn.lass_ode import Prefixes, make_prefixes

_LEAST_MOVE = 1e-4
"""Range of a channel's prefix, in half-ranges of its whole recording, of what can be a training example."""


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
    return collate([_moving_cut(library, dim, shape, config, rng) for _ in range(count)])


def _moving_cut(
    library: Library, dim: int, shape: PrefixShape, config: ObservationConfig, rng: np.random.Generator
) -> Cut:
    """A cut all of whose channels move in the prefix: what comes after one that does not has no unit."""
    while True:
        cut = observe(_recording(library, dim, config, rng), shape.points, config, rng)
        if (np.ptp(cut.values, axis=0) > _LEAST_MOVE * cut.half_range).all():
            return cut


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
