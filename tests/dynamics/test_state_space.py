"""Moments over steps and the likelihood of noisy observations, against closed forms and brute force."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import multivariate_normal, norm
from scipy.stats import t as student

from skdyn import Trajectories
from skdyn.dynamics.measurement import Measurement, StateSpace
from skdyn.dynamics.state_space import Windows, transition_moments

SLOPE = np.array([[-1.0, 2.0], [-2.0, -0.5]])
SIZES = np.array([0.5, 0.8])
CORRELATION = np.array([[1.0, 0.6], [0.6, 1.0]])


def linear(x):
    return x @ SLOPE.T + [0.1, 0.2], np.broadcast_to(SIZES, x.shape)


def moments(steps, substeps=1, seed=0):
    starts = np.random.default_rng(seed).normal(size=(len(steps), 2))
    pieces = np.full(len(steps), substeps)
    return starts, transition_moments(linear, starts, np.array(steps), pieces, np.ones(2), CORRELATION)


@pytest.mark.parametrize("substeps", [1, 4])
def test_moments_of_a_linear_equation_are_exact(substeps):
    steps = [1e-3, 0.3, 4.0]
    starts, found = moments(steps, substeps)
    square = SIZES[:, None] * SIZES * CORRELATION
    for i, step in enumerate(steps):
        matrix = expm(SLOPE * step)
        block = expm(np.block([[-SLOPE, square], [np.zeros((2, 2)), SLOPE.T]]) * step)
        rest = np.linalg.solve(SLOPE, -np.array([0.1, 0.2]))
        np.testing.assert_allclose(found.slope[i], matrix, atol=1e-6)
        np.testing.assert_allclose(found.mean[i], rest + matrix @ (starts[i] - rest), atol=1e-6)
        np.testing.assert_allclose(found.covariance[i], block[2:, 2:].T @ block[:2, 2:], atol=1e-6)


def test_substeps_follow_a_drift_that_bends():
    def cubic(x):
        return -(x**3), 0 * x

    start, step = np.array([[2.0]]), np.array([0.5])
    exact = 2 / np.sqrt(1 + 2 * 4 * 0.5)
    errors = [
        abs(float(transition_moments(cubic, start, step, np.array([n]), np.ones(1), np.eye(1)).mean[0, 0]) - exact)
        for n in (1, 8)
    ]
    assert errors[1] < 0.02 < errors[0]


def test_the_filter_is_the_joint_density():
    """Flat before the first observation, whose noise the state then has; all others jointly normal."""
    rng = np.random.default_rng(1)
    steps, noise = rng.uniform(0.1, 1.0, 6), np.array([0.1, 0.2])
    observed, found = moments(steps)
    observed = np.vstack([observed, rng.normal(size=(1, 2))])
    windows = Windows(
        observed[None], found.mean[None], found.slope[None], found.covariance[None], np.ones((1, 6), bool), np.ones(2)
    )
    mean, joint = [observed[0]], np.zeros((14, 14))
    joint[:2, :2] = np.diag(noise)
    for i in range(6):
        mean.append(found.mean[i] + found.slope[i] @ (mean[-1] - observed[i]))
        old, new = slice(2 * i, 2 * i + 2), slice(2 * i + 2, 2 * i + 4)
        joint[new, : 2 * i + 2] = found.slope[i] @ joint[old, : 2 * i + 2]
        joint[: 2 * i + 2, new] = joint[new, : 2 * i + 2].T
        joint[new, new] = found.slope[i] @ joint[old, old] @ found.slope[i].T + found.covariance[i]
    covariance = joint[2:, 2:] + np.kron(np.eye(6), np.diag(noise))
    expected = multivariate_normal(np.concatenate(mean[1:]), covariance).logpdf(observed[1:].ravel())
    np.testing.assert_allclose(windows.log_likelihoods(noise[None]).sum(), expected)


@pytest.mark.parametrize("diffusion", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_likelihood_is_always_finite(diffusion, noise):
    observed = Trajectories([(np.arange(3.0), np.array([[0.0], [1.0], [1e200]]))])
    space = StateSpace(lambda x: (0 * x, np.full_like(x, diffusion)), 1.0, np.ones(1))
    values = space.log_likelihoods(observed, Measurement(np.array([noise]), np.eye(1)))
    assert values.shape == (2,)
    assert np.isfinite(values).all()
    assert (values >= -1e12).all()


def ornstein_uhlenbeck(step, paths, points, noise=0.0, correlation=0.0, seed=0):
    """Exact paths of two variables ``dx = -x dt + .3 dW``, observed with noise."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.array([[1, correlation], [correlation, 1]]))
    decay = np.exp(-step)
    kick = 0.3 * np.sqrt((1 - decay**2) / 2)
    x = np.zeros((paths, points, 2))
    for i in range(1, points):
        x[:, i] = decay * x[:, i - 1] + kick * rng.normal(size=(paths, 2)) @ root.T
    return Trajectories([(step * np.arange(points), path) for path in x + noise * rng.normal(size=x.shape)])


KNOWN = StateSpace(lambda x: (-x, np.full_like(x, 0.3)), 2.0, np.full(2, 0.2))


def test_the_likelihood_without_noise_is_that_of_exact_transitions():
    observed = ornstein_uhlenbeck(0.7, 3, 20)
    decay = np.exp(-0.7)
    size = 0.3 * np.sqrt((1 - decay**2) / 2)
    expected = [norm.logpdf(x[1:], decay * x[:-1], size).sum(axis=1) for x in observed.states]
    none = Measurement(np.zeros(2), np.eye(2))
    np.testing.assert_allclose(KNOWN.log_likelihoods(observed, none), np.concatenate(expected), rtol=1e-5)


@pytest.mark.parametrize(("paths", "points", "step"), [(1, 1500, 0.1), (40, 20, 0.3)])
def test_noise_and_correlation_are_found(paths, points, step):
    found = KNOWN.measure(ornstein_uhlenbeck(step, paths, points, noise=0.06, correlation=0.6))
    np.testing.assert_allclose(found.noise, 0.06, rtol=0.25)
    np.testing.assert_allclose(found.correlation, [[1, 0.6], [0.6, 1]], atol=0.15)


@pytest.mark.parametrize("diffusion", [0.0, 1e-4])
def test_noise_is_found_beside_hardly_any_diffusion(diffusion):
    rng = np.random.default_rng(0)
    t = 0.1 * np.arange(60)
    paths = [(t, start * np.exp(-t)[:, None] + [0.06, 0.02] * rng.normal(size=(60, 2))) for start in (1.0, -2.0, 3.0)]
    space = StateSpace(lambda x: (-x, np.full_like(x, diffusion)), 2.0, np.ones(2))
    np.testing.assert_allclose(space.measure(Trajectories(paths)).noise, [0.06, 0.02], rtol=0.25)


def test_what_errors_of_the_drift_explain_is_no_noise():
    """Certain states, followed by an equation that is known to be too slow."""
    t = 0.1 * np.arange(40)
    paths = Trajectories([(t, start * np.exp(-t)[:, None]) for start in (1.0, -2.0, 3.0)])
    slow = StateSpace(lambda x: (-0.7 * x, np.full_like(x, 1e-3)), 2.0, np.ones(1))
    known = replace(slow, errors=lambda x: (0.6 * np.abs(x), np.full_like(x, 1e-3)))
    assert slow.measure(paths).noise > 0.01
    assert known.measure(paths).noise < 1e-3


def test_what_the_data_do_not_show_is_not_found():
    for seed in range(4):
        found = KNOWN.measure(ornstein_uhlenbeck(0.1, 10, 30, seed=seed))
        np.testing.assert_array_equal(found.noise, [0, 0])
        np.testing.assert_array_equal(found.correlation, np.eye(2))


def test_what_is_in_doubt_is_predicted_as_students_t():
    """Brownian motion with a drift known to .4 and a diffusion known to .2, both beside their values."""
    step, g, s, f = 0.5, 0.6, 0.2, 0.4
    x = np.random.default_rng(0).normal(size=(6, 1)).cumsum(axis=0)
    observed, none = Trajectories([(step * np.arange(6.0), x)]), Measurement(np.zeros(1), np.eye(1))
    space = StateSpace(lambda x: (0 * x, np.full_like(x, g)), 1.0, np.ones(1),
                       lambda x: (np.full_like(x, f), np.full_like(x, s)))  # fmt: skip
    variance = (g**2 + s**2) * step + (f * step) ** 2
    doubt = (4 * g**2 * s**2 + 2 * s**4) * step**2 / variance**2
    n = 4 + 2 / doubt
    expected = student(n, 0, np.sqrt(variance * (n - 2) / n)).logpdf(np.diff(x[:, 0]))
    np.testing.assert_allclose(space.log_likelihoods(observed, none), expected, rtol=1e-6)
    assert student(n, 0, np.sqrt(variance * (n - 2) / n)).var() == pytest.approx(variance)


def test_certain_answers_are_predicted_as_normal():
    observed, none = ornstein_uhlenbeck(0.3, 3, 10), Measurement(np.zeros(2), np.eye(2))
    certain = replace(KNOWN, errors=lambda x: (0 * x, np.full_like(x, 1e-7)))
    found, expected = (space.log_likelihoods(observed, none) for space in (certain, KNOWN))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_true_noise_is_likelier_than_none():
    observed = ornstein_uhlenbeck(0.1, 10, 50, noise=0.06)
    means = [
        KNOWN.log_likelihoods(observed, Measurement(np.full(2, noise), np.eye(2))).mean() for noise in (0.0, 0.06, 0.2)
    ]
    assert means[1] > max(means[0], means[2])
