"""Terms chosen equation by equation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn.benchmarks.large_systems import lorenz_96
from skdyn.data.trajectories import Trajectories
from skdyn.sparse.fitting import fit_sparse
from skdyn.sparse.integral import Integrals
from skdyn.sparse.library import monomials, terms
from skdyn.sparse.node_wise import compact, propose_node_wise
from skdyn.sparse.scaled_context import scale_context


def recordings(dim, noise, points=80, count=2):
    rng, t = np.random.default_rng(1), np.linspace(0.0, 3.0, points)
    out = []
    for _ in range(count):
        start = solve_ivp(lambda _, x: lorenz_96(x), (0, 5), rng.normal(2, 3, dim)).y[:, -1]
        x = solve_ivp(lambda _, x: lorenz_96(x), (0, 3), start, t_eval=t, rtol=1e-9, atol=1e-9).y.T
        out.append((t, x * (1 + noise * rng.normal(size=x.shape))))
    return Trajectories(out)


def test_integrals_are_those_of_the_path():
    t = np.linspace(0.0, 2.0, 60)
    context = scale_context(Trajectories([(t, np.column_stack([np.exp(-t), np.exp(-2 * t)]))]))
    library = terms(2, 2)
    integrals = Integrals.along(context, library, window=30)
    # d(x1)/dt is proportional to x0 squared.
    square = library.names(["x", "y"]).index("x^2")
    change = context.path[:30, 1] - context.path[0, 1]
    ratio = context.slopes[10, 1] / context.path[10, 0] ** 2
    np.testing.assert_allclose(ratio * integrals.design[:30, square], change, atol=1e-4)
    gram, cross, total, count = integrals.moments(context.observed[:, 1], np.ones(60))
    assert count == 58
    assert total - cross[square] ** 2 / gram[square, square] < 1e-9 * total


@pytest.mark.slow
def test_six_variables_are_found_with_few_wrong_terms():
    field = fit_sparse(recordings(6, 0.02))
    points = np.random.default_rng(0).normal(2, 3, (200, 6))
    truth = np.array([lorenz_96(x) for x in points])
    error = np.sqrt(np.mean((field.field(points) - truth) ** 2) / np.mean(truth**2))
    assert error < 0.05
    assert any(stage.name == "integral matching" for stage in field.path)


def test_compact_keeps_fields():
    context = scale_context(recordings(5, 0.0))
    quadratic, cubic = terms(5, 2), terms(5, 3)
    batches = [(library, propose_node_wise(context, library, "x", (1.0, 5.0))) for library in (quadratic, cubic)]
    library, parts = compact(batches)
    assert library.n_terms < cubic.n_terms
    points = np.random.default_rng(0).normal(size=(7, 5))
    for (before, batch), after in zip(batches, parts, strict=True):
        for row in range(2):
            wanted = before.field(points, batch.coefficients[row])
            np.testing.assert_allclose(library.field(points, after.coefficients[row]), wanted, atol=1e-9)
    wider, _ = compact(batches, opened=quadratic)
    assert {tuple(row) for row in wider.exponents.tolist()} >= set(monomials(5, 2))
