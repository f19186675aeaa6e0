"""Format 2: the network beside the fits, and the arbiter over both."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, Trajectories, TrajectoryError
from skdyn.adaptation import adapt
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model
from skdyn.nn.arbiter import NetworkAnswer
from skdyn.nn.arbitrated import ArbitratedConfig, ArbitratedFIMODE, NetworkAlone
from skdyn.nn.fim_ode import FIMODE, FIMODEConfig
from tests.format2 import VALUES, normalised, rotations, tiny_folder, tiny_network

FORMAT_1 = Path(__file__).parents[1] / "golden" / "fim-ode-v1-small"


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("format2") / "model")


def padded(contexts):
    """Several contexts of the same lengths, each padded to three variables, as one batch."""
    return tuple(torch.cat(parts) for parts in zip(*(normalised(*c, width=3)[0] for c in contexts), strict=True))


def queries(batch, dims, count=7):
    z = torch.randn(batch, count, 3, generator=torch.Generator().manual_seed(0))
    return z * (torch.arange(3) < torch.tensor(dims)[:, None, None])


def test_dimensions_mixed_in_a_batch_are_answered_as_each_alone(network):
    dims = [2, 1, 3, 2]
    batch = padded([rotations(dim, seed=i) for i, dim in enumerate(dims)])
    z = queries(4, dims)
    context = network.encode(*batch)
    assert [group.fits.library.dim for group in context.groups] == [1, 2, 3]
    together = network.decode(context, z)
    hidden = network.arbitrate(context.without_network(), z, None)
    for b, dim in enumerate(dims):
        one = network.encode(*(part[b : b + 1] for part in batch))
        for mine, alone in zip(together, network.decode(one, z[b : b + 1]), strict=True):
            torch.testing.assert_close(mine[b, :, :dim], alone[0, :, :dim], rtol=1e-3, atol=1e-4)
            assert (mine[b, :, dim:] == 0).all()
        for mine, alone in zip(hidden, network.arbitrate(one.without_network(), z[b : b + 1], None), strict=True):
            torch.testing.assert_close(mine[b, :, :dim], alone[0, :, :dim], rtol=1e-3, atol=1e-4)


def test_the_network_inside_answers_as_format_1(network):
    plain = FIMODE(FIMODEConfig.from_dict({k: v for k, v in VALUES.items() if k not in ("arbiter_units", "max_variables")}
                                          | {"format_version": 1}))  # fmt: skip
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("arbiter.")})
    batch, z = padded([rotations(2), rotations(3)]), queries(2, [2, 3])
    expected = plain.decode(plain.encode(*batch[:4]), z)
    alone = NetworkAlone(network)
    for mine, theirs in zip(alone.decode(alone.encode(*batch[:4]), z), expected, strict=True):
        assert torch.equal(mine, theirs)
    seen = network.answer(network.encode(*batch).network, z)
    for mine, theirs in zip(seen, expected, strict=False):
        assert torch.equal(mine, theirs)


def test_the_network_alone_is_differentiable_in_the_states(network):
    z, tau, mask, dim_mask, _ = padded([rotations(2)])
    z.requires_grad_(True)
    alone = NetworkAlone(network)
    alone.decode(alone.encode(z, tau, mask, dim_mask), queries(1, [2]))[0].sum().backward()
    assert z.grad.abs().sum() > 0


def test_the_verdict_weighs_the_network_and_the_fits(network):
    batch, z = padded([rotations(2)]), queries(1, [2])
    context = network.encode(*batch)
    (group,) = context.groups
    answer = NetworkAnswer(*network.answer(context.network, z))
    verdict = network.weigh(group, z, answer)
    fields, _ = group.fits.answer(z[..., :2])
    everything = torch.cat([fields.float(), answer.field[:, :, None, :2]], 2)
    torch.testing.assert_close(network.decode(context, z)[0][..., :2], (verdict.weights * everything).sum(2))


@pytest.mark.parametrize("dim", [4, 9])
def test_more_variables_than_the_network_takes_are_left_to_the_fits(network, dim):
    inputs, scaling = normalised(*rotations(dim, paths=3, noise=0.0))
    context = network.encode(*inputs)
    assert context.network is None
    field, log_scale = network.decode(context, inputs[0][0, :1].float())
    assert field.shape == log_scale.shape == (1, 40, dim)
    assert field.isfinite().all()
    assert log_scale.isfinite().all()


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_variables_may_be_mirrored_in_time_and_units(folder, dim):
    """What keeps `x -> a x` and `t -> c t + e` for the fits keeps it for the whole."""
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
    np.testing.assert_allclose(field, exact.decode(context, at)[0], rtol=1e-9, atol=1e-12)
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
    engine = Engine(load_model(str(folder)), "cpu")
    contexts = [Trajectories(list(zip(*rotations(5, paths=k, seed=k), strict=True))) for k in (1, 2)]
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
    assert engine.max_dim == engine.width == 3
    assert not engine.sees_origin


def test_format_2_is_told_by_its_version(folder):
    model = load_model(str(folder))
    assert type(model.network) is ArbitratedFIMODE
    engine = Engine(model, "cpu")
    assert (engine.max_dim, engine.width, engine.sees_origin) == (16, 3, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_variables": 2}, "max_variables 2 must not be below max_dim 3"),
        ({"max_variables": 257}, "max_variables"),
        ({"arbiter_units": 1}, "arbiter_units"),
        ({"arbiter_units": None}, "arbiter_units"),
        ({"format_version": 1}, "format_version"),
        ({"something": 3}, "something"),
    ],
)
def test_configurations_are_parsed_strictly(changes, message):
    values = {key: value for key, value in (VALUES | changes).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        ArbitratedConfig.from_dict(values)


def test_a_configuration_survives_writing():
    config = ArbitratedConfig.from_dict(VALUES)
    assert ArbitratedConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="format_version"):
        FIMODEConfig.from_dict(VALUES)
    assert dataclasses.replace(config, max_variables=64).max_variables == 64
