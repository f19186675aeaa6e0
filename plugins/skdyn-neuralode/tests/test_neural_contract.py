"""Every estimator of the plugin against scikit-learn's suite, with no expected failures, and skdyn's contract."""

from importlib.metadata import entry_points

import pytest
from skdyn_neuralode import NeuralODERegressor
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdyn
from skdyn.testing import dynamics_checks

REGISTERED = {"neural-ode": NeuralODERegressor}
SHORT = NeuralODERegressor(hidden=(8,), lengths=(4, 9), max_iter=6, max_seconds=1e3)


@parametrize_with_checks([SHORT])
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", [pytest.param(check, id=name) for name, check in dynamics_checks(SHORT)])
def test_contract(check):
    check(clone(SHORT))


@pytest.mark.parametrize("name", REGISTERED)
def test_it_is_found_by_its_entry_point(name):
    assert len(entry_points(group="skdyn.estimators", name=name)) == 1
    assert name in skdyn.list_estimators()
    assert type(skdyn.make_estimator(name)) is REGISTERED[name]
