"""All constants of pretraining FIM-ODE, in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from pretrain.ode.batches import BatchShape, QueryMix
from pretrain.ode.corruption import MIXTURE_CORRUPTION, PAPER_CORRUPTION, CorruptionConfig
from pretrain.priors.simulate import SimulationConfig
from pretrain.run.presets import A_MINUTE, AS_PUBLISHED, Recipe, in_context_network
from pretrain.run.schedule import Schedule
from skdyn.nn.arbitrated import ArbitratedConfig


def network(
    width: int, encoder_layers: int, decoder_layers: int, feedforward: int, local_width: int = 64
) -> ArbitratedConfig:
    """A FIM-ODE network, format 2, with 4 heads."""
    return ArbitratedConfig.from_dict(
        in_context_network(width, encoder_layers, decoder_layers, feedforward, local_width)
        | {
            "model_type": "fim-ode",
            "format_version": 2,
            "rope_min_wavelength": 0.05,
            "rope_max_wavelength": 200.0,
            "slope_lags": [1, 3, 8],
            "slope_clip": 50.0,
            "arbiter_units": 32,
            "committee_layers": 2,
            "functions": 1,
            "max_variables": 64,
        }
    )


@dataclass(frozen=True, kw_only=True)
class Preset(Recipe):
    """A recipe; see `pretrain.run.presets.Recipe` for what all recipes have.

    Attributes
    ----------
    network : ArbitratedConfig
    prior : str
        As `pretrain.priors.prior_weights` reads it.
    shapes : tuple of BatchShape
    queries : QueryMix
    corruption : CorruptionConfig
    simulation : SimulationConfig
    systems : mapping of dimension to number
        Systems drawn for each pool; about a third passes.
    dims : mapping of dimension to weight
    ragged : float
        Share of batches with trajectories of unequal number and length.
    symmetries : bool
        Reflect and permute coordinates at random.
    hidden : float
        Share of the batches in which the arbiter does not see the network.
    wide_share, wide_prior, wide_systems : float, str, mapping of dimension to number
        Share of the batches with more variables than the network takes, their prior, and systems drawn of each
        dimension.
    wide_cost : int
        How many times fewer contexts such a batch has.
    forced_share : float
        Share of the batches in which one or two variables of a system are given as inputs to the others.
    reuse : int
        How often the batches of a pool are used where the arbiter alone is trained, in random order. They are kept in
        memory with all that comes before the arbiter, some 130 kB a context.
    validation : int
        Prior samples in the frozen validation suite.
    brief_validation : bool
        Whether the suite is these and the textbook systems alone, which a core simulates in half a minute.
    """

    network: ArbitratedConfig
    prior: str
    shapes: tuple[BatchShape, ...]
    systems: Mapping[int, int]
    queries: QueryMix = field(default_factory=QueryMix)
    corruption: CorruptionConfig = MIXTURE_CORRUPTION
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    dims: Mapping[int, float] = field(default_factory=lambda: {1: 0.25, 2: 0.42, 3: 0.33})
    ragged: float = 0.3
    symmetries: bool = True
    hidden: float = 0.2
    wide_share: float = 0.12
    wide_prior: str = "many"
    wide_systems: Mapping[int, int] = field(default_factory=lambda: {4: 96, 5: 96, 6: 96, 8: 96, 12: 96})
    wide_cost: int = 3
    forced_share: float = 0.12
    reuse: int = 1
    validation: int = 200
    brief_validation: bool = False


_CPU_SHAPES = (
    BatchShape(paths=1, points=200, contexts=16, weight=0.25),
    BatchShape(paths=1, points=100, contexts=24, weight=0.3),
    BatchShape(paths=1, points=50, contexts=32, weight=0.15),
    BatchShape(paths=4, points=100, contexts=8, weight=0.2),
    BatchShape(paths=8, points=100, contexts=4, weight=0.1),
)

_GPU_SHAPES = (
    BatchShape(paths=1, points=200, contexts=512, weight=0.3),
    BatchShape(paths=1, points=150, contexts=640, weight=0.15),
    BatchShape(paths=1, points=100, contexts=768, weight=0.2),
    BatchShape(paths=1, points=50, contexts=1024, weight=0.1),
    BatchShape(paths=4, points=100, contexts=192, weight=0.2),
    BatchShape(paths=8, points=100, contexts=96, weight=0.15),
)

_STRONG = dataclasses.replace(MIXTURE_CORRUPTION, strong_probability=0.2, fewest=0.4)
"""Strong noise in more of the contexts, and fewer points left of some."""

_BUNDLED = network(width=96, encoder_layers=8, decoder_layers=3, feedforward=512)

PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        network=network(width=48, encoder_layers=2, decoder_layers=1, feedforward=96, local_width=32),
        prior="mixture",
        shapes=(
            BatchShape(paths=1, points=100, contexts=24, weight=0.5),
            BatchShape(paths=1, points=60, contexts=32, weight=0.3),
            BatchShape(paths=4, points=60, contexts=8, weight=0.2),
        ),
        queries=QueryMix(count=96),
        simulation=SimulationConfig(points=100, substeps=3),
        systems={1: 256, 2: 256, 3: 256},
        wide_systems={4: 24},
        steps_per_pool=2000,
        validation=12,
        brief_validation=True,
        **A_MINUTE,
    ),
    "small": Preset(
        network=network(width=96, encoder_layers=4, decoder_layers=3, feedforward=256),
        prior="mixture",
        shapes=_CPU_SHAPES,
        queries=QueryMix(count=128),
        systems={1: 1024, 2: 2048, 3: 2048},
        steps_per_pool=1000,
        validate_every=120.0,
    ),
    "base": Preset(
        network=network(width=256, encoder_layers=6, decoder_layers=4, feedforward=1024),
        prior="mixture",
        shapes=_GPU_SHAPES,
        systems={1: 16384, 2: 24576, 3: 24576},
        steps_per_pool=250,
    ),
    "paper": Preset(
        network=network(width=256, encoder_layers=6, decoder_layers=4, feedforward=1024),
        prior="polynomial",
        shapes=tuple(
            BatchShape(paths=k, points=200, contexts=512 // k, weight=w) for k, w in ((1, 0.4), (4, 0.3), (8, 0.3))
        ),
        corruption=PAPER_CORRUPTION,
        simulation=SimulationConfig(
            method="euler", substeps=20, horizon=(10.0, 10.0), duration=None, max_step=float("inf")
        ),
        systems={1: 8000, 2: 21000, 3: 31000},
        steps_per_pool=500,
        dims={1: 80.0, 2: 210.0, 3: 310.0},
        ragged=1.0,
        symmetries=False,
        wide_share=0.0,
        forced_share=0.0,
        **AS_PUBLISHED,
    ),
}
PRESETS["arbiter"] = dataclasses.replace(
    PRESETS["small"],
    network=_BUNDLED,
    queries=QueryMix(count=64),
    systems={1: 512, 2: 1024, 3: 1024},
    wide_systems=dict.fromkeys((4, 5, 6, 8, 12), 32),
    corruption=_STRONG,
    hidden=0.15,
    wide_share=0.06,
    forced_share=0.06,
    reuse=8,
    schedule=Schedule(peak=2e-3, warmup=0.05, warmup_steps=100),
    ema=0.998,
    validate_every=1200.0,
)
PRESETS["many"] = dataclasses.replace(
    PRESETS["arbiter"],
    wide_share=0.3,
    forced_share=0.15,
    wide_systems=dict.fromkeys((4, 5, 6, 8, 12), 48),
    steps_per_pool=500,
    schedule=Schedule(peak=1e-3, warmup=0.05, warmup_steps=20),
)
PRESETS["together"] = dataclasses.replace(
    PRESETS["small"],
    network=_BUNDLED,
    schedule=Schedule(peak=8e-4, warmup_steps=50, decay_from=0.4),
    validate_every=1200.0,
)
PRESETS["together-gpu"] = dataclasses.replace(
    PRESETS["together"],
    shapes=(
        BatchShape(paths=1, points=200, contexts=768, weight=0.25),
        BatchShape(paths=1, points=100, contexts=1024, weight=0.3),
        BatchShape(paths=1, points=50, contexts=1280, weight=0.2),
        BatchShape(paths=4, points=100, contexts=320, weight=0.17),
        BatchShape(paths=8, points=100, contexts=160, weight=0.08),
    ),
    systems={1: 8192, 2: 16384, 3: 24576},
    wide_systems=dict.fromkeys((4, 5, 6, 8, 12), 1024),
    steps_per_pool=500,
    corruption=_STRONG,
    schedule=Schedule(peak=2e-3, warmup_steps=100, decay_from=0.25),
    ema=0.998,
    save_every=300.0,
    validate_every=3600.0,
)
PRESETS["network-gpu"] = dataclasses.replace(
    PRESETS["together-gpu"],
    prior="plain",
    corruption=dataclasses.replace(_STRONG, clean=0.1, multiplicative=(0.0, 0.08)),
    dims={1: 0.2, 2: 0.42, 3: 0.38},
    steps_per_pool=800,
)
"""``small`` has the sizes of the first bundled model. ``arbiter`` (with ``--train arbiter``) and ``together`` are the
two stages of training the bundled one on, or a smaller one that then grows to its sizes, ``together-gpu`` the second
where there is a GPU, and ``network-gpu`` (with ``--train network``) is for the network alone, under noise, of which
fits know least; ``many`` trains an arbiter on that has seen few inputs and few systems of many variables. ``paper`` is
the data and the optimiser of arXiv 2602.08733 (its 600,000 systems are drawn afresh, in the same proportions) with this
project's network."""
