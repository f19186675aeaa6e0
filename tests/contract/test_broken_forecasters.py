"""Each check of the forecasters' contract can fail: for every one there is a forecaster that only it need catch."""

import socket
import threading

import numpy as np
import pytest

from skdyn import LASSODEForecaster, PluginError
from skdyn.testing import check_forecaster, forecaster_checks
from tests.contract.test_forecaster_contract import DUMMY

Sound = LASSODEForecaster


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


class SavesTwoSeries(Sound):
    def save(self, folder):
        Sound(self.model, device="cpu").fit(list(self.context_)[:2]).save(folder)

    @classmethod
    def load(cls, folder):
        return Sound.load(folder)


class KnowsItsThreadAlone(Sound):
    def fit(self, X, y=None, *, t=None):
        self.thread_ = threading.get_ident()
        return super().fit(X, y, t=t)

    def predict(self, X=None, **options):
        return super().predict(X, **options) * (threading.get_ident() == self.thread_)


class CallsHome(Sound):
    def fit(self, X, y=None, *, t=None):
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", 9))
        return super().fit(X, y, t=t)


class DrawsFromNumPy(Sound):
    def fit(self, X, y=None, *, t=None):
        np.random.random()  # noqa: NPY002
        return super().fit(X, y, t=t)


class IgnoresTimes(Sound):
    def fit(self, X, y=None, *, t=None):
        return super().fit(X, y)


class FlattensSeries(Sound):
    def derivative(self, X=None, **options):
        return super().derivative(X, **options).reshape(-1, self.n_features_in_)


class ForecastsDependOnOthers(Sound):
    def predict(self, X=None, **options):
        answer = super().predict(X, **options)
        return answer + np.mean(answer[0]) if isinstance(answer, np.ndarray) and answer.ndim == 3 else answer


class ForecastsDependOnOtherTimes(Sound):
    def predict(self, X=None, **options):
        answer = super().predict(X, **options)
        return answer + answer.mean(axis=0)


class AddsOne(Sound):
    def predict(self, X=None, **options):
        return super().predict(X, **options) + 1


class AddsOneToDerivatives(Sound):
    def derivative(self, X=None, **options):
        return super().derivative(X, **options) + 1


class DoublesDerivatives(Sound):
    def derivative(self, X=None, **options):
        return 2 * super().derivative(X, **options)


class HasNoCurves(Sound):
    def _reference_curves(self):
        return []


class FieldOfNaN(Sound):
    def vector_field(self, points):
        return super().vector_field(points) * np.nan


class MovesItsTimes(Sound):
    def predict(self, X=None, **options):
        answer = super().predict(X, **options)
        if isinstance(X, np.ndarray):
            X -= X[0]
        return answer


class CrossingQuantiles(Sound):
    def predict(self, X=None, *, horizon=None, quantiles=None):
        answer = super().predict(X, horizon=horizon, quantiles=quantiles)
        return answer[..., ::-1] if isinstance(answer, np.ndarray) and quantiles is not None else answer


class OverflowsFarAhead(Sound):
    def predict(self, X=None, **options):
        answer = super().predict(X, **options)
        return np.where(np.reshape(X, (-1, 1)) > 100, np.inf, answer) if options.get("horizon") is None else answer


class ScoresNaN(Sound):
    def score(self, X, y=None, *, t=None):
        return float("nan")


class AnswersBothQuestions(Sound):
    def predict(self, X=None, *, horizon=None, quantiles=None):
        return super().predict(X, horizon=horizon if X is None else None, quantiles=quantiles)


BROKEN = [
    (ReturnsNothing, "check_fit_returns_self"),
    (MutatesItsInput, "check_inputs_unchanged"),
    (MovesItsTimes, "check_inputs_unchanged"),
    (ForgetsNothing, "check_refit_forgets"),
    (PicklesItsWeights, "check_pickle"),
    (SavesTwoSeries, "check_save_and_load"),
    (KnowsItsThreadAlone, "check_threads"),
    (CallsHome, "check_no_network"),
    (DrawsFromNumPy, "check_global_state"),
    (IgnoresTimes, "check_accepted_forms"),
    (FlattensSeries, "check_shapes"),
    (ForecastsDependOnOthers, "check_nothing_but_the_prefix_matters"),
    (ForecastsDependOnOtherTimes, "check_grid_invariance"),
    (AddsOne, "check_equivariance"),
    (AddsOneToDerivatives, "check_equivariance"),
    (DoublesDerivatives, "check_derivative"),
    (FieldOfNaN, "check_field_beside_the_forecast"),
    (CrossingQuantiles, "check_quantiles_are_sorted"),
    (OverflowsFarAhead, "check_any_horizon"),
    (ScoresNaN, "check_score"),
    (AnswersBothQuestions, "check_errors"),
]


@pytest.mark.parametrize(("broken", "name"), BROKEN)
def test_broken_forecasters_are_caught(broken, name):
    with pytest.raises(AssertionError):
        dict(forecaster_checks())[name](broken(DUMMY, device="cpu", ensemble=None))


def test_a_forecaster_without_curves_is_told_which_method_gives_them():
    with pytest.raises(PluginError, match="`_reference_curves` of the forecaster returned none"):
        dict(forecaster_checks())["check_field_beside_the_forecast"](HasNoCurves(DUMMY, device="cpu", ensemble=None))


def test_times_of_the_suite_survive_a_forecaster_that_moves_them():
    with pytest.raises(AssertionError, match="MovesItsTimes fails check_inputs_unchanged: predict changes in place"):
        check_forecaster(MovesItsTimes(DUMMY, device="cpu", ensemble=None))
    check = dict(forecaster_checks())["check_shapes"]
    with pytest.raises(ValueError, match="read-only"):
        check(MovesItsTimes(DUMMY, device="cpu", ensemble=None))
    check(Sound(DUMMY, device="cpu", ensemble=None))


def test_each_check_has_something_to_catch():
    assert {name for _, name in BROKEN} == {name for name, _ in forecaster_checks()}


def test_the_whole_suite_names_the_failure():
    with pytest.raises(AssertionError, match="CrossingQuantiles fails check_quantiles_are_sorted"):
        check_forecaster(CrossingQuantiles(DUMMY, device="cpu", ensemble=None))
