"""A FIM-ODE of format 2 through the engine and the estimator, and one of format 1 beside it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, Trajectories, TrajectoryError
from skdyn.adaptation import adapt
from skdyn.coarse_graining.latent import LatentModel
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model
from skdyn.nn.arbitrated import ArbitratedFIMODE
from skdyn.nn.fim_ode import FIMODE
from tests.format2 import rotations, tiny_folder

FORMAT_1 = Path(__file__).parents[1] / "golden" / "fim-ode-v1-small"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("format2") / "model")


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_units_of_states_and_of_time_do_not_matter(folder, dim):
    times, states = rotations(dim)
    units = 10.0 ** np.linspace(-3, 4, dim)
    estimators = [
        FIMODERegressor(str(folder), device="cpu").fit(list(zip(t, x, strict=True)))
        for t, x in ((times, states), (30 * times + 7, states * units))
    ]
    at = states[0, ::5] * 1.1
    one, other = estimators[0].vector_field(at), estimators[1].vector_field(at * units) * 30 / units
    np.testing.assert_allclose(other, one, rtol=1e-3, atol=2e-3 * np.abs(one).max())


@pytest.mark.parametrize("dim", [2, 5])
def test_jacobians_agree_with_differences(folder, dim):
    exact = Engine(load_model(str(folder)), "cpu", "float64")
    times, states = rotations(dim)
    context = exact.encode([Trajectories(list(zip(times, states, strict=True)))])
    at = states[:1, 3:40:9]
    field, jacobian = exact.jacobian(context, at)
    np.testing.assert_allclose(field, exact.decode(context, at)[0], rtol=1e-9, atol=1e-9)
    step = 1e-6
    for j in range(dim):
        shift = step * np.eye(dim)[j]
        slope = (exact.decode(context, at + shift)[0] - exact.decode(context, at - shift)[0]) / (2 * step)
        assert np.abs(jacobian[..., j] - slope).max() < 1e-4 * np.abs(jacobian).max()


def test_a_context_keeps_its_field_at_another_precision(folder):
    single = Engine(load_model(str(folder)), "cpu")
    times, states = rotations(2)
    context = single.encode([Trajectories(list(zip(times, states, strict=True)))])
    at = states[:1, ::4]
    field, scale = single.decode(context, at)
    exact = single.with_precision("float64")
    for mine, theirs in zip(exact.decode(exact.convert(context), at), (field, scale), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())


def test_batches_of_contexts_through_the_engine(folder):
    """Of as many points each: the shortest one decides how many terms all may choose among."""
    engine = Engine(load_model(str(folder)), "cpu")
    contexts = [Trajectories(list(zip(*rotations(5, seed=k), strict=True))) for k in (1, 2)]
    at = np.random.default_rng(0).normal(size=(2, 6, 5))
    together = engine.decode(engine.encode(contexts), at)
    for b, context in enumerate(contexts):
        for mine, alone in zip(together, engine.decode(engine.encode([context]), at[b : b + 1]), strict=True):
            np.testing.assert_allclose(mine[b], alone[0], rtol=1e-3, atol=1e-3 * np.abs(alone).max())


def test_an_estimator_takes_more_variables_than_its_network(folder):
    times, states = rotations(6, paths=3, noise=0.0)
    est = FIMODERegressor(str(folder), device="cpu").fit(list(zip(times, states, strict=True)))
    field, std = est.vector_field(states[0], return_std=True)
    assert field.shape == std.shape == (40, 6)
    assert (std > 0).all()
    assert est.jacobian(states[0, :2]).shape == (2, 6, 6)
    times, states = rotations(17, paths=1)
    with pytest.raises(TrajectoryError, match="takes at most 16"):
        FIMODERegressor(str(folder), device="cpu").fit([(times[0], states[0])])


def test_there_is_nothing_to_adapt_above_the_network_s_variables(folder):
    times, states = rotations(5)
    with pytest.raises(TrajectoryError, match="the network that an adapter changes reads at most 3"):
        adapt(load_model(str(folder)), list(zip(times, states, strict=True)))


def test_format_1_still_loads():
    model = load_model(str(FORMAT_1))
    assert type(model.network) is FIMODE
    engine = Engine(model, "cpu")
    assert engine.model.max_variables == engine.width == 3
    assert not engine.model.sees_origin


def test_format_2_is_told_by_its_version(folder):
    model = load_model(str(folder))
    assert type(model.network) is ArbitratedFIMODE
    engine = Engine(model, "cpu")
    assert (engine.model.max_variables, engine.width, engine.model.sees_origin) == (16, 3, True)


def test_codes_of_an_autoencoder_learn_through_the_network_alone(folder):
    model = load_model(str(folder))
    codes = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)).cumsum(0).requires_grad_(True)
    times = torch.linspace(0, 3, 40, dtype=torch.float64)[None]
    context = LatentModel(model, model.network, 2).context(codes, times, np.ones((1, 40), dtype=bool))
    drift, diffusion = context.dynamics(codes.detach())
    assert diffusion is None
    assert drift.shape == (40, 2)
    drift.sum().backward()
    assert codes.grad.isfinite().all()
    assert codes.grad.abs().sum() > 0
