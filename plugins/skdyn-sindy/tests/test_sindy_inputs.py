"""Unusual data and parameters: an answer or a clear error."""

import numpy as np
import pytest
from skdyn_sindy import SINDyRegressor, TunedSINDyRegressor, WeakSINDyRegressor

from skdyn import TrajectoryError

ALL = [SINDyRegressor(), SINDyRegressor(smoothing="spline"), TunedSINDyRegressor(), WeakSINDyRegressor()]
T = np.linspace(0, 5, 60)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SINDyRegressor(degree=0), "degree must be a positive integer, got 0"),
        (SINDyRegressor(degree=True), "degree must be"),
        (WeakSINDyRegressor(max_degree=1.5), "degree must be"),
        (TunedSINDyRegressor(max_degree="3"), "degree must be"),
        (SINDyRegressor(degree=80), r"have 3321 terms, more than 2000: choose a lower degree"),
        (SINDyRegressor(threshold=-0.1), "threshold must be finite and at least 0"),
        (SINDyRegressor(threshold=np.nan), "threshold must be"),
        (SINDyRegressor(threshold="a"), "threshold must be"),
        (SINDyRegressor(smoothing=8), "smoothing must be None, 'spline' or an odd window"),
        (SINDyRegressor(smoothing=3), "smoothing must be"),
        (SINDyRegressor(smoothing="none"), "smoothing must be"),
        (SINDyRegressor(smoothing=9.0), "smoothing must be"),
        (WeakSINDyRegressor(width=0), "width must be a number above 0 and at most 1"),
        (WeakSINDyRegressor(width=1.5), "width must be"),
        (WeakSINDyRegressor(windows=0), "windows must be a positive integer"),
    ],
)
def test_parameters(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit([(T, np.column_stack([np.sin(T), np.cos(T)]))])


@pytest.mark.parametrize("estimator", ALL)
def test_constant_data_show_no_motion(estimator):
    with pytest.raises(TrajectoryError, match="every state is the same as the first of its trajectory"):
        estimator.fit([(T, np.ones((60, 2))), (T, np.zeros((60, 2)))])


@pytest.mark.parametrize("size", [1e-200, 1e150])
def test_coefficients_that_floating_point_cannot_hold(size):
    x = size * np.column_stack([np.sin(T), np.cos(T)])
    with pytest.raises(TrajectoryError, match=r"the field of variable 0 has a coefficient .* rescale them to near one"):
        SINDyRegressor(threshold=0.0).fit([(T, x)])
    linear = SINDyRegressor(degree=1, smoothing="spline").fit([(T, x)])
    np.testing.assert_allclose(linear.predict(x[:3]) / size, np.column_stack([x[:3, 1], -x[:3, 0]]) / size, atol=0.01)


@pytest.mark.parametrize("estimator", ALL)
def test_a_constant_and_a_zero_variable(estimator):
    x = np.column_stack([np.exp(-T), np.full(60, 3.0), np.zeros(60)])
    fitted = estimator.fit([(T, x)])
    np.testing.assert_allclose(fitted.predict(x), np.column_stack([-x[:, 0], 0 * T, 0 * T]), atol=0.02)


@pytest.mark.parametrize("estimator", [SINDyRegressor(degree=1), *ALL[2:]])
def test_linearly_dependent_variables(estimator):
    x = np.column_stack([np.exp(-T), 2 * np.exp(-T), 1 - np.exp(-T)])
    fitted = estimator.fit([(T, x)])
    np.testing.assert_allclose(fitted.predict(x), np.exp(-T)[:, None] * [-1, -2, 1], atol=0.03)


@pytest.mark.parametrize("estimator", ALL)
def test_two_points(estimator):
    field = estimator.fit([([0.0, 1.0], [[1.0, 0.0], [3.0, 1.0]])]).predict([[2.0, 0.5]])
    np.testing.assert_allclose(field, [[2.0, 1.0]], atol=0.7)


@pytest.mark.parametrize("estimator", ALL)
def test_a_very_short_trajectory_beside_a_long_one(estimator):
    runs = [(T, np.exp(-T)), (T[:2], 2 * np.exp(-T[:2])), (T[:4], 3 * np.exp(-T[:4]))]
    np.testing.assert_allclose(estimator.fit(runs).predict([[0.5], [1.0]]), [[-0.5], [-1.0]], atol=0.05)


@pytest.mark.parametrize("estimator", ALL)
def test_missing_rows_can_be_dropped(estimator):
    x = np.column_stack([np.sin(T), np.cos(T)])
    x[20, 0] = np.nan
    with pytest.raises(TrajectoryError, match="row 20, column 0"):
        estimator.fit([(T, x)])
    dropped = type(estimator)(**estimator.get_params() | {"missing": "drop"}).fit([(T, x)])
    np.testing.assert_allclose(dropped.predict([[0.0, 1.0]]), [[1.0, 0.0]], atol=0.05)


def test_tuning_leaves_out_degrees_with_more_terms_than_points():
    t = T[:7]
    chosen = TunedSINDyRegressor().fit([(t, np.column_stack([np.exp(-t), np.exp(-3 * t)]))])
    assert len(chosen.polynomial_.exponents) == 6
    assert chosen.best_params_["degree"] <= 2
