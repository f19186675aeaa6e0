"""Closed-form fits of drift and squared diffusion, on processes whose transitions are known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn.nn.fits.filtered import Filtered, expected_monomials, windows
from skdyn.nn.fits.monomials import monomials
from skdyn.nn.fits.stochastic import DRIFT_DEGREES, DRIFT_FITS, SQUARE_DEGREES, SQUARE_FITS, fit_stochastic

LINEAR, CONSTANT = DRIFT_DEGREES.index(1), SQUARE_DEGREES.index(0)
FILTERED_LINEAR, FILTERED_CONSTANT = len(DRIFT_DEGREES) + LINEAR, len(SQUARE_DEGREES) + CONSTANT


def process(contexts, paths, points, step, noise=0.0, dim=1, seed=0):
    """Exact paths of ``dx = -x dt + sqrt(2) dW``, whose deviation is one, observed with noise."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-step)
    x = np.zeros((contexts, paths, points, dim))
    x[:, :, 0] = rng.normal(size=(contexts, paths, dim))
    for i in range(1, points):
        x[:, :, i] = decay * x[:, :, i - 1] + np.sqrt(1 - decay**2) * rng.normal(size=(contexts, paths, dim))
    times = np.broadcast_to(step * np.arange(points), x.shape[:3])
    x = x + noise * rng.normal(size=x.shape)
    return torch.from_numpy(x), torch.from_numpy(times.copy()), torch.ones(x.shape[:3], dtype=torch.bool)


def at(contexts, *states):
    return torch.tensor(states, dtype=torch.float64)[None, :, None].expand(contexts, -1, 1)


@pytest.mark.parametrize(("paths", "points", "step"), [(5, 10, 0.1), (40, 10, 0.1), (20, 20, 0.1), (40, 10, 0.5)])
def test_a_diffusion_never_collapses_with_a_small_error(paths, points, step):
    fits = fit_stochastic(*process(60, paths, points, step))
    value, log_deviation = fits.answer_diffusion(at(60, 0.0), 0.05)
    found = value[:, 0, CONSTANT, 0].exp() - 0.05
    assert abs(found.median() - 2**0.5) < 0.1 * 2**0.5
    off = (value - np.log(2**0.5 + 0.05)).abs()[:, 0, : len(SQUARE_DEGREES), 0]
    assert (off < 2 * log_deviation[:, 0, : len(SQUARE_DEGREES), 0].exp()).double().mean() > 0.75
    drift, log_deviation = fits.answer_drift(at(60, 1.0))
    covered = (drift + 1).abs()[:, 0, LINEAR, 0] < 2 * log_deviation[:, 0, LINEAR, 0].exp()
    assert covered.double().mean() > 0.75


def test_noise_of_the_observations_is_told_from_diffusion():
    fits = fit_stochastic(*process(20, 1, 800, 0.05, noise=0.3))
    value, _ = fits.answer_diffusion(at(20, 0.0), 0.05)
    raw, filtered = (value[:, 0, k, 0].exp() - 0.05 for k in (CONSTANT, FILTERED_CONSTANT))
    assert abs(filtered.median() - 2**0.5) < 0.15 * 2**0.5 < raw.median() - 2**0.5
    drift, _ = fits.answer_drift(at(20, 1.0))
    assert abs(drift[:, 0, FILTERED_LINEAR, 0].median() + 1) < 0.3
    assert (fits.about[:, 0, 3] > 5).all()


def test_long_steps_are_integrated():
    """One Euler step would make the rate of forgetting ``(1 - exp(-h)) / h``, .79 at half a relaxation time."""
    fits = fit_stochastic(*process(10, 1, 3000, 0.5))
    drift, _ = fits.answer_drift(at(10, 1.0))
    assert abs(drift[:, 0, LINEAR, 0].median() + 1) < 0.08
    value, _ = fits.answer_diffusion(at(10, 0.0), 0.05)
    assert abs(value[:, 0, CONSTANT, 0].exp().median() - 0.05 - 2**0.5) < 0.05


def test_deviations_grow_away_from_the_data():
    fits = fit_stochastic(*process(8, 5, 10, 0.1))
    for answer in (fits.answer_drift(at(8, 0.0, 2.0, 6.0)), fits.answer_diffusion(at(8, 0.0, 2.0, 6.0), 0.05)):
        deviation = answer[1][:, :, -1, 0]
        assert (deviation.diff(dim=1) > 0).all()


@pytest.mark.parametrize(("dim", "paths", "points"), [(1, 1, 2), (3, 1, 2), (2, 2, 3), (6, 3, 40), (12, 2, 30)])
def test_any_context_has_finite_answers(dim, paths, points):
    fits = fit_stochastic(*process(2, paths, points, 0.1, dim=dim))
    queries = torch.full((2, 3, dim), 20.0, dtype=torch.float64)
    drift = fits.answer_drift(queries)
    diffusion = fits.answer_diffusion(queries, 0.05)
    assert drift[0].shape == (2, 3, DRIFT_FITS, dim)
    assert diffusion[0].shape == (2, 3, SQUARE_FITS, dim)
    assert all(part.isfinite().all() for part in (*drift, *diffusion, fits.drift_misfit, fits.about))


def test_padding_changes_nothing():
    states, times, mask = process(1, 3, 30, 0.1, noise=0.1)
    mask = mask.clone()
    mask[:, 1, 20:] = False
    states = torch.where(mask[..., None], states, torch.nan)
    padded = torch.nn.functional.pad
    wider = padded(states, (0, 0, 0, 7)), padded(times, (0, 7), value=2.9), padded(mask, (0, 7))
    for a, b in zip(
        fit_stochastic(states, times, mask).answer_drift(at(1, 0.5)),
        fit_stochastic(*wider).answer_drift(at(1, 0.5)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_the_order_of_trajectories_does_not_matter():
    states, times, mask = process(1, 4, 12, 0.1, dim=2)
    queries = torch.tensor([[[0.3, -0.2]]], dtype=torch.float64)
    turned = fit_stochastic(states.flip(1), times.flip(1), mask.flip(1))
    torch.testing.assert_close(fit_stochastic(states, times, mask).answer_drift(queries), turned.answer_drift(queries))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.05, 3.0))
def test_the_filter_is_that_of_a_random_walk(seed, noise):
    """Innovations and their variances are those of the joint normal density."""
    rng = np.random.default_rng(seed)
    steps, observed = rng.uniform(0.2, 2.0, 5), rng.normal(size=6)
    filtered = Filtered.of(
        torch.from_numpy(observed)[None, None, :, None],
        torch.from_numpy(steps)[None, None],
        torch.full((1, 1, 1), noise, dtype=torch.float64),
    )
    moved = np.diff(observed)
    covariance = np.diag(steps + 2 * noise) - noise * (np.eye(5, k=1) + np.eye(5, k=-1))
    sizes, innovations = filtered.sizes[0, 0, :, 0].numpy(), filtered.innovations[0, 0, :, 0].numpy()
    np.testing.assert_allclose(np.prod(sizes), np.linalg.det(covariance))
    np.testing.assert_allclose((innovations**2 / sizes).sum(), moved @ np.linalg.solve(covariance, moved))
    column = rng.normal(size=5)
    response = filtered.respond(torch.from_numpy(column)[None, None, :, None])[0, 0, :, 0, 0].numpy()
    np.testing.assert_allclose((innovations * response / sizes).sum(), moved @ np.linalg.solve(covariance, column))


def test_expected_monomials_are_moments():
    rng = np.random.default_rng(0)
    mean, variance = torch.tensor([0.5, -1.0]), torch.tensor([0.3, 0.7])
    draws = torch.from_numpy(rng.normal(size=(400_000, 2))).float() * variance.sqrt() + mean
    torch.testing.assert_close(expected_monomials(mean, variance, 3), monomials(draws, 3).mean(0), atol=0.05, rtol=0.02)


def test_windows_share_their_ends():
    cut = windows(torch.arange(8.0)[None, None], 3)
    assert cut[0].tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 7, 7]]
