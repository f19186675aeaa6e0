"""Warnings point at the user's line, from however deep inside and through scikit-learn too."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skdyn import FIMODERegressor, FIMSDERegressor, LASSODEForecaster, SparseODERegressor

T = np.linspace(0, 12, 200)
CIRCLE = [(T, np.column_stack([np.cos(T), -np.sin(T)]))]
LONG = np.linspace(0, 20, 2500)
LONG_CIRCLE = [(LONG, np.column_stack([np.cos(LONG), -np.sin(LONG)]))]
DECAY = np.exp(-0.5 * T)


@pytest.fixture(scope="module")
def models(dummy_folder):
    folder = dummy_folder.parent
    return {
        "ode": FIMODERegressor(model=str(dummy_folder), device="cpu"),
        "sde": FIMSDERegressor(model=str(folder / "fim-sde-16d"), device="cpu"),
        "forecaster": LASSODEForecaster(model=str(folder / "lass-ode-tiny"), device="cpu", ensemble=None),
        "sparse": SparseODERegressor(),
    }


def thinned_context(models):
    clone(models["ode"]).set_params(max_context=100).fit(CIRCLE)


def thinned_context_in_a_pipeline(models):
    make_pipeline(clone(models["ode"]).set_params(max_context=100)).fit(CIRCLE)


def thinned_sparse_fit(models):
    clone(models["sparse"]).fit(LONG_CIRCLE)


def dependent_variables(models):
    clone(models["sparse"]).fit([(T, np.column_stack([DECAY, 1 - DECAY]))])


def leaving_the_box(models):
    sparse = clone(models["sparse"]).fit(CIRCLE)
    sparse.simulate([9.0, 9.0], [0.0, 1.0])


def diverging(models):
    ode = clone(models["ode"]).fit(CIRCLE)
    ode.simulate([1.0, 0.0], np.linspace(0, 5, 20), bound=1e-3)


def diverging_paths(models):
    sde = clone(models["sde"]).fit(CIRCLE)
    sde.simulate([1.0, 0.0], np.linspace(0, 5, 20), bound=1e-3, random_state=0)


def states_outside_the_grid(models):
    sde = clone(models["sde"]).fit(CIRCLE)
    narrow = [np.linspace(-0.5, 0.5, 5), np.linspace(-0.5, 0.5, 5)]
    sde.stationary_density(narrow, method="simulation", n_paths=50, random_state=0)


def little_support(models):
    clone(models["forecaster"]).fit([(T[:5], np.cos(T[:5]))])


def far_from_the_forecast(models):
    forecaster = clone(models["forecaster"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forecaster.fit(CIRCLE)
    forecaster.vector_field([[90.0, 90.0]])


CALLS = [
    thinned_context,
    thinned_context_in_a_pipeline,
    thinned_sparse_fit,
    dependent_variables,
    leaving_the_box,
    diverging,
    diverging_paths,
    states_outside_the_grid,
    little_support,
    far_from_the_forecast,
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_warnings_point_at_the_user_s_line(call, models):
    lines, first = inspect.getsourcelines(call)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(models)
    assert caught
    for warning in caught:
        assert warning.filename == __file__
        assert warning.lineno == first + len(lines) - 1, str(warning.message)
