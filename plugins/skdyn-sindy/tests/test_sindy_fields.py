"""What the estimators find, and that it is what pysindy finds."""

import numpy as np
import pandas as pd
import pysindy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from skdyn_sindy import SINDyRegressor, TunedSINDyRegressor, WeakSINDyRegressor
from skdyn_sindy.polynomial import Polynomial

quick = settings(max_examples=10, deadline=None)


def lorenz(_, x):
    return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]


def solve(field, x0, t):
    return solve_ivp(field, (t[0], t[-1]), x0, t_eval=t, rtol=1e-9, atol=1e-9).y.T


@pytest.fixture(scope="module")
def lorenz_runs():
    """Three ragged, irregular trajectories."""
    rng = np.random.default_rng(0)
    starts = ([-8.0, 8.0, 27.0], [5.0, 5.0, 20.0], [1.0, -2.0, 15.0])
    times = [np.cumsum(rng.uniform(0.003, 0.007, count)) for count in (500, 350, 420)]
    return [(t, solve(lorenz, x0, t)) for t, x0 in zip(times, starts, strict=True)]


def oscillator(count=200, noise=0.0, seed=0):
    t = np.linspace(0, 10, count)
    x = np.column_stack([np.cos(t), -2 * np.sin(t)])
    return t, x + noise * np.random.default_rng(seed).normal(size=x.shape)


LORENZ_SUPPORT = {(0, 1, 0): (0,), (1, 0, 0): (0, 1), (1, 0, 1): (1,), (1, 1, 0): (2,), (0, 0, 1): (2,)}


@pytest.mark.parametrize("estimator", [SINDyRegressor(threshold=0.05), TunedSINDyRegressor()])
def test_lorenz_from_ragged_irregular_trajectories(estimator, lorenz_runs):
    field = estimator.fit(lorenz_runs).polynomial_
    found = {tuple(e): c for e, c in zip(field.exponents.tolist(), field.coefficients, strict=True)}
    for exponents, components in LORENZ_SUPPORT.items():
        assert found[exponents][list(components)].all()
    np.testing.assert_allclose(found[0, 1, 0][0], 10, rtol=0.02)
    np.testing.assert_allclose(found[1, 0, 0][:2], [-10, 28], rtol=0.03)
    np.testing.assert_allclose(found[0, 0, 1][2], -8 / 3, rtol=0.02)


def test_lorenz_equations_are_readable(lorenz_runs):
    equations = SINDyRegressor(degree=2, threshold=0.05, smoothing="spline").fit(lorenz_runs).equations(2)
    assert equations[0] == "d(x0)/dt = -10 x0 + 10 x1"
    assert equations[2] == "d(x2)/dt = -2.7 x2 + x0 x1"


@pytest.mark.parametrize("degree", [1, 2])
def test_without_a_threshold_it_is_pysindy_in_any_units(degree, lorenz_runs):
    ours = SINDyRegressor(degree=degree, threshold=0.0).fit(lorenz_runs)
    times, states = map(list, zip(*lorenz_runs, strict=True))
    theirs = pysindy.SINDy(
        optimizer=pysindy.STLSQ(threshold=0.0), feature_library=pysindy.PolynomialLibrary(degree=degree)
    ).fit(states, t=times)
    expected = theirs.predict(states[0])
    assert np.abs(ours.predict(states[0]) - expected).max() < 1e-6 * np.abs(expected).max()


def test_the_tuned_field_is_that_of_its_choice():
    runs = [oscillator(120, 0.05), oscillator(90, 0.05, seed=1)]
    tuned = TunedSINDyRegressor().fit(runs)
    again = SINDyRegressor(**tuned.best_params_).fit(runs)
    np.testing.assert_allclose(tuned.polynomial_.field(runs[0][1]), again.polynomial_.field(runs[0][1]), rtol=1e-6)
    assert 0.9 < tuned.best_score_ <= 1.0


def test_tuning_helps_under_noise():
    t, clean = oscillator()
    noisy = oscillator(noise=0.15)[1]
    truth = np.column_stack([clean[:, 1] / 2, -2 * clean[:, 0]])
    error = [
        np.abs(estimator.fit([(t, noisy)]).predict(clean) - truth).mean()
        for estimator in (TunedSINDyRegressor(), SINDyRegressor())
    ]
    assert error[0] < 0.5 * error[1]
    assert error[0] < 0.2


def test_the_weak_form_under_noise():
    t, clean = oscillator(400)
    noisy = oscillator(400, 0.1)[1]
    truth = np.column_stack([clean[:, 1] / 2, -2 * clean[:, 0]])
    weak = WeakSINDyRegressor(width=0.2, max_degree=1).fit([(t, noisy)])
    assert np.abs(weak.predict(clean) - truth).max() < 0.1


@pytest.mark.parametrize("estimator", [SINDyRegressor(smoothing="spline"), WeakSINDyRegressor(), TunedSINDyRegressor()])
@given(scale=st.floats(1e-6, 1e6), speed=st.floats(1e-6, 1e6))
@settings(max_examples=4, deadline=None)
def test_units_do_not_matter(estimator, scale, speed):
    t, x = oscillator(80, 0.02)
    factor = np.array([scale, 1.0])
    expected = estimator.fit([(t, x)]).predict(x[:20])
    moved = estimator.fit([(t * speed, x * factor)]).predict(x[:20] * factor)
    assert np.abs(moved / factor * speed - expected).max() < 1e-5 * np.abs(expected).max()


def test_names_of_columns_and_significant_digits():
    t, x = oscillator()
    frame = pd.DataFrame({"t": t, "angle": 1e-6 * x[:, 0], "speed": x[:, 1]})
    fitted = SINDyRegressor(degree=1, smoothing=15).fit(frame)
    assert fitted.equations(2) == ["d(angle)/dt = 5e-07 speed", "d(speed)/dt = -2e+06 angle"]
    assert fitted.equations(1)[0] == "d(angle)/dt = 5e-07 speed"


def test_values_and_derivatives_of_a_polynomial():
    field = Polynomial(
        np.array([[0, 0], [1, 0], [0, 2], [2, 1]]), np.array([[1.5, 0.0], [0.0, -2.0], [0.25, 0.0], [3.0, 1.0]])
    )
    assert field.equations(["x", "y"]) == ["d(x)/dt = 1.5 + 0.25 y^2 + 3 x^2 y", "d(y)/dt = -2 x + x^2 y"]
    x, y = points = np.random.default_rng(0).normal(size=(2, 50))
    np.testing.assert_allclose(
        field.field(points.T), np.column_stack([1.5 + 0.25 * y**2 + 3 * x**2 * y, -2 * x + x**2 * y]), rtol=1e-12
    )
    expected = np.stack([[6 * x * y, 0.5 * y + 3 * x**2], [-2 + 2 * x * y, x**2]]).transpose(2, 0, 1)
    np.testing.assert_allclose(field.jacobian(points.T), expected, rtol=1e-12)


def test_a_field_far_outside_overflows_quietly():
    cubic = Polynomial(np.array([[1], [3]]), np.array([[1.0], [-1.0]]))
    np.testing.assert_array_equal(cubic.field(np.array([[1e200], [2.0]])), [[-np.inf], [-6.0]])


@given(seed=st.integers(0, 2**16))
@quick
def test_several_trajectories_are_not_joined_end_to_end(seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 2, 60)
    runs = [(t, np.column_stack([a * np.exp(-t), b * np.exp(-2 * t)])) for a, b in rng.uniform(0.5, 3, (4, 2))]
    jacobian = SINDyRegressor(degree=1, smoothing=9).fit(runs).jacobian([1.0, 1.0])
    np.testing.assert_allclose(jacobian, np.diag([-1.0, -2.0]), atol=0.02)
