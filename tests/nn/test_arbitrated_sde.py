"""FIM-SDE of format 2: what the arbiters see and say, with and without a network."""

import dataclasses

import pytest
import torch

from pretrain.sde.presets import network as sized
from skdyn.nn.arbitrated_sde import ArbitratedFIMSDE, ArbitratedSDEConfig, SDENetworkAlone
from skdyn.nn.fim_sde import FIMSDE, FIMSDEConfig

CONFIG = sized(width=16, encoder_layers=1, decoder_layers=1, feedforward=24, leaves=16, local_width=8)


def context(dim, paths=3, points=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(2, paths, points, dim, generator=generator, dtype=torch.float64).cumsum(2) * 0.2
    times = (0.1 * torch.arange(points, dtype=torch.float64)).expand(2, paths, -1)
    width = max(dim, CONFIG.max_dim)
    dim_mask = (torch.arange(width) < dim).float().expand(2, -1)
    padded = torch.nn.functional.pad(states, (0, width - dim))
    return padded, times, torch.ones(2, paths, points, dtype=torch.bool), dim_mask


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ArbitratedFIMSDE(CONFIG).eval()


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_shapes_and_signs(network, dim):
    with torch.no_grad():
        encoded = network.encode(*context(dim))
        assert (encoded.network is None) == (dim > CONFIG.max_dim)
        width = max(dim, CONFIG.max_dim)
        queries = torch.zeros(2, 4, width)
        parts = network.decode_sde(encoded, queries)
        assert all(part.shape == (2, 4, width) and part.isfinite().all() for part in parts)
        assert (parts[2] >= 0).all()
        assert (parts[0][..., dim:] == 0).all()
        assert (parts[2][..., dim:] == 0).all()
        assert torch.equal(network.decode(encoded, queries)[0], parts[0])


def test_weights_sum_to_one_and_the_answer_lies_between(network):
    with torch.no_grad():
        encoded = network.encode(*context(2))
        queries = torch.randn(2, 5, 2)
        fits = network.answers_of_fits(encoded.fits, queries)
        answer = network.answer(encoded.network, torch.nn.functional.pad(queries, (0, 1)))
        for seen in (answer, None):
            drift, diffusion = network.arbitrate(fits, queries, seen)
            for verdict, own in ((drift, fits.drift.values), (diffusion, fits.diffusion.values)):
                torch.testing.assert_close(verdict.weights.sum(2), torch.ones_like(verdict.value))
                if seen is None:
                    assert (verdict.weights[:, :, -1] == 0).all()
                    assert (verdict.value <= own.amax(2) + 1e-5).all()
                    assert (verdict.value >= own.amin(2) - 1e-5).all()


def test_contexts_of_a_batch_do_not_touch(network):
    states, times, mask, dim_mask = context(2)
    with torch.no_grad():
        both = network.decode_sde(network.encode(states, times, mask, dim_mask), torch.ones(2, 3, 3))
        alone = network.decode_sde(network.encode(states[:1], times[:1], mask[:1], dim_mask[:1]), torch.ones(1, 3, 3))
    for a, b in zip(both, alone, strict=True):
        torch.testing.assert_close(a[:1], b, atol=1e-4, rtol=1e-4)


def test_the_network_alone_is_format_one():
    torch.manual_seed(0)
    whole = ArbitratedFIMSDE(CONFIG).eval()
    plain = {name: value for name, value in CONFIG.to_dict().items() if name not in ("arbiter_units", "max_variables")}
    first = FIMSDE(FIMSDEConfig.from_dict(plain | {"format_version": 1})).eval()
    first.load_state_dict({name: value for name, value in whole.state_dict().items() if "arbiter" not in name})
    alone, inputs, queries = SDENetworkAlone(whole), context(2), torch.randn(2, 4, 3)
    with torch.no_grad():
        expected = first.decode_sde(first.encode(*inputs), queries)
        found = alone.decode_sde(alone.encode(*inputs), queries)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


def test_derivatives_in_the_queries(network):
    encoded = network.encode(*context(2))
    queries = torch.randn(2, 4, 3, requires_grad=True)
    network.decode(encoded, queries)[0].sum().backward()
    assert queries.grad.isfinite().all()
    assert queries.grad[..., :2].abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 1}, "format_version"),
        ({"max_variables": 2}, "max_variables 2 must not be below max_dim 3"),
        ({"arbiter_units": 0}, "arbiter_units"),
    ],
)
def test_wrong_configurations_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ArbitratedSDEConfig.from_dict(dataclasses.asdict(CONFIG) | change)
