import math
from dataclasses import replace

import pytest
import torch

from skdyn.nn.arbiter import Arbiter, Evidence, NetworkAnswer, median_of_fits
from skdyn.nn.fits.families import ALL_FITS, VIEWS

VIEWS_SEEN = len(VIEWS)
WIDTH, B, N, D = 8, 2, 5, 3
FAMILIES = (0, 1, 2, 4, 5, 12, 17, 24, 29)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def arbiter():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Arbiter(WIDTH, 16)
        torch.nn.init.normal_(made.scale[-1].weight)
        torch.nn.init.normal_(made.unseen)
        torch.nn.init.normal_(made.from_residuals.weight, std=0.2)
        torch.nn.init.zeros_(made.score.bias)
    return made.requires_grad_(False)


def symmetric(gaps):
    return gaps + gaps.transpose(2, 3)


def evidence(dim=D, families=FAMILIES):
    fits = len(families)
    return Evidence(
        normal(B, N, fits, dim),
        normal(B, N, fits, dim, seed=1) - 2,
        normal(B, fits, dim, seed=2) - 3,
        normal(B, fits, dim, seed=3).abs(),
        normal(B, fits, VIEWS_SEEN, dim, seed=7) - 3,
        normal(B, 3, dim, seed=8) - 3,
        torch.tensor([4.0, 6.0]),
        symmetric(normal(B, 2, fits, fits, dim, seed=9).abs()),
        normal(B, 2, fits, dim, seed=10).abs(),
        normal(B, 2, fits, dim, seed=11) - 2,
        families,
    )


def network_answer(dim=D):
    return NetworkAnswer(normal(B, N, dim, seed=4), normal(B, N, dim, seed=5) - 2, normal(B, N, WIDTH, seed=6))


def test_features_of_fits_can_be_made_before(arbiter):
    given, network = evidence(), network_answer()
    before = arbiter(given, network, arbiter.features_of_fits(given))
    now = arbiter(given, network)
    for part in ("field", "log_scale", "weights"):
        assert torch.equal(getattr(before, part), getattr(now, part))


@pytest.mark.parametrize("seen", [True, False])
def test_weights_sum_to_one_and_weigh_the_answers(arbiter, seen):
    given, network = evidence(), network_answer() if seen else None
    verdict = arbiter(given, network)
    assert verdict.weights.shape == (B, N, len(FAMILIES) + 1, D)
    assert (verdict.weights >= 0).all()
    torch.testing.assert_close(verdict.weights.sum(2), torch.ones(B, N, D))
    of_network = network.field if seen else torch.full((B, N, D), 1e6)
    answers = torch.cat([given.fields, of_network[:, :, None]], 2)
    torch.testing.assert_close(verdict.field, (verdict.weights * answers).sum(2))
    assert (verdict.weights[:, :, -1] > 0).all() == seen
    if not seen:
        assert (verdict.weights[:, :, -1] == 0).all()


def test_an_arbiter_that_knows_nothing_leaves_the_scale_and_most_of_the_weight_to_the_network():
    fresh = Arbiter(WIDTH, 16)
    torch.nn.init.zeros_(fresh.score.weight)
    network = network_answer()
    verdict = fresh(evidence(), network)
    expected = 1 / (1 + len(FAMILIES) * math.exp(-3))
    torch.testing.assert_close(verdict.weights[:, :, -1], torch.full((B, N, D), expected))
    torch.testing.assert_close(verdict.log_scale, network.log_scale)


def test_variables_are_interchangeable(arbiter):
    given, network, order = evidence(), network_answer(), torch.tensor([2, 0, 1])
    names = ("fields", "log_deviation", "log_noise", "log_terms", "log_residuals", "log_of_network")
    turned = replace(given, **{name: getattr(given, name)[..., order] for name in names})
    seen = NetworkAnswer(network.field[..., order], network.log_scale[..., order], network.hidden)
    for one, other in ((arbiter(given, network), arbiter(turned, seen)), (arbiter(given, None), arbiter(turned, None))):
        torch.testing.assert_close(other.field, one.field[..., order])
        torch.testing.assert_close(other.log_scale, one.log_scale[..., order])
        torch.testing.assert_close(other.weights, one.weights[..., order])


def test_fits_are_interchangeable_with_their_families(arbiter):
    given, network = evidence(), network_answer()
    order = torch.tensor([3, 1, 0, 2, 8, 7, 6, 5, 4])
    turned = replace(
        given,
        fields=given.fields[:, :, order],
        log_deviation=given.log_deviation[:, :, order],
        log_noise=given.log_noise[:, order],
        log_terms=given.log_terms[:, order],
        log_residuals=given.log_residuals[:, order],
        families=tuple(FAMILIES[i] for i in order),
    )
    one, other = arbiter(given, network), arbiter(turned, network)
    torch.testing.assert_close(other.field, one.field)
    torch.testing.assert_close(other.weights[:, :, :-1], one.weights[:, :, order])
    renamed = arbiter(replace(given, families=tuple(reversed(FAMILIES))), network)
    assert not torch.allclose(renamed.field, one.field), "what a fit is matters"


def test_residuals_count_against_the_best_fit_and_the_network_alone(arbiter):
    given, network = evidence(), network_answer()
    one = arbiter(given, network)
    assert given.log_of_network is not None
    alike = replace(given, log_residuals=given.log_residuals + 0.5, log_of_network=given.log_of_network + 0.5)
    torch.testing.assert_close(arbiter(alike, network).weights, one.weights)
    worse = given.log_residuals.clone()
    worse[:, 0] += 2
    assert not torch.allclose(arbiter(replace(given, log_residuals=worse), network).weights, one.weights)
    assert not torch.allclose(arbiter(replace(given, log_of_network=None), network).weights, one.weights)
    few = replace(given, log_residuals=given.log_residuals[:, :, :3], log_of_network=None)
    assert arbiter(few, None).field.isfinite().all()


@pytest.mark.parametrize("dim", [1, 7])
@pytest.mark.parametrize("families", [(5,), tuple(range(ALL_FITS))])
def test_any_number_of_variables_and_of_fits(arbiter, dim, families):
    for network in (network_answer(dim), None):
        verdict = arbiter(evidence(dim, families), network)
        assert verdict.field.shape == verdict.log_scale.shape == (B, N, dim)
        assert verdict.field.isfinite().all()


@pytest.mark.parametrize("size", [60.0, -60.0])
@pytest.mark.parametrize("deviation", [1e-6, 1e4])
def test_absurd_answers_have_a_finite_verdict(arbiter, size, deviation):
    given = evidence()
    absurd = replace(
        given,
        fields=torch.full_like(given.fields, size),
        log_deviation=torch.full_like(given.fields, math.log(deviation)),
        log_noise=torch.full_like(given.log_noise, -50.0),
        log_residuals=torch.full_like(given.log_residuals, 50.0),
    )
    for network in (None, network_answer(), NetworkAnswer(*(1e4 * part for part in vars(network_answer()).values()))):
        verdict = arbiter(absurd, network)
        for part in vars(verdict).values():
            assert part.isfinite().all()
        assert verdict.log_scale.min() >= -7
        assert verdict.log_scale.max() <= 6


def test_where_all_agree_the_answer_is_theirs(arbiter):
    given, network = evidence(), network_answer()
    same = replace(given, fields=network.field[:, :, None].expand_as(given.fields))
    torch.testing.assert_close(arbiter(same, network).field, network.field)


def test_the_median_does_not_look_behind_its_tensor():
    memory = normal(34 + 1)
    memory[30:] = torch.nan
    field = memory[:30].view(2, 5, 3)
    torch.testing.assert_close(median_of_fits(field[:, :, None].expand(2, 5, 9, 3))[:, :, 0], field)


def test_everything_learns():
    arbiter = Arbiter(WIDTH, 16)
    torch.nn.init.normal_(arbiter.scale[-1].weight)
    for network in (network_answer(), None):
        verdict = arbiter(evidence(), network)
        (verdict.field.square().sum() + verdict.log_scale.sum()).backward()
    for name, parameter in arbiter.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
