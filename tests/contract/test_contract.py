"""Every registered estimator against scikit-learn's suite and our own."""

from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdyn import FIMODERegressor, FIMSDERegressor, SparseODERegressor
from skdyn.testing import dynamics_checks

DUMMIES = Path(__file__).parents[1] / "dummy"
DUMMY, DUMMY_SDE = str(DUMMIES / "fim-ode-16d"), str(DUMMIES / "fim-sde-16d")


@parametrize_with_checks([FIMODERegressor(model=DUMMY), FIMSDERegressor(model=DUMMY_SDE), SparseODERegressor()])
def test_scikit_learn(estimator, check):
    check(estimator)


ESTIMATORS = {
    "bundled": FIMODERegressor(device="cpu"),
    "dummy": FIMODERegressor(model=DUMMY, device="cpu"),
    "dummy sde": FIMSDERegressor(model=DUMMY_SDE, device="cpu"),
    "refined": FIMODERegressor(device="cpu", refine="sparse"),
    "sparse": SparseODERegressor(),
}
CASES = [
    pytest.param(estimator, check, id=f"{label}-{name}")
    for label, estimator in ESTIMATORS.items()
    for name, check in dynamics_checks(estimator)
]


@pytest.mark.parametrize(("estimator", "check"), CASES)
def test_contract(estimator, check):
    check(clone(estimator))
