"""Derivatives that are carried along are those of automatic differentiation."""

import dataclasses

import numpy as np
import pytest
import torch

from skdyn.nn.arbitrated import ArbitratedFIMODE
from skdyn.nn.fits.families import Outside
from skdyn.nn.query_tangents import for_tangents
from tests.format2 import normalised, rotations, tiny_network


@pytest.fixture(scope="module", params=[0, 1], ids=["polynomials", "functions"])
def network(request):
    return tiny_network(functions=request.param).double()


def states(dim, width, count):
    z = 1.5 * torch.randn(1, count, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return z * (torch.arange(width) < dim)


def in_double(inputs):
    return [part.double() if part.is_floating_point() else part for part in inputs]


def exactly(value):
    """What was encoded, in double precision throughout."""
    if isinstance(value, torch.Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, tuple):
        return tuple(map(exactly, value))
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(value, **{name: exactly(getattr(value, name)) for name in names})
    return value


def assert_alike(network, context, z, columns):
    context = exactly(context)
    field, derivatives = for_tangents(network, context)(z[0])
    dim = field.shape[1]
    z = z.clone().requires_grad_(True)
    theirs, _ = network.decode(context, z)
    slopes = [torch.autograd.grad(theirs[..., i].sum(), z, retain_graph=True)[0][0, :, :columns] for i in range(dim)]
    np.testing.assert_allclose(field, theirs[0, :, :dim].detach(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(derivatives, torch.stack(slopes, 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 9])
def test_as_torch_differentiates(network, dim):
    inputs, _ = normalised(*rotations(dim, paths=3), width=3)
    assert_alike(network, network.encode(*in_double(inputs)), states(dim, max(dim, 3), 7), dim)


def test_far_states_where_fits_are_cut(network):
    inputs, _ = normalised(*rotations(2), width=3)
    assert_alike(network, network.encode(*in_double(inputs)), 8 * states(2, 3, 20), 2)


@pytest.mark.parametrize("holds", [False, True])
def test_columns_that_are_given_from_outside(network, holds):
    inputs, _ = normalised(*rotations(2))
    inputs = in_double(inputs)
    values = torch.sin(3 * inputs[1])[..., None]
    outside = Outside(values, torch.full((1, 1), 0.3, dtype=torch.float64), holds)
    assert_alike(network, network.encode(*inputs, outside), states(3, 3, 5), 3)


def test_other_networks_have_none(network):
    class Other(ArbitratedFIMODE):
        """May decode as it likes."""

    inputs, _ = normalised(*rotations(2), width=3)
    other = Other(network.config).double().requires_grad_(False)
    assert for_tangents(other, other.encode(*in_double(inputs))) is None
