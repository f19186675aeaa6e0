"""Inputs and parameters at the door: read by role, kept by every copy, refused where they cannot be."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

from skdyn import SparseODERegressor, Trajectories, Trajectory, TrajectoryError
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
    with pytest.raises(
        TrajectoryError,
        match=r"row 2, column 'rate': the input is NaN; pass Trajectories.from_dataframe\(\.\.\., missing='drop'\)",
    ):
        Trajectories(frame)
    assert len(Trajectories(frame, missing="drop").times[0]) == 5
    with pytest.raises(TrajectoryError, match="row 2, column 'rate': the input is nan, not finite"):
        Trajectories.with_gaps(frame)


def infusions(interpolation="previous"):
    """Exact concentrations under infusions of 2 h in every 8, drawn seldom: dC/dt = rate / 10 - 0.3 C."""
    t = np.arange(0, 24.01, 0.5)
    rate, conc = np.where(t % 8 < 2, 100.0, 0.0), np.zeros(len(t))
    for i in range(len(t) - 1):
        conc[i + 1] = rate[i] / 3 + (conc[i] - rate[i] / 3) * np.exp(-0.15)
    drawn = np.where(np.isin(t % 8, [1.5, 3, 5, 7]), conc, np.nan)
    return pd.DataFrame({"id": 7, "t": t, "rate": rate, "conc": drawn}), {
        "inputs": ["rate"],
        "interpolation": interpolation,
    }


@pytest.mark.parametrize("interpolation", ["previous", "linear"])
def test_rows_are_not_dropped_with_inputs_that_the_others_do_not_imply(interpolation):
    frame, roles = infusions(interpolation)
    lost = r"trajectory 0, row \d+, column 'rate': .*would be lost.*: keep them, "
    with pytest.raises(TrajectoryError, match=lost + r"Trajectories.from_dataframe\(..., missing='keep'\), for est"):
        Trajectories.from_dataframe(frame, missing="drop", **roles)
    kept = Trajectories.from_dataframe(frame, missing="keep", **roles)
    np.testing.assert_array_equal(kept.inputs[0][:, 0], frame["rate"])
    assert np.isnan(kept.states[0]).sum() == frame["conc"].isna().sum()
    with pytest.raises(TrajectoryError, match=lost + r"Trajectories.with_gaps\(X\)"):
        Trajectories(kept, missing="drop")
    assert Trajectories.from_dataframe(frame.dropna(subset=["conc"]), **roles).n_points == 12


def test_what_is_kept_is_learned_from():
    frame, roles = infusions()
    kept = Trajectories.from_dataframe(frame, missing="keep", **roles)
    equations = SparseODERegressor(library="conc,rate,1", missing="keep").fit(kept).equations()
    assert equations == ["d(conc)/dt = -0.3 conc + 0.1 rate"]


def test_doses_before_the_first_state_are_not_dropped_where_nothing_else_changes():
    frame = pd.DataFrame({"t": T, "dose": [5.0, 0, 0, 0, 0, 0], "x": [np.nan, 4, 3, 2, 1, 0.5]})
    with pytest.raises(
        TrajectoryError, match=r"row 0, column 'dose': .* its input is 5, and would be 0 .* 100% would be"
    ):
        Trajectories.from_dataframe(frame, inputs=["dose"], missing="drop")
    frame["dose"] = [5.0, 0, 1, 0, 1, 0]
    assert Trajectories.from_dataframe(frame, inputs=["dose"], missing="drop").n_points == 5


@pytest.mark.parametrize("interpolation", ["previous", "linear"])
def test_rows_are_dropped_with_inputs_that_the_others_imply(interpolation):
    t = np.arange(200.0)
    x = np.where(t % 10 == 4, np.nan, np.cos(t))
    roles = {"inputs": ["u"], "interpolation": interpolation, "missing": "drop"}
    moving = t // 5 if interpolation == "previous" else 0.3 * t
    for u in (moving, np.full(200, 0.1), np.where(np.isnan(x), np.nan, np.sin(t))):
        frame = pd.DataFrame({"t": t, "x": x, "u": u})
        assert Trajectories.from_dataframe(frame, **roles).n_points == 180
    frame = pd.DataFrame({"t": t, "x": np.where(t == 50, np.nan, np.cos(t)), "u": np.cos(3 * t)})
    with pytest.warns(UserWarning, match="row 50, column 'u': .* 1.[0-9]+% would be lost with such rows: keep them"):
        assert Trajectories.from_dataframe(frame, **roles).n_points == 199


def test_trajectories_without_two_states_are_left_out_of_what_is_kept():
    frame, roles = infusions()
    other = frame.assign(id=8, conc=np.where(frame["t"] == 3, 1.0, np.nan))
    with pytest.warns(UserWarning, match=r"1 of 2 .* hold a state \(the first is 1, id 8\)"):
        assert Trajectories.from_dataframe(pd.concat([frame, other]), missing="keep", **roles).ids == (7,)
    frame.loc[3, "rate"] = np.nan
    with pytest.raises(TrajectoryError, match=r"row 3, column 'rate': the input is nan.*frame.fillna\({'rate': 0}\)"):
        Trajectories.from_dataframe(frame, missing="keep", **roles)


def test_switches_are_numbers():
    x, on = np.exp(-T), T > 0.7
    for u in (on, list(on), pd.DataFrame({"on": on}), pl.DataFrame({"on": on})):
        np.testing.assert_array_equal(Trajectories([(T, x, u)]).inputs[0][:, 0], on)
    frame = pd.DataFrame({"t": T, "x": x, "on": on, "sick": True})
    boxed = [frame.assign(on=column) for column in (pd.array(on, "boolean"), on.astype(object))]
    for table in (frame, pl.from_pandas(frame), *boxed):
        read = Trajectories.from_dataframe(table, inputs=["on"], parameters=["sick"])
        np.testing.assert_array_equal(read.inputs[0][:, 0], on)
        assert read.parameters.tolist() == [[1.0]]
    np.testing.assert_array_equal(read_asked({"on": True}, None, Given(("on",)), ()), [1.0])


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
        (
            lambda: Trajectories.from_dataframe(frame_with(dose=["a"] * 12), parameters=["dose"]),
            r"'dose' .*pandas.get_dummies\(frame, columns=\['dose'\], dtype=float\) makes a column of 0 and 1",
        ),
        (
            lambda: Trajectories.from_dataframe(frame_with(rate=pd.Categorical([1, 2] * 6)), inputs=["rate"]),
            "'rate' .*its type is category: pandas.get_dummies",
        ),
        (
            lambda: Trajectories.from_dataframe(frame_with(dose=[None, 1.0] * 6), parameters=["dose", "weight"]),
            r"row 0, column 'dose': the parameter is NaN; pass Trajectories.from_dataframe\(\.\.\., missing='drop'\)",
        ),
        (lambda: Trajectories([(T, T, np.array(list("abcdef")))]), "type <U1: inputs must be real numbers"),
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
