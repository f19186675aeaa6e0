"""Ways out: sorting, merging repeated times, leaving out what is too short; only where the user asks for them."""

import numpy as np
import pandas as pd
import pytest

from skdyn import FIMODERegressor, SparseODERegressor, Trajectories, TrajectoryError

T = np.arange(6.0)
X = np.column_stack([np.cos(T), np.sin(T)])


@pytest.mark.parametrize("form", ["pairs", "frame", "polars"])
def test_sorting(form):
    order = [3, 0, 5, 1, 4, 2]
    frame = pd.DataFrame({"t": T[order], "a": X[order, 0], "b": X[order, 1]})
    given = {"pairs": [(T[order], X[order])], "frame": frame}
    if form == "polars":
        given["polars"] = pytest.importorskip("polars").from_pandas(frame)
    with pytest.raises(TrajectoryError, match=r"time decreases.*pass sort=True to put the points in order"):
        Trajectories(given[form])
    read = Trajectories(given[form], sort=True)
    np.testing.assert_array_equal(read.times[0], T)
    np.testing.assert_array_equal(read.states[0], X)


@pytest.mark.parametrize(("how", "expected"), [("mean", 1.5), ("first", 1.0)])
def test_repeated_times(how, expected):
    t, x = np.array([0.0, 1.0, 1.0, 2.0]), np.array([[0.0], [1.0], [2.0], [0.5]])
    with pytest.raises(TrajectoryError, match=r"time repeats.*pass duplicates='mean' to average such points"):
        Trajectories([(t, x)])
    read = Trajectories([(t, x)], duplicates=how)
    np.testing.assert_array_equal(read.states[0].ravel(), [0.0, expected, 0.5])
    np.testing.assert_array_equal(read.times[0], [0, 1, 2])


def test_a_mean_uses_what_is_there():
    t, x = np.array([0.0, 1.0, 1.0, 2.0]), np.array([[0.0], [np.nan], [2.0], [0.5]])
    np.testing.assert_array_equal(Trajectories([(t, x)], duplicates="mean").states[0].ravel(), [0.0, 2.0, 0.5])


def test_rows_of_errors_are_those_that_were_given():
    x = X.copy()
    x[4, 1] = np.nan
    order = [3, 0, 5, 1, 4, 2]
    with pytest.raises(TrajectoryError, match="trajectory 0, row 4, column 1: the state is NaN"):
        Trajectories([(T[order], x[order])], sort=True)


def test_trajectories_that_are_too_short_are_left_out_with_one_warning():
    one, gap = (np.array([0.0]), np.ones((1, 2))), (T[:3], np.array([[1, np.nan], [np.nan, 2], [1.0, 3.0]]))
    with pytest.raises(TrajectoryError, match=r"trajectory 1 has 1 sample; .* pass Trajectories\(X, missing='drop'\)"):
        Trajectories([(T, X), one])
    with pytest.warns(UserWarning, match=r"2 of 4 trajectories are left out.*\(the first is 1\)") as caught:
        read = Trajectories([(T, X), one, gap, (T, 2 * X)], missing="drop")
    assert len(caught) == 1
    assert read.ids == (0, 3)
    with pytest.raises(TrajectoryError, match="fewer than 2 rows are left"):
        Trajectories([one, gap], missing="drop")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort": "yes"}, "sort must be True or False"),
        ({"duplicates": "last"}, "duplicates must be 'raise', 'mean' or 'first', got 'last'"),
        ({"missing": "fill"}, "missing must be 'raise' or 'drop'"),
        ({"missing": "keep"}, "got 'keep'; Trajectories.with_gaps and from_dataframe can keep such rows"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(TrajectoryError, match=message):
        Trajectories([(T, X)], **options)


def test_more_trajectories_than_the_context_holds_are_sampled(dummy_folder):
    rng = np.random.default_rng(0)
    many = [(np.arange(4.0), rng.normal(size=(4, 2)).cumsum(0)) for _ in range(300)]
    estimator = FIMODERegressor(dummy_folder, device="cpu", max_context=200)
    with pytest.warns(UserWarning, match="50 of 300 trajectories, evenly, are encoded"):
        estimator.fit(many)
    assert len(estimator.context_) == 300
    assert np.isfinite(estimator.predict([[0.0, 0.0]])).all()


def test_names_of_one_context_agree():
    first, second = (pd.DataFrame(X, columns=names).assign(t=T) for names in (["a", "b"], ["b", "a"]))
    both = Trajectories([*Trajectories(first), *Trajectories(second)])
    np.testing.assert_array_equal(both.states[1], X[:, ::-1])
    other = Trajectories(first.rename(columns={"a": "z"}))
    with pytest.raises(TrajectoryError, match=r"trajectory 1 has the variables .*unknown: 'z'; missing: 'a'"):
        Trajectories([*Trajectories(first), *other])


def test_a_table_in_cross_validation_is_noticed():
    from sklearn.model_selection import cross_val_score

    t = np.linspace(0, 6, 60)
    circle = np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)])
    for table in (circle, pd.DataFrame(circle, columns=["a", "b"]).assign(t=t)):
        with pytest.warns(UserWarning, match=r"splits a table by rows: a trajectory is torn apart.*Pass Trajectories"):
            cross_val_score(SparseODERegressor(), table, cv=2)
    scores = cross_val_score(SparseODERegressor(), Trajectories([(t, circle)]).windows(20), cv=3)
    assert (scores > 0.9).all()


@pytest.mark.parametrize("how", ["mean", "first"])
def test_parameters_are_not_merged_with_others(how):
    frame = pd.DataFrame({"t": np.repeat(T, 3), "x": np.cos(np.arange(18.0)), "dose": 0.1})
    read = Trajectories.from_dataframe(frame, parameters=["dose"], duplicates=how)
    assert read.parameters.tolist() == [[0.1]]
    frame["dose"] = np.tile([1.0, 3.0, 1.0], 6)
    with pytest.raises(
        TrajectoryError, match=r"row 1, column 'dose': a parameter is constant.*tells trajectories apart"
    ):
        Trajectories.from_dataframe(frame, parameters=["dose"], duplicates=how)


def test_infinities_are_not_averaged():
    t, x = np.array([0.0, 1.0, 1.0, 2.0]), np.array([[0.0], [np.inf], [-np.inf], [0.5]])
    with pytest.raises(TrajectoryError, match="row 1, column 0: the state is infinity"):
        Trajectories([(t, x)], duplicates="mean", missing="drop")


def test_a_parameter_of_a_row_that_is_left_out_does_not_matter():
    frame = pd.DataFrame({"t": range(5), "x": [1.0, 2.0, np.nan, 4.0, 6.0], "dose": [1.0, 1.0, 0.0, 1.0, 1.0]})
    read = Trajectories.from_dataframe(frame, parameters=["dose"], missing="drop")
    assert (read.times[0].tolist(), read.parameters[0].tolist()) == ([0, 1, 3, 4], [1.0])
