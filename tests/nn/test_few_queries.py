"""Few queries are answered as many are."""

import numpy as np
import pytest
import torch

from skdyn.models.context import Context
from skdyn.models.normalization import OutsideScaling
from skdyn.nn.arbitrated import ArbitratedFIMODE
from skdyn.nn.few_queries import for_few_queries
from skdyn.nn.fim_ode import make_tokens
from skdyn.nn.fits.families import Outside
from tests.format2 import normalised, rotations, tiny_network


@pytest.fixture(scope="module", params=[0, 1], ids=["polynomials", "functions"])
def network(request):
    return tiny_network(functions=request.param)


def states(dim, width, count):
    z = 1.5 * torch.randn(1, count, width, generator=torch.Generator().manual_seed(1))
    return z * (torch.arange(width) < dim)


def assert_alike(network, context, z, tolerance):
    few = for_few_queries(network, context)
    for mine, theirs in zip(few(z[0].numpy()), network.decode(context, z), strict=True):
        assert mine.dtype == theirs.numpy().dtype
        np.testing.assert_allclose(mine, theirs[0].numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("count", [1, 5, 20, 200])
def test_as_the_network_answers(network, dim, count):
    inputs, _ = normalised(*rotations(dim, paths=3), width=3)
    assert_alike(network, network.encode(*inputs), states(dim, max(dim, 3), count), 2e-5)


def test_points_that_are_not_there_do_not_count(network):
    times, points = rotations(2)
    mask = np.ones(times.shape, dtype=bool)
    mask[1, 25:] = False
    inputs, _ = normalised(times, points, mask, width=3)
    encoded = network.encode_with_fits(make_tokens(*inputs[:4], network.config), inputs[4], pack=False)
    assert not encoded.network.mask.all()
    assert_alike(network, encoded, states(2, 3, 3), 2e-5)


@pytest.mark.parametrize("holds", [False, True])
@pytest.mark.parametrize("given", [1, 2])
def test_columns_that_are_given_from_outside(network, holds, given):
    times, points = rotations(2)
    inputs, _ = normalised(times, points)
    values = torch.sin(3 * inputs[1][..., None] + torch.arange(given))
    encoded = network.encode(*inputs, Outside(values, torch.full((1, given), 0.3), holds))
    assert (encoded.network is None) == (2 + given > network.config.max_dim)
    assert_alike(network, encoded, states(2 + given, 2 + given, 3), 2e-5)


def test_other_networks_and_several_contexts_have_none(network):
    class Other(ArbitratedFIMODE):
        """May decode as it likes."""

    inputs, scaling = normalised(*rotations(2), width=3)
    other = Other(network.config).requires_grad_(False)
    assert for_few_queries(other, other.encode(*inputs)) is None
    batch = network.encode(*(torch.cat([part, part]) for part in inputs))
    scaling = type(scaling)(*(np.concatenate([part, part]) for part in (scaling.mean, scaling.std, scaling.speed)))
    both = Context(batch, scaling, 2, OutsideScaling(np.zeros((2, 0)), np.zeros((2, 0))), network)
    assert both.few_queries is None
    assert both.take(np.array([1])).few_queries is not None
