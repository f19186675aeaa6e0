import pytest
import torch

from skdyn.nn.fits.course import _Search, followed
from skdyn.nn.fits.monomials import Library
from skdyn.nn.fits.quadrature import Roughness
from tests.coarse_paths import coarse_swing, errors, integrals, nothing, path_of, rough, swing_rates, whirl, whirl_rates


@pytest.fixture(scope="module")
def coarse():
    return coarse_swing()


def found_for(states, times, mask, guess=None):
    path = path_of(states, times, mask)
    return followed(path, times, nothing(states), Library(states.shape[-1]), rough(states, times, mask), guess)


def test_polynomials_and_path_find_each_other(coarse):
    states, times, mask = coarse
    plain = path_of(states, times, mask)
    found = found_for(*coarse)
    assert errors(found, states, mask) < 1e-3 * errors(plain, states, mask)
    parts = (found.states.shape[2] - 1) // (states.shape[2] - 1)
    torch.testing.assert_close(found.states[:, :, ::parts] * mask[..., None], states, rtol=0, atol=0)


def test_wide_gaps_of_a_chaotic_path_are_crossed():
    states, times, mask = whirl(0.5)
    plain = path_of(states, times, mask)
    assert errors(plain, states, mask, whirl_rates) > 0.3
    assert errors(found_for(states, times, mask), states, mask, whirl_rates) < 2e-3


def test_robust_fits_go_by_the_steps_that_agree(coarse):
    states, times, mask = coarse
    search = _Search(path_of(states, times, mask), times, nothing(states), Library(2))
    exact = search.along(search.least_squares(found_for(*coarse)).coefficients)
    bad = torch.arange(35) % 7 == 3
    weights = torch.where(bad[:, None], 1.7, 1.0) * exact.rule.weights
    spoilt = type(exact)(exact.states, exact.mask, type(exact.rule)(exact.rule.index, weights))
    places = torch.randn(1, 50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = Library(2)(places)
    robust, plain = (
        (values @ fit(spoilt).coefficients.mT - swing_rates(places)).abs().max()
        for fit in (search.robust, search.least_squares)
    )
    assert robust < 1e-3 < 0.01 * plain


def test_the_guess_that_leaves_the_least_is_taken():
    states, times, mask = whirl(0.6)
    search = _Search(path_of(states, times, mask), times, nothing(states), Library(3))
    truth = polynomials_of(whirl_rates, Library(3))
    best = search.best(search.robust, [search.robust(search.room).coefficients, truth, -truth])
    assert best.left == search.robust(search.along(truth)).left
    torch.testing.assert_close(best.coefficients, truth, rtol=0, atol=0.05)


def test_guesses_are_only_made_where_least_squares_do_not_get_there(coarse):
    asked = []

    def guess():
        asked.append(1)
        return polynomials_of(whirl_rates, Library(3))

    found_for(*whirl(0.0), guess)
    assert not asked
    found_for(*whirl(0.66), guess)
    assert asked


def polynomials_of(rates, library):
    """Coefficients (1, D, P) of a polynomial field."""
    places = torch.randn(400, library.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return torch.linalg.lstsq(library(places[None])[0], rates(places)).solution.mT[None]


def test_contexts_do_not_depend_on_their_neighbours(coarse):
    states, times, mask = coarse
    dense = 0.01 * times
    slow = torch.where(mask[..., None], torch.stack([dense.sin(), dense.cos()], -1), 0.0)
    both = torch.cat([states, slow]), torch.cat([times, dense]), torch.cat([mask, mask])
    together = found_for(*both)
    torch.testing.assert_close(integrals(together)[:1], integrals(found_for(*coarse)), rtol=1e-10, atol=1e-10)
    plain = path_of(*both)
    torch.testing.assert_close(integrals(together)[1:], integrals(plain)[1:], rtol=1e-13, atol=1e-13)
    alone = path_of(slow, dense, mask)
    assert followed(alone, dense, nothing(slow), Library(2), rough(slow, dense, mask)) is alone


@pytest.mark.parametrize("size", [0.05, 1.0])
def test_noise_is_not_followed(size):
    generator = torch.Generator().manual_seed(0)
    times = 0.1 * torch.arange(200, dtype=torch.float64)[None, None]
    mask = torch.ones_like(times, dtype=torch.bool)
    clean = torch.stack([times.sin(), times.cos()], -1)
    noisy = clean + size * torch.randn(clean.shape, dtype=torch.float64, generator=generator)
    plain = path_of(noisy, times, mask)
    assert followed(plain, times, nothing(noisy), Library(2), rough(noisy, times, mask)) is plain


def test_what_explains_nothing_better_is_not_taken():
    """States at random, said to be smooth, so that they are followed."""
    g = torch.Generator().manual_seed(0)
    times = torch.arange(40, dtype=torch.float64)[None, None]
    mask = torch.ones_like(times, dtype=torch.bool)
    plain = path_of(torch.randn(1, 1, 40, 2, dtype=torch.float64, generator=g), times, mask)
    smooth = Roughness(torch.tensor([2.0]), torch.tensor([1.0]))
    assert smooth.smooth.all()
    assert followed(plain, times, nothing(plain.states), Library(2), smooth) is plain
