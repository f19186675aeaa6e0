"""Adaptation of a model of SDEs by the likelihood of the transitions."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import FIMSDERegressor, Trajectories, TrajectoryError
from skdyn.adaptation import LikelihoodSettings, adapt
from skdyn.models.weights import load_model

DUMMY = Path(__file__).parents[1] / "dummy/fim-sde-16d"
SHORT = LikelihoodSettings(rank=2, steps=20, check_every=5, learning_rate=1e-2, prior=0.0, transitions=128)


def ornstein_uhlenbeck(seed=0, points=240, step=0.05):
    rng = np.random.default_rng(seed)
    x = np.zeros((points, 2))
    for i in range(1, points):
        x[i] = x[i - 1] - step * x[i - 1] + np.sqrt(step) * np.array([0.5, 2.0]) * rng.normal(size=2)
    return Trajectories([(step * np.arange(points), x)])


@pytest.fixture(scope="module")
def model():
    return load_model(DUMMY)


@pytest.fixture(scope="module")
def adapted(model):
    return adapt(model, ornstein_uhlenbeck(), settings=SHORT)


def test_held_out_transitions_become_likelier(model, adapted):
    error = adapted.record["held_out_error"]
    assert error["chosen"] < error["start"] - 0.05
    assert adapted.record["steps"] > 0
    assert json.loads(json.dumps(adapted.record, allow_nan=False))["method"] == "one-step likelihood"


def test_new_data_of_the_system_become_likelier(model, adapted, tmp_path):
    adapted.save(tmp_path)
    seen, new = ornstein_uhlenbeck(), ornstein_uhlenbeck(seed=1)
    base = FIMSDERegressor(DUMMY, device="cpu").fit(seen)
    better = FIMSDERegressor(DUMMY, device="cpu", adapter=tmp_path).fit(seen)
    assert transitions_under(better, new) > transitions_under(base, new)


def transitions_under(est, observed):
    """Mean log-density of transitions in one step of Euler and Maruyama: what an adapter is trained by."""
    ((t, x),) = observed
    h, moved = np.diff(t)[:, None], np.diff(x, axis=0)
    variance = est.diffusion(x[:-1]) ** 2 * h
    return -np.mean((moved - est.vector_field(x[:-1]) * h) ** 2 / variance + np.log(variance))


def test_the_result_is_a_function_of_the_arguments(model, adapted):
    before = {name: p.clone() for name, p in model.network.named_parameters()}
    again = adapt(model, ornstein_uhlenbeck(), settings=SHORT)
    assert all(torch.equal(tensor, again.state[name]) for name, tensor in adapted.state.items())
    assert all(torch.equal(p, before[name]) for name, p in model.network.named_parameters()), "the base was changed"


def test_the_prior_holds_the_answers_in_the_box(model, adapted):
    held = adapt(model, ornstein_uhlenbeck(), settings=SHORT, prior=30.0)

    def size(state):
        return sum(float((state[f"{n}.up"] @ state[f"{n}.down"]).square().sum()) for n in names)

    names = [name.removesuffix(".down") for name in adapted.state if name.endswith(".down")]
    assert size(held.state) < size(adapted.state)


def test_too_little_to_hold_out_is_said(model):
    with pytest.raises(TrajectoryError, match="nothing can be held out"):
        adapt(model, [np.arange(6.0)[:, None] ** 2], settings=SHORT)
