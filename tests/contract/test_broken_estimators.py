"""Each check of the contract can fail: for every one there is an estimator of a field that only it need catch."""

import contextlib
import random
import socket
import threading
import warnings

import numpy as np
import pytest
import torch

from skdyn import FIMSDERegressor, SparseODERegressor, Trajectories, Trajectory
from skdyn.testing import check_dynamics_estimator, dynamics_checks, example_trajectories
from skdyn.testing.common import run_checks
from skdyn.testing.driven import INPUT_CHECKS
from tests.contract.test_broken_agreement import BROKEN_AGREEMENT
from tests.contract.test_contract import DUMMY_SDE

Sound = FIMSDERegressor  # an SDE, so that every check applies to what is broken below


class ReturnsNothing(Sound):
    def fit(self, X, y=None, *, t=None):
        super().fit(X, y, t=t)


class MutatesItsInput(Sound):
    def fit(self, X, y=None, *, t=None):
        super().fit(X, y, t=t)
        for _, x in X:
            if x.flags.writeable:
                x *= 2
        return self


class ForgetsNothing(Sound):
    def fit(self, X, y=None, *, t=None):
        return self if hasattr(self, "context_") else super().fit(X, y, t=t)


class PicklesItsWeights(Sound):
    def fit(self, X, y=None, *, t=None):
        self.table_ = np.zeros(200_000)
        return super().fit(X, y, t=t)


class SavesOneTrajectory(Sound):
    def save(self, folder):
        Sound(self.model, device="cpu").fit(list(self.context_)[:1]).save(folder)

    @classmethod
    def load(cls, folder):
        return Sound.load(folder)


class KnowsItsThreadAlone(Sound):
    def fit(self, X, y=None, *, t=None):
        self.thread_ = threading.get_ident()
        return super().fit(X, y, t=t)

    def predict(self, X):
        return super().predict(X) * (threading.get_ident() == self.thread_)


class CallsHome(Sound):
    def fit(self, X, y=None, *, t=None):
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", 9))
        return super().fit(X, y, t=t)


class DrawsFromNumPy(Sound):
    def fit(self, X, y=None, *, t=None):
        np.random.random()  # noqa: NPY002
        return super().fit(X, y, t=t)


class CallsHomeAndHidesIt(Sound):
    def fit(self, X, y=None, *, t=None):
        with contextlib.suppress(Exception):
            socket.create_connection(("127.0.0.1", 9), timeout=0.1)
        return super().fit(X, y, t=t)


class SeedsPython(Sound):
    def fit(self, X, y=None, *, t=None):
        random.seed(3)
        return super().fit(X, y, t=t)


class SeedsNumPy(Sound):
    def fit(self, X, y=None, *, t=None):
        np.random.seed(3)  # noqa: NPY002
        return super().fit(X, y, t=t)


class SeedsTorch(Sound):
    def fit(self, X, y=None, *, t=None):
        torch.manual_seed(3)
        return super().fit(X, y, t=t)


class HidesErrorsOfNumPy(Sound):
    def fit(self, X, y=None, *, t=None):
        np.seterr(all="ignore")
        return super().fit(X, y, t=t)


class HidesWarnings(Sound):
    def fit(self, X, y=None, *, t=None):
        warnings.simplefilter("ignore")
        return super().fit(X, y, t=t)


class LosesNames(Sound):
    @classmethod
    def load(cls, folder):
        loaded = super().load(folder)
        del loaded.feature_names_in_
        return loaded


class ChangesWhatItPredicts(Sound):
    def predict(self, X):
        answer = super().predict(X)
        X *= 0
        return answer


class PromisesAnotherSymmetry(Sound):
    symmetries = frozenset({"Time", "affine"})


class PromisesAText(Sound):
    symmetries = "affine"


class IgnoresTimes(Sound):
    def fit(self, X, y=None, *, t=None):
        return super().fit(X, y)


class HalvesUnitSteps(Sound):
    def fit(self, X, y=None, *, t=None):
        return super().fit(X, y, t=0.5 if isinstance(X, np.ndarray) and X.ndim == 2 else t)


class FlattensGrids(Sound):
    def vector_field(self, points, return_std=False):
        return super().vector_field(points, return_std).reshape(-1, self.n_features_in_)


class TransposesJacobians(Sound):
    def jacobian(self, points):
        return super().jacobian(points).swapaxes(-1, -2)


class ReadsTheFirstTrajectory(Sound):
    def fit(self, X, y=None, *, t=None):
        return super().fit(X[:1], y, t=t)


class AnswersDependOnBatch(Sound):
    def vector_field(self, points, return_std=False):
        field = super().vector_field(points, return_std)
        return field + field.mean(axis=0)


class ScoresNaN(Sound):
    def score(self, X, y=None, *, t=None):
        return float("nan")


class FillsHoles(Sound):
    def vector_field(self, points, return_std=False):
        return super().vector_field(np.nan_to_num(points), return_std)


class AddsOne(Sound):
    def predict(self, X):
        return super().predict(X) + 1


class DiffusionOfOne(Sound):
    def diffusion(self, points, return_std=False, **settings):
        return np.ones_like(super().diffusion(points, return_std, **settings))


class NegativeDiffusion(Sound):
    def diffusion(self, points, return_std=False, **settings):
        return -super().diffusion(points, return_std, **settings)


class OneSeedForAll(Sound):
    def simulate(self, x0, t, *, random_state=None, **settings):
        return super().simulate(x0, t, random_state=0, **settings)


class NegativeNoise(Sound):
    @property
    def noise_(self):
        return super().noise_ - 1


class CountsCells(Sound):
    def stationary_density(self, grid, **settings):
        density = super().stationary_density(grid, **settings)
        return density / density.sum()


class TakesInputsAndDropsThem(Sound):
    def _read(self, X, t):
        return super()._read([(time, x) for time, x in X], t)


BROKEN = [
    (ReturnsNothing, "check_fit_returns_self"),
    (MutatesItsInput, "check_inputs_unchanged"),
    (ChangesWhatItPredicts, "check_inputs_unchanged"),
    (ForgetsNothing, "check_refit_forgets"),
    (PicklesItsWeights, "check_pickle"),
    (SavesOneTrajectory, "check_save_and_load"),
    (LosesNames, "check_save_and_load"),
    (KnowsItsThreadAlone, "check_threads"),
    (CallsHome, "check_no_network"),
    (CallsHomeAndHidesIt, "check_no_network"),
    (DrawsFromNumPy, "check_global_state"),
    (SeedsPython, "check_global_state"),
    (SeedsNumPy, "check_global_state"),
    (SeedsTorch, "check_global_state"),
    (HidesErrorsOfNumPy, "check_global_state"),
    (HidesWarnings, "check_global_state"),
    (PromisesAnotherSymmetry, "check_symmetries_are_known"),
    (PromisesAText, "check_symmetries_are_known"),
    (IgnoresTimes, "check_accepted_forms"),
    (HalvesUnitSteps, "check_single_array"),
    (FlattensGrids, "check_shapes"),
    (TransposesJacobians, "check_jacobian_is_the_derivative"),
    (ReadsTheFirstTrajectory, "check_trajectory_order"),
    (AnswersDependOnBatch, "check_queries_are_independent"),
    (ScoresNaN, "check_score"),
    (FillsHoles, "check_errors"),
    (AddsOne, "check_affine_equivariance"),
    (AddsOne, "check_time_equivariance"),
    (DiffusionOfOne, "check_affine_equivariance"),
    (DiffusionOfOne, "check_time_equivariance"),
    (NegativeDiffusion, "check_stochastic_diffusion"),
    (OneSeedForAll, "check_stochastic_paths"),
    (NegativeNoise, "check_stochastic_observations"),
    (CountsCells, "check_stochastic_stationary_density"),
    (TakesInputsAndDropsThem, "check_inputs_are_refused"),
]


@pytest.mark.parametrize(("broken", "name"), BROKEN)
def test_broken_estimators_are_caught(broken, name):
    estimator = broken(DUMMY_SDE, device="cpu")
    with pytest.raises(AssertionError):
        dict(dynamics_checks(estimator))[name](estimator)


@pytest.mark.parametrize("broken", [SeedsPython, SeedsNumPy, SeedsTorch, HidesErrorsOfNumPy, HidesWarnings])
def test_what_an_earlier_fit_has_set_is_seen_when_it_is_set_again(broken):
    estimator = broken(DUMMY_SDE, device="cpu")
    check = dict(dynamics_checks(estimator))["check_global_state"]
    with warnings.catch_warnings(), np.errstate():
        estimator.fit(example_trajectories())
        with pytest.raises(AssertionError, match="changed for the whole process"):
            check(estimator)


def test_each_check_has_something_to_catch():
    caught = {name for _, name in (*BROKEN, *BROKEN_AGREEMENT)}
    assert caught == {name for name, _ in dynamics_checks(Sound())}


class IgnoresInputs(SparseODERegressor):
    def _fit(self, context):
        items = [Trajectory(t, x, ("x", "v"), u=0 * t, p=1.0, input_names=["force"], parameter_names=["stiffness"])
                 for t, x in context]  # fmt: skip
        super()._fit(Trajectories(items))


class MixesUpDerivatives(SparseODERegressor):
    def _field_jacobian(self, points):
        field, jacobian = super()._field_jacobian(points)
        return field, jacobian[..., ::-1]


class OneFieldForAllInputs(SparseODERegressor):
    def vector_field(self, points, return_std=False, *, inputs=None, parameters=None):
        return super().vector_field(points, return_std, inputs=0.0, parameters=1.5)


class SavesWithoutInputs(SparseODERegressor):
    def save(self, folder):
        SparseODERegressor().fit([(t, x) for t, x in self.context_]).save(folder)

    @classmethod
    def load(cls, folder):
        return SparseODERegressor.load(folder)


class ShapesOfStates(SparseODERegressor):
    def input_jacobian(self, points, **given):
        return super().input_jacobian(points, **given)[..., 0]


BROKEN_WITH_INPUTS = [
    (IgnoresInputs, "check_inputs_are_used"),
    (ShapesOfStates, "check_shapes_with_inputs"),
    (MixesUpDerivatives, "check_derivatives_by_inputs"),
    (SavesWithoutInputs, "check_inputs_survive"),
    (OneFieldForAllInputs, "check_errors_of_inputs"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "name"), BROKEN_WITH_INPUTS)
def test_broken_inputs_are_caught(broken, name):
    with pytest.raises((AssertionError, ValueError)):
        dict(dynamics_checks(broken()))[name](broken())


def test_each_check_of_inputs_has_something_to_catch():
    assert [name for _, name in BROKEN_WITH_INPUTS] == [check.__name__ for check in INPUT_CHECKS]


def test_the_whole_suite_names_the_failure():
    with pytest.raises(AssertionError, match="TransposesJacobians fails check_jacobian_is_the_derivative"):
        check_dynamics_estimator(TransposesJacobians(DUMMY_SDE, device="cpu"))


class PredictsOneVariable(Sound):
    def predict(self, X):
        return super().predict(X)[..., :1]


def test_a_bare_assertion_is_quoted():
    estimator = PredictsOneVariable(DUMMY_SDE, device="cpu")
    with pytest.raises(AssertionError, match=r"fails check_shapes: .*predict\(grid\[0\]\)\.shape == \(4, 2\)"):
        run_checks(estimator, iter([("check_shapes", dict(dynamics_checks(estimator))["check_shapes"])]))


def test_missing_values_are_refused_only_where_they_should_be():
    check = dict(dynamics_checks(SparseODERegressor()))["check_errors"]
    for missing in ("raise", "drop"):
        check(SparseODERegressor(missing=missing))
