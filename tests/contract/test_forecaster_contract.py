"""The forecaster against scikit-learn's suite and our own."""

from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdyn import LASSODEForecaster
from skdyn.testing import forecaster_checks

DUMMY = str(Path(__file__).parents[1] / "dummy" / "lass-ode-tiny")


# Random weights reconstruct nothing, and the suite's series are short.
@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
@parametrize_with_checks([LASSODEForecaster(model=DUMMY)])
def test_scikit_learn(estimator, check):
    check(estimator)


ESTIMATORS = {
    "bundled": LASSODEForecaster(device="cpu"),
    "dummy": LASSODEForecaster(model=DUMMY, device="cpu"),
    "network": LASSODEForecaster(model=DUMMY, device="cpu", ensemble=None),
    "gaps": LASSODEForecaster(model=DUMMY, device="cpu", ensemble=None, missing="keep"),
}
CASES = [
    pytest.param(estimator, check, id=f"{label}-{name}")
    for label, estimator in ESTIMATORS.items()
    for name, check in forecaster_checks()
]


@pytest.mark.parametrize(("estimator", "check"), CASES)
def test_contract(estimator, check):
    check(clone(estimator))
