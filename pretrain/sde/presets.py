"""All constants of pretraining FIM-SDE, in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from pretrain.priors.simulate_sde import Regime
from pretrain.run.presets import A_MINUTE, AS_PUBLISHED, Recipe, in_context_network
from pretrain.run.schedule import Schedule
from pretrain.sde.corruption import Noise, Observation
from skdyn.nn.arbitrated_sde import ArbitratedSDEConfig


def network(
    width: int, encoder_layers: int, decoder_layers: int, feedforward: int, leaves: int = 128, local_width: int = 64
) -> ArbitratedSDEConfig:
    """A FIM-SDE network with arbiters, format 2, with 4 heads."""
    return ArbitratedSDEConfig.from_dict(
        in_context_network(width, encoder_layers, decoder_layers, feedforward, local_width)
        | {
            "model_type": "fim-sde",
            "format_version": 2,
            "arbiter_units": 32,
            "max_variables": 16,
            "leaves": leaves,
            "lags": [1, 4, 16, 64],
            "polynomial_degree": 3,
            "drift_clip": 50.0,
            "diffusion_floor": 0.05,
        }
    )


@dataclass(frozen=True, kw_only=True)
class Preset(Recipe):
    """A recipe; see `pretrain.run.presets.Recipe` for what all recipes have.

    Attributes
    ----------
    network : ArbitratedSDEConfig
    drifts : str
        As `pretrain.priors.prior_weights` reads it.
    diffusions : str
        A name in `pretrain.priors.diffusion.DIFFUSIONS`.
    regimes : tuple of Regime
    observations : tuple of Observation
    systems : mapping of dimension to number
        Systems drawn for each pool, over all regimes.
    examples_per_system : float
        Contexts cut out of each system of a pool.
    batch : mapping of a number of tokens to contexts
        Contexts of a batch, by the tokens that each has.
    queries : int
    noise : Noise
    hidden : float
        Share of the batches in which the arbiters do not see the network.
    validation : int
        Systems drawn for the frozen validation suite, of each dimension.
    """

    network: ArbitratedSDEConfig
    regimes: tuple[Regime, ...]
    observations: tuple[Observation, ...]
    systems: Mapping[int, int]
    batch: Mapping[int, int]
    drifts: str = "noisy"
    diffusions: str = "mixture"
    examples_per_system: float = 4.0
    queries: int = 96
    noise: Noise = field(default_factory=Noise)
    hidden: float = 0.2
    validation: int = 120
    validate_every: float = 300.0


_REGIMES = (
    Regime(paths=4, points=1536, substeps=2, weight=0.55, duration=(3.0, 50.0)),
    Regime(paths=4, points=768, substeps=6, weight=0.45, duration=(40.0, 200.0)),
)

_OBSERVATIONS = (
    Observation(paths=1, points=1536, weight=0.14),
    Observation(paths=1, points=1024, weight=0.2),
    Observation(paths=1, points=512, weight=0.15),
    Observation(paths=1, points=256, weight=0.1),
    Observation(paths=1, points=128, weight=0.05),
    Observation(paths=1, points=60, weight=0.04, largest_stride=32),
    Observation(paths=4, points=768, weight=0.12),
    Observation(paths=4, points=256, weight=0.1),
    Observation(paths=12, points=64, weight=0.1),
)

PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        network=network(width=32, encoder_layers=1, decoder_layers=1, feedforward=64, leaves=32, local_width=16),
        regimes=(Regime(paths=2, points=256, substeps=2, weight=1.0, duration=(3.0, 30.0)),),
        observations=(
            Observation(paths=1, points=256, weight=0.6),
            Observation(paths=2, points=64, weight=0.4),
        ),
        systems={1: 200, 2: 200, 3: 200},
        batch={1: 32},
        steps_per_pool=150,
        queries=48,
        validation=60,
        **A_MINUTE,
    ),
    "small": Preset(
        network=network(width=96, encoder_layers=3, decoder_layers=3, feedforward=256, leaves=64),
        regimes=_REGIMES,
        observations=_OBSERVATIONS,
        systems={1: 1500, 2: 2600, 3: 1900},
        examples_per_system=5.0,
        batch={1: 32},
        steps_per_pool=1300,
    ),
    "base": Preset(
        network=network(width=256, encoder_layers=6, decoder_layers=4, feedforward=1024),
        regimes=_REGIMES,
        observations=_OBSERVATIONS,
        systems={1: 8192, 2: 16384, 3: 12288},
        batch={1: 512, 128: 384},
        steps_per_pool=400,
        examples_per_system=6.0,
        queries=192,
    ),
    "paper": Preset(
        network=network(width=256, encoder_layers=6, decoder_layers=4, feedforward=1024),
        drifts="unit_polynomial",
        diffusions="published",
        regimes=(
            Regime(paths=100, points=128, substeps=15, weight=1.0, step=0.1),
            Regime(paths=25, points=512, substeps=5, weight=1.0, step=0.01),
            Regime(paths=12, points=1024, substeps=1, weight=1.0, step=0.001),
        ),
        observations=(
            Observation(paths=1, points=128, weight=1.0, largest_stride=1),
            Observation(paths=10, points=128, weight=1.0, largest_stride=1),
            Observation(paths=12, points=512, weight=1.0, largest_stride=1),
            Observation(paths=12, points=1024, weight=1.0, largest_stride=1),
        ),
        noise=Noise(clean=0.5, level=0.1, irregular=0.5, survival=0.9, coarsest=float("inf")),
        systems={1: 2000, 2: 4000, 3: 6000},
        batch={1: 64},
        steps_per_pool=400,
        queries=64,
        **AS_PUBLISHED,
    ),
}
_SHORT = Regime(paths=40, points=48, substeps=24, weight=0.6, duration=(1.5, 60.0))

PRESETS["arbiter"] = dataclasses.replace(
    PRESETS["small"],
    regimes=(Regime(paths=4, points=1536, substeps=3, weight=0.4, duration=(3.0, 120.0)), _SHORT),
    observations=(
        Observation(paths=1, points=1536, weight=0.08),
        Observation(paths=1, points=1024, weight=0.08),
        Observation(paths=1, points=512, weight=0.08),
        Observation(paths=1, points=256, weight=0.07),
        Observation(paths=1, points=128, weight=0.05),
        Observation(paths=1, points=60, weight=0.05, largest_stride=32),
        Observation(paths=4, points=256, weight=0.06),
        Observation(paths=12, points=64, weight=0.04),
        Observation(paths=4, points=40, weight=0.04),
        Observation(paths=5, points=10, weight=0.14, largest_stride=4),
        Observation(paths=40, points=10, weight=0.12, largest_stride=4),
        Observation(paths=20, points=20, weight=0.12, largest_stride=2),
        Observation(paths=12, points=30, weight=0.08),
        Observation(paths=30, points=5, weight=0.08, largest_stride=8),
    ),
    noise=Noise(clean=0.4, level=0.15, irregular=0.5, survival=0.4, coarsest=1.5),
    systems={1: 800, 2: 600, 3: 450},
    examples_per_system=4.0,
    batch={1: 64},
    queries=48,
    steps_per_pool=100_000,
    schedule=Schedule(peak=4e-3, warmup=0.05, warmup_steps=20),
    ema=0.99,
    validation=30,
    validate_every=3600.0,
)
"""``small`` has the sizes of the bundled model; ``arbiter`` (with ``--train arbiter``) trains arbiters over a network
that there is, on many short contexts among others; ``paper`` is the data and the optimiser of arXiv 2502.19049 (its
593,400 systems are drawn afresh, in the same proportions) with this project's network."""
