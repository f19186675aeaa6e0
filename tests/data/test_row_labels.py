"""What says which rows these are: an index of pandas beside times, row numbers; and the unit in the name of times."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skdyn import Trajectories, Trajectory, TrajectoryError


def test_an_index_beside_times_must_be_these_times():
    t, x = np.linspace(0, 2, 5), np.arange(5.0)
    dates = pd.date_range("2024-01-01", periods=5, tz="Europe/Berlin")
    states = pd.Series(x, index=t)
    rows = pd.DataFrame({"t": t, "x": x}, index=range(30, 35))  # some of a larger table
    for fine in (
        (t, states), (t, states, states), (list(t), states + 0), (states.index, states), (t, pd.Series(x)),
        (rows["t"], rows[["x"]]), (rows["t"].to_numpy(), rows["x"]), Trajectory(t, states, u=states),
    ):  # fmt: skip
        np.testing.assert_array_equal(Trajectories([fine]).states[0].ravel(), x)
    for dated in ((dates, pd.Series(x, dates)), (pd.Series(dates), pd.Series(x, dates))):
        np.testing.assert_array_equal(Trajectories([dated]).times[0], 86400 * np.arange(5))
    for wrong, place in (
        ((t, states[::-1]), "trajectory 0 is a Series"),
        ((t, states[::-1].to_frame()), "trajectory 0 is a DataFrame"),
        ((t, states, states[::-1]), "the inputs of trajectory 0 is a Series"),
        (Trajectory(t, x, u=pd.Series(x, index=t + 1)), "the inputs of trajectory 0 is a Series"),
        ((dates, pd.Series(x, dates[::-1])), "trajectory 0 is a Series"),
    ):
        with pytest.raises(TrajectoryError, match=rf"{place} whose index .* pass its \.to_numpy\(\) if .* \.loc\[t\]"):
            Trajectories([wrong])


def test_without_row_numbers_a_panel_is_seen():
    trees = pd.DataFrame(
        {"rownames": range(8), "Tree": [1] * 4 + [2] * 4, "age": [1, 4, 6, 9] * 2, "size": [1, 3, 4, 6] * 2}
    )
    with pytest.raises(
        TrajectoryError, match=r"column 'rownames' .* leave it out \(frame\.drop\(columns=\['rownames'\]\)\)"
    ):
        Trajectories(trees)
    with pytest.raises(TrajectoryError, match="column 'Tree' is constant in blocks"):
        Trajectories(trees.drop(columns=["rownames"]))
    with pytest.raises(
        TrajectoryError, match=r"leave it out \(frame\.drop\(\['rownames'\]\)\), or name it as what it is"
    ):
        Trajectories(pl.from_pandas(trees))


def test_a_unit_that_contradicts_the_name_of_the_times_is_refused():
    states, t = pd.DataFrame({"a": [1.0, 2.0, 4.0]}), np.arange(3.0)
    for named in (states.assign(**{"Time (min)": t}), states.set_index(pd.Index(t, name="Time (min)"))):
        said = (
            r"column 'Time \(min\)' counts minutes by its name, and time_unit='day' says days: pass time_unit='minute'"
        )
        with pytest.raises(TrajectoryError, match=said):
            Trajectories(named, time_unit="day")
        assert Trajectories(named, time_unit="min").time_unit == "minute"
    assert (
        Trajectories(states.assign(**{"date [d]": pd.date_range("2024-01-01", periods=3)}), time_unit="week").time_unit
        == "week"
    )
