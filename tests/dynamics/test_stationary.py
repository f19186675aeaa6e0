"""Stationary densities against closed forms, in one and two variables."""

import warnings

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov
from scipy.stats import gamma, multivariate_normal, norm

from skdyn import ConvergenceWarning
from skdyn.dynamics.sde import euler_maruyama
from skdyn.dynamics.stationary import cell_edges, cell_volumes, fokker_planck, grid_points, histogram


def constant(x, value):
    return np.full_like(x, value)


def relative_error(density, truth):
    return np.abs(density - truth).max() / truth.max()


def test_cells():
    np.testing.assert_allclose(cell_edges(np.array([0.0, 1.0, 3.0])), [-0.5, 0.5, 2.0, 4.0])
    np.testing.assert_allclose(cell_volumes([np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0])])[:, 1], [2, 3, 4])
    points = grid_points([np.array([0.0, 1.0]), np.array([5.0, 6.0, 7.0])])
    assert points.shape == (2, 3, 2)
    np.testing.assert_array_equal(points[1, 2], [1.0, 7.0])


@pytest.mark.parametrize("cells", [21, 200])
def test_a_linear_drift_is_exact(cells):
    """The fitted fluxes make a normal density of a linear drift on any grid of equal cells."""
    x = np.linspace(-4, 6, cells)
    density = fokker_planck(lambda x: (-1.5 * (x - 1), constant(x, 1.2)), [x])
    truth = norm(1, 1.2 / np.sqrt(3)).pdf(x)
    np.testing.assert_allclose(density, truth / (truth * cell_volumes([x])).sum(), rtol=1e-9)


def test_unequal_cells():
    x = np.sinh(np.linspace(-2, 2, 201))
    density = fokker_planck(lambda x: (-x, constant(x, 1.0)), [x])
    assert relative_error(density, norm(0, np.sqrt(0.5)).pdf(x)) < 2e-3


def test_unequal_cells_in_two_variables():
    axes = [np.sinh(np.linspace(-2, 2, 61)), np.sinh(np.linspace(-1.9, 1.9, 55))]
    density = fokker_planck(lambda x: (-x * [1.0, 2.0], constant(x, 1.0)), axes)
    truth = multivariate_normal(np.zeros(2), np.diag([0.5, 0.25])).pdf(grid_points(axes))
    assert relative_error(density, truth) < 0.02
    np.testing.assert_allclose((density * cell_volumes(axes)).sum(), 1, rtol=1e-9)


def test_a_double_well_at_second_order():
    def error(cells):
        x = np.linspace(-2, 2, cells)
        density = fokker_planck(lambda x: (x - x**3, constant(x, 0.5)), [x])
        truth = np.exp(8 * (x**2 / 2 - x**4 / 4))
        return relative_error(density, truth / (truth * cell_volumes([x])).sum())

    errors = [error(cells) for cells in (41, 81, 161)]
    assert errors[-1] < 1e-3
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert 3.5 < errors[1] / errors[2] < 4.5


def test_multiplicative_noise_is_ito():
    """The square-root process has a gamma density; Stratonovich noise would shift its shape by a half."""
    x = (np.arange(200) + 0.5) / 40
    density = fokker_planck(lambda x: (1 - x, 0.5 * np.sqrt(x)), [x])
    assert relative_error(density, gamma(8, scale=1 / 8).pdf(x)) < 1e-3


def test_hardly_connected_wells_keep_their_balance():
    """A barrier that no solver of time steps would cross: the wells still weigh what the potential says."""
    x = np.linspace(-2, 2, 401)
    density = fokker_planck(lambda x: (x - x**3, constant(x, 0.08)), [x])
    np.testing.assert_allclose(density[:200].sum(), density[201:].sum(), rtol=1e-6)
    assert density[200] < 1e-30


def test_a_correlated_normal_density_in_two_variables():
    matrix, noise = np.array([[-1.0, -3.0], [2.0, -1.5]]), np.array([0.6, 1.1])
    covariance = solve_continuous_lyapunov(matrix, -np.diag(noise**2))
    truth = multivariate_normal(np.zeros(2), covariance)

    def error(cells):
        axes = [s * np.linspace(-5, 5, cells + extra) for s, extra in zip(np.sqrt(np.diag(covariance)), (0, 7))]
        density = fokker_planck(lambda x: (x @ matrix.T, np.broadcast_to(noise, x.shape)), axes)
        assert (density > 0).all()
        np.testing.assert_allclose((density * cell_volumes(axes)).sum(), 1, rtol=1e-9)
        return relative_error(density, truth.pdf(grid_points(axes)))

    coarse, fine = error(40), error(80)
    assert fine < 0.006
    assert 3 < coarse / fine < 5


@pytest.mark.parametrize("shared", [-0.8, 0.3, 0.6])
@pytest.mark.parametrize("unequal", [1.0, 1.2])
def test_noise_that_two_variables_share(shared, unequal):
    matrix, noise = np.array([[-1.0, 0.5], [-0.5, -0.7]]), np.array([0.5, 0.2])
    correlation = np.array([[1.0, shared], [shared, 1.0]])
    covariance = solve_continuous_lyapunov(matrix, -correlation * np.outer(noise, noise))
    line = np.linspace(-1, 1, 61)
    line = 5 * np.sign(line) * np.abs(line) ** unequal
    axes = [s * line for s in np.sqrt(np.diag(covariance))]
    density = fokker_planck(lambda x: (x @ matrix.T, np.broadcast_to(noise, x.shape)), axes, correlation)
    points, mass = grid_points(axes), density * cell_volumes(axes)
    assert (density > 0).all()
    np.testing.assert_allclose(mass.sum(), 1, rtol=1e-9)
    units = np.outer(*[np.sqrt(np.diag(covariance))] * 2)
    np.testing.assert_allclose(np.einsum("ij,ija,ijb", mass, points, points) / units, covariance / units, atol=0.015)
    assert relative_error(density, multivariate_normal(np.zeros(2), covariance).pdf(points)) < 0.04


def test_shared_noise_that_changes_with_the_state():
    """In logarithms the two variables are a linear process, the covariance of which is known."""
    correlation = np.array([[1.0, 0.5], [0.5, 1.0]])
    axes = [np.exp(np.linspace(-2.0, 2.0, n)) for n in (61, 71)]
    density = fokker_planck(lambda x: (x * (0.125 - np.log(x)), 0.5 * x), axes, correlation)
    points, mass = np.log(grid_points(axes)), density * cell_volumes(axes)
    np.testing.assert_allclose(np.einsum("ij,ija,ijb", mass, points, points), 0.125 * correlation, atol=0.004)


def test_a_grid_too_coarse_for_shared_noise_is_told_of():
    axes = [np.linspace(-4, 4, 21)] * 2
    with pytest.warns(ConvergenceWarning, match="would be negative: the grid is too coarse for noise"):
        density = fokker_planck(lambda x: (-x, constant(x, 1.0)), axes, np.array([[1.0, 0.97], [0.97, 1.0]]))
    assert (density > 0).all()


@pytest.mark.parametrize("noise", [0.7, 0.35])
def test_a_double_well_in_two_variables(noise):
    axes = [np.linspace(-2, 2, 61), np.linspace(-2, 2, 55)]
    density = fokker_planck(lambda x: (np.stack([x[:, 0] - x[:, 0] ** 3, -x[:, 1]], axis=-1), constant(x, noise)), axes)
    x, y = np.moveaxis(grid_points(axes), -1, 0)
    truth = np.exp(-2 / noise**2 * (x**4 / 4 - x**2 / 2 + y**2 / 2))
    assert relative_error(density, truth / (truth * cell_volumes(axes)).sum()) < 0.01
    np.testing.assert_allclose(density, density[::-1], rtol=1e-6)


def test_the_variables_are_not_mixed_up():
    """Independent variables: the density is the product of two different ones, whichever comes first."""
    fast, slow = np.linspace(-1, 1, 41), np.linspace(-6, 6, 31)

    def equation(x, order):
        rates, noise = np.array([8.0, 0.5])[order], np.array([1.0, 1.5])[order]
        return -x * rates, np.broadcast_to(noise, x.shape)

    ahead = fokker_planck(lambda x: equation(x, [0, 1]), [fast, slow])
    behind = fokker_planck(lambda x: equation(x, [1, 0]), [slow, fast])
    np.testing.assert_allclose(ahead, behind.T, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ahead / ahead.max(), np.outer(ahead[:, 15], ahead[20]) / ahead.max() ** 2, atol=1e-9)
    np.testing.assert_allclose(ahead[:, 15].argmax(), 20)


@pytest.mark.parametrize("dim", [1, 2])
def test_drift_far_too_strong_for_the_cells_stays_positive(dim):
    axes = [np.linspace(-1, 1, 15)] * dim
    density = fokker_planck(lambda x: (-1e4 * np.tanh(3 * x), constant(x, 1e-3)), axes)
    assert (density > 0).all()
    assert np.isfinite(density).all()
    assert density.argmax() == density.size // 2


def test_no_noise_at_all_is_no_error():
    density = fokker_planck(lambda x: (-x, 0 * x), [np.linspace(-1, 1, 11)])
    assert density.argmax() == 5
    assert (density > 0).all()


def test_a_process_that_does_not_settle_is_a_warning():
    with pytest.warns(ConvergenceWarning, match="the density at the edge of the grid is 100% of its peak"):
        density = fokker_planck(lambda x: (0 * x, constant(x, 1.0)), [np.linspace(-1, 1, 21)])
    np.testing.assert_allclose(density, density[0])


def test_coefficients_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="drift and diffusion are not finite everywhere on the grid"):
        fokker_planck(lambda x: (np.where(x > 0.5, np.nan, -x), constant(x, 1.0)), [np.linspace(-1, 1, 9)])


def test_simulations_fill_the_cells_as_the_equation_says():
    def limit_cycle(x):
        radius = (x**2).sum(axis=1, keepdims=True)
        return x * (1 - radius) + x[:, ::-1] * [-2.0, 2.0], constant(x, 0.4)

    axes = [np.linspace(-2.4, 2.4, 25)] * 2
    rng = np.random.default_rng(0)
    units = {"center": np.zeros(2), "scale": np.ones(2)}
    paths = euler_maruyama(limit_cycle, rng.normal(size=(1500, 2)), np.linspace(0, 9, 7), rng=rng, substeps=75, **units)
    counted = histogram(paths[:, 0, 3:].reshape(-1, 2), axes)
    np.testing.assert_allclose((counted * cell_volumes(axes)).sum(), 1)
    solved = fokker_planck(limit_cycle, axes)
    assert np.abs((counted - solved) * cell_volumes(axes)).sum() / 2 < 0.1  # total variation
    ring = np.hypot(*np.moveaxis(grid_points(axes), -1, 0))
    assert 0.8 < ring.ravel()[solved.argmax()] < 1.2


def test_histograms_of_given_samples():
    axes = [np.array([0.0, 1.0, 2.0])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        density = histogram(np.array([[0.1], [0.2], [1.0], [2.4]]), axes)
    np.testing.assert_allclose(density, [0.5, 0.25, 0.25])
    with pytest.warns(ConvergenceWarning, match="50% of the simulated states lie outside the grid"):
        np.testing.assert_allclose(histogram(np.array([[0.1], [9.0]]), axes), [1, 0, 0])
    with pytest.raises(ValueError, match="no simulated state lies in the grid"):
        histogram(np.array([[99.0]]), axes)
