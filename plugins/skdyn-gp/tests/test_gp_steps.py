"""The steps of a fit: marginal likelihood, smoothing, posterior, segments and the bound."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal
from skdyn_gp import variational
from skdyn_gp.evidence import Block, Kernel, _negative_evidence
from skdyn_gp.matching import match
from skdyn_gp.posterior import FieldPosterior
from skdyn_gp.segments import cut
from skdyn_gp.smoothing import Smoother

quick = settings(max_examples=10, deadline=None)


def blocks(seed, inputs=2):
    rng = np.random.default_rng(seed)
    return [Block(rng.normal(size=(n, inputs)), rng.normal(size=n), rng.uniform(0, 0.1, n)) for n in (7, 4)]


def squares(parts):
    return [np.square(part.inputs[:, None] - part.inputs[None]).transpose(2, 0, 1) for part in parts]


def oscillation(count=60, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    tau = np.sort(rng.uniform(0, 1, count))
    tau = (tau - tau[0]) / (tau[-1] - tau[0])
    z = np.column_stack([np.cos(8 * tau), -np.sin(8 * tau)])
    return tau, z + noise * rng.normal(size=z.shape)


@given(seed=st.integers(0, 2**16), logs=st.lists(st.floats(-1.5, 1.0), min_size=4, max_size=4))
@quick
def test_evidence_is_the_density_of_the_observations(seed, logs):
    parts = blocks(seed)
    kernel = Kernel(np.exp(logs[0]), np.exp(logs[1:3]), np.exp(logs[3]), 2.0)
    expected = 0.0
    for part in parts:
        covariance = kernel(part.inputs, part.inputs) + np.diag(part.noise + kernel.noise)
        expected -= multivariate_normal(np.zeros(len(covariance)), covariance).logpdf(part.targets)
        expected -= len(covariance) / 2 * np.log(2 * np.pi)
    assert _negative_evidence(np.array(logs), parts, squares(parts), 2.0)[0] == pytest.approx(expected, abs=1e-9)


@given(seed=st.integers(0, 2**16), logs=st.lists(st.floats(-1.5, 1.0), min_size=4, max_size=4))
@quick
def test_gradient_of_the_evidence(seed, logs):
    parts = blocks(seed)
    arguments = parts, squares(parts), 2.0
    error = check_grad(
        lambda x: _negative_evidence(x, *arguments)[0], lambda x: _negative_evidence(x, *arguments)[1], np.array(logs)
    )
    assert error < 1e-4


def test_smoothing_finds_states_slopes_and_their_errors():
    pairs = [oscillation(60, 0.05, seed) for seed in range(2)]
    smoother = Smoother.of(pairs)
    assert all(np.sqrt(kernel.noise) == pytest.approx(0.05, rel=0.3) for kernel in smoother.kernels)
    tau, z = pairs[0]
    found = smoother.at(tau, tau, z)
    slopes = 8 * np.column_stack([-np.sin(8 * tau), -np.cos(8 * tau)])
    assert np.abs(found.states - oscillation()[1]).max() < 0.1
    standardised = np.abs(found.slopes - slopes) / np.sqrt(found.slope_variances)
    assert 0.3 < np.sqrt(np.square(standardised).mean()) < 2.0


def test_slopes_of_the_smoother_are_its_derivatives():
    tau, z = oscillation(30, 0.02)
    smoother = Smoother.of([(tau, z)])
    when, step = np.linspace(0.1, 0.9, 7), 1e-6
    differences = (smoother.at(when + step, tau, z).states - smoother.at(when - step, tau, z).states) / (2 * step)
    np.testing.assert_allclose(smoother.at(when, tau, z).slopes, differences, rtol=1e-4, atol=1e-4)


def random_posterior(seed, centers=5, dim=2):
    rng = np.random.default_rng(seed)
    return FieldPosterior(
        rng.normal(size=(centers, dim)),
        rng.uniform(0.5, 2, dim),
        rng.uniform(0.5, 2, (dim, dim)),
        rng.normal(size=(dim, centers)),
        np.broadcast_to(0.01 * np.eye(centers), (dim, centers, centers)),
    )


@given(seed=st.integers(0, 2**16))
@quick
def test_the_jacobian_is_the_derivative_of_the_mean(seed):
    posterior = random_posterior(seed)
    points, step = np.random.default_rng(seed).normal(size=(4, 2)), 1e-6
    differences = [
        (posterior.mean(points + offset) - posterior.mean(points - offset)) / (2 * step) for offset in step * np.eye(2)
    ]
    np.testing.assert_allclose(posterior.jacobian(points), np.stack(differences, axis=-1), atol=1e-6)


def test_the_error_returns_to_the_prior_far_away():
    posterior = random_posterior(0)
    mean, deviation = posterior.mean_and_deviation(np.full((1, 2), 1e3))
    np.testing.assert_array_equal(mean, 0.0)
    np.testing.assert_allclose(deviation[0], np.sqrt(posterior.variances))
    assert (posterior.mean_and_deviation(posterior.centers)[1] < np.sqrt(posterior.variances)).all()
    np.testing.assert_allclose(
        np.diagonal(posterior.covariance(posterior.centers), axis1=1, axis2=2).T,
        np.square(posterior.mean_and_deviation(posterior.centers)[1]),
    )


@pytest.mark.parametrize("length", [1, 4, 1000])
def test_segments_hold_every_observation_once_and_all_of_the_time(length):
    pairs = [oscillation(30), oscillation(11, seed=1)]
    segments = cut(pairs, match(pairs), length)
    assert segments.observed.sum() == 41
    seen = segments.values[segments.observed]
    np.testing.assert_array_equal(seen, np.concatenate([z for _, z in pairs]))
    assert segments.steps.sum() == pytest.approx(2.0)
    assert len(segments.following) == len(segments.steps) - 2


def test_the_frozen_posterior_is_that_of_the_draws():
    pairs = [oscillation(30, 0.05)]
    found = match(pairs)
    posterior = variational.Posterior(found, cut(pairs, found, 5), 8)
    frozen = variational._frozen(posterior)
    points = found.states[:5]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        draws = torch.stack(
            [variational.SampledField(posterior, generator)(torch.from_numpy(points)) for _ in range(2000)]
        )
    mean, deviation = frozen.mean_and_deviation(points)
    error = (draws.mean(0).numpy() - mean) / (draws.std(0).numpy() / np.sqrt(2000))
    assert np.abs(error).max() < 5
    np.testing.assert_allclose(draws.std(0).numpy(), deviation, rtol=0.15)


def test_shooting_starts_from_gradient_matching():
    pairs = [oscillation(40, 0.02)]
    found = match(pairs)
    posterior = variational.Posterior(found, cut(pairs, found, 5), 20)
    np.testing.assert_allclose(
        variational._frozen(posterior).mean(found.states), found.field.mean(found.states), atol=0.1
    )
