"""What every estimator of an SDE inherits, on one whose drift and diffusion are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, norm

from skdyn import ConvergenceWarning, Trajectories
from skdyn.dynamics.stationary import cell_volumes
from skdyn.estimators._stochastic import BaseStochasticEstimator
from skdyn.testing import check_dynamics_estimator, dynamics_checks


class OrnsteinUhlenbeck(BaseStochasticEstimator):
    """``dx = -theta x dt + sigma dW`` whatever the data."""

    def __init__(self, theta=1.5, sigma=0.8, missing="raise"):
        self.theta = theta
        self.sigma = sigma
        self.missing = missing

    def _fit(self, context):
        pass

    def _drift_and_diffusion(self, points):
        return -self.theta * points, np.full_like(points, self.sigma), None, None

    def _field_jacobian(self, points):
        eye = np.eye(points.shape[1])
        return -self.theta * points, np.broadcast_to(-self.theta * eye, (len(points), *eye.shape))


def steps_of(step, points=300, dim=1, seed=0):
    """Exact transitions of the process, in steps of ``step``."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-1.5 * step)
    x = np.zeros((points, dim))
    for i in range(1, points):
        x[i] = decay * x[i - 1] + 0.8 / np.sqrt(3) * np.sqrt(1 - decay**2) * rng.normal(size=dim)
    return x


@pytest.fixture(scope="module")
def fitted():
    return OrnsteinUhlenbeck().fit(steps_of(0.1), t=0.1)


def test_steps_and_noise_do_not_depend_on_the_order_of_the_trajectories():
    class Squared(OrnsteinUhlenbeck):
        def _drift_and_diffusion(self, points):
            return -(points**3), np.full_like(points, self.sigma), None, None

    items = [(0.1 * np.arange(500), shift + steps_of(0.1, 500, seed=seed)) for seed, shift in enumerate([0, 2, 7])]
    one, other = (Squared().fit(order) for order in (items, items[::-1]))
    times = np.linspace(0, 5, 11)
    np.testing.assert_array_equal(one._steps(times), other._steps(times))
    np.testing.assert_allclose(one.noise_, other.noise_, rtol=1e-6)


def test_the_contract():
    check_dynamics_estimator(OrnsteinUhlenbeck())


def test_checks_of_stochastic_estimators_are_for_these_only():
    from skdyn import SparseODERegressor

    stochastic = {name for name, _ in dynamics_checks(OrnsteinUhlenbeck()) if "stochastic" in name}
    assert len(stochastic) == 4
    assert not stochastic & {name for name, _ in dynamics_checks(SparseODERegressor())}


class NegativeDiffusion(OrnsteinUhlenbeck):
    def _drift_and_diffusion(self, points):
        return -points, -np.ones_like(points), None, None


class OneSeedForAll(OrnsteinUhlenbeck):
    def simulate(self, x0, t, *, random_state=None, **settings):
        return super().simulate(x0, t, random_state=0, **settings)


class DiffusionForgetsUnits(OrnsteinUhlenbeck):
    symmetries = frozenset({"affine", "time"})

    def _fit(self, context):
        data = np.concatenate(context.states)
        self.mean_, self.std_ = data.mean(axis=0), data.std(axis=0)
        self.rate_ = 1 / np.mean([t[-1] - t[0] for t in context.times])

    def _drift_and_diffusion(self, points):
        return (self.mean_ - points) * self.rate_, np.ones_like(points), None, None


@pytest.mark.parametrize(
    ("broken", "check", "message"),
    [
        (NegativeDiffusion, "check_stochastic_diffusion", "a diffusion is -1"),
        (OneSeedForAll, "check_stochastic_paths", None),
        (DiffusionForgetsUnits, "check_affine_equivariance", "differs by"),
        (DiffusionForgetsUnits, "check_time_equivariance", "differs by"),
    ],
)
def test_broken_estimators_are_caught(broken, check, message):
    with pytest.raises(AssertionError, match=message):
        dict(dynamics_checks(broken()))[check](broken())


def test_drift_and_diffusion(fitted):
    points = np.array([[[1.0], [2.0]]])
    np.testing.assert_array_equal(fitted.vector_field(points), -1.5 * points)
    np.testing.assert_array_equal(fitted.diffusion(points), 0.8 * np.ones_like(points))
    (rest,) = fitted.equilibria()
    assert rest.kind == "stable node"
    np.testing.assert_allclose(rest.eigenvalues, -1.5)
    for method in (fitted.vector_field, fitted.diffusion):
        with pytest.raises(ValueError, match="OrnsteinUhlenbeck does not predict the error of its"):
            method(points, return_std=True)


def test_moments_of_simulated_paths(fitted):
    t = np.array([0.0, 0.5, 4.0])
    paths = fitted.simulate([2.0], t, n_paths=20_000, random_state=0)
    for i, elapsed in enumerate(t[1:], start=1):
        decay = np.exp(-1.5 * elapsed)
        assert abs(paths[:, i].mean() - 2 * decay) < 0.03
        np.testing.assert_allclose(paths[:, i].var(), 0.64 / 3 * (1 - decay**2), rtol=0.06)


def test_the_steps_follow_the_dynamics_and_not_the_times_asked_for(fitted):
    """However finely the times are cut, the same number of steps is taken, but for at least one in each interval."""
    (whole,) = fitted._steps(np.array([0.0, 1.0]))
    data = fitted.context_.states[0][::2]
    rates = 1.5 * np.abs(data) / data.std() + 0.5 * (0.8 / data.std()) ** 2
    np.testing.assert_allclose(whole, 20 * np.quantile(rates, 0.95), rtol=0.03)
    for points in (2, 11, 21):
        steps = fitted._steps(np.linspace(0, 2, points))
        assert len(steps) == points - 1
        assert 2 * whole - points < steps.sum() < 2 * whole + points
    np.testing.assert_array_equal(fitted._steps(np.array([0.0, 1e-4, 0.5])), [1, np.ceil(whole / 2)])
    asked = fitted.simulate([2.0], [0.0, 1.0], n_paths=5, random_state=0, substeps=int(whole))
    np.testing.assert_array_equal(asked, fitted.simulate([2.0], [0.0, 1.0], n_paths=5, random_state=0))


def test_the_law_does_not_depend_on_the_times_asked_for(fitted):
    ends = [
        fitted.simulate([2.0], np.linspace(0, 1, points), n_paths=8000, random_state=points)[:, -1, 0]
        for points in (2, 11, 201)
    ]
    assert min(ks_2samp(ends[0], end).pvalue for end in ends[1:]) > 1e-3


def test_the_steps_follow_the_units():
    class Scaled(OrnsteinUhlenbeck):
        def _drift_and_diffusion(self, points):
            return -1.5 * points / 86400, np.full_like(points, 0.8e3 / np.sqrt(86400)), None, None

    x = steps_of(0.1)
    plain = OrnsteinUhlenbeck().fit(x, t=0.1)._steps(np.array([0.0, 2.0, 9.0]))
    by_day = Scaled().fit(1e3 * x, t=8640.0)._steps(86400 * np.array([0.0, 2.0, 9.0]))
    np.testing.assert_array_equal(by_day, plain)


def test_a_field_at_rest_or_unknown_takes_single_steps(fitted):
    times = np.array([0.0, 1.0, 1e9])
    for theta, sigma in ((0.0, 0.0), (np.nan, 1.0)):
        still = OrnsteinUhlenbeck(theta, sigma).fit(steps_of(0.1), t=0.1)
        np.testing.assert_array_equal(still._steps(times), [1, 1])


@pytest.mark.parametrize("n_paths", [None, 1, 3])
def test_shapes_of_paths(fitted, n_paths):
    t = np.linspace(0, 1, 4)
    own = () if n_paths is None else (n_paths,)
    assert fitted.simulate([0.0], t, n_paths=n_paths).shape == (*own, 4, 1)
    assert fitted.simulate([[0.0], [1.0]], t, n_paths=n_paths).shape == (2, *own, 4, 1)
    assert fitted.simulate(np.zeros((0, 1)), t, n_paths=n_paths).shape == (0, *own, 4, 1)
    assert fitted.simulate([0.0], [5.0], n_paths=n_paths).shape == (*own, 1, 1)


def test_a_bar_is_shown_where_one_is_asked_for(fitted, capsys):
    x0, t = np.zeros(fitted.n_features_in_), np.linspace(0, 1, 6)
    quiet = fitted.simulate(x0, t, random_state=0)
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(fitted.simulate(x0, t, random_state=0, progress=True), quiet)
    assert "5/5" in capsys.readouterr().err


def test_the_score_is_the_mean_likelihood_of_a_transition(fitted):
    x = steps_of(0.1, 30, seed=4)
    decay = np.exp(-0.15)
    expected = norm.logpdf(x[1:], x[:-1] * decay, 0.8 * np.sqrt((1 - decay**2) / 3)).mean()
    assert np.isclose(fitted.score(x, t=0.1), expected, rtol=1e-5)
    assert np.isclose(fitted.score([x[:15], x[14:]], t=0.1), expected, rtol=1e-5)
    truth = fitted.score(steps_of(0.1, 2000, seed=5), t=0.1)
    for other in ({"sigma": 1.0}, {"sigma": 0.6}, {"theta": -1.5}):
        wrong = OrnsteinUhlenbeck(**other).fit(x).score(steps_of(0.1, 2000, seed=5), t=0.1)
        assert wrong < truth


def test_a_variable_that_never_moves_is_no_part_of_the_score(fitted):
    still = OrnsteinUhlenbeck().fit(np.column_stack([steps_of(0.1), np.full(300, 5.0)]), t=0.1)
    held_out = steps_of(0.1, 100, seed=4)
    for level in (5.0, 7.0):
        with_level = np.column_stack([held_out, np.full(100, level)])
        assert still.score(with_level, t=0.1) == pytest.approx(fitted.score(held_out, t=0.1), rel=0.01)
    np.testing.assert_array_equal(still.noise_, [0, 0])
    np.testing.assert_array_equal(still.correlation_, np.eye(2))


def noisy(noise=0.3, correlation=0.0, paths=30, points=60):
    """Observations of the process in two variables, with noise of their own."""
    rng = np.random.default_rng(3)
    root = np.linalg.cholesky(np.array([[1, correlation], [correlation, 1]]))
    decay = np.exp(-0.15)
    x = np.zeros((paths, points, 2))
    for i in range(1, points):
        x[:, i] = decay * x[:, i - 1] + 0.8 / np.sqrt(3) * np.sqrt(1 - decay**2) * rng.normal(size=(paths, 2)) @ root.T
    return x + noise * rng.normal(size=x.shape)


def test_noise_of_the_observations_is_estimated_and_scored():
    est = OrnsteinUhlenbeck().fit(noisy(), t=0.1)
    np.testing.assert_allclose(est.noise_, 0.3, rtol=0.1)
    held_out = noisy(paths=5)
    without = OrnsteinUhlenbeck().fit(noisy(noise=0.0), t=0.1)
    np.testing.assert_array_equal(without.noise_, [0, 0])
    assert est.score(held_out, t=0.1) > without.score(held_out, t=0.1) + 0.1


def test_the_noise_is_of_the_last_fit():
    est = OrnsteinUhlenbeck().fit(noisy(), t=0.1)
    assert (est.noise_ > 0).all()
    est.fit(noisy(noise=0.0), t=0.1)
    np.testing.assert_array_equal(est.noise_, [0, 0])


def test_observed_paths_have_the_noise_of_the_observations():
    est = OrnsteinUhlenbeck().fit(noisy(), t=0.1)
    settings = {"n_paths": 2000, "random_state": 0}
    plain, observed = (est.simulate([0.0, 0.0], [0.0, 0.5], observed=o, **settings) for o in (False, True))
    added = observed - plain
    np.testing.assert_allclose(added.std(axis=(0, 1)), est.noise_, rtol=0.05)
    assert (plain[:, 0] == 0).all()


def test_correlated_noise_is_estimated_and_simulated():
    est = OrnsteinUhlenbeck().fit(noisy(noise=0.0, correlation=0.7), t=0.1)
    matrix = est.diffusion([[[0.0, 1.0]]], full=True)
    assert matrix.shape == (1, 1, 2, 2)
    np.testing.assert_allclose(matrix[0, 0], 0.64 * np.array([[1, 0.7], [0.7, 1]]), rtol=0.1)
    paths = est.simulate([0.0, 0.0], [0.0, 0.02], n_paths=4000, random_state=0)
    np.testing.assert_allclose(np.cov(paths[:, 1].T) / 0.02, matrix[0, 0], rtol=0.15)
    axis = np.linspace(-2, 2, 41)
    density = est.stationary_density([axis, axis])
    np.testing.assert_array_equal(est.stationary_density([axis, axis], method="fokker-planck"), density)
    mean = (density * np.outer(axis, axis)).sum() / (density * axis**2).sum()
    np.testing.assert_allclose(mean, est.correlation_[0, 1], atol=0.03)
    with pytest.raises(ValueError, match="use full=True or return_std=True, not both"):
        est.diffusion([[0.0, 0.0]], return_std=True, full=True)


def test_independent_noise_stays_diagonal():
    est = OrnsteinUhlenbeck().fit(noisy(noise=0.0), t=0.1)
    np.testing.assert_allclose(est.diffusion([[0.0, 1.0]], full=True), [0.64 * np.eye(2)], atol=1e-12)


def test_a_path_does_not_depend_on_the_number_of_other_initial_states(fitted):
    t = np.linspace(0, 1, 4)
    starts = np.linspace(-1, 1, 5)[:, None]
    alone, among = (fitted.simulate(x0, t, n_paths=3, random_state=7) for x0 in (starts[:1], starts))
    np.testing.assert_array_equal(alone[0], among[0])
    np.testing.assert_array_equal(fitted.simulate(starts[:3], t, n_paths=3, random_state=7), among[:3])


def test_densities_solved_and_counted_agree(fitted):
    grid = np.linspace(-2, 2, 21)
    solved = fitted.stationary_density(grid)
    truth = norm(0, 0.8 / np.sqrt(3)).pdf(grid)
    np.testing.assert_allclose(solved, truth / (truth.sum() * 0.2), rtol=1e-6)
    for same in ([grid], grid.tolist(), grid[None], grid[:, None], pd.Series(grid, index=range(7, 28))):
        np.testing.assert_array_equal(fitted.stationary_density(same), solved)
    counted = fitted.stationary_density(grid, method="simulation", random_state=0, n_paths=400, duration=20.0)
    assert np.abs(counted - solved).sum() * 0.2 / 2 < 0.05
    again = fitted.stationary_density(grid, method="simulation", random_state=0, n_paths=400, duration=20.0)
    np.testing.assert_array_equal(counted, again)


def test_the_axis_of_one_variable_may_be_a_range(fitted):
    whole = fitted.stationary_density(np.arange(-3.0, 4.0))
    np.testing.assert_array_equal(fitted.stationary_density(range(-3, 4)), whole)


def test_a_density_that_is_counted_shows_a_bar_where_one_is_asked_for(fitted, capsys):
    settings = {"method": "simulation", "n_paths": 10, "duration": 2.0, "random_state": 0}
    quiet = fitted.stationary_density(np.linspace(-2, 2, 5), **settings)
    assert capsys.readouterr().err == ""
    shown = fitted.stationary_density(np.linspace(-2, 2, 5), **settings, progress=True)
    np.testing.assert_array_equal(shown, quiet)
    assert "200/200" in capsys.readouterr().err


def test_three_variables_are_counted():
    est = OrnsteinUhlenbeck().fit(steps_of(0.1, dim=3), t=0.1)
    axes = [np.linspace(-2, 2, 5), np.linspace(-2, 2, 6), np.linspace(-2, 2, 7)]
    density = est.stationary_density(axes, random_state=0, n_paths=50)
    assert density.shape == (5, 6, 7)
    np.testing.assert_allclose((density * cell_volumes(axes)).sum(), 1)
    with pytest.raises(ValueError, match="3 variables are too many for method='fokker-planck'"):
        est.stationary_density(axes, method="fokker-planck")


def test_a_grid_that_cuts_the_density_off_is_a_warning(fitted):
    with pytest.warns(ConvergenceWarning, match="the density at the edge of the grid is"):
        fitted.stationary_density(np.linspace(-0.5, 0.5, 11))
    with pytest.warns(ConvergenceWarning, match="of the simulated states lie outside the grid"):
        fitted.stationary_density(np.linspace(-0.5, 0.5, 11), method="simulation", n_paths=20, random_state=0)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (3.0, "grid must be a list of 1 arrays, one for each variable"),
        (None, "grid must be a list of 1 arrays"),
        ([], r"grid\[0\] must be real numbers of shape \(R,\), at least 3, got shape \(0,\)"),
        ([np.arange(4.0)] * 2, "grid must be a list of 1 arrays, one for each variable, got a list of 2"),
        ([0.0, 1.0], r"grid\[0\] must be real numbers of shape \(R,\), at least 3, got shape \(2,\)"),
        ([np.zeros((3, 3))], r"grid\[0\] must be real numbers of shape \(R,\)"),
        (["a", "b", "c"], r"grid\[0\] has type .*: expected real numbers"),
        ([1.0, 1.0, 2.0], r"grid\[0\] must be finite and increasing"),
        ([1.0, np.nan, 2.0], r"grid\[0\] must be finite and increasing"),
        ([[0.0, 1.0, np.inf]], r"grid\[0\] must be finite and increasing"),
    ],
)
def test_grids_that_are_refused(fitted, grid, message):
    with pytest.raises(ValueError, match=message):
        fitted.stationary_density(grid)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "guess"}, "method must be 'auto', 'fokker-planck' or 'simulation', got 'guess'"),
        ({"method": "simulation", "n_paths": 0}, "n_paths must be a positive integer, got 0"),
        ({"method": "simulation", "n_paths": 1.5}, "n_paths must be a positive integer, got 1.5"),
        ({"method": "simulation", "duration": -1.0}, "duration must be positive and finite, got -1.0"),
        ({"method": "simulation", "random_state": "a"}, "random_state must be None, a non-negative integer"),
    ],
)
def test_settings_that_are_refused(fitted, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted.stationary_density(np.linspace(-1, 1, 5), **settings)


def test_a_grid_too_fine_is_refused():
    est = OrnsteinUhlenbeck().fit(steps_of(0.1, dim=2), t=0.1)
    with pytest.raises(ValueError, match=r"the grid has 1e\+08 cells, more than 10000000"):
        est.stationary_density([np.arange(1e4)] * 2)


def test_a_span_that_would_take_for_ever_is_refused(fitted):
    with pytest.raises(ValueError, match=r"t would take .*e\+10 steps, more than 1000000: choose a shorter span"):
        fitted.simulate([0.0], [0.0, 1e9])


def test_other_dimensions_are_refused(fitted):
    with pytest.raises(ValueError, match="X has 2 features, but OrnsteinUhlenbeck is expecting 1 features"):
        fitted.score(Trajectories(np.zeros((3, 2))))


def test_paths_too_large_for_memory_are_refused(fitted):
    with pytest.raises(ValueError, match=r"the simulated paths of shape \(1, 1000000000, 2, 1\) would take 14.9 GiB"):
        fitted.simulate([0.0], [0.0, 1.0], n_paths=10**9)


def test_a_grid_too_fine_to_solve_on_is_refused():
    est = OrnsteinUhlenbeck().fit(steps_of(0.1, dim=2), t=0.1)
    with pytest.raises(ValueError, match=r"more than the 1000000 for which the equation is solved: .*'simulation'"):
        est.stationary_density([np.arange(1100.0)] * 2)
