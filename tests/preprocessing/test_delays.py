"""Delay coordinates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skdyn import SparseODERegressor, Trajectories, Trajectory, TrajectoryError
from skdyn.preprocessing import TimeDelayEmbedding
from skdyn.preprocessing.delays import choose_delays, choose_lag

T = np.linspace(0, 20, 201)


@settings(max_examples=30)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_each_column_is_a_shifted_one(dim, delays, lag, seed):
    x = np.random.default_rng(seed).normal(size=(40, dim))
    items = [Trajectory(np.arange(40.0), x, tuple("abc"[:dim]), u=np.arange(40.0), p=3.0)]
    embedding = TimeDelayEmbedding(delays, lag).fit(items)
    found = embedding.transform(items)
    first = delays * lag
    np.testing.assert_array_equal(found.times[0], np.arange(first, 40.0))
    np.testing.assert_array_equal(found.inputs[0][:, 0], np.arange(first, 40.0))
    assert found.parameter_names == ("p0",)
    for k in range(delays + 1):
        np.testing.assert_array_equal(
            found.states[0][:, k * dim : (k + 1) * dim], x[first - k * lag : len(x) - k * lag]
        )
    assert found.feature_names == tuple(embedding.get_feature_names_out())
    np.testing.assert_array_equal(embedding.inverse_transform(found).states[0], x[first:])
    np.testing.assert_array_equal(embedding.inverse_transform(found.states[0]), x[first:])


def test_lag_and_number_of_known_systems():
    """A seventh of a cycle for an oscillation, and two or three delays for Lorenz's first variable."""
    assert choose_lag([np.cos(T)[:, None]]) in (9, 10)
    assert choose_delays([np.cos(T)[:, None]], 15) == 1

    def lorenz(_, x):
        return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

    t = np.linspace(0, 40, 2001)
    x = solve_ivp(lorenz, (0, 40), [1.0, 1.0, 20.0], t_eval=t, rtol=1e-8).y[:1].T
    lag = choose_lag([x])
    assert 0.1 <= lag * t[1] <= 0.2
    assert choose_delays([x], lag) in (2, 3)


def test_an_oscillator_whose_speed_was_not_measured():
    x = np.cos(1.5 * T)[:, None]
    pipeline = make_pipeline(TimeDelayEmbedding(n_delays=1), SparseODERegressor()).fit([(T, x)])
    assert pipeline.score([(T, 0.5 * x)]) > 0.99
    embedding, est = pipeline[0], pipeline[-1]
    embedded = embedding.transform([(T, x)])
    path = est.simulate(embedded.states[0][0], embedded.times[0])
    np.testing.assert_allclose(embedding.inverse_transform(path), x[-len(path) :], atol=0.05)
    assert clone(pipeline).get_params()["timedelayembedding__n_delays"] == 1


def test_the_number_of_delays_does_not_depend_on_units():
    def lorenz(_, x):
        return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

    x = solve_ivp(lorenz, (0, 40), [1.0, 1.0, 20.0], t_eval=np.linspace(5, 40, 2000), rtol=1e-8).y[[0, 2]].T
    expected = choose_delays([x], 7)
    for scale, shift in ((1e3, 0), (1e-3, 0), (1, 1e5)):
        assert choose_delays([x * [1, scale] + [0, shift]], 7) == expected


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ([(T, T), (2 * T, T)], {}, r"trajectory 1 has steps of 0\.2, but trajectory 0 of 0\.1: delays need the same"),
        ([(T**1.2, T)], {}, "trajectory 0 has uneven steps"),
        ([(T, np.cos(T)), (T[:5], T[:5])], {"n_delays": 3, "lag": 2}, "trajectory 1 has 5 points, but 3 delays of 2"),
        ([(T, T)], {"n_delays": 0}, "n_delays"),
        ([(T, T)], {"lag": 1.5}, "lag"),
        ([(T, T)], {"lag": "long"}, "lag"),
    ],
)
def test_what_cannot_be_embedded(items, options, message):
    with pytest.raises((TrajectoryError, ValueError, TypeError), match=message):
        TimeDelayEmbedding(**options).fit(items)


def test_other_steps_and_widths_are_refused():
    embedding = TimeDelayEmbedding(1, 5).fit([(T, np.cos(T))])
    with pytest.raises(TrajectoryError, match=r"steps of 0\.2, but the delays were chosen for steps of 0\.1"):
        embedding.transform([(2 * T, np.cos(T))])
    with pytest.raises(TrajectoryError, match="has 2 features, but TimeDelayEmbedding is expecting 1"):
        embedding.transform([(T, np.column_stack([T, T]))])
    with pytest.raises(TrajectoryError, match=r"expected \(..., 2\)"):
        embedding.inverse_transform(np.zeros((4, 3)))
    assert isinstance(embedding.transform(Trajectories([(T, np.cos(T))])), Trajectories)


def test_what_is_missing_is_dropped_by_a_call_that_takes_the_option():
    gappy = np.cos(T)
    gappy[0] = np.nan
    with pytest.raises(TrajectoryError, match=r"the state is NaN; pass Trajectories\(X, missing='drop'\) to drop"):
        TimeDelayEmbedding(1, 5).fit([(T, gappy)])
    assert TimeDelayEmbedding(1, 5).fit(Trajectories([(T, gappy)], missing="drop")).step_ == pytest.approx(0.1)


def test_times_beside_a_pipeline_go_inside_first():
    x = np.cos(T)
    with config_context(enable_metadata_routing=True):
        est = SparseODERegressor(library="x0, x1").set_fit_request(t=True)
        pipeline = make_pipeline(TimeDelayEmbedding(1, 5), est)
        with pytest.raises(TrajectoryError, match=r"In a pipeline, .* put t inside first: Trajectories\(X, t=t\)"):
            pipeline.fit([x], t=[T])
        pipeline.fit(Trajectories([x], t=[T]))
    assert pipeline.score(Trajectories([x], t=[T])) > 0.9


def test_steps_are_compared_in_their_unit():
    days, hours = (
        pd.DataFrame({"time": pd.date_range("2020-01-01", periods=80, freq=step), "a": np.cos(np.arange(80) / 5)})
        for step in ("D", "h")
    )
    of_days = Trajectories.from_dataframe(days, time_unit="day")
    in_hours = Trajectories.from_dataframe(days, time_unit="hour")
    embedding = TimeDelayEmbedding(1, 3).fit(of_days)
    assert embedding.axis_.unit == "day"
    same = embedding.transform(in_hours)
    assert same.time_unit == "hour"  # times stay as they are
    np.testing.assert_array_equal(same.states[0], embedding.transform(of_days).states[0])
    np.testing.assert_array_equal(same.times[0], in_hours.times[0][3:])
    with pytest.raises(
        TrajectoryError, match=r"steps of 0\.04\d+ days, but the delays were chosen for steps of 1 days"
    ):
        embedding.transform(Trajectories.from_dataframe(hours, time_unit="hour"))
    with pytest.raises(TrajectoryError, match="the times of X are numbers, but those of the fit are dates"):
        embedding.transform([(np.arange(80.0), days["a"])])


def test_the_way_back_goes_by_names():
    frame = pd.DataFrame({"t": T, "a": np.sin(T), "b": np.cos(T)})
    embedding = TimeDelayEmbedding(1, 2).fit(frame)
    embedded = embedding.transform(frame)
    names = embedded.feature_names[::-1]
    back = embedding.inverse_transform(embedded.in_order_of(names))
    assert back.feature_names == ("a", "b")
    np.testing.assert_array_equal(back.states[0], frame[["a", "b"]].to_numpy()[2:])
    table = pd.DataFrame(embedded.states[0], columns=embedded.feature_names)
    np.testing.assert_array_equal(embedding.inverse_transform(table[list(names)]), back.states[0])
    with pytest.raises(TrajectoryError, match="unknown: 'zzz'; missing: 'a'"):
        embedding.inverse_transform(table.rename(columns={"a": "zzz"}))
    with pytest.raises(TrajectoryError, match="X has 2 variables: expected 4 delay coordinates"):
        embedding.inverse_transform(back)
