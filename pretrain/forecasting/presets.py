"""All constants of pretraining LASS-ODE, in one place."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from pretrain.forecasting.batches import ObservationConfig, PrefixShape
from pretrain.priors.library import LibraryConfig
from pretrain.run.optim import OptimConfig
from pretrain.run.schedule import Schedule
from skdyn.nn.lass_ode import SIZES, LASSODEConfig


@dataclass(frozen=True)
class Preset:
    """A recipe.

    Attributes
    ----------
    network : LASSODEConfig
    library : LibraryConfig
    shapes : tuple of PrefixShape
    steps_per_library : int
        Training steps before the library is simulated anew.
    observation : ObservationConfig
    schedule : Schedule
    optim : OptimConfig
    ema : float
        Largest decay of the moving average of the weights.
    validation : int
        Series of each family in the frozen validation suite.
    validate_every, save_every : float
        Seconds.
    """

    network: LASSODEConfig
    library: LibraryConfig
    shapes: tuple[PrefixShape, ...]
    steps_per_library: int
    observation: ObservationConfig = field(default_factory=ObservationConfig)
    schedule: Schedule = field(default_factory=Schedule)
    optim: OptimConfig = field(default_factory=OptimConfig)
    ema: float = 0.999
    validation: int = 8
    validate_every: float = 180.0
    save_every: float = 120.0


PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        network=dataclasses.replace(SIZES["tiny"], tokens=20),
        library=LibraryConfig(per_family=20, prior="mixture", prior_systems={1: 60, 2: 120, 3: 120}),
        shapes=(PrefixShape(points=50, channels=32, weight=1.0),),
        steps_per_library=2000,
        schedule=Schedule(peak=3e-3, warmup=0.05, warmup_steps=20),
        ema=0.99,
        validation=2,
        validate_every=20.0,
        save_every=20.0,
    ),
    "small": Preset(
        network=dataclasses.replace(SIZES["tiny"], tokens=20, patch=16, recurrent_layers=1),
        library=LibraryConfig(),
        shapes=(
            PrefixShape(points=60, channels=80, weight=0.4),
            PrefixShape(points=100, channels=80, weight=0.4),
            PrefixShape(points=160, channels=60, weight=0.2),
        ),
        steps_per_library=1500,
        schedule=Schedule(peak=2.5e-3, warmup=0.02, warmup_steps=100, decay_from=0.5),
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
        steps_per_library=1000,
    ),
    "paper": Preset(
        network=SIZES["paper"],
        library=LibraryConfig(per_family=2000, prior="", prior_systems={}),
        shapes=(PrefixShape(points=100, channels=512, weight=0.6), PrefixShape(points=200, channels=384, weight=0.4)),
        steps_per_library=1000,
        schedule=Schedule(peak=5e-4),
        optim=OptimConfig(muon=False, betas=(0.9, 0.95), weight_decay=0.05),
    ),
}
"""``small`` is what an hour of one core can train, and has the sizes of the bundled model. ``paper`` has the network
and the optimiser of arXiv 2602.01009 and the strict track (its data set is not public), with this project's scale by
the prefix alone."""
