from dataclasses import replace

import pytest
import torch

from pretrain.priors import FAMILIES, PRIORS, Mixture
from pretrain.priors.base import Draw, Start
from pretrain.priors.networks import WIDE
from pretrain.priors.responses import KINDS, Responses
from pretrain.priors.simulate import SimulationConfig, Simulator

NAMES = sorted(PRIORS["responses"])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(name, n=200, dim=7, seed=0):
    return FAMILIES[name].sample(n, dim, generator(seed)).to(torch.float64)


def states(n, dim, points=6, seed=1):
    return torch.randn(n, points, dim, generator=generator(seed), dtype=torch.float64)


def start(n, dim):
    return Start(torch.zeros(n, dim), torch.ones(n, dim), torch.zeros(n, dtype=torch.bool))


@pytest.mark.parametrize("name", NAMES)
def test_they_have_four_to_twelve_variables(name):
    assert FAMILIES[name].dims == WIDE
    for dim in WIDE:
        field = sample(name, 10, dim)
        assert field(states(10, dim)).isfinite().all()
        assert field.kind in KINDS
        assert field.variables.max() <= dim


def test_many_is_both_of_its_kinds():
    many = PRIORS["many"]
    assert set(many) == set(PRIORS["wide"]) | set(PRIORS["responses"])
    assert sum(many.values()) == pytest.approx(1.0)
    assert sum(many[name] for name in PRIORS["responses"]) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("hill", lambda u: u.clamp(min=0) ** 3 / (1 + u.clamp(min=0) ** 3)),
        ("sine", torch.sin),
        ("tanh", torch.tanh),
    ],
)
def test_a_response_is_the_function_that_it_says(kind, expected):
    draw, n = Draw(generator()), 5
    responses = Responses(draw, n, 4, kind)
    two, half = torch.full((n,), 2.0), torch.full((n,), 0.5)
    responses.add(1, (0,), -two)
    responses.respond(1, 2, two, half, order=torch.full((n,), 3.0), less=3, times=0)
    x = states(n, 4)
    rates = responses.response_field(start(n, 4)).to(torch.float64)(x)
    a, _, c, d = x.unbind(-1)
    torch.testing.assert_close(rates[..., 1], -2 * a + 2 * expected((c - d) / 0.5) * a)
    assert (rates[..., [0, 2, 3]] == 0).all()


def test_hill_functions_stay_finite_where_their_powers_overflow():
    responses = Responses(Draw(generator()), 1, 4, "hill")
    responses.respond(0, 1, torch.ones(1), torch.full((1,), 1e-30), torch.full((1,), 8.0))
    rates = responses.response_field(start(1, 4))(torch.full((1, 1, 4), 1e8))
    assert rates[0, 0, 0] == 1


def test_a_third_of_the_gene_networks_are_rings():
    field = sample("gene_network", 300, 6)
    x = states(300, 6).abs().requires_grad_(True)
    before = torch.ones(300, dtype=torch.bool)
    for i in range(6):
        (slope,) = torch.autograd.grad(field(x)[..., i].sum(), x)
        far = [j for j in range(6) if j not in (i, (i - 1) % 6)]
        before &= (slope[..., far] == 0).all(-1).all(-1)
    assert 0.25 < before.double().mean() < 0.42


def test_eaters_gain_no_more_than_is_eaten():
    field = sample("food_patches", dim=6)
    x = states(200, 6).abs()
    nothing = replace(field.products, coefficients=torch.zeros_like(field.products.coefficients))
    eaten = replace(field, products=nothing)
    assert eaten(x).sum(-1).max() <= 1e-9
    assert eaten(x)[..., [1, 4]].abs().max() > 0.1


def test_rotors_at_one_angle_do_not_pull():
    field = sample("phase_network", dim=8)
    shifted = torch.zeros(200, 1, 8, dtype=torch.float64)
    shifted[..., ::2] = 0.7
    hangs = field(shifted)[..., 1::2] - field(torch.zeros_like(shifted))[..., 1::2]
    # What is left is each one's own weight, in half of the systems.
    assert 0.35 < (hangs.abs().amax((1, 2)) < 1e-6).double().mean() < 0.65
    assert (hangs <= 1e-6).all()


def test_rates_are_bounded():
    far = 1e4 * torch.nn.functional.normalize(states(200, 7), dim=-1)
    assert (far * sample("rate_network")(far)).sum(-1).max() < 0


@pytest.mark.parametrize("dim", [4, 9])
def test_enough_systems_can_be_simulated(dim):
    simulator = Simulator(Mixture(PRIORS["responses"]), SimulationConfig(points=80, substeps=3, paths=2))
    kept = simulator.draw(80, dim, generator())
    assert len(kept) > 15
    assert len(kept.family.unique()) == len(NAMES)
    assert kept.states.isfinite().all()
