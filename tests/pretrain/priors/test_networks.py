import pytest
import torch

from pretrain.priors import FAMILIES, PRIORS, Mixture
from pretrain.priors.base import Draw
from pretrain.priors.networks import WIDE, Ring
from pretrain.priors.simulate import SimulationConfig, Simulator

NAMES = sorted(PRIORS["wide"])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(name, n=200, dim=7, seed=0):
    return FAMILIES[name].sample(n, dim, generator(seed))


def states(n, dim, points=6, seed=1):
    return torch.randn(n, points, dim, generator=generator(seed))


@pytest.mark.parametrize("name", NAMES)
def test_they_have_four_to_twelve_variables(name):
    assert FAMILIES[name].dims == WIDE == tuple(range(4, 13))
    for dim in (4, 5, 12):
        assert sample(name, 10, dim).factors.max() <= dim


def test_rings_are_lorenz_s_where_all_constants_are_equal(monkeypatch):
    values = iter([4.0, 0.5, 0.8])  # forcing, decay, advection
    monkeypatch.setattr(Draw, "log_uniform", lambda self, low, high, *shape: torch.full(shape, next(values, 1.0)))
    monkeypatch.setattr(Draw, "coin", lambda self, p, *shape: torch.zeros(shape, dtype=torch.bool))
    x = states(2, 6)
    ahead, behind, before = x.roll(-1, -1), x.roll(2, -1), x.roll(1, -1)
    torch.testing.assert_close(Ring().sample(2, 6, generator())(x), 0.8 * (ahead - behind) * before - 0.5 * x + 4)


def test_advection_in_even_rings_creates_no_energy():
    field = sample("ring", dim=8)
    pairs = (field.factors < 8).sum(-1) == 2
    even = (field.coefficients.abs() * pairs).amax(2)
    even = (even - even[:, :1]).abs().amax(1) < 1e-6
    assert 0.3 < even.float().mean() < 0.7
    x = states(200, 8)
    quadratic = torch.where(pairs, field.coefficients, 0.0)
    energy = (x * type(field)(field.start, field.factors, quadratic)(x)).sum(-1)
    assert energy[even].abs().max() < 1e-3
    assert energy[~even].abs().max() > 0.1


def test_sparse_networks_are_damped_far_away():
    field = sample("sparse_network").to(torch.float64)
    x = 300.0 * torch.nn.functional.normalize(states(200, 7).double(), dim=-1)
    assert (x * field(x)).sum(-1).max() < 0


@pytest.mark.parametrize("name", ["compartment_network", "food_chain", "gene_network", "food_patches"])
def test_amounts_stay_positive(name):
    field = sample(name)
    for d in range(7):
        x = 2 * states(200, 7, seed=d).abs()
        x[..., d] = 0
        assert field(x)[..., d].min() >= -1e-5
    assert (field.initial_states(4, generator(3)) > 0).all()


def test_compartments_lose_what_flows_nowhere_only():
    field = sample("compartment_network")
    x = states(200, 7).abs()
    inflow = field(torch.zeros(200, 1, 7)).sum(-1)
    torch.testing.assert_close(field(x).sum(-1), inflow.expand(-1, 6), atol=1e-3, rtol=1e-4)


def test_chains_touch_their_neighbours_only():
    for name, reach in (("food_chain", 1), ("spring_chain", 3)):
        field = sample(name, dim=8).to(torch.float64)
        x = states(200, 8).double().requires_grad_(True)
        for i in range(8):
            (slope,) = torch.autograd.grad(field(x)[..., i].sum(), x)
            far = [j for j in range(8) if abs(i - j) > reach]
            assert (slope[..., far] == 0).all(), (name, i)


def test_springs_only_lose_energy_by_friction():
    field = sample("spring_chain", dim=6).to(torch.float64)
    x = states(200, 6).double().requires_grad_(True)
    rates = field(x)
    divergence = sum(torch.autograd.grad(rates[..., d].sum(), x, retain_graph=True)[0][..., d] for d in range(6))
    assert divergence.max() < 0
    assert divergence.min() > -3 * 0.41


@pytest.mark.parametrize("name", ["oscillator_network", "spring_chain"])
def test_a_variable_left_over_follows_the_first(name):
    field = sample(name, dim=5)
    x = states(200, 5)
    x[..., 4] = x[..., 0]
    torch.testing.assert_close(field(x)[..., 4], torch.zeros(200, 6), atol=1e-5, rtol=0)


def test_coupled_oscillators_at_one_place_do_not_pull():
    field = sample("oscillator_network", dim=6)
    alone, apart = torch.zeros(200, 1, 6), torch.zeros(200, 1, 6)
    alone[..., ::2] = 0.5
    apart[..., 0] = 0.5
    linear = (field.factors < 6).sum(-1) == 1
    springs = type(field)(field.start, field.factors, torch.where(linear, field.coefficients, 0.0))
    # Where all positions are equal only each one's own spring is left, of stiffness .4 to 3.
    own = -springs(alone)[..., 1::2] / 0.5
    assert own.min() > 0.4 - 1e-4
    assert own.max() < 3.0 + 1e-4
    assert (springs(apart)[..., 3::2].abs().amax((1, 2)) > 0).float().mean() > 0.3


@pytest.mark.parametrize("dim", [4, 9])
def test_enough_systems_can_be_simulated(dim):
    simulator = Simulator(Mixture(PRIORS["wide"]), SimulationConfig(points=80, substeps=3, paths=2))
    kept = simulator.draw(120, dim, generator())
    assert len(kept) > 20
    assert len(kept.family.unique()) >= 4
    assert kept.states.isfinite().all()
