"""Recipes that train in a second, for tests: one of each model."""

import dataclasses

from pretrain.forecasting import presets as forecasting
from pretrain.forecasting.batches import PrefixShape
from pretrain.forecasting.corruption import ObservationConfig
from pretrain.ode import presets as ode
from pretrain.ode.batches import BatchShape, QueryMix
from pretrain.priors.library import LibraryConfig
from pretrain.priors.simulate import SimulationConfig
from pretrain.priors.simulate_sde import Regime
from pretrain.run.schedule import Schedule
from pretrain.sde import presets as sde
from pretrain.sde.corruption import Observation
from skdyn.nn.lass_ode import SIZES

_SCHEDULE = Schedule(peak=3e-3, warmup=0.1, warmup_steps=2)

ODE = dataclasses.replace(
    ode.PRESETS["tiny"],
    network=ode.network(width=16, encoder_layers=2, decoder_layers=1, feedforward=24, local_width=8),
    shapes=(BatchShape(1, 20, 6, 0.6), BatchShape(2, 16, 4, 0.4)),
    queries=QueryMix(count=20),
    simulation=SimulationConfig(points=32, substeps=2, box_points=24),
    prior="polynomial",
    systems={1: 80, 2: 60},
    dims={1: 0.4, 2: 0.6},
    wide_systems={4: 60},
    forced_share=0.0,
    steps_per_pool=5,
    schedule=_SCHEDULE,
    validate_every=6.0,
    save_every=4.0,
)

SDE = dataclasses.replace(
    sde.PRESETS["tiny"],
    network=sde.network(width=16, encoder_layers=1, decoder_layers=1, feedforward=24, leaves=16, local_width=8),
    drifts="linear=0.6,potential=0.4",
    regimes=(Regime(paths=2, points=60, substeps=2, weight=1.0, duration=(3.0, 10.0)),),
    observations=(
        Observation(paths=1, points=40, weight=0.6),
        Observation(paths=2, points=12, weight=0.4),
    ),
    systems={1: 40, 2: 30},
    batch={1: 8},
    steps_per_pool=5,
    queries=12,
    schedule=_SCHEDULE,
    validate_every=6.0,
    save_every=4.0,
)

FORECAST = dataclasses.replace(
    forecasting.PRESETS["tiny"],
    network=dataclasses.replace(SIZES["tiny"], width=16, heads=2, layers=1, expert_width=16, tokens=5, kernels=8),
    library=LibraryConfig(per_family=4, prior=""),
    shapes=(PrefixShape(points=20, channels=6, weight=0.6), PrefixShape(points=30, channels=4, weight=0.4)),
    observation=ObservationConfig(dims={1: 0.3, 2: 0.5, 5: 0.2}),
    steps_per_pool=5,
    schedule=_SCHEDULE,
    validate_every=100.0,
    save_every=4.0,
)

FEW = ("logistic", "hopf", "pendulum", "wake_mono")
"""Families of systems for forecasters: simulating all twenty takes seconds."""
