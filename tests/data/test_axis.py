"""What times mean travels with every copy: the moment that zero stands for, the kind, the unit, and identities too."""

import copy
import datetime as dt
import pickle

import numpy as np
import pandas as pd
import pytest

from skdyn import FIMODERegressor, LASSODEForecaster, SparseODERegressor, Trajectories, TrajectoryError
from skdyn.data.time_axis import parse_unit

DATES = pd.date_range("2024-01-01", periods=41)
X = np.column_stack([np.cos(np.arange(41) / 3), -np.sin(np.arange(41) / 3)])
FRAME = pd.concat([pd.DataFrame({"date": DATES, "id": k, "a": X[:, 0], "b": X[:, 1]}) for k in ("x", "y")])


@pytest.fixture
def dated():
    return Trajectories(FRAME, time_unit="day")


@pytest.mark.parametrize(
    "again",
    [
        lambda X: X,
        lambda X: list(X),
        lambda X: [X[0], X[1]],
        lambda X: X[:],
        lambda X: X.windows(41),
        lambda X: X.to_dataframe(),
        copy.deepcopy,
        lambda X: pickle.loads(pickle.dumps(X)),
        lambda X: list(pickle.loads(pickle.dumps(list(X)))),
        lambda X: X.rows([np.arange(41)] * 2),
    ],
)
def test_copies_mean_the_same(dated, again):
    copied = Trajectories(again(dated))
    assert copied.ids == ("x", "y")
    assert (copied.axis.kind, copied.time_unit) == ("date", "day")
    assert copied.origin == np.datetime64("2024-01-01")
    np.testing.assert_array_equal(copied.times[1], np.arange(41))
    np.testing.assert_array_equal(copied.axis.labels(copied.times[0]), DATES.to_numpy())


def test_other_origins_and_units_are_brought_together(dated):
    later = Trajectories(FRAME.assign(date=FRAME.date + pd.Timedelta(days=10)))
    together = Trajectories([*dated, *later])
    assert together.time_unit == "day"
    np.testing.assert_allclose(together.times[2], 10 + np.arange(41), rtol=1e-12)
    with pytest.raises(TrajectoryError, match="times of trajectory 2 are numbers, but those of the fit are dates"):
        Trajectories([*dated, *Trajectories([(np.arange(41), X)], time_unit="day")])


@pytest.mark.parametrize(("given", "name"), [("days", "day"), ("d", "day"), ("H", "hour"), ("Minute", "minute")])
def test_units(given, name):
    assert parse_unit(given) == name


@pytest.mark.parametrize("unit", ["fortnight", "", 3, "month"])
def test_unknown_units_are_refused(unit):
    with pytest.raises(TrajectoryError, match=r"time_unit must be one of nanosecond, .*year, got"):
        Trajectories(FRAME, time_unit=unit)


def test_rates_are_per_unit_and_say_so(dated):
    by_day = SparseODERegressor().fit(dated)
    by_second = SparseODERegressor().fit(Trajectories(FRAME))
    np.testing.assert_allclose(by_day.predict(X[:3]), 86400 * by_second.predict(X[:3]), rtol=1e-4)
    assert all(equation.split(" = ")[0].endswith("/dt [per day]") for equation in by_day.equations())
    (point,) = by_day.equilibria()
    assert point.time_unit == "day"
    np.testing.assert_allclose(abs(point.eigenvalues.imag), 1 / 3, rtol=0.01)
    hourly = FRAME.assign(date=DATES[0] + (np.tile(np.arange(41), 2) * 24) * pd.Timedelta(hours=1))
    assert by_day.score(hourly) > 0.99
    numbers = SparseODERegressor().fit([(np.arange(41), X)])
    assert not any("per" in equation for equation in numbers.equations())


def test_numbers_on_a_date_axis_are_refused_with_the_reason(dated, dummy_folder):
    forecaster = LASSODEForecaster(dummy_folder.parent / "lass-ode-tiny", device="cpu").fit(dated)
    with pytest.raises(
        ValueError, match="requested times are numbers, but those of the fit are dates, counted in days"
    ):
        forecaster.predict(np.arange(50.0, 60.0))
    estimator = FIMODERegressor(dummy_folder, device="cpu").fit(dated)
    with pytest.raises(ValueError, match="the times of X are numbers, but those of the fit are dates"):
        estimator.score([(np.arange(41), X)])


@pytest.mark.parametrize("estimator", [SparseODERegressor(), FIMODERegressor(device="cpu")])
def test_saved_and_loaded(dated, tmp_path, estimator):
    estimator.fit(dated).save(tmp_path / "saved")
    loaded = type(estimator).load(tmp_path / "saved")
    assert loaded.context_.ids == ("x", "y")
    assert loaded.context_.axis == dated.axis
    np.testing.assert_array_equal(loaded.context_.states[0], dated.states[0])


def test_requests_by_date_are_the_same_after_loading(tmp_path, dummy_folder):
    forecaster = LASSODEForecaster(str(dummy_folder.parent / "lass-ode-tiny"), device="cpu")
    later = pd.date_range("2024-02-11", periods=3)
    for times in (DATES, np.int64(1_700_000_000_000_000_000) + np.arange(41) * 10**9):
        asked = later if times is DATES else times[-1] + np.arange(1, 4) * 10**9
        before = forecaster.fit([(times, X)]).predict(asked)
        forecaster.save(tmp_path / "saved")
        loaded = LASSODEForecaster.load(tmp_path / "saved")
        np.testing.assert_array_equal(loaded.predict(asked), before)


def test_times_that_were_read_are_not_joined_with_times_that_were_not(dated):
    seconds = (86400.0 * np.arange(41), X)
    with pytest.raises(TrajectoryError, match="trajectory 0 was read before, and its times are dates, counted in days"):
        Trajectories([dated[0], seconds])
    hourly = Trajectories([seconds], time_unit="hour")
    with pytest.raises(TrajectoryError, match="trajectory 1 was read before, and its times are numbers, counted in ho"):
        Trajectories([seconds, hourly[0]])
    assert len(Trajectories([Trajectories([seconds])[0], seconds])) == 2


def test_times_without_a_unit_are_not_joined_with_times_that_have_one():
    daily, plain = (Trajectories([(np.arange(41), X)], time_unit=unit) for unit in ("day", None))
    with pytest.raises(TrajectoryError, match=r"times of trajectory 1 have no unit, .* days: pass time_unit='day'"):
        Trajectories([*daily, *plain])
    together = Trajectories([*daily, *plain], time_unit="hour")
    np.testing.assert_array_equal(together.times[0], 24 * np.arange(41))
    np.testing.assert_allclose(together.times[1], np.arange(41), rtol=1e-15)


def test_a_step_that_is_a_duration_counts_like_durations():
    for step in (dt.timedelta(hours=1), np.timedelta64(3600, "s"), pd.Timedelta("1h")):
        read = Trajectories(X, step)
        assert (read.axis.kind, read.time_unit) == ("duration", "second")
        np.testing.assert_array_equal(Trajectories(read, time_unit="hour").times[0], np.arange(41))
        np.testing.assert_array_equal(Trajectories(X, step, time_unit="hour").times[0], np.arange(41))
    with pytest.raises(
        TrajectoryError, match=r"41 time steps of .* last longer than durations of type timedelta64\[ns"
    ):
        Trajectories(X, np.timedelta64(10**18, "ns"))


def test_large_integers_count_in_their_own_unit():
    stamps = 1_700_000_000_000_000_001 + np.arange(41) * 10**9
    read = Trajectories([(stamps, X)], time_unit="nanosecond")
    for change in (lambda: read.counted_in("second"), lambda: Trajectories(read, time_unit="second")):
        with pytest.raises(
            TrajectoryError, match=r"counted in nanoseconds since 17.* cannot be counted in seconds: read"
        ):
            change()
    assert read.counted_in("nanosecond") is read
    np.testing.assert_array_equal(read.axis.labels(read.times[0] - 1e-7), stamps)
    with pytest.raises(TrajectoryError, match="mixture of very large integers and other numbers"):
        Trajectories([(stamps, X), (np.arange(41.0), X)])
    with pytest.raises(TrajectoryError, match="times of trajectory 1 are dates"):
        Trajectories([*read, *Trajectories([(DATES, X)])])
