"""The forecasters against scikit-learn's suite, with no expected failures, and skdyn's contract; the experts."""

from importlib.metadata import entry_points

import numpy as np
import pytest
from skdyn_statsforecast import AutoARIMAForecaster, AutoETSForecaster, AutoThetaForecaster
from skdyn_statsforecast.models import quantiles_ahead
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdyn
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


def test_what_cannot_be_fitted_is_a_random_walk_or_stays():
    found = quantiles_ahead("AutoARIMA", np.array([1.0, 2.0, 1.5, 2.5]), 1, 3, LEVELS)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) >= 0).all()
    constant = quantiles_ahead("AutoETS", np.full(9, 3.0), 1, 2, LEVELS)
    np.testing.assert_array_equal(constant, 3.0)


def test_the_past_is_what_was_observed():
    t = np.arange(30.0)
    x = np.cos(t)[:, None]
    est = AutoThetaForecaster().fit([(t, x)])
    np.testing.assert_allclose(est.predict(t), x)
    with pytest.raises(ValueError, match="too far ahead"):
        est.predict([1e6])
    with pytest.raises(ValueError, match="season"):
        AutoThetaForecaster(season=0).fit([(t, x)])
