"""Estimators of which the methods contradict each other, each caught by the check that is named beside it."""

import numpy as np
import pytest

from skdyn import FIMSDERegressor, SparseODERegressor
from skdyn.testing import dynamics_checks
from tests.contract.test_contract import DUMMY_SDE

Sound = FIMSDERegressor


class FasterAlone(Sound):
    def _velocity(self, points):
        return 7 * super()._velocity(points)


class AnotherFieldBesideItsJacobian(Sound):
    def _field_jacobian(self, points):
        field, jacobian = super()._field_jacobian(points)
        return 3 * field + 1, 3 * jacobian


class AnotherFieldBesideItsScale(Sound):
    def _field(self, points):
        field, scale = super()._field(points)
        return 2 * field, scale


class HalvesJacobians(Sound):
    def _field_jacobian(self, points):
        field, jacobian = super()._field_jacobian(points)
        return field / 2, jacobian / 2


class ErrorsOf(Sound):
    def _drift_and_diffusion(self, points):
        drift, diffusion, scale, of_diffusion = super()._drift_and_diffusion(points)
        return drift, diffusion, *self._errors_of(scale, of_diffusion)


class NegativeErrors(ErrorsOf):
    def _errors_of(self, scale, of_diffusion):
        return -scale, of_diffusion


class ErrorsByBatch(ErrorsOf):
    def _errors_of(self, scale, of_diffusion):
        return scale * len(scale), of_diffusion


class OneErrorForAllVariables(ErrorsOf):
    def _errors_of(self, scale, of_diffusion):
        return scale[:, 0], of_diffusion


class ErrorsThatAreNoNumbers(ErrorsOf):
    def _errors_of(self, scale, of_diffusion):
        return scale * np.nan, of_diffusion


class NegativeErrorsOfDiffusion(ErrorsOf):
    def _errors_of(self, scale, of_diffusion):
        return scale, -of_diffusion


class MovesItsPoints(Sound):
    def _drift_and_diffusion(self, points):
        answer = super()._drift_and_diffusion(points)
        points *= 0
        return answer


class SimulatesNothing(Sound):
    def simulate(self, x0, t, **settings):
        paths = super().simulate(x0, t, **settings)
        paths[..., 1:, :] = np.nan
        return paths


class StandsStill(SparseODERegressor):
    def simulate(self, x0, t, **settings):
        return np.repeat(np.asarray(x0)[..., None, :], len(t), axis=-2)


BROKEN_AGREEMENT = [
    (FasterAlone, "check_methods_agree"),
    (AnotherFieldBesideItsJacobian, "check_methods_agree"),
    (AnotherFieldBesideItsScale, "check_methods_agree"),
    (HalvesJacobians, "check_jacobian_is_the_derivative"),
    (NegativeErrors, "check_error_scale"),
    (ErrorsByBatch, "check_error_scale"),
    (OneErrorForAllVariables, "check_error_scale"),
    (ErrorsThatAreNoNumbers, "check_error_scale"),
    (NegativeErrorsOfDiffusion, "check_error_scale"),
    (MovesItsPoints, "check_points_unchanged"),
    (SimulatesNothing, "check_simulation_follows_the_field"),
]


@pytest.mark.parametrize(("broken", "name"), BROKEN_AGREEMENT)
def test_contradictions_are_caught(broken, name):
    estimator = broken(DUMMY_SDE, device="cpu")
    with pytest.raises(AssertionError):
        dict(dynamics_checks(estimator))[name](estimator)


def test_a_simulation_that_stands_still_is_caught():
    check = dict(dynamics_checks(StandsStill()))["check_simulation_follows_the_field"]
    with pytest.raises(AssertionError, match="the velocity of simulated paths differs"):
        check(StandsStill())
