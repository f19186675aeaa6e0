import dataclasses

import pytest
import torch

from pretrain.priors import FAMILIES, PRIORS, Mixture, prior_weights
from pretrain.priors.base import Draw, concatenate, tensors_of
from pretrain.priors.few_terms import few_coefficients
from pretrain.priors.fields import PolynomialField, interpolate, monomials, polynomial_rates

CASES = [(name, dim) for name, family in FAMILIES.items() for dim in family.dims]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_families_sample_finite_fields_of_the_right_shape(name, dim):
    g = generator(1)
    field = FAMILIES[name].sample(50, dim, g)
    states = field.initial_states(4, g)
    rates = field(states)
    assert len(field) == 50
    assert field.dim == dim
    assert rates.shape == states.shape == (50, 4, dim)
    assert rates.isfinite().all()
    # Systems differ from each other, and (almost) none has a field of zero.
    assert (rates.abs().amax((1, 2)) > 1e-3).float().mean() > 0.9
    assert rates[:, 0, 0].unique().numel() > 25


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_a_seed_decides_everything(name, dim):
    first, second = (FAMILIES[name].sample(5, dim, generator(7)) for _ in range(2))
    other = FAMILIES[name].sample(5, dim, generator(8))
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(first), tensors_of(second), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(tensors_of(first), tensors_of(other), strict=True))


@pytest.mark.parametrize(("name", "dim"), CASES)
def test_selecting_and_joining_keep_each_system(name, dim):
    field = FAMILIES[name].sample(6, dim, generator(2))
    x = torch.randn(6, 3, dim, generator=generator(3))
    halves = concatenate([field.select(torch.arange(3)), field.select(torch.arange(3, 6))])
    assert torch.equal(halves(x), field(x))
    order = torch.tensor([4, 1])
    assert torch.equal(field.select(order)(x[order]), field(x)[order])


def test_equations_of_few_terms_have_one_to_four():
    coefficients = few_coefficients(Draw(generator()), 300, 3, 3)
    counts = (coefficients != 0).sum(-1)
    assert counts.min() == 1
    assert counts.max() == 4
    assert 0.1 <= coefficients[coefficients != 0].abs().min() <= coefficients.abs().max() <= 4.0
    own = monomials(3, 3).index((0,))
    damped = coefficients[:, 0, own]
    assert 0.6 < (damped[damped != 0] < 0).float().mean() < 0.9


def test_polynomials_evaluate_their_monomials():
    assert monomials(2, 3)[:6] == ((), (0,), (1,), (0, 0), (0, 1), (1, 1))
    assert [len(monomials(dim, 3)) for dim in (1, 2, 3)] == [4, 10, 20]
    coefficients = torch.randn(2, 2, 10, generator=generator())
    x, y = torch.randn(2, 2, 5, generator=generator(1)).unbind(0)
    powers = torch.stack([x**0, x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], -1)
    expected = torch.einsum("sim,spm->isp", coefficients, powers)
    for rate, wanted in zip(polynomial_rates(coefficients, (x, y), 3), expected, strict=True):
        torch.testing.assert_close(rate, wanted)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_interpolation_recovers_a_polynomial(dim):
    start = FAMILIES["polynomial"].sample(4, dim, generator()).start
    coefficients = torch.randn(4, dim, len(monomials(dim, 3)), generator=generator(1))
    field = PolynomialField(start, coefficients)
    found = interpolate(lambda x: field(x.expand(4, -1, -1)), dim, 3, coefficients)
    torch.testing.assert_close(found, coefficients, atol=2e-5, rtol=1e-4)


def test_paper_prior_has_the_published_support():
    coefficients = FAMILIES["polynomial"].sample(4000, 2, generator()).coefficients
    active = coefficients != 0
    degrees = torch.tensor([len(m) for m in monomials(2, 3)])
    present = torch.stack([active[..., degrees == k].any(-1) for k in range(4)], -1)
    counts = torch.bincount(present.sum(-1).flatten(), minlength=5)[1:].double()
    assert present.any(-1).all()
    assert (counts / counts.sum() - 0.25).abs().max() < 0.02  # uniform in 1..4
    cubic = active[..., degrees == 3].sum(-1)
    cubic = cubic[cubic > 0]
    assert (torch.bincount(cubic, minlength=5)[1:].double() / len(cubic) - 0.25).abs().max() < 0.03


def test_planar_hamiltonians_have_no_divergence_but_friction():
    field = FAMILIES["hamiltonian"].sample(200, 2, generator()).to(torch.float64)
    x = torch.randn(200, 6, 2, generator=generator(1), dtype=torch.float64, requires_grad=True)
    rates = field(x)
    divergence = sum(torch.autograd.grad(rates[..., d].sum(), x, retain_graph=True)[0][..., d] for d in (0, 1))
    assert divergence.max() < 1e-4
    assert divergence.min() > -0.21  # twice the strongest friction
    assert 0.5 < (divergence.abs().amax(1) < 1e-4).double().mean() < 0.85


def test_forced_dissipative_systems_point_inwards_far_away():
    field = FAMILIES["chaotic"].sample(200, 3, generator()).to(torch.float64)
    direction = torch.nn.functional.normalize(torch.randn(200, 20, 3, generator=generator(1)).double(), dim=-1)
    x = 600.0 * direction
    outward = ((x - field.start.centre[:, None]) * field(x)).sum(-1) / 600.0**2
    assert outward.max() < 0


@pytest.mark.parametrize("name", ["lotka_volterra", "hill", "compartment"])
def test_positive_families_stay_positive(name):
    dim = 3
    field = FAMILIES[name].sample(100, dim, generator())
    for d in range(dim):
        x = 2 * torch.rand(100, 8, dim, generator=generator(d))
        x[..., d] = 0
        assert field(x)[..., d].min() >= -1e-4
    assert (field.initial_states(5, generator(9)) > 0).all()


def test_compartments_lose_only_what_leaves():
    field = FAMILIES["compartment"].sample(200, 3, generator())
    x = 2 * torch.rand(200, 8, 3, generator=generator(1))
    inflow = field(torch.zeros(200, 1, 3)).sum(-1)
    assert (field(x).sum(-1) <= inflow + 1e-3).all()


def test_mixture_counts_are_fixed_and_complete():
    mixture = Mixture(PRIORS["mixture"])
    for dim in (1, 2, 3):
        counts = mixture.counts(997, dim)
        assert sum(counts.values()) == 997
        assert all(dim in FAMILIES[name].dims for name in counts)
        parts = mixture.sample(97, dim, generator())
        assert sum(len(field) for field, _ in parts) == 97
        assert all(len(names) == len(field) for field, names in parts)
        assert len({type(field) for field, _ in parts}) == len(parts)


@pytest.mark.parametrize(
    ("weights", "message"), [({"lorenz": 1.0}, "lorenz"), ({}, "at least one"), ({"hill": 0.0}, "positive weight")]
)
def test_mixture_refuses_nonsense(weights, message):
    with pytest.raises(ValueError, match=message):
        Mixture(weights)


def test_mixture_names_a_missing_dimension():
    with pytest.raises(ValueError, match="dimension 2"):
        Mixture({"chaotic": 1.0}).sample(3, 2, generator())


def test_double_precision_keeps_the_systems():
    field = FAMILIES["units"].sample(5, 2, generator())
    double = field.to(torch.float64)
    assert {t.dtype for t in tensors_of(double)} == {torch.float64, torch.bool}
    assert [f.name for f in dataclasses.fields(double)] == [f.name for f in dataclasses.fields(field)]


def test_priors_are_named_or_written_out():
    assert prior_weights("mixture") == PRIORS["mixture"]
    assert prior_weights("hill=2, oscillator=0.5") == {"hill": 2.0, "oscillator": 0.5}
    with pytest.raises(ValueError, match="neither a prior"):
        prior_weights("lorenz")
    with pytest.raises(ValueError, match="'lorenz'"):
        prior_weights("lorenz=1")
    with pytest.raises(ValueError, match="positive weight"):
        prior_weights("hill=nan")
