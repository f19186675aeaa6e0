"""The steps of a fit: slopes, thresholded least squares, averages over windows and roll-outs."""

import warnings

import numpy as np
import pysindy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter
from skdyn_sindy.differentiation import LocalPolynomial, SmoothingSpline, differentiation, slopes
from skdyn_sindy.regression import Regression, library
from skdyn_sindy.rollout import rollout_scores
from skdyn_sindy.weak import weak_rows

quick = settings(max_examples=15, deadline=None)


def irregular(count, seed=0):
    return np.cumsum(np.random.default_rng(seed).uniform(0.2, 1.8, count)) * 10 / count


def test_local_polynomials_are_the_filter_of_savitzky_and_golay_on_a_uniform_grid():
    t = np.linspace(0, 10, 60)
    x = np.random.default_rng(0).normal(size=(60, 2))
    smooth = LocalPolynomial(9)
    slope = smooth(x, t)
    np.testing.assert_allclose(smooth.smoothed_x_, savgol_filter(x, 9, 3, axis=0), atol=1e-10)
    expected = savgol_filter(x, 9, 3, deriv=1, delta=t[1], axis=0)
    np.testing.assert_allclose(slope, expected, atol=1e-9)


@pytest.mark.parametrize("window", [5, 9, 41])
def test_local_polynomials_are_exact_for_cubics_at_irregular_times(window):
    t = irregular(60)
    smoothed, slope = slopes(t, (t**3 - 4 * t**2)[:, None], window)
    np.testing.assert_allclose(smoothed[:, 0], t**3 - 4 * t**2, atol=1e-8)
    np.testing.assert_allclose(slope[:, 0], 3 * t**2 - 8 * t, atol=1e-7)


@pytest.mark.parametrize("times", [np.linspace(0, 10, 200), irregular(200)])
@pytest.mark.parametrize("frequency", [1, 4])
def test_the_spline_removes_noise_but_no_motion(times, frequency):
    noise = 0.05 * np.random.default_rng(1).normal(size=200)
    clean, slope = np.sin(frequency * times), frequency * np.cos(frequency * times)
    smoothed, derivative = slopes(times, (clean + noise)[:, None], "spline")
    assert np.square(smoothed[:, 0] - clean).mean() < 0.3 * np.square(noise).mean()
    assert np.square(derivative[:, 0] - slope).mean() < 0.01 * frequency**2
    exact = slopes(times, clean[:, None], "spline")[1][:, 0]
    assert np.abs(exact - slope).mean() < 5e-3 * frequency


@pytest.mark.parametrize(
    ("count", "smoothing", "expected"),
    [
        (2, None, pysindy.FiniteDifference),
        (2, 9, pysindy.FiniteDifference),
        (4, "spline", pysindy.FiniteDifference),
        (4, 9, pysindy.FiniteDifference),
        (5, 9, LocalPolynomial),
        (5, "spline", SmoothingSpline),
    ],
)
def test_short_trajectories_fall_back(count, smoothing, expected):
    t = irregular(count)
    assert type(differentiation(smoothing, t)) is expected
    np.testing.assert_allclose(slopes(t, 3 * t[:, None], smoothing)[1], 3.0, rtol=1e-6)


def test_uniform_times_take_the_filter_of_pysindy():
    assert type(differentiation(9, np.linspace(0, 1, 50))) is pysindy.SmoothedFiniteDifference
    assert type(differentiation(9, irregular(50))) is LocalPolynomial


def problem(seed):
    rng = np.random.default_rng(seed)
    terms, _ = library(rng.normal(size=(80, 2)), 3)
    return terms, terms @ (rng.normal(size=(10, 2)) * (rng.random((10, 2)) < 0.4)) + rng.normal(size=(80, 2))


@given(seed=st.integers(0, 2**16), threshold=st.floats(0, 0.4), n_terms=st.sampled_from([3, 6, 10]))
@quick
def test_compression_does_not_change_the_solution(seed, threshold, n_terms):
    terms, targets = problem(seed)
    regression = Regression.of(terms, targets)
    scaled = terms / regression.term_scale, targets / regression.slope_scale
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparsity parameter is too big")
        optimizer = pysindy.STLSQ(threshold=threshold).fit(scaled[0][:, :n_terms], scaled[1])
    expected = optimizer.coef_.T * regression.slope_scale
    actual, _ = regression.solve(threshold, n_terms)
    np.testing.assert_allclose(actual * regression.term_scale[:n_terms, None], expected, atol=1e-8)


@given(seed=st.integers(0, 2**16), part=st.floats(0.01, 0.99))
@quick
def test_thresholds_that_share_a_solution(seed, part):
    regression = Regression.of(*problem(seed))
    expected, limit = regression.solve(0.05)
    between = 0.05 + part * (min(limit, 2.0) - 0.05)
    np.testing.assert_array_equal(regression.solve(between)[0], expected)


def test_a_threshold_above_everything_is_quiet():
    coefficients, limit = Regression.of(*problem(0)).solve(1e3)
    assert not coefficients.any()
    assert limit == np.inf


def test_averages_obey_the_equation():
    t = np.linspace(0, 3, 600)
    x = np.column_stack([np.exp(-t), np.exp(0.5 * t)])
    terms, averages = weak_rows(t, x, 2, 0.5, 30)
    assert terms.shape == (30, 6)
    np.testing.assert_allclose(terms[:, 0], 1.0)
    np.testing.assert_allclose(averages, terms[:, 1:3] * [-1.0, 0.5], rtol=1e-3)


@pytest.mark.filterwarnings("ignore:2 axes labeled for array with 1 axes")
@pytest.mark.parametrize("t", [np.linspace(0, 3, 200), irregular(200)])
def test_windows_are_those_of_pysindy(t):
    x = np.column_stack([np.sin(t), np.exp(-0.2 * t)])
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    averages = pysindy.WeakPDELibrary(
        function_library=pysindy.PolynomialLibrary(degree=2, include_bias=False),
        spatiotemporal_grid=t,
        include_bias=True,
        K=30,
        H_xt=0.4,
    )
    np.random.set_state(state)  # noqa: NPY002
    expected = np.asarray(averages.fit_transform(x))
    terms, slopes = weak_rows(t, x, 2, 0.8 / (1 - 1e-9), 30)
    np.testing.assert_allclose(terms, expected / expected[:, :1], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(slopes, averages.convert_u_dot_integral(x) / expected[:, :1], rtol=1e-8, atol=1e-10)


def test_windows_do_not_touch_the_global_random_state():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    t = np.linspace(0, 3, 50)
    first = weak_rows(t, np.exp(-t)[:, None], 2, 0.5, 20)[1]
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(weak_rows(t, np.exp(-t)[:, None], 2, 0.5, 20)[1], first)


@pytest.mark.parametrize("times", [np.array([0.0, 1.0]), np.array([0.0, 0.01, 5.0])])
def test_averages_of_straight_lines_between_few_points(times):
    _, averages = weak_rows(times, 2 * times[:, None], 1, 0.5, 10)
    np.testing.assert_allclose(averages, 2.0, rtol=1e-6)


def test_roll_outs_tell_the_true_field_from_others():
    exponents = np.array([[0], [1], [2]])
    fields = np.array([[0.0, -1.0, 0.0], [0.0, -0.5, 0.0], [0.0, 0.0, 1e3]])[..., None]
    times = [np.linspace(0, 2, 40), irregular(25)]
    runs = [(t, a * np.exp(-t)[:, None]) for t, a in zip(times, (2.0, 3.0), strict=True)]
    starts = np.broadcast_to(np.stack([x[0] for _, x in runs]), (3, 2, 1))
    scores = rollout_scores(exponents, fields, starts, [(t - t[0], x) for t, x in runs])
    assert scores[0] == pytest.approx(1.0, abs=1e-5)
    assert scores[1] < 0.9
    assert scores[2] == -np.inf


def test_fits_leave_the_warning_filters_alone(monkeypatch):
    def changed(*_, **__):
        raise AssertionError("the filters belong to the whole process")

    regression, t = Regression.of(*problem(0)), np.linspace(0, 3, 50)
    for name in ("catch_warnings", "simplefilter", "filterwarnings"):
        monkeypatch.setattr(warnings, name, changed)
    coefficients, _ = regression.solve(0.1)
    terms, _ = weak_rows(t, np.exp(-t)[:, None], 2, 0.5, 20)
    monkeypatch.undo()
    assert coefficients.any()
    assert terms.shape == (20, 3)
