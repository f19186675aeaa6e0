"""Names of variables are checked by every method that takes states or trajectories."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skdyn import FIMODERegressor, FIMSDERegressor, LASSODEForecaster, SparseODERegressor, Trajectories

T = np.linspace(0, 10, 60)
FRAME = pd.DataFrame({"t": T, "a": np.cos(2 * T), "b": -2 * np.sin(2 * T)})
STATES = FRAME[["a", "b"]][:3]
SWAPPED, OTHER = STATES[["b", "a"]], STATES.rename(columns={"a": "zzz"})


@pytest.fixture(scope="module", params=["ode", "sde", "sparse"])
def fitted(request, dummy_folder):
    sde = str(dummy_folder.parent / "fim-sde-16d")
    estimator = {
        "ode": FIMODERegressor(str(dummy_folder), device="cpu"),
        "sde": FIMSDERegressor(sde, device="cpu"),
        "sparse": SparseODERegressor(),
    }[request.param]
    return estimator.fit(FRAME)


def methods(estimator):
    yield estimator.predict
    yield estimator.vector_field
    yield estimator.jacobian
    if hasattr(estimator, "diffusion"):
        yield estimator.diffusion


def test_states_are_put_in_order_by_name(fitted):
    for method in methods(fitted):
        expected = method(STATES.to_numpy())
        for form in (STATES, SWAPPED, pl.from_pandas(SWAPPED)):
            np.testing.assert_array_equal(method(form), expected)
        with pytest.raises(ValueError, match="unknown: 'zzz'; missing: 'a'"):
            method(OTHER)
        with pytest.raises(ValueError, match="missing: 'b'"):
            method(STATES[["a"]])


def test_one_state_by_name(fitted):
    settings = {"random_state": 0} if hasattr(fitted, "diffusion") else {}
    plain = fitted.simulate(STATES.to_numpy()[0], T[:3], **settings)
    np.testing.assert_array_equal(fitted.simulate(SWAPPED.iloc[0], T[:3], **settings), plain)
    np.testing.assert_array_equal(fitted.simulate(SWAPPED[:1], T[:3], **settings)[0], plain)
    with pytest.raises(ValueError, match="unknown: 'zzz'"):
        fitted.simulate(OTHER.iloc[0], T[:3], **settings)


def test_trajectories_are_put_in_order_by_name(fitted):
    swapped = FRAME[["t", "b", "a"]]
    expected = fitted.score(FRAME)
    assert fitted.score(swapped) == expected
    assert fitted.score(list(Trajectories(swapped))) == expected
    assert fitted.score([(T, FRAME[["a", "b"]].to_numpy())]) == expected
    with pytest.raises(ValueError, match="unknown: 'zzz'; missing: 'a'"):
        fitted.score(FRAME.rename(columns={"a": "zzz"}))


@pytest.mark.filterwarnings("ignore::skdyn.ForecastWarning")  # random weights forecast nothing near the states
def test_forecasters_too(dummy_folder):
    forecaster = LASSODEForecaster(str(dummy_folder.parent / "lass-ode-tiny"), device="cpu")
    forecaster.fit(FRAME)
    assert forecaster.score(FRAME[["t", "b", "a"]]) == forecaster.score(FRAME)
    np.testing.assert_array_equal(forecaster.vector_field(SWAPPED), forecaster.vector_field(STATES.to_numpy()))
    with pytest.raises(ValueError, match="unknown: 'zzz'"):
        forecaster.score(FRAME.rename(columns={"a": "zzz"}))


def test_plain_arrays_cause_no_warning(fitted):
    for method in methods(fitted):  # warnings are errors here
        method(STATES.to_numpy())


def test_a_fit_without_names_takes_any():
    estimator = SparseODERegressor().fit([(T, FRAME[["a", "b"]].to_numpy())])
    np.testing.assert_array_equal(estimator.predict(OTHER), estimator.predict(OTHER.to_numpy()))
