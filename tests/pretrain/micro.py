"""A recipe that trains in a second, for tests."""

import dataclasses

from pretrain.ode.batches import BatchShape, QueryMix
from pretrain.ode.presets import PRESETS, network
from pretrain.priors.simulate import SimulationConfig
from pretrain.run.schedule import Schedule

MICRO = dataclasses.replace(
    PRESETS["tiny"],
    network=network(width=16, encoder_layers=2, decoder_layers=1, feedforward=24, local_width=8),
    shapes=(BatchShape(1, 20, 6, 0.6), BatchShape(2, 16, 4, 0.4)),
    queries=QueryMix(count=20),
    simulation=SimulationConfig(points=32, substeps=2, box_points=24),
    prior="polynomial",
    systems={1: 80, 2: 60},
    dims={1: 0.4, 2: 0.6},
    steps_per_pool=5,
    schedule=Schedule(peak=3e-3, warmup=0.1, warmup_steps=2),
    validate_every=6.0,
    save_every=4.0,
)
