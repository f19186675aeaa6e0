"""The library of clean recordings that prefixes are cut from: named families, and in the open track random systems.

Letters: S recordings, P points, D channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from pretrain.priors import Mixture, prior_weights
from pretrain.priors.real_like import recorded_like
from pretrain.priors.simulate import SimulationConfig, Simulator
from skdyn.datasets.families import FAMILIES, IN_DOMAIN

GRID = 241
"""Points of every recording, evenly spaced: 240 intervals have many divisors to thin them by."""


@dataclass(frozen=True)
class LibraryConfig:
    """What a library holds.

    Attributes
    ----------
    per_family : int
        Recordings of each of the twenty families for training.
    prior : str
        Prior of random systems as `pretrain.priors.prior_weights` reads it, or "" for the strict track, which knows
        the families alone.
    prior_systems : mapping of dimension to number
        Random systems drawn for each dimension; about a third passes.
    recorded_like : int
        Series of one channel that look like what people record: `pretrain.priors.real_like`.
    """

    per_family: int = 200
    prior: str = "mixture"
    prior_systems: Mapping[int, int] = field(default_factory=lambda: {1: 600, 2: 1800, 3: 1200})
    recorded_like: int = 0


Library = dict[int, NDArray[np.float32]]
"""Recordings (S, P, D) by their number of channels D."""


class Librarian:
    """Simulates libraries, each a function of the generator alone.

    Parameters
    ----------
    config : LibraryConfig
    """

    def __init__(self, config: LibraryConfig) -> None:
        self.config = config
        self.counts = {"families": 0, "prior": 0, "recorded-like": 0}
        self._simulator = None
        if config.prior:
            simulation = SimulationConfig(paths=2, points=GRID, box_points=1)
            self._simulator = Simulator(Mixture(prior_weights(config.prior)), simulation)

    def draw(self, rng: np.random.Generator, progress: bool = False) -> Library:
        """Simulate a library, with bars if ``progress``."""
        parts: dict[int, list[NDArray[np.float32]]] = {}
        for name in tqdm(IN_DOMAIN, desc="families", disable=not progress):
            _, values = FAMILIES[name].simulate(self.config.per_family, rng, GRID, rtol=1e-5)
            parts.setdefault(values.shape[-1], []).append(values.astype(np.float32))
            self.counts["families"] += len(values)
        if self._simulator is not None:
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            for dim, n in tqdm(self.config.prior_systems.items(), desc="random systems", disable=not progress):
                systems = self._simulator.draw(n, dim, generator)
                # One recording of each system: its first that is valid.
                path = systems.valid.int().argmax(dim=1)
                values = systems.states[torch.arange(len(systems)), path].numpy()
                parts.setdefault(dim, []).append(values.astype(np.float32))
                self.counts["prior"] += len(values)
        if count := self.config.recorded_like:
            drawn = np.stack([recorded_like(rng, GRID) for _ in range(count)])[..., None]
            # Float32 keeps seven digits: a season on a level a million times higher would be lost.
            drawn = (drawn - drawn.mean(axis=1, keepdims=True)) / np.maximum(drawn.std(axis=1, keepdims=True), 1e-9)
            parts.setdefault(1, []).append(drawn.astype(np.float32))
            self.counts["recorded-like"] += count
        return {dim: np.concatenate(recordings) for dim, recordings in sorted(parts.items())}
