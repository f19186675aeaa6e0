"""Smoothing splines: noise, units, few points."""

import numpy as np
import pytest

from skdyn.sparse.smoothing import smooth


def test_smoothing_removes_noise_and_is_affinely_equivariant():
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0.0, 10.0, 150))
    clean = np.column_stack([np.sin(t), np.cos(2 * t)])
    noisy = clean + 0.1 * rng.standard_normal(clean.shape)
    states, slopes = smooth(t, noisy)
    assert np.sqrt(np.mean((states - clean) ** 2)) < 0.05
    assert np.corrcoef(slopes[5:-5, 1], -2 * np.sin(2 * t[5:-5]))[0, 1] > 0.97
    again, slopes_again = smooth(1e3 * t + 5.0, 1e-4 * noisy + 2.0)
    np.testing.assert_allclose(again, 1e-4 * states + 2.0, rtol=1e-8)
    np.testing.assert_allclose(slopes_again, 1e-7 * slopes, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_smoothing_of_few_points_reproduces_lines(n):
    t = np.array([0.0, 0.1, 1.0, 1.2, 2.5, 2.6])[:n]
    states, slopes = smooth(t, np.column_stack([2.0 - 3.0 * t, np.full(n, 4.0)]))
    np.testing.assert_allclose(states[:, 0], 2.0 - 3.0 * t, atol=1e-10)
    np.testing.assert_allclose(slopes, np.tile([-3.0, 0.0], (n, 1)), atol=1e-9)
