"""All constants of pretraining LASS-ODE, in one place."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from pretrain.forecasting.batches import PrefixShape
from pretrain.forecasting.corruption import ObservationConfig
from pretrain.priors.library import LibraryConfig
from pretrain.run.optim import OptimConfig
from pretrain.run.presets import A_MINUTE, Recipe
from pretrain.run.schedule import Schedule
from skdyn.nn.lass_ode import SIZES, LASSODEConfig


@dataclass(frozen=True, kw_only=True)
class Preset(Recipe):
    """A recipe; see `pretrain.run.presets.Recipe` for what all recipes have. Its pool is a library of recordings.

    Attributes
    ----------
    network : LASSODEConfig
    library : LibraryConfig
    shapes : tuple of PrefixShape
    observation : ObservationConfig
    validation : int
        Series of each family in the frozen validation suite.
    """

    network: LASSODEConfig
    library: LibraryConfig
    shapes: tuple[PrefixShape, ...]
    observation: ObservationConfig = field(default_factory=ObservationConfig)
    validation: int = 8


PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        network=dataclasses.replace(SIZES["tiny"], tokens=20),
        library=LibraryConfig(per_family=20, prior="mixture", prior_systems={1: 60, 2: 120, 3: 120}),
        shapes=(PrefixShape(points=50, channels=32, weight=1.0),),
        steps_per_pool=2000,
        validation=2,
        **A_MINUTE,
    ),
    "small": Preset(
        network=dataclasses.replace(SIZES["tiny"], tokens=20, patch=16, recurrent_layers=1),
        library=LibraryConfig(),
        shapes=(
            PrefixShape(points=60, channels=80, weight=0.4),
            PrefixShape(points=100, channels=80, weight=0.4),
            PrefixShape(points=160, channels=60, weight=0.2),
        ),
        steps_per_pool=1500,
        schedule=Schedule(peak=2.5e-3, warmup=0.02, warmup_steps=100, decay_from=0.5),
        validate_every=300.0,
    ),
    "wide": Preset(
        network=dataclasses.replace(SIZES["tiny"], tokens=20, patch=16, recurrent_layers=1),
        library=LibraryConfig(recorded_like=1500),
        shapes=(
            PrefixShape(points=60, channels=320, weight=0.4),
            PrefixShape(points=100, channels=320, weight=0.4),
            PrefixShape(points=160, channels=240, weight=0.2),
        ),
        observation=ObservationConfig(dims={1: 0.3, 2: 0.4, 3: 0.15, 4: 0.05, 5: 0.1}),
        steps_per_pool=1_000_000,
        schedule=Schedule(peak=2e-3, warmup=0.05, warmup_steps=100, decay_from=0.3),
        validate_every=300.0,
    ),
    "base": Preset(
        network=SIZES["small"],
        library=LibraryConfig(per_family=1000, prior_systems={1: 5000, 2: 15000, 3: 10000}),
        shapes=(
            PrefixShape(points=60, channels=256, weight=0.4),
            PrefixShape(points=100, channels=256, weight=0.4),
            PrefixShape(points=180, channels=192, weight=0.2),
        ),
        steps_per_pool=1000,
    ),
    "paper": Preset(
        network=SIZES["paper"],
        library=LibraryConfig(per_family=2000, prior="", prior_systems={}),
        shapes=(PrefixShape(points=100, channels=512, weight=0.6), PrefixShape(points=200, channels=384, weight=0.4)),
        steps_per_pool=1000,
        schedule=Schedule(peak=5e-4),
        optim=OptimConfig(muon=False, betas=(0.9, 0.95), weight_decay=0.05),
    ),
}
"""``small`` is what an hour of one core can train, and has the sizes of the bundled model; ``wide`` trains it on, with
draws that look like recordings, in minutes of a GPU or in another hour of one core. ``paper`` has the network
and the optimiser of arXiv 2602.01009 and the strict track (its data set is not public), with this project's scale by
the prefix alone."""
