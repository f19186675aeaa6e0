"""Adaptation of a model of ODEs by multiple shooting."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, Trajectories, TrajectoryError
from skdyn.adaptation import Adaptation, ShootingSettings, adapt
from skdyn.adaptation.rollouts import ShootingData
from skdyn.adaptation.shooting import ShootingTraining
from skdyn.datasets import make_trajectories
from skdyn.models.adapters import CONFIG, TENSORS
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model
from tests.golden.test_fim_ode_golden import WEIGHTS as FORMAT_1

SHORT = ShootingSettings(rank=2, alpha=2.0, steps=4, contexts=2, starts=4, horizon=1.6, check_every=2)


def noisy_orbit(points=50, seed=0):
    """A noisy round of the Van der Pol oscillator: additive noise of a seventh of a deviation."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 7, points)
    ((_, x),) = make_trajectories("van_der_pol", [-1.5, 2.5], t)
    return t, x + rng.normal(size=x.shape) * 0.05**0.5


@pytest.fixture(scope="module")
def dummy(dummy_folder):
    return load_model(dummy_folder)


@pytest.fixture(scope="module")
def adapted(dummy, orbits):
    return adapt(dummy, orbits, settings=SHORT)


def test_held_out_points_tell_nothing_of_themselves(dummy):
    """The estimated starts, the context and the loss of the search are the same whatever the held-out values are."""
    t, x = noisy_orbit(40)
    held = np.zeros(40, dtype=bool)
    held[20:24] = True
    engine, results = Engine(dummy, "cpu"), []
    data = ShootingData(Trajectories([(t, x)]), engine)
    for shift in (0.0, 5.0):
        changed = ShootingData(Trajectories([(t, x)]), engine)
        changed.observed = data.observed + shift * torch.from_numpy(held)[None, :, None]
        training = ShootingTraining(engine, changed, [~held], SHORT)
        results.append((training.step(), training.check().mean(), training.states()[0, ~held].detach()))
    assert results[0][0] == results[1][0]
    assert results[0][1] != results[1][1]
    assert torch.equal(results[0][2], results[1][2])


def test_the_result_depends_on_the_arguments_alone(dummy, orbits, adapted):
    before = {name: value.clone() for name, value in dummy.network.state_dict().items()}
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    again = adapt(dummy, orbits, settings=SHORT)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert all(torch.equal(adapted.state[name], again.state[name]) for name in adapted.state)
    assert adapted.record["loss"] == again.record["loss"]
    assert adapted.record["held_out_error"] == again.record["held_out_error"]
    assert all(torch.equal(value, before[name]) for name, value in dummy.network.state_dict().items())
    other = adapt(dummy, orbits, settings=SHORT, seed=4, steps=1)
    assert other.record["loss"]["search"] != adapted.record["loss"]["search"][:1]


def test_the_record(orbits, adapted):
    record = adapted.record
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["settings"] == dataclasses.asdict(SHORT)
    curve = record["held_out_error"]["curve"]
    assert len(curve) == 3
    assert record["held_out_error"]["start"] == curve[0]
    assert record["held_out_error"]["best"] == min(curve)
    assert (
        record["steps"]
        == len(record["loss"]["final"])
        == SHORT.check_every * curve.index(record["held_out_error"]["chosen"])
    )
    assert record["searched_steps"] == len(record["loss"]["search"]) == SHORT.steps
    assert record["data"]["points"] == sum(len(t) for t, _ in orbits)
    assert record["data"]["variables"] == len(record["data"]["noise_deviation"]) == 2
    assert record["seconds"] > 0


def test_units_of_the_data_do_not_matter(dummy, orbits):
    """In the losses of a search, without a check that would say whether to take its steps again."""
    ours, theirs = (
        adapt(dummy, data, settings=SHORT, steps=2, check_every=3).record["loss"]["search"]
        for data in (orbits, [(60 * t + 5, 1024 * x - 3) for t, x in orbits])
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_more_variables_than_the_network_takes():
    data = np.random.default_rng(0).standard_normal((30, 5)).cumsum(axis=0)
    with pytest.raises(TrajectoryError, match=r"5 variables, but the network that an adapter changes reads at most 3"):
        adapt("fim-ode", data, steps=1)


def test_van_der_pol_is_simulated_better(tmp_path):
    """The next round, which no training point shows, from the exact start."""
    model, data = load_model(FORMAT_1), [noisy_orbit()]
    settings = ShootingSettings(steps=15, contexts=2, learning_rate=6e-3)
    engine = Engine(model, "cpu")
    training = ShootingTraining(engine, ShootingData(Trajectories(data), engine), [np.ones(50, dtype=bool)], settings)
    for _ in range(settings.steps):
        training.step()
    Adaptation(model, settings, training.low_rank.average, {}).save(tmp_path)
    assert sum((tmp_path / name).stat().st_size for name in (CONFIG, TENSORS)) < 2_000_000
    times = np.linspace(0, 14, 141)
    ((_, truth),) = make_trajectories("van_der_pol", [-1.5, 2.5], times)
    errors = []
    for adapter in (None, tmp_path):
        estimator = FIMODERegressor(FORMAT_1, adapter=adapter, device="cpu")
        path = estimator.fit(data).simulate([-1.5, 2.5], times, method="rk4")
        errors.append(float(np.mean((path - truth)[70:] ** 2)))
    assert errors[1] < 0.5 * errors[0]


def test_data_without_motion(dummy):
    with pytest.raises(TrajectoryError, match="constant trajectories"):
        adapt(dummy, [np.ones((20, 2))], settings=SHORT)
