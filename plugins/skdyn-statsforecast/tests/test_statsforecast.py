"""The forecasters against scikit-learn's suite, with no expected failures, and skdyn's contract; the experts."""

from importlib.metadata import entry_points

import numpy as np
import pytest
from scipy.stats import norm
from skdyn_statsforecast import AutoARIMAForecaster, AutoETSForecaster, AutoThetaForecaster
from skdyn_statsforecast.models import MODELS, quantiles_ahead
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdyn
from skdyn import ForecastWarning
from skdyn.plugins import get_expert
from skdyn.testing import forecaster_checks

REGISTERED = {"auto-arima": AutoARIMAForecaster, "auto-ets": AutoETSForecaster, "auto-theta": AutoThetaForecaster}
LEVELS = (0.1, 0.5, 0.9)


@parametrize_with_checks([AutoETSForecaster()])
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("name", "check"), list(forecaster_checks()))
def test_contract(name, check):
    check(clone(AutoETSForecaster()))


@pytest.mark.parametrize("name", REGISTERED)
def test_they_are_found_by_their_entry_points(name):
    assert len(entry_points(group="skdyn.estimators", name=name)) == 1
    assert type(skdyn.make_estimator(name)) is REGISTERED[name]
    assert get_expert(name).name == name


@pytest.mark.parametrize("name", REGISTERED)
def test_a_season_with_a_trend_goes_on(name):
    t = np.arange(96.0)
    x = (50 + 0.3 * t + 8 * np.sin(2 * np.pi * t / 12))[:, None]
    forecast = REGISTERED[name](season=12).fit([(t[:72], x[:72])]).predict(t[72:])
    assert np.abs(forecast - x[72:]).max() < 4
    expert = get_expert(name).fit(t[:72], x[:72])(t[72:])
    assert np.abs(expert - x[72:]).max() < 4


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", [300.0, 1e5, 1e9])
def test_a_level_far_above_zero_changes_no_interval(name, level):
    walk = np.round(np.random.default_rng(0).normal(size=100).cumsum(), 3)
    walk = (walk - walk.mean()) / walk.std()
    expected = quantiles_ahead(name, walk + 100.0, 1, 12, LEVELS) - 100.0
    found = quantiles_ahead(name, walk + level, 1, 12, LEVELS) - level
    np.testing.assert_allclose(found, expected, atol=0.02 * np.ptp(expected[-1]))


def test_what_cannot_be_fitted_is_a_random_walk_or_stays():
    found = quantiles_ahead("AutoARIMA", np.array([1.0, 2.0, 1.5, 2.5]), 1, 3, LEVELS)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) >= 0).all()
    constant = quantiles_ahead("AutoETS", np.full(9, 3.0), 1, 2, LEVELS)
    np.testing.assert_array_equal(constant, 3.0)


@pytest.mark.parametrize(("count", "reason"), [(2, "too few"), (3, "too few"), (6, "tiny datasets")])
def test_a_random_walk_has_a_width_and_is_told_of(count, reason):
    x = np.column_stack([np.arange(count) % 2 + 1e3, np.full(count, 3.0), np.arange(count)])
    est = AutoETSForecaster().fit([np.sin(np.arange(40.0))[:, None] * [1, 2, 3], x])
    message = rf"series 1, x0, x2: AutoETS cannot be fitted to the last {count} steps \({reason}\), and a random walk"
    with pytest.warns(ForecastWarning, match=message):
        _, found = est.predict(horizon=4, quantiles=LEVELS)
    np.testing.assert_allclose(found[:, :, 1], np.broadcast_to(x[-1], (4, 3)), rtol=1e-12)
    deviations = (found[:, :, 2] - found[:, :, 1]) / norm.ppf(0.9)
    np.testing.assert_allclose(deviations[:, 0], np.sqrt(np.arange(1, 5)), rtol=1e-9)
    np.testing.assert_array_equal(deviations[:, 1], 0.0)


def test_a_season_that_is_not_seen_twice_is_told_of():
    t = np.arange(23.0)
    est = AutoThetaForecaster(season=12).fit([(t, np.sin(2 * np.pi * t / 12)[:, None])])
    with pytest.warns(ForecastWarning, match="series 0, x0: a season of 12 steps is not seen twice in the last 23"):
        est.predict(horizon=3)
    with pytest.warns(ForecastWarning, match="a held-out series, x0: a season of 12 steps"):
        est.score([(t, np.cos(t)[:, None])])


def test_parameters_set_after_a_fit_wait_for_the_next():
    t = np.arange(48.0)
    est = AutoETSForecaster(season=12).fit([(t, np.sin(2 * np.pi * t / 12)[:, None])])
    expected = est.predict(horizon=6)
    np.testing.assert_array_equal(est.set_params(season="year").predict(horizon=6), expected)


def test_the_past_is_what_was_observed():
    t = np.arange(30.0)
    x = np.cos(t)[:, None]
    est = AutoThetaForecaster().fit([(t, x)])
    np.testing.assert_allclose(est.predict(t), x)
    with pytest.raises(ValueError, match="too far ahead"):
        est.predict([1e6])
    with pytest.raises(ValueError, match="season"):
        AutoThetaForecaster(season=0).fit([(t, x)])
