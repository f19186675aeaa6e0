"""Backward elimination by itself."""

import numpy as np

from skdyn.sparse.candidates import eliminate


def test_elimination_matches_least_squares_and_drops_the_irrelevant():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(80, 6))
    target = design[:, [1, 4]] @ np.array([[2.0], [-1.0]]) + 0.01 * rng.normal(size=(80, 1))
    errors, coefficients = eliminate(design, target)
    np.testing.assert_allclose(coefficients[6], np.linalg.lstsq(design, target, rcond=None)[0], rtol=1e-9, atol=1e-12)
    assert set(np.flatnonzero(coefficients[2][:, 0])) == {1, 4}
    assert np.all(np.diff(errors[:, 0]) <= 1e-12)


def test_elimination_leaves_dependent_columns_out():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(50, 2))
    design = np.column_stack([base, base @ [1.0, -3.0], np.zeros(50), base[:, 0] ** 2])
    errors, coefficients = eliminate(design, base[:, :1] * 2.0)
    assert len(errors) == 4
    assert not coefficients[:, [2, 3]].any()
    np.testing.assert_allclose(coefficients[1][:, 0], [2.0, 0, 0, 0, 0], atol=1e-12)
