"""Euler-Maruyama against the moments of processes that are known in closed form, and the likelihood of transitions."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from skdyn import ConvergenceWarning
from skdyn.dynamics.sde import euler_maruyama

THETA, SIGMA = 1.5, 0.8
ONE = {"center": np.zeros(1), "scale": np.ones(1)}


def ornstein_uhlenbeck(x):
    return -THETA * x, np.full_like(x, SIGMA)


def simulate(t, drift_diffusion=ornstein_uhlenbeck, x0=2.0, seed=0, **settings):
    rng = np.random.default_rng(seed)
    return euler_maruyama(drift_diffusion, np.full((1, 1), x0), np.asarray(t), rng=rng, **(ONE | settings))


def assert_moments(samples, mean, variance):
    """Within five standard errors of Monte Carlo."""
    count = len(samples)
    assert abs(samples.mean() - mean) < 5 * np.sqrt(variance / count)
    assert abs(samples.var() - variance) < 5 * variance * np.sqrt(2 / count)


@pytest.mark.parametrize("substeps", [1, 4, 16])
def test_moments_of_the_scheme_itself(substeps):
    """The scheme's own mean and variance have a closed form for a linear drift, at any step."""
    t = np.array([0.0, 0.2, 0.5])
    paths = simulate(t, n_paths=20_000, substeps=substeps)
    mean, variance = 2.0, 0.0
    for i, interval in enumerate(np.diff(t), start=1):
        h = interval / substeps
        for _ in range(substeps):
            mean, variance = (1 - THETA * h) * mean, (1 - THETA * h) ** 2 * variance + SIGMA**2 * h
        assert_moments(paths[0, :, i, 0], mean, variance)


@pytest.mark.parametrize("substeps", [64, 128])
def test_the_moments_are_those_of_the_process_whatever_the_substeps(substeps):
    t = np.array([0.0, 0.3, 1.0, 3.0])
    paths = simulate(t, n_paths=10_000, substeps=substeps)
    for i, elapsed in enumerate(t[1:], start=1):
        decay = np.exp(-THETA * elapsed)
        assert_moments(paths[0, :, i, 0], 2.0 * decay, SIGMA**2 / (2 * THETA) * (1 - decay**2))


def test_halving_the_step_halves_the_error():
    """Weak order one: the error of the stationary variance is proportional to the step."""

    def error(h):
        grid = np.array([0.0, 10.0])
        drawn = simulate(grid, x0=0.0, n_paths=100_000, substeps=round(10 / h))[0, :, 1, 0].var()
        return drawn / (SIGMA**2 / (2 * THETA)) - 1

    coarse, fine = error(0.4), error(0.2)
    assert coarse > 0.3
    assert 0.3 < fine / coarse < 0.5


def test_the_granularity_of_the_times_does_not_matter():
    """The same steps give the same paths, however many of the states are asked for."""
    coarse = simulate(np.linspace(0, 1, 2), n_paths=50, substeps=120)
    for points in (3, 13, 121):
        fine = simulate(np.linspace(0, 1, points), n_paths=50, substeps=120 // (points - 1))
        np.testing.assert_allclose(fine[:, :, -1], coarse[:, :, -1], rtol=1e-9, atol=1e-12)


def test_substeps_may_differ_by_interval():
    t = np.array([0.0, 0.1, 1.0])
    paths = simulate(t, n_paths=50, substeps=np.array([1, 9]))
    even = simulate(np.linspace(0, 1, 11), n_paths=50, substeps=1)
    np.testing.assert_allclose(paths[:, :, [1, 2]], even[:, :, [1, 10]], rtol=1e-9)


def test_increments_are_independent_and_normal():
    def brownian(x):
        return np.full_like(x, 0.7), np.full_like(x, 1.3)

    increments = np.diff(simulate(np.arange(6.0), brownian, n_paths=4000, substeps=3)[0, :, :, 0], axis=1)
    standardised = (increments - 0.7) / 1.3
    assert kstest(standardised.ravel(), norm.cdf).pvalue > 1e-3
    correlation = np.corrcoef(standardised.T) - np.eye(5)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)


def test_autocovariance_of_the_process():
    paths = simulate(np.array([0.0, 4.0, 4.4]), n_paths=20_000, substeps=200)[0, :, :, 0]
    expected = SIGMA**2 / (2 * THETA) * np.exp(-0.4 * THETA)
    assert abs(np.cov(paths[:, 1], paths[:, 2])[0, 1] / expected - 1) < 0.06


def test_multiplicative_noise_is_ito():
    """Geometric Brownian motion: the mean grows with the drift alone, the mean logarithm with ``a - b^2 / 2``."""
    a, b = 0.3, 0.5
    end = simulate([0.0, 1.0], lambda x: (a * x, b * x), x0=1.0, n_paths=40_000, substeps=100)[0, :, 1, 0]
    assert abs(end.mean() - np.exp(a)) < 5 * end.std() / np.sqrt(len(end))
    assert abs(np.log(end).mean() - (a - b**2 / 2)) < 5 * b / np.sqrt(len(end))


def test_variables_have_noise_of_their_own():
    def rotation(x):
        return x @ np.array([[-1.0, 2.0], [-2.0, -1.0]]), np.broadcast_to([0.5, 0.0], x.shape)

    settings = {"center": np.zeros(2), "scale": np.ones(2), "rng": np.random.default_rng(0)}
    paths = euler_maruyama(rotation, np.zeros((3, 2)), np.array([0.0, 0.01]), n_paths=500, substeps=1, **settings)
    assert paths.shape == (3, 500, 2, 2)
    assert (paths[:, :, 1, 1] == 0).all()
    assert_moments(paths[:, :, 1, 0].ravel(), 0.0, 0.25 * 0.01)
    flat = paths[:, :, 1, 0]
    assert len(np.unique(flat)) == flat.size


def test_an_integer_seed_and_the_number_of_states():
    t = np.linspace(0, 1, 5)
    np.testing.assert_array_equal(simulate(t, n_paths=3), simulate(t, n_paths=3))
    assert not np.array_equal(simulate(t, n_paths=3), simulate(t, n_paths=3, seed=1))


def test_inputs_are_left_alone():
    x0, t = np.ones((2, 1)), np.linspace(0, 1, 4)
    x0.flags.writeable = t.flags.writeable = False
    euler_maruyama(ornstein_uhlenbeck, x0, t, rng=np.random.default_rng(0), **ONE)


def test_one_time_is_the_initial_state():
    np.testing.assert_array_equal(simulate([3.0], n_paths=4), np.full((1, 4, 1, 1), 2.0))


def explosive(x):
    return np.where(np.abs(x) > 1, x**3, -x), np.full_like(x, 0.1)


def paths_from(*starts, **settings):
    rng = np.random.default_rng(5)
    start = np.array(starts, dtype=float)[:, None]
    return euler_maruyama(explosive, start, np.linspace(0, 4, 9), rng=rng, substeps=50, **(ONE | settings))


def test_divergence_is_nan_from_there_on_and_one_warning():
    with pytest.warns(ConvergenceWarning) as caught:
        paths = paths_from(0.2, 3.0, -0.1, -5.0, n_paths=3)
    assert len(caught) == 1
    assert str(caught[0].message) == (
        "6 of 12 paths diverged beyond 100 scales of the data and are NaN from there on: initial states 1, 3"
    )
    assert np.isfinite(paths[[0, 2]]).all()
    assert (paths[1, :, 0] == 3).all()
    assert np.isnan(paths[[1, 3], :, 1:]).all()


def test_the_bound_is_where_a_path_ends():
    """Growth at rate one without noise passes fifty after log 50, and is gone for good."""
    t = np.linspace(0, 8, 81)
    with pytest.warns(ConvergenceWarning, match="1 of 1 paths diverged beyond 50 scales"):
        paths = simulate(t, lambda x: (np.where(x < 100, x, -10 * x), 0 * x), x0=1.0, substeps=100, bound=50.0)
    np.testing.assert_array_equal(np.isnan(paths[0, 0, :, 0]), np.exp(t) > 50)


def test_a_path_does_not_depend_on_what_becomes_of_the_others():
    tame = paths_from(0.2, 0.3, -0.1)
    with pytest.warns(ConvergenceWarning):
        wild = paths_from(0.2, 5.0, -0.1)
    np.testing.assert_array_equal(wild[[0, 2]], tame[[0, 2]])


def test_a_drift_that_is_not_finite():
    def broken(x):
        return np.where(x > 0.5, np.nan, 1.0), np.zeros_like(x)

    rng = np.random.default_rng(0)
    with pytest.warns(ConvergenceWarning, match="2 of 4 paths diverged .* initial states 1$"):
        paths = euler_maruyama(broken, np.array([[-9.0], [0.4]]), np.linspace(0, 1, 6), rng=rng, n_paths=2, **ONE)
    np.testing.assert_allclose(paths[0, 0, :, 0], -9 + np.linspace(0, 1, 6))
    assert np.isnan(paths[1, :, 1:]).all()


def test_a_start_beyond_the_bound():
    with pytest.warns(ConvergenceWarning, match="1 of 1 paths diverged beyond 10 scales"):
        paths = simulate(np.linspace(0, 1, 4), x0=50.0, bound=10.0)
    assert paths[0, 0, 0, 0] == 50
    assert np.isnan(paths[0, 0, 1:]).all()
