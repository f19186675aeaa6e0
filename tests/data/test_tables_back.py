"""What `to_dataframe` writes is read again as what it was, or is not written."""

import numpy as np
import pandas as pd
import pytest

from skdyn import Trajectories, Trajectory, TrajectoryError

T = np.arange(6.0)
X = np.column_stack([np.cos(T), np.sin(T)])


def test_one_id_for_several_trajectories_is_not_written():
    windows = Trajectories([(pd.date_range("2024-01-01", periods=6), X)], time_unit="day").windows(3)
    with pytest.raises(TrajectoryError, match=r"several trajectories have the id 0.*\.assign\(id=k\)"):
        windows.to_dataframe()
    numbered = pd.concat([Trajectories([x]).to_dataframe().assign(id=k) for k, x in enumerate(windows)])
    again = Trajectories(numbered)
    assert (again.ids, again.time_unit) == ((0, 1), "day")
    np.testing.assert_array_equal(again.times[1], windows.times[1])


@pytest.mark.parametrize("name", ["t", "id"])
def test_a_variable_named_like_another_column_is_not_written(name):
    read = Trajectories([Trajectory(T, X, (name, "y"))])
    with pytest.raises(TrajectoryError, match=f"a variable is named '{name}'.*with_states"):
        read.to_dataframe()
    assert list(read.with_states(read.states, ["x", "y"]).to_dataframe()) == ["id", "t", "x", "y"]


def test_tuples_are_identities():
    frame = Trajectories([Trajectory(T, X, id=("a", 1)), Trajectory(T, X, id=("a", 2))]).to_dataframe()
    assert Trajectories(frame).ids == (("a", 1), ("a", 2))


def test_dates_that_nanoseconds_hold_beside_others_that_they_do_not():
    dates = [np.datetime64(f"{year}-01-01") + np.arange(6) for year in (2000, 3000)]
    frame = Trajectories([(when, X) for when in dates]).to_dataframe()
    np.testing.assert_array_equal(frame.t.to_numpy().astype("datetime64[D]"), np.concatenate(dates))


@pytest.mark.parametrize("unit", ["second", "hour", "day", "week", "year"])
@pytest.mark.parametrize("step", ["us", "ms", "s", "m", "h"])
def test_dates_come_back_without_the_noise_of_rounding(unit, step):
    steps = np.unique(np.random.default_rng(0).integers(0, np.timedelta64(3000, "D") // np.timedelta64(1, step), 500))
    dates = (np.datetime64("1999-12-31") + steps * np.timedelta64(1, step)).astype("datetime64[ns]")
    read = Trajectories([(dates, np.cos(steps))], time_unit=unit)
    np.testing.assert_array_equal(read.axis.labels(read.times[0]), dates)
    durations = Trajectories([(dates - dates[0], np.cos(steps))], time_unit=unit)
    np.testing.assert_array_equal(durations.axis.labels(durations.times[0]), dates - dates[0])


def test_nanoseconds_come_back():
    dates = np.datetime64("2024-01-01", "ns") + np.cumsum(np.random.default_rng(0).integers(1, 1000, 100))
    read = Trajectories([(dates, np.cos(np.arange(100)))])
    np.testing.assert_array_equal(read.axis.labels(read.times[0]), dates)


@pytest.fixture
def driven():
    return Trajectories([Trajectory(T, X, u=T**2, p=2.0, interpolation="previous")], time_unit="day").to_dataframe()


def test_what_attrs_say_is_read_by_both_readers(driven):
    for read in (Trajectories(driven), Trajectories.from_dataframe(driven)):
        assert (read.input_names, read.parameter_names) == (("u0",), ("p0",))
        assert (read.given.interpolation, read.time_unit) == ("previous", "day")
    assert Trajectories.from_dataframe(driven, interpolation="linear").given.interpolation == "linear"
    assert Trajectories.from_dataframe(driven, features=["x0", "u0"]).column_names == ("x0", "u0", "p0")
    assert Trajectories.from_dataframe(driven, inputs=["u0"], features=["x0"]).column_names == ("x0", "u0")


def test_an_input_under_another_name_does_not_become_a_state(driven):
    renamed = driven.rename(columns={"u0": "force"})
    for reader in (Trajectories, Trajectories.from_dataframe):
        with pytest.raises(TrajectoryError, match=r"attrs name 'u0' as given.*column 'force' is new.*inputs=\["):
            reader(renamed)
    read = Trajectories.from_dataframe(renamed, inputs=["force"], parameters=["p0"])
    assert read.column_names == ("x0", "x1", "force", "p0")


def test_units_in_attrs_are_those_of_a_user(driven):
    driven.attrs["time_unit"] = "hours"
    assert Trajectories(driven).time_unit == Trajectories.from_dataframe(driven).time_unit == "hour"
    driven.attrs["time_unit"] = "moons"
    with pytest.raises(TrajectoryError, match=r"attrs\['time_unit'\] must be one of .*, got 'moons'"):
        Trajectories(driven)
