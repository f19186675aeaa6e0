import pytest
import torch

from pretrain.priors import FAMILIES
from pretrain.priors.diffusion import KINDS, sample_diffusion


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_every_kind_of_diffusion_is_finite_and_not_negative(kind, dim):
    start = FAMILIES["damped"].sample(50, dim, generator()).start
    diffusion = sample_diffusion({kind: 1.0}, start, generator(1))
    values = diffusion(3 * torch.randn(50, 20, dim, generator=generator(2)))
    assert values.isfinite().all()
    assert (values >= 0).all()
    assert (values > 0).any()


def test_kinds_of_diffusion_are_what_their_names_say():
    start = FAMILIES["damped"].sample(200, 2, generator()).start
    x = 2 * torch.randn(200, 50, 2, generator=generator(3))
    flat = sample_diffusion({"constant": 1.0}, start, generator(1))(x)
    torch.testing.assert_close(flat, flat[:, :1].expand_as(flat))
    vanishing = sample_diffusion({"semicircle": 1.0}, start, generator(1))(50 * x.sign())
    assert (vanishing == 0).all()
    growing = sample_diffusion({"growing": 1.0}, start, generator(1))
    assert (growing(100 * x) >= growing(0.0 * x) - 1e-3).float().mean() > 0.95
