"""Stepwise selection on a quadratic."""

import numpy as np

from skdyn.sparse.stepwise import step_from


def test_stepwise_selection_adds_drops_and_exchanges_terms():
    rng = np.random.default_rng(1)
    design = rng.normal(size=(100, 8))
    design[:, 5] = design[:, 2] + 0.3 * rng.normal(size=100)  # a stand-in for the true term 2
    target = design[:, [2, 6]] @ [1.5, -1.0] + 0.05 * rng.normal(size=100)
    hessian, right = design.T @ design / 0.05**2, design.T @ target / 0.05**2
    begin = np.zeros(8, dtype=bool)
    begin[[0, 5]] = True
    ((used, values),) = step_from(hessian, right, begin, [2 * np.log(100)])
    assert set(np.flatnonzero(used)) == {2, 6}
    np.testing.assert_allclose(values[used], [1.5, -1.0], atol=0.03)
    assert not values[~used].any()
    empty, _ = step_from(hessian, right, begin, [1e9])[0]
    assert not empty.any()


def test_stepwise_selection_survives_a_singular_quadratic():
    hessian = np.ones((3, 3))
    ((used, values),) = step_from(hessian, np.ones(3) * 4.0, np.ones(3, dtype=bool), [0.1])
    assert used.sum() == 1
    np.testing.assert_allclose(values.sum(), 4.0)
