"""A recorded cycle remains one in the plane of its codes, and what only turns by noise is no cycle."""

import numpy as np
import pytest

from skdyn import FIMCoarseGrainer
from skdyn.benchmarks.coarse_graining_cycles import Plane

PERIOD = 1.25
STEP = 0.025


def turning(pull, noise, count=600, substeps=10):
    """Paths of two variables that turn; on a circle of radius one if they are pulled to it, else about a rest."""
    rng = np.random.default_rng(0)
    h, speed = STEP / substeps, 2 * np.pi / PERIOD
    states, x = np.empty((count, 2)), np.array([1.0, 0.0])
    for i in range(count):
        states[i] = x
        for _ in range(substeps):
            inwards = pull * (1 - x @ x) * x if pull else -x
            x = x + (inwards + speed * np.array([-x[1], x[0]])) * h + noise * np.sqrt(h) * rng.normal(size=2)
    return states


def filmed(states):
    """Angles of 24 joints that swing with the states and with their second harmonics."""
    rng = np.random.default_rng(1)
    a, b = states.T
    sources = np.column_stack([a, b, a * a - b * b, 2 * a * b])
    weights = rng.normal(size=(4, 24)) * np.array([1, 1, 0.4, 0.4])[:, None]
    return np.tanh(sources @ weights / 1.5) + 0.02 * rng.normal(size=(len(states), 24))


def test_noise_that_turns_is_told_from_a_cycle():
    t = STEP * np.arange(600)
    cycle, rest = turning(4.0, 0.25), turning(0.0, 1.0)
    assert Plane.of([cycle]).rounds([t], [cycle]).innermost > 0.8
    assert Plane.of([rest]).rounds([t], [rest]).innermost < 0.4
    still = np.random.default_rng(0).normal(size=(600, 2)) * 0.01 + [5, 0]
    assert Plane.of([cycle]).rounds([t], [cycle[::-1]]).forward == 0
    assert Plane.of([cycle]).rounds([t], [still]).period > 5 * PERIOD


@pytest.mark.slow
def test_a_cycle_stays_a_cycle():
    """Paths of the codes go round as the recording does; with the model's drift alone some leave the ring."""
    frames, t = filmed(turning(4.0, 0.25)), STEP * np.arange(600)
    grainer = FIMCoarseGrainer(2, max_iter=40, validation_fraction=None, random_state=0, device="cpu")
    codes = grainer.fit(frames, t=t).transform(frames)
    later = np.arange(0, 4 * PERIOD, 2 * STEP)
    paths = grainer.simulate(codes[0], later, n_paths=5, random_state=0)
    assert np.isfinite(paths).all()
    rounds = Plane.of([codes]).rounds([later] * 5, list(paths))
    assert rounds.period == pytest.approx(PERIOD, rel=0.1)
    assert rounds.forward == 1
    assert rounds.innermost > 0.6
