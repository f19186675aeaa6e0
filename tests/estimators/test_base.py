"""The door that all estimators share: a fit happens as a whole or not at all."""

import numpy as np
import pytest

from skdyn import SparseODERegressor, TrajectoryError, make_estimator
from skdyn.plugins import BaseDynamicsEstimator

T = np.linspace(0, 3, 30)
NAMED = [(T, np.exp(-T))]


class Fragile(BaseDynamicsEstimator):
    """Sets something, and then fails where it is told to."""

    def __init__(self, failure=None, missing="raise"):
        self.failure, self.missing = failure, missing

    def _fit(self, context):
        self.rate_ = 2.0 if self.failure else 1.0
        if self.failure:
            self.half_done_ = True
            raise self.failure
        self.extra_ = len(context)

    def _field(self, points):
        return -self.rate_ * points, None

    def _field_jacobian(self, points):
        return -self.rate_ * points, np.tile(-self.rate_ * np.eye(points.shape[1]), (len(points), 1, 1))


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), MemoryError()])
def test_a_fit_that_fails_leaves_the_earlier_one(failure):
    estimator = Fragile().fit(NAMED)
    before = dict(vars(estimator))
    estimator.failure = failure
    with pytest.raises(type(failure)):
        estimator.fit([(T, np.column_stack([T, T**2]))])
    assert vars(estimator) == before | {"failure": failure}
    np.testing.assert_array_equal(estimator.predict([[2.0]]), [[-2.0]])


def test_unreadable_data_leave_the_earlier_fit():
    estimator = SparseODERegressor().fit(NAMED)
    before = dict(vars(estimator))
    with pytest.raises(TrajectoryError):
        estimator.fit([[np.nan, 1.0]])
    assert vars(estimator) == before


def test_a_second_fit_forgets_the_first_and_keeps_what_others_set():
    import pandas as pd

    estimator = Fragile()
    estimator._owned_by_a_library = "kept"
    estimator.fit(pd.DataFrame({"t": T, "a": np.exp(-T)}))
    assert list(estimator.feature_names_in_) == ["a"]
    estimator.fit(NAMED)
    assert not hasattr(estimator, "feature_names_in_")
    assert estimator._owned_by_a_library == "kept"
    assert estimator.extra_ == 1


@pytest.mark.parametrize("name", ["fim-ode", "fim-sde", "sparse-ode", "lass-ode", "coarse-graining"])
@pytest.mark.parametrize(
    "states", [[np.full((30, 2), 2.5)], [np.ones((30, 2)), np.zeros((20, 2))]], ids=["one", "one of each"]
)
def test_constants_are_refused_by_every_estimator_alike(name, states):
    with pytest.raises(
        TrajectoryError,
        match=r"^every state is the same as the first of its trajectory: constant trajectories show no dynamics$",
    ):
        make_estimator(name).fit([(np.arange(len(x)) * 0.1, x) for x in states])


def test_one_trajectory_or_variable_that_moves_is_enough():
    still = np.full_like(T, 3.0)
    Fragile().fit([(T, still), (T, np.exp(-T))])
    Fragile().fit([(T, np.column_stack([still, np.exp(-T)]))])


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_missing_values_are_no_motion(request):
    gaps = np.column_stack([np.where(T < 1, np.nan, 3.0), np.where(T < 2, 2.0, np.nan)])
    model = request.path.parents[1] / "dummy" / "lass-ode-tiny"
    forecaster = make_estimator("lass-ode", model=model, missing="keep", device="cpu")
    with pytest.raises(TrajectoryError, match="every state is the same"):
        forecaster.fit([(T, gaps)])
    gaps[-1, 0] = 4.0
    forecaster.fit([(T, gaps)])
