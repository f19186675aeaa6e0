"""The forecaster against scikit-learn's suite and our own."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdyn import LASSODEForecaster
from skdyn.testing import check_forecaster, forecaster_checks

DUMMY = str(Path(__file__).parents[1] / "dummy" / "lass-ode-tiny")


# Random weights reconstruct nothing, and the suite's series are short.
@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
@parametrize_with_checks([LASSODEForecaster(model=DUMMY)])
def test_scikit_learn(estimator, check):
    check(estimator)


ESTIMATORS = {
    "bundled": LASSODEForecaster(device="cpu"),
    "dummy": LASSODEForecaster(model=DUMMY, device="cpu"),
    "gaps": LASSODEForecaster(model=DUMMY, device="cpu", missing="keep"),
    "ensemble": LASSODEForecaster(model=DUMMY, device="cpu", ensemble="auto"),
}


CASES = [
    pytest.param(estimator, check, id=f"{label}-{name}")
    for label, estimator in ESTIMATORS.items()
    for name, check in forecaster_checks()
]


@pytest.mark.parametrize(("estimator", "check"), CASES)
def test_contract(estimator, check):
    check(clone(estimator))


class MutatesItsInput(LASSODEForecaster):
    def fit(self, X, y=None, *, t=None):
        super().fit(X, y, t=t)
        for _, x in X:
            x *= 2
        return self


class ForecastsDependOnOthers(LASSODEForecaster):
    def predict(self, X=None, **options):
        answer = super().predict(X, **options)
        return answer + np.mean(answer[0]) if isinstance(answer, np.ndarray) and answer.ndim == 3 else answer


class ForgetsNothing(LASSODEForecaster):
    def fit(self, X, y=None, *, t=None):
        return self if hasattr(self, "context_") else super().fit(X, y, t=t)


class CrossingQuantiles(LASSODEForecaster):
    def predict(self, X=None, *, horizon=None, quantiles=None):
        answer = super().predict(X, horizon=horizon, quantiles=quantiles)
        return answer[..., ::-1] if isinstance(answer, np.ndarray) and quantiles is not None else answer


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (MutatesItsInput, "check_inputs_unchanged"),
        (ForecastsDependOnOthers, "check_nothing_but_the_prefix_matters"),
        (ForgetsNothing, "check_refit_forgets"),
        (CrossingQuantiles, "check_quantiles_are_sorted"),
    ],
)
def test_broken_forecasters_are_caught(broken, name):
    with pytest.raises((AssertionError, ValueError)):
        dict(forecaster_checks())[name](broken(model=DUMMY, device="cpu"))


def test_the_whole_suite_names_the_failure():
    with pytest.raises(AssertionError, match="CrossingQuantiles fails check_quantiles_are_sorted"):
        check_forecaster(CrossingQuantiles(model=DUMMY, device="cpu"))
