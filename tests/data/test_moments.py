import numpy as np
import pytest

from skdyn.data.moments import state_moments


def test_moments_are_those_of_the_observed_points():
    rng = np.random.default_rng(0)
    states = np.cumsum(rng.normal(size=(2, 3, 25, 2)), axis=2)
    mask = np.arange(25) < rng.integers(2, 26, size=(2, 3))[..., None]
    mean, std = state_moments(states, mask)
    for b in range(2):
        np.testing.assert_allclose(mean[b], states[b][mask[b]].mean(axis=0), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(std[b], states[b][mask[b]].std(axis=0), rtol=1e-13)


@pytest.mark.parametrize("shift", [0.0, 1e9, -1e12])
def test_a_large_mean_costs_no_precision_of_the_deviation(shift):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(1, 1, 500, 1)) + shift
    mask = np.ones(values.shape[:-1], dtype=bool)
    _, std = state_moments(values, mask)
    exact = np.std((values - shift).ravel().astype(np.longdouble))
    np.testing.assert_allclose(std[0, 0], float(exact), rtol=1e-10)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_zeros_have_moments(kind):
    mean, std = state_moments(np.zeros((1, 1, 5, 2), dtype=kind), np.ones((1, 1, 5), dtype=bool))
    np.testing.assert_array_equal(np.stack([mean, std]), 0.0)
