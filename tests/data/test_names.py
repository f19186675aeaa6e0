"""Names that tables bring along order what they name, wherever a table may stand for an array."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skdyn import Trajectories, Trajectory, TrajectoryError
from skdyn.data.names import named_states

T = np.arange(5.0)
AB = pd.DataFrame({"a": T**2, "b": -T})
BA = AB[["b", "a"]]


class OwnFrame(pd.DataFrame):
    """A table as other libraries derive them."""

    @property
    def _constructor(self):
        return OwnFrame


class OwnSeries(pd.Series):
    """A column as other libraries derive them."""


class OtherTable:
    """A table of a library that is not read by name."""

    column_names = ("id", "t", "x")

    def __array__(self, dtype=None, copy=None):
        return np.zeros((5, 3))


def test_tables_of_derived_classes_are_tables():
    frame = pd.DataFrame({"id": np.repeat([0, 1], 5), "t": np.tile(T, 2), "x": np.tile(T**2, 2), "y": np.tile(-T, 2)})
    read = Trajectories(OwnFrame(frame))
    assert read.column_names == ("x", "y")
    assert len(read) == 2
    series = pd.Series(T**2, index=pd.date_range("2024-01-01", periods=5))
    np.testing.assert_array_equal(Trajectories(OwnSeries(series), time_unit="day").times[0], T)


def test_tables_of_other_libraries_are_no_arrays():
    for call in (
        lambda: Trajectories(OtherTable()),
        lambda: Trajectories([(T, OtherTable())]),
        lambda: named_states(OtherTable(), None, "X"),
    ):
        with pytest.raises(TrajectoryError, match=r"is a .*OtherTable, .*: convert it to pandas or polars"):
            call()
    pyarrow = pytest.importorskip("pyarrow")
    with pytest.raises(TrajectoryError, match=r"X is a pyarrow\.lib\.Table"):
        Trajectories(pyarrow.table({"id": [0, 0], "x": [1.0, 2.0]}))


@pytest.mark.parametrize("other", [BA, pl.from_pandas(BA)])
def test_states_of_pairs_are_put_in_order(other):
    for pairs in (
        [(T, AB), (T, other)],
        [Trajectory(T, AB), Trajectory(T, other, id=1)],
        [Trajectory(T, AB), (T, other)],
    ):
        read = Trajectories(pairs)
        assert read.feature_names == ("a", "b")
        np.testing.assert_array_equal(read.states[1], AB.to_numpy())
    np.testing.assert_array_equal(Trajectories([Trajectory(T, other, ("a", "b"))]).states[0], AB.to_numpy())
    np.testing.assert_array_equal(Trajectories([(T, AB), (T, BA.to_numpy())]).states[1], BA.to_numpy())
    with pytest.raises(TrajectoryError, match=r"trajectory 1 has the variables .*unknown: 'z'; missing: 'b'"):
        Trajectories([(T, AB), (T, AB.rename(columns={"b": "z"}))])


def test_inputs_and_parameters_are_put_in_order():
    read = Trajectories([(T, T**2, AB), (T, T**2, BA)])
    assert read.input_names == ("a", "b")
    np.testing.assert_array_equal(read.inputs[1], AB.to_numpy())
    dose = pd.Series({"dose": 1.0, "weight": 2.0})
    read = Trajectories([Trajectory(T, T**2, u=AB, p=dose), Trajectory(T, T**2, u=BA, p=dose[::-1])])
    assert (read.input_names, read.parameter_names) == (("a", "b"), ("dose", "weight"))
    np.testing.assert_array_equal(read.inputs[1], AB.to_numpy())
    np.testing.assert_array_equal(read.parameters, [[1, 2], [1, 2]])
    by_name = Trajectory(T, T**2, u=BA, p=dose, input_names=["a", "b"], parameter_names=["weight", "dose"])
    np.testing.assert_array_equal(Trajectories([by_name]).points[:, 1:3], AB.to_numpy())
    np.testing.assert_array_equal(Trajectories([by_name]).parameters, [[2, 1]])


def test_lists_that_would_lose_the_times_of_some_are_refused():
    series = pd.Series(T**2, index=pd.Index(T / 2, name="time"))
    with pytest.raises(TrajectoryError, match="trajectory 1 is no Series, unlike trajectory 0"):
        Trajectories([series, series.to_numpy()])
    xr = pytest.importorskip("xarray")
    with pytest.raises(TrajectoryError, match="a list of xarray's arrays: join them along a dimension 'id'"):
        Trajectories([xr.DataArray(AB, dims=("time", "v"), coords={"time": T / 2})])


def test_two_columns_are_times_and_states():
    frame = pd.DataFrame({"t": T / 2, "x": T**2})
    read = Trajectories((frame.t, frame.x))
    assert len(read) == 1
    np.testing.assert_array_equal(read.times[0], T / 2)


def test_names_come_as_a_list_or_an_index():
    frame = AB.assign(t=T)
    assert Trajectories.from_dataframe(frame, features=frame.columns[:1]).feature_names == ("a",)
    assert Trajectories.from_dataframe(frame, inputs=frame.columns[:1]).input_names == ("a",)
    assert Trajectories([Trajectory(T, AB.to_numpy(), AB.columns)]).feature_names == ("a", "b")
    with pytest.raises(TrajectoryError, match="features must be a list of names of columns, got 'ab'"):
        Trajectories.from_dataframe(frame, features="ab")
    with pytest.raises(TrajectoryError, match="feature_names must be a list of names of variables, got 'ab'"):
        Trajectory(T, AB.to_numpy(), "ab")
