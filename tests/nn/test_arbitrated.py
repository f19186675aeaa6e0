"""Format 2: the network beside the fits, and the arbiter over both."""

import pytest
import torch

from skdyn.nn.arbiter import NetworkAnswer
from skdyn.nn.arbitrated import ArbitratedConfig, NetworkAlone
from skdyn.nn.fim_ode import FIMODE, FIMODEConfig
from tests.format2 import VALUES, normalised, rotations, tiny_network


@pytest.fixture(scope="module")
def network():
    return tiny_network()


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
    values = {key: value for key, value in VALUES.items() if key not in ("arbiter_units", "max_variables")}
    plain = FIMODE(FIMODEConfig.from_dict(values | {"format_version": 1}))
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
    inputs, _ = normalised(*rotations(dim, paths=3, noise=0.0))
    context = network.encode(*inputs)
    assert context.network is None
    field, log_scale = network.decode(context, inputs[0][0, :1].float())
    assert field.shape == log_scale.shape == (1, 40, dim)
    assert field.isfinite().all()
    assert log_scale.isfinite().all()


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
    with pytest.raises(ValueError, match="unknown key 'arbiter_units'"):
        FIMODEConfig.from_dict(VALUES)


def test_misfit_is_one_for_the_best_fit_and_more_for_any_other_field(network):
    (z, tau, mask, dim_mask, origin), _ = normalised(*rotations(2), width=3)
    context = network.encode(z, tau, mask, dim_mask, origin)
    (group,) = context.groups
    fields = group.fits.answer(z[0, ..., :2].flatten(0, 1)[None])[0][0].unflatten(0, z.shape[1:3])  # (K, L, F, D)
    path = (z[0], tau[0], mask[0])
    every = torch.stack([network.misfit(context, field, *path) for field in fields.unbind(2)])
    torch.testing.assert_close(every.amin(0), torch.ones(2, dtype=every.dtype), rtol=1e-3, atol=0)
    assert (network.misfit(context, torch.zeros_like(z[0]), *path) > 5).all()
