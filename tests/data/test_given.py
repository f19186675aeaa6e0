"""Inputs and parameters at the door: read by role, kept by every copy, refused where they cannot be."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from skdyn import Trajectories, Trajectory, TrajectoryError
from skdyn.data.asked import read_asked
from skdyn.data.given import Given
from skdyn.data.table import read_csv
from skdyn.preprocessing import PerVariable

T = np.linspace(0.0, 2.0, 6)


def doses(count=3, interpolation="linear"):
    """Trajectories of two variables with one input and two parameters."""
    return Trajectories(
        [
            Trajectory(T, np.column_stack([np.exp(-k * T), k * T]), ("a", "b"), f"p{k}", u=np.sin(k * T),
                       p=[k, 10.0 * k], input_names=["rate"], parameter_names=["dose", "weight"],
                       interpolation=interpolation)
            for k in range(1, count + 1)
        ]
    )  # fmt: skip


def same(first, second):
    assert first.given == second.given
    assert first.feature_names == second.feature_names
    assert first.ids == second.ids
    for name in ("times", "states", "outside"):
        for a, b in zip(getattr(first, name), getattr(second, name), strict=True):
            np.testing.assert_array_equal(a, b)


def test_triples_have_inputs():
    X = Trajectories([(T, np.exp(-T), np.sin(T)), (T, np.exp(-2 * T), np.column_stack([np.cos(T)]))])
    assert X.input_names == ("u0",)
    assert X.parameters.shape == (2, 0)
    np.testing.assert_array_equal(X.inputs[1], np.cos(T)[:, None])
    assert repr(X) == "Trajectories(2 trajectories, 12 points, 1 variable; inputs: u0)"
    assert Trajectories((T, np.exp(-T)[:, None], np.sin(T))).input_names == ("u0",)


def test_what_is_given_travels_with_every_copy(tmp_path):
    X = doses(interpolation="previous")
    np.testing.assert_array_equal(X.parameters, [[1, 10], [2, 20], [3, 30]])
    same(Trajectories(list(X)), X)
    same(Trajectories([pickle.loads(pickle.dumps(item)) for item in X]), X)
    same(pickle.loads(pickle.dumps(X)), X)
    same(Trajectories(X.to_dataframe()), X)
    train, _ = next(KFold(3).split(X))
    np.testing.assert_array_equal(X[train].parameters, X.parameters[train])
    windows = X.windows(3)
    assert windows.given == X.given
    np.testing.assert_array_equal(windows.inputs[1], X.inputs[0][3:])
    np.testing.assert_array_equal(windows.parameters[:2], X.parameters[[0, 0]])
    scaled = PerVariable(_Doubled()).fit_transform(X)
    np.testing.assert_array_equal(scaled.inputs[2], X.inputs[2])
    assert scaled.given == X.given


class _Doubled(BaseEstimator):
    """A transformer of states."""

    def fit(self, X):
        return self

    def transform(self, X):
        return 2 * X


def test_tables_say_which_columns_are_given(tmp_path):
    X = doses()
    frame = X.to_dataframe()
    frame.attrs = {}
    roles = {"inputs": ["rate"], "parameters": ["dose", "weight"]}
    same(Trajectories.from_dataframe(frame, **roles), X)
    frame.to_csv(tmp_path / "doses.csv", index=False)
    same(read_csv(tmp_path / "doses.csv", **roles), X)


def test_gaps_in_inputs_are_treated_as_gaps_in_states():
    frame = doses(1).to_dataframe()
    frame.loc[2, "rate"] = np.nan
    with pytest.raises(TrajectoryError, match="row 2, column 'rate': the state is NaN; pass missing='drop'"):
        Trajectories(frame)
    assert len(Trajectories(frame, missing="drop").times[0]) == 5
    with pytest.raises(TrajectoryError, match="row 2, column 'rate': the input is nan, not finite"):
        Trajectories.with_gaps(frame)


def frame_with(**columns):
    return doses(2).to_dataframe().assign(**columns)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Trajectories([(T, T, T[:-1])]), r"the inputs of trajectory 0 have shape \(5,\): expected \(6, U\)"),
        (lambda: Trajectories([(T, T, T), (T, T)]), "trajectory 1 has the inputs"),
        (lambda: Trajectories([(T, T, [[1.0, 2.0], [3.0]])]), "the inputs of trajectory 0 cannot be read as an array"),
        (lambda: Trajectories([Trajectory(T, T, p=[[1.0]])]), r"parameters of trajectory 0 have shape \(1, 1\)"),
        (lambda: Trajectory(T, T, u=T, input_names=["a", "b"]), "input_names must be 1 names"),
        (lambda: Trajectories([Trajectory(T, T, ("a",), u=T, input_names=["a"])]), "'a' is the name of two variables"),
        (lambda: Trajectories([(T, T, T)], interpolation="cubic"), "interpolation must be 'linear' or 'previous'"),
        (lambda: Trajectories.from_dataframe(frame_with(), inputs=["speed"]), "has no column 'speed'"),
        (lambda: Trajectories.from_dataframe(frame_with(), inputs="rate"), "inputs must be a list of names"),
        (lambda: Trajectories.from_dataframe(frame_with(), inputs=["rate"], features=["a", "rate"]), "'rate' is given"),
        (
            lambda: Trajectories.from_dataframe(frame_with(dose=np.arange(12.0)), parameters=["dose", "weight"]),
            "row 1, column 'dose': a parameter is constant within a trajectory, but this one changes from 0.0 to 1.0",
        ),
        (
            lambda: Trajectories(pd.DataFrame(frame_with()[["id", "t", "a", "dose"]].to_dict("list"))),
            r"parameters=\['dose'\]\) if the dynamics depend on it",
        ),
    ],
)
def test_what_cannot_be_given_is_refused(call, message):
    with pytest.raises(TrajectoryError, match=message):
        call()


def test_a_dropped_column_is_no_longer_given():
    left = doses().to_dataframe().drop(columns=["weight"])
    assert Trajectories(left).given == Given(("rate",), ("dose",))


@settings(max_examples=40)
@given(st.integers(0, 3), st.integers(0, 3), st.lists(st.integers(1, 4), max_size=2), st.integers(0, 2**32 - 1))
def test_values_asked_for_are_broadcast_and_named(n_inputs, n_parameters, shape, seed):
    rng = np.random.default_rng(seed)
    names = Given(tuple(f"u{i}" for i in range(n_inputs)), tuple(f"p{i}" for i in range(n_parameters)))
    inputs, parameters = rng.normal(size=(*shape, n_inputs)), rng.normal(size=n_parameters)
    asked = read_asked(inputs if n_inputs else None, parameters if n_parameters else None, names, tuple(shape))
    assert asked.shape == (*shape, n_inputs + n_parameters)
    np.testing.assert_array_equal(asked[..., :n_inputs], inputs)
    np.testing.assert_array_equal(asked[..., n_inputs:], np.broadcast_to(parameters, (*shape, n_parameters)))
    by_name = {name: inputs[..., i] for i, name in reversed(list(enumerate(names.inputs)))}
    again = read_asked(by_name or None, parameters if n_parameters else None, names, tuple(shape))
    np.testing.assert_array_equal(again, asked)
