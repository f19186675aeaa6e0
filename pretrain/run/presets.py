"""What the recipes of all models have in common; each model's own constants are in its ``presets.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from pretrain.run.optim import OptimConfig
from pretrain.run.schedule import Schedule


class NetworkConfig(Protocol):
    """What a recipe needs to know of a network's configuration."""

    @property
    def model_type(self) -> str:
        """The kind of model, as skdyn's registry knows it."""

    def to_dict(self) -> dict[str, Any]:
        """The contents of config.json."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Base of the recipes.

    Attributes
    ----------
    network : NetworkConfig
    steps_per_pool : int
        Training steps before the systems that batches are made of are simulated anew.
    validation : int
        Size of the frozen validation suite.
    schedule : Schedule
    optim : OptimConfig
    ema : float
        Largest decay of the moving average of the weights.
    validate_every, save_every : float
        Seconds.
    """

    network: NetworkConfig
    steps_per_pool: int
    validation: int
    schedule: Schedule = field(default_factory=Schedule)
    optim: OptimConfig = field(default_factory=OptimConfig)
    ema: float = 0.999
    validate_every: float = 180.0
    save_every: float = 120.0


A_MINUTE: dict[str, Any] = {
    "schedule": Schedule(peak=3e-3, warmup=0.05, warmup_steps=20),
    "ema": 0.99,
    "validate_every": 20.0,
    "save_every": 20.0,
}
"""For ``tiny``: a minute must be enough for everything."""

AS_PUBLISHED: dict[str, Any] = {
    "schedule": Schedule(peak=1e-5, warmup=0.0, warmup_steps=0, decay_from=1.0),
    "optim": OptimConfig(muon=False),
}
"""Schedule and optimiser of FIM-ODE and FIM-SDE as their authors give them (arXiv 2602.08733, 2502.19049)."""


def in_context_network(
    width: int, encoder_layers: int, decoder_layers: int, feedforward: int, local_width: int
) -> dict[str, Any]:
    """What the configurations of FIM-ODE and FIM-SDE share: format 1, up to three variables, 4 heads."""
    return {
        "format_version": 1,
        "max_dim": 3,
        "width": width,
        "heads": 4,
        "encoder_layers": encoder_layers,
        "decoder_layers": decoder_layers,
        "feedforward": feedforward,
        "local_width": local_width,
        "fourier_octaves": 4,
        "feature_clip": 5.0,
        "scale_clip": 6.0,
    }
