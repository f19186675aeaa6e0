"""A problem by itself: polishing, the quadratic about a fit, errors, other libraries."""

from dataclasses import replace

import numpy as np
import pytest

from skdyn.data.trajectories import Trajectories
from skdyn.sparse import FieldPrior, ScalarFunction, ShootingProblem
from skdyn.sparse.library import terms
from skdyn.sparse.scaled_context import scale_context
from skdyn.sparse.shooting import Schedule

T = np.linspace(0.0, 6.0, 80)
SCHEDULE = Schedule(n_segments=5, continuity=10.0, steps=8)


@pytest.fixture(scope="module")
def problem():
    noise = 0.02 * np.random.default_rng(0).standard_normal((80, 2))
    context = scale_context(Trajectories([(T, np.column_stack([np.cos(T), -np.sin(T)]) + noise)]))
    return ShootingProblem(context, terms(2, 2))


@pytest.fixture(scope="module")
def fitted(problem):
    return problem.polish(problem.propose("screening"), SCHEDULE, "shooting")


def test_polishing_lowers_the_cost_and_keeps_the_support(problem, fitted):
    before = problem.polish(problem.propose("screening"), replace(SCHEDULE, steps=1), "once")
    assert (fitted.cost <= before.cost).all()
    assert (fitted.cost < before.cost).any()
    assert not fitted.coefficients[~fitted.support].any()
    assert set(fitted.origin) == {"shooting"}
    assert fitted.states.shape == (len(fitted), 80, 2)


def test_the_quadratic_about_a_fit_is_least_at_the_fit(problem, fitted):
    sparse = fitted.take(np.flatnonzero(fitted.support.sum(axis=(1, 2)) == 2).tolist())
    done = problem.polish(sparse, SCHEDULE, "again")
    (surface,) = problem.expand(done, SCHEDULE)
    assert len(surface.position) == 12  # all that the library's terms can have are open
    support = done.support[0].ravel()[surface.position]
    within = surface.hessian[np.ix_(support, support)]
    least = np.linalg.solve(within, surface.right[support])
    np.testing.assert_allclose(least, done.coefficients[0].ravel()[surface.position[support]], rtol=1e-6)


def test_errors_are_those_of_the_coefficients_in_use(problem, fitted):
    errors = problem.errors(fitted, SCHEDULE)
    assert errors.shape == fitted.coefficients.shape
    assert np.isinf(errors[~fitted.support]).all()
    assert (errors[fitted.support] > 0).all()
    smallest = fitted.take([int(np.argmin(fitted.support.sum(axis=(1, 2))))])
    truth = np.zeros((6, 2))
    truth[2, 0], truth[1, 1] = 1.0, -1.0
    found = problem.field(smallest)
    within = np.abs(found.coefficients - truth)[found.coefficients != 0]
    scaled = problem.errors(smallest, SCHEDULE)[0] * problem.library.unit_factors(
        problem.context.scale, problem.context.rate
    )
    assert (within < 5 * scaled[found.coefficients != 0]).all()


def test_a_prior_pulls_where_it_is_sure(problem, fitted):
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (64, 2))
    still = FieldPrior(points, np.zeros_like(points), np.full_like(points, 1e-4))
    pulled = replace(problem, prior=still).polish(fitted, SCHEDULE, "pulled")
    assert np.abs(pulled.coefficients).max() < 0.5 * np.abs(fitted.coefficients).max()


def test_another_library_keeps_context_and_prior(problem, fitted):
    other = problem.over(terms(2, 2, (ScalarFunction("sin", (1.0, 0.0)),)))
    assert other.context is problem.context
    assert other.prior is problem.prior
    assert other.propose("screening").support.shape[1:] == (other.library.size, 2)


def test_in_a_large_library_only_the_terms_in_use_are_selectable():
    x = np.column_stack([f(w * T) for w in (1.0, 1.7, 2.3) for f in (np.cos, np.sin)])
    problem = ShootingProblem(scale_context(Trajectories([(T, x)])), terms(6, 2))
    batch = problem.propose("screening")
    np.testing.assert_array_equal(problem.selectable(batch), batch.support)
