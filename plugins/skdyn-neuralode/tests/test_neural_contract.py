"""Every estimator of the plugin against scikit-learn's suite, with no expected failures, and skdyn's contract."""

from importlib.metadata import entry_points

import pytest
from skdyn_neuralode import NeuralODERegressor, NeuralSDERegressor
from skdyn_neuralode.families import FAMILIES
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdyn
from skdyn.testing import dynamics_checks

REGISTERED = {"neural-ode": NeuralODERegressor, "neural-sde": NeuralSDERegressor}
SHORT = NeuralODERegressor(hidden=(8,), lengths=(4, 9), max_iter=6, max_seconds=1e3)
ESTIMATORS = {
    "ode": NeuralODERegressor(hidden=(8,), lengths=(3,), max_iter=20, max_seconds=1e3),  # enough to follow inputs
    **{name: NeuralSDERegressor(name, hidden=(8,), max_iter=2, max_seconds=1e3) for name in FAMILIES},
}


@parametrize_with_checks([SHORT, ESTIMATORS["langevin"]])
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(estimator, check, id=f"{label}-{name}")
        for label, estimator in ESTIMATORS.items()
        for name, check in dynamics_checks(estimator)
    ],
)
def test_contract(estimator, check):
    check(clone(estimator))


@pytest.mark.parametrize("name", REGISTERED)
def test_it_is_found_by_its_entry_point(name):
    assert len(entry_points(group="skdyn.estimators", name=name)) == 1
    assert name in skdyn.list_estimators()
    assert type(skdyn.make_estimator(name)) is REGISTERED[name]
