"""Quadratic programmes."""

import numpy as np
import pytest

from skdyn.sparse.quadratic import minimise


@pytest.mark.parametrize("seed", range(30))
def test_no_feasible_point_near_by_is_lower(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    root, equations = rng.normal(size=(n + 2, n)), rng.normal(size=(int(rng.integers(0, n - 1)), n))
    hessian, right, inside = root.T @ root, 3 * rng.normal(size=n), rng.uniform(-1, 1, n)
    lower = np.where(rng.random(n) < 0.6, inside - rng.uniform(0, 1, n), -np.inf)
    upper = np.where(rng.random(n) < 0.4, inside + rng.uniform(0, 1, n), np.inf)
    x = minimise(hessian, right, equations, equations @ inside, lower, upper)
    np.testing.assert_allclose(equations @ x, equations @ inside, atol=1e-10)
    assert ((x >= lower) & (x <= upper)).all()

    def cost(z):
        return z @ hessian @ z / 2 - right @ z

    # Between the least and any feasible point the cost rises, for it is convex.
    for _ in range(200):
        step = rng.normal(size=n)
        step -= np.linalg.pinv(equations) @ (equations @ step) if len(equations) else 0.0
        other = inside + step
        if ((other >= lower) & (other <= upper)).all():
            assert cost(x + 1e-3 * (other - x)) >= cost(x) - 1e-9
    assert cost(x + 1e-3 * (inside - x)) >= cost(x) - 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_what_bounds_and_equations_determine_together(seed):
    """Transfers between compartments of which one way is forbidden, with coefficients of very different certainty."""
    rng = np.random.default_rng(seed)
    n = 12
    root = rng.normal(size=(n + 2, n)) * 10.0 ** rng.uniform(-2, 2, n)
    equations = np.zeros((4, n))
    for row, own in enumerate(np.arange(n).reshape(4, 3)):
        equations[row, own] = rng.uniform(0.3, 1.0, 3)
    lower = np.where(np.arange(n) % 3 > 0, 0.0, -np.inf)
    lower[:3] = 0.0  # all three of one sum: only zero is left
    hessian, right = root.T @ root, root.T @ rng.normal(size=n + 2)
    x = minimise(hessian, right, equations, np.zeros(4), lower, np.full(n, np.inf))
    assert x is not None
    assert (x >= lower).all()
    np.testing.assert_allclose(x[:3], 0.0, atol=1e-12 * np.abs(x).max())
    assert np.abs(equations @ x).max() <= 1e-9 * np.abs(x).max()
    # At the least, no transfer that the bounds allow lowers the cost.
    slope = hessian @ x - right
    for k in range(3, n):
        for other in set(range(k - k % 3, k - k % 3 + 3)) - {k}:
            way = np.zeros(n)
            way[k], way[other] = equations[k // 3, other], -equations[k // 3, k]
            if ((x + 1e-6 * way) >= lower).all():
                assert slope @ way >= -1e-6 * np.abs(root @ way).sum()


def test_what_cannot_be_is_none():
    one = np.ones((1, 2))
    assert minimise(np.eye(2), np.zeros(2), one, np.array([5.0]), np.zeros(2), np.ones(2)) is None
    assert (
        minimise(np.eye(2), np.zeros(2), np.vstack([one, one]), np.array([1.0, 2.0]), -np.ones(2), np.ones(2)) is None
    )
    assert minimise(np.eye(2), np.zeros(2), one, np.array([5.0]), np.ones(2), np.ones(2)) is None
