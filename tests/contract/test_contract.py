"""Every registered estimator against scikit-learn's suite and our own."""

from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdyn import FIMODERegressor, FIMSDERegressor, SparseODERegressor
from skdyn.testing import check_dynamics_estimator, dynamics_checks

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
    from sklearn.base import clone

    check(clone(estimator))


class MutatesItsInput(FIMODERegressor):
    def fit(self, X, y=None, *, t=None):
        super().fit(X, y, t=t)
        for _, x in X:
            x *= 2
        return self


class AnswersDependOnBatch(FIMODERegressor):
    def _velocity(self, points):
        field = super()._velocity(points)
        return field + field.mean(axis=0)


class ForgetsNothing(FIMODERegressor):
    def fit(self, X, y=None, *, t=None):
        return self if hasattr(self, "context_") else super().fit(X, y, t=t)


class WrongJacobian(FIMODERegressor):
    def _field_jacobian(self, points):
        field, jacobian = super()._field_jacobian(points)
        return field, jacobian.swapaxes(-1, -2)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (MutatesItsInput, "check_inputs_unchanged"),
        (AnswersDependOnBatch, "check_queries_are_independent"),
        (ForgetsNothing, "check_refit_forgets"),
        (WrongJacobian, "check_jacobian_is_the_derivative"),
    ],
)
def test_broken_estimators_are_caught(broken, check):
    estimator = broken(device="cpu")
    with pytest.raises((AssertionError, ValueError)):
        dict(dynamics_checks(estimator))[check](estimator)


def test_the_whole_suite_names_the_failure():
    with pytest.raises(AssertionError, match="WrongJacobian fails check_jacobian_is_the_derivative"):
        check_dynamics_estimator(WrongJacobian(device="cpu"))
