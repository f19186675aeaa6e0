import torch

from pretrain.priors.base import Draw, Start
from pretrain.priors.terms import SLOTS, Terms


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def start(n, dim):
    return Start(torch.zeros(n, dim), torch.ones(n, dim), torch.zeros(n, dtype=torch.bool))


def collected(n=3):
    """``x' = -2 x + y z^2`` and ``y' = 5``, and ``z'`` the square of a variable that differs by system."""
    terms = Terms(Draw(generator()), n, 3)
    terms.add(0, (0,), torch.full((n,), -2.0))
    terms.add(0, (1, 2, 2), torch.ones(n))
    terms.add(1, (), torch.full((n,), 5.0))
    which = torch.arange(n) % 3
    terms.add(2, (which, which), torch.arange(n) + 1.0)
    return terms.field(start(n, 3)), which


def test_terms_multiply_their_factors():
    field, which = collected()
    x = torch.randn(3, 7, 3, generator=generator(1))
    rates = field(x)
    torch.testing.assert_close(rates[..., 0], -2 * x[..., 0] + x[..., 1] * x[..., 2] ** 2)
    assert (rates[..., 1] == 5).all()
    for s in range(3):
        torch.testing.assert_close(rates[s, :, 2], (s + 1) * x[s, :, which[s]] ** 2)


def test_no_systems_have_no_rates():
    field, _ = collected()
    nothing = field.select(torch.zeros(3, dtype=torch.bool))
    assert nothing(torch.zeros(0, 5, 3)).shape == (0, 5, 3)


def test_unused_slots_do_not_count():
    field, _ = collected()
    assert field.factors.shape == (3, 3, SLOTS, 3)
    assert (field.coefficients != 0).sum((1, 2)).tolist() == [4, 4, 4]
    assert field.to(torch.float64)(torch.ones(3, 1, 3, dtype=torch.float64)).dtype == torch.float64
