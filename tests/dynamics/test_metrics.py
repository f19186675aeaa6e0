import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn.dynamics.metrics import variance_weighted_r2


def wave(length=200, dim=2):
    t = np.linspace(0.0, 6.0, length)[:, None]
    return np.sin(t + np.arange(dim)) * 10.0 ** np.arange(dim)


def test_r2_by_hand():
    truth = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 3.0]])  # SS_tot 8 and 6
    prediction = np.array([[0.0, 0.0], [2.0, 1.0], [2.0, 3.0]])  # SS_res 4 and 1
    assert variance_weighted_r2(truth, prediction) == pytest.approx((8 * 0.5 + 6 * 5 / 6) / 14)
    assert variance_weighted_r2(truth, truth) == 1.0
    assert variance_weighted_r2(truth, np.broadcast_to(truth.mean(axis=0), truth.shape)) == pytest.approx(0.0)


@given(
    seed=st.integers(0, 2**32),
    exponent=st.integers(-3, 10),
    shift=st.floats(-100, 100),
    error=st.floats(0.001, 2.0),
)
def test_r2_ignores_units_and_origin(seed, exponent, shift, error):
    rng = np.random.default_rng(seed)
    truth = wave()
    prediction = truth + error * rng.standard_normal(truth.shape)
    score = variance_weighted_r2(truth, prediction)
    assert score < 1.0
    scale = 2.0**exponent
    assert variance_weighted_r2(scale * truth + shift, scale * prediction + shift) == pytest.approx(score, abs=1e-9)
    assert variance_weighted_r2(truth[:, ::-1], prediction[:, ::-1]) == pytest.approx(score, abs=1e-12)
    assert variance_weighted_r2(truth[::-1], prediction[::-1]) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200, 1e308])
def test_r2_of_a_failure_is_minus_infinity(bad):
    truth = wave()
    for row, column in [(0, 0), (199, 1)]:
        prediction = truth.copy()
        prediction[row, column] = bad
        assert variance_weighted_r2(truth, prediction) == -math.inf


def test_r2_of_constant_truth():
    constant = np.ones((10, 2))
    assert variance_weighted_r2(constant, constant) == 1.0
    assert variance_weighted_r2(constant, constant + 0.1) < 0
    half = np.column_stack([np.arange(10.0), np.ones(10)])
    off = half + np.array([0.0, 5.0])
    assert variance_weighted_r2(half, off) == 1.0  # a dimension without variance has no weight
    off[3, 1] = math.nan
    assert variance_weighted_r2(half, off) == -math.inf


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (wave(10), wave(11), "equal shapes"),
        (np.ones(4), np.ones(4), "equal shapes"),
        (np.ones((0, 2)), np.ones((0, 2)), "equal shapes"),
        (np.full((4, 1), np.nan), np.ones((4, 1)), "^truth: finite"),
    ],
)
def test_bad_r2(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        variance_weighted_r2(truth, prediction)
