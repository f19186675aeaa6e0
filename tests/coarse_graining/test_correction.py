"""Polynomials beside a model's drift: they find what it misses, leave what it does not, and have derivatives."""

import numpy as np
import pytest

from skdyn.coarse_graining.correction import Correction, fit_correction
from skdyn.estimators._latent_sde import LatentSDERegressor
from tests.contract.test_contract import DUMMY_SDE


def path(drift, noise, count=4000, step=0.05, seed=0):
    rng = np.random.default_rng(seed)
    z = np.zeros((count, 1))
    for i in range(count - 1):
        z[i + 1] = z[i] + drift(z[i]) * step + noise * np.sqrt(step) * rng.normal(size=1)
    return z


def fitted(z, model, noise, step=0.05):
    size = np.full_like(z[:-1], noise)
    return fit_correction(z[:-1], np.diff(z, axis=0), np.full(len(z) - 1, step), model, size)


def test_what_a_drift_misses_is_found():
    z = path(lambda z: z - z**3, 0.7)
    found = fitted(z, lambda z: -z, 0.7)
    at = np.linspace(-1, 1, 9)[:, None]
    np.testing.assert_allclose(found(at), 2 * at - at**3, atol=0.25)


def test_a_drift_that_misses_nothing_stays():
    z = path(lambda z: z - z**3, 0.7)
    assert np.abs(fitted(z, lambda z: z - z**3, 0.7)(z)).max() < 0.1


def test_a_diffusion_that_is_too_small_convinces_nobody():
    z = path(lambda z: -z, 1.0, count=600)
    sure, fair = (fitted(z, lambda z: -z, noise)(z) for noise in (1e-3, 1.0))
    np.testing.assert_allclose(sure, fair, atol=0.05)


def test_few_transitions_correct_nothing():
    z = path(lambda z: -z, 1.0, count=30)
    found = fitted(z, lambda z: 5 + z, 1.0)
    np.testing.assert_array_equal(found(z), 0)
    np.testing.assert_array_equal(found.jacobian(z), 0)


def test_outside_of_what_was_seen_it_is_as_at_the_edge():
    rng = np.random.default_rng(0)
    correction = Correction(rng.normal(size=(36, 2)), np.array([-1.0, -2.0]), np.array([1.0, 0.5]), 7)
    inside = rng.uniform([-0.9, -1.9], [0.9, 0.4], size=(20, 2))
    moved = np.zeros((20, 2, 2))
    for j, shift in enumerate(1e-6 * np.eye(2)):
        moved[:, :, j] = (correction(inside + shift) - correction(inside - shift)) / 2e-6
    np.testing.assert_allclose(correction.jacobian(inside), moved, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(correction(np.array([[9.0, 0.0]])), correction(np.array([[1.0, 0.0]])))
    np.testing.assert_array_equal(correction.jacobian(np.array([[9.0, 9.0]])), 0)


@pytest.mark.parametrize("units", [(100.0, 3.0, 0.1), (0.01, -7.0, 50.0)])
def test_units_are_those_of_the_codes(units):
    scale, shift, pace = units
    z = path(lambda z: z - z**3, 0.7, count=500)
    t = 0.05 * np.arange(500)
    plain = LatentSDERegressor(DUMMY_SDE, device="cpu").fit(z, t=t)
    other = LatentSDERegressor(DUMMY_SDE, device="cpu").fit(scale * z + shift, t=pace * t)
    at = np.linspace(-1, 1, 7)[:, None]
    assert np.abs(plain.vector_field(at) - plain.base_.vector_field(at)).max() > 0.05
    np.testing.assert_allclose(
        other.vector_field(scale * at + shift),
        scale / pace * plain.vector_field(at),
        rtol=1e-3,
        atol=1e-4 * scale / pace,
    )
    step = 1e-3
    slope = (plain.vector_field(at + step) - plain.vector_field(at - step)) / (2 * step)
    np.testing.assert_allclose(plain.jacobian(at)[:, :, 0], slope, rtol=0.02, atol=0.02)
