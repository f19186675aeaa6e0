"""Terms of a found field under resampling of its data."""

from dataclasses import replace

import numpy as np
import pytest

from skdyn import Trajectories
from skdyn.datasets.classics import make_trajectories
from skdyn.sparse import fit_sparse
from skdyn.sparse.evidence import EquationEvidence
from skdyn.sparse.resampling import Resampling
from skdyn.sparse.shooting import Schedule, Shooting

T = np.linspace(0.0, 12.0, 80)


def context(starts, noise=0.03):
    return Trajectories(make_trajectories("van_der_pol", starts, T, noise=noise, random_state=0))


@pytest.fixture(scope="module")
def van_der_pol():
    data = context([[2.0, 0.0], [0.5, 1.0]])
    return data, fit_sparse(data)


def test_blocks_are_drawn_as_a_whole_and_as_often_as_there_are(van_der_pol):
    resampling = Resampling.of(van_der_pol[1], van_der_pol[0])
    drawn = resampling.draws(200, 0)
    assert drawn.shape == (200, 160)
    changes = np.flatnonzero(np.diff(drawn, axis=1).any(axis=0)) + 1
    assert len(changes) == 23  # 24 blocks, of which one border is that of the trajectories
    assert 80 in changes
    blocks = drawn[:, [0, *changes]]
    assert (blocks.sum(axis=1) == 24).all()
    assert abs(blocks.mean(axis=0) - 1).max() < 0.3
    np.testing.assert_array_equal(resampling.draws(200, 0), drawn)
    assert (resampling.draws(200, 1) != drawn).any()


def test_many_trajectories_are_drawn_as_a_whole():
    rng = np.random.default_rng(0)
    data = context(rng.uniform(-2, 2, (30, 2)))
    drawn = Resampling.of(fit_sparse(data, max_points=300), data, max_points=300).draws(10, 0)
    lengths = drawn.reshape(10, 30, -1)
    assert (lengths == lengths[:, :, :1]).all()


def test_no_more_blocks_than_points():
    data = Trajectories([(T[:9], np.exp(-T[:9]))])
    drawn = Resampling.of(fit_sparse(data), data).draws(50, 0)
    assert drawn.shape == (50, 9)
    assert (drawn.sum(axis=1) == 9).all()


def test_a_fit_to_all_the_data_finds_what_was_found(van_der_pol):
    data, ode = van_der_pol
    support = Resampling.of(ode, data).fit(np.ones(160))
    np.testing.assert_array_equal(support, ode.coefficients != 0)


def test_true_terms_survive_and_the_rest_does_not(van_der_pol):
    data, ode = van_der_pol
    supports = Resampling.of(ode, data).supports(12, None, 0)
    assert supports.shape == (12, ode.library.n_terms, 2)
    evidence = EquationEvidence.of(ode, ["q", "v"], supports)
    survived = {(term.variable, term.term) for term in evidence.terms if term.supported}
    assert survived >= {("q", "v"), ("v", "q"), ("v", "v"), ("v", "q^2 v")}
    assert evidence.unchanged == np.mean((supports == (ode.coefficients != 0)).all(axis=(1, 2)))
    assert all(
        not ode.coefficients[:, "qv".index(term.variable)][names(ode).index(term.term)] for term in evidence.others
    )


def test_terms_are_named_from_the_origin_that_equations_print():
    data = Trajectories([(T, np.column_stack([1000.0 + np.cos(2 * T), -2.0 * np.sin(2 * T)]))])
    ode = fit_sparse(data, max_degree=1)
    evidence = EquationEvidence.of(ode, ["x0", "x1"], np.ones((1, *ode.coefficients.shape), dtype=bool))
    (moved,) = (term.term for term in evidence.terms if "x0" in term.term)
    assert moved.startswith("(x0 - ")
    assert moved in ode.equations()[1]


def test_what_is_drawn_is_joined_as_stiffly_as_ever(van_der_pol):
    data, ode = van_der_pol
    problem = Resampling.of(ode, data).problem
    drawn = np.repeat([1.0, 0.0], [70, 90])[:, None]
    few = replace(problem, context=replace(problem.context, weights=problem.context.weights * drawn))
    schedule = Schedule(5, 10.0, 1)
    links = [Shooting(own.context, own.library, own.prior_terms, schedule).link for own in (problem, few)]
    np.testing.assert_array_equal(links[0] > 0, links[1] > 0)
    np.testing.assert_allclose(links[0], links[1], rtol=0.9)
    nothing = replace(problem.context, weights=0 * problem.context.weights)
    assert not Shooting(nothing, problem.library, problem.prior_terms, schedule).link.any()


def names(ode):
    return ode.library.names(["q", "v"])
