import datetime as dt
import zoneinfo

import numpy as np
import pandas as pd
import pytest

from skdyn import Trajectories, TrajectoryError
from skdyn.data.cleaning import check_increasing
from skdyn.data.source import Source
from skdyn.data.times import read_times


def read(value, length=3):
    (times,), axis = read_times([value], [length])
    assert times.dtype == np.float64
    check_increasing(times, lambda row: f"trajectory 0, row {row}", Source())
    return times, axis.origin


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [0, 1, 2]),
        (0.25, [0, 0.25, 0.5]),
        (np.float32(2), [0, 2, 4]),
        (3, [0, 3, 6]),
        (np.array(0.5), [0, 0.5, 1]),
        (np.timedelta64(90, "s"), [0, 90, 180]),
        (dt.timedelta(minutes=1), [0, 60, 120]),
        (pd.Timedelta("1ms"), [0, 0.001, 0.002]),
        ([1, 2, 5], [1, 2, 5]),
        (range(3), [0, 1, 2]),
        (pd.Series([1.0, 2.0, 3.0], index=[7, 8, 9]), [1, 2, 3]),
        (np.array([[1.0], [2.0], [3.0]]), [1, 2, 3]),
        (np.array([1, 2, 3], dtype=">i2"), [1, 2, 3]),
        (np.array([1, 2, 3], dtype=np.uint64), [1, 2, 3]),
        (np.array([1, 2, 3], dtype=object), [1, 2, 3]),
        (np.array([1, 60, 3600], dtype="timedelta64[s]"), [1, 60, 3600]),
        ([dt.timedelta(0), dt.timedelta(hours=1), dt.timedelta(days=1)], [0, 3600, 86400]),
        (pd.to_timedelta([0, 1, 2], unit="s"), [0, 1, 2]),
    ],
)
def test_numbers_and_durations(given, expected):
    times, origin = read(given)
    np.testing.assert_allclose(times, expected, rtol=1e-15)
    assert origin is None


@pytest.mark.parametrize(
    "given",
    [
        np.array(["2020-02-28", "2020-02-29", "2020-03-01"], dtype="datetime64[D]"),
        np.array(["2020-02-28", "2020-02-29", "2020-03-01"], dtype="datetime64[ms]"),
        pd.date_range("2020-02-28", periods=3),
        pd.date_range("2020-02-28", periods=3, tz="Asia/Tokyo"),
        [dt.date(2020, 2, 28), dt.date(2020, 2, 29), dt.date(2020, 3, 1)],
        [dt.datetime(2020, 2, day, tzinfo=dt.UTC) for day in (27, 28, 29)],
        [dt.datetime(2020, 2, day) for day in (27, 28, 29)],
        [pd.Timestamp("2020-01-01", tz="UTC") + pd.Timedelta(days=n) for n in range(3)],
    ],
)
def test_dates_count_in_seconds(given):
    times, origin = read(given)
    np.testing.assert_array_equal(times, [0, 86400, 172800])
    assert isinstance(origin, np.datetime64)


def test_calendar_dates_far_from_today():
    days = np.array(["1000-01-01", "1000-01-02", "3000-01-01"], dtype="datetime64[D]")
    times, origin = read(days)
    assert origin == days[0]
    np.testing.assert_array_equal(times, [0, 86400, (days[2] - days[0]).astype(int) * 86400])
    times, _ = read(np.array(["1900", "1901", "1905"], dtype="datetime64[Y]"))
    np.testing.assert_array_equal(times / 86400, [0, 365, 5 * 365 + 1])
    times, _ = read(np.array([0, 1, 10**9], dtype="timedelta64[D]"))
    assert times[2] == 86400e9
    with pytest.raises(TrajectoryError, match=r"timedelta64\[M\] have no fixed length"):
        read(np.array([0, 1, 2], dtype="timedelta64[M]"))


def test_zones_and_daylight_saving():
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    start = dt.datetime(2024, 3, 31, 0, 30, tzinfo=dt.UTC)
    clock = [(start + dt.timedelta(hours=n)).astimezone(berlin) for n in range(3)]
    utc = [moment.astimezone(dt.UTC) for moment in clock]
    assert [moment.hour for moment in clock] == [1, 3, 4]
    for moments in (clock, utc, pd.DatetimeIndex(utc), pd.DatetimeIndex(clock)):
        times, origin = read(moments)
        np.testing.assert_array_equal(times, [0, 3600, 7200])
        assert origin == np.datetime64("2024-03-31T00:30")


def test_dates_without_zone_count_as_utc_wherever_the_machine_is(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        (first, second), origin = read_times(
            [[dt.datetime(2024, 3, 9), dt.datetime(2024, 3, 10)], [dt.datetime(2024, 3, 11), dt.datetime(2024, 3, 12)]],
            [2, 2],
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert origin.origin == np.datetime64("2024-03-09")
    np.testing.assert_array_equal(first, [0, 86400])
    np.testing.assert_array_equal(second, [172800, 259200])


def test_differences_are_taken_before_any_cast():
    ns = 1_700_000_000_000_000_000 + np.array([0, 1, 3])
    times, origin = read(ns)
    np.testing.assert_array_equal(times, [0, 1, 3])
    assert origin == ns[0]
    times, _ = read(np.array([2**64 - 3, 2**64 - 2, 2**64 - 1], dtype=np.uint64))
    np.testing.assert_array_equal(times, [0, 1, 2])
    times, origin = read(ns.astype("datetime64[ns]"))
    np.testing.assert_allclose(times, [0, 1e-9, 3e-9], rtol=1e-15)
    # Small integers stay as they are, and exact.
    times, origin = read([-5, 0, 2**53])
    np.testing.assert_array_equal(times, [-5, 0, 2**53])
    assert origin is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0.0, 1.0], r"trajectory 0 has 3 states but times of shape \(2,\)"),
        ([[0.0, 1.0], [2.0]], r"trajectory 0: its times cannot be read as an array"),
        (np.zeros((3, 3)), r"trajectory 0 has 3 states but times of shape \(3, 3\)"),
        ([0.0, 1.0, 1.0], r"trajectory 0, row 2: time repeats \(1.0 then 1.0\)"),
        ([0.0, 2.0, 1.0], r"trajectory 0, row 2: time decreases \(2.0 then 1.0\)"),
        ([0.0, np.nan, 1.0], r"trajectory 0, row 1: the time is nan"),
        ([0.0, 1.0, np.inf], r"trajectory 0, row 2: the time is inf"),
        ([True, False, True], "trajectory 0: times of type bool are neither"),
        ([1j, 2j, 3j], "trajectory 0: times of type complex128 are neither"),
        (["a", "b", "c"], "trajectory 0: times of type <U1 are neither"),
        (["2020-01-01", "2020-01-02", "2020-01-03"], "trajectory 0: times of type <U10 are neither"),
        (np.array([0, None, {}]), "trajectory 0: times are neither numbers nor dates"),
        ([0, 1, 10**400], "trajectory 0: times are neither numbers nor dates"),
        (np.array(["2020-01-01", "NaT", "2020-01-02"], dtype="M8[D]"), r"trajectory 0, row 1: the time is missing"),
        (pd.DatetimeIndex(["2020-01-01", None, "2020-01-02"], tz="UTC"), r"row 1: the time is missing"),
        (pd.to_timedelta([0, None, 2]), r"row 1: the time is missing"),
        (
            [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2, tzinfo=dt.UTC), dt.datetime(2020, 1, 3)],
            "trajectory 0: times are neither numbers nor dates: dates with and without a time zone",
        ),
        (
            [dt.date(2020, 1, 1), dt.datetime(2020, 1, 2, 18), dt.datetime(2020, 1, 3, 12)],
            "trajectory 0: times are neither numbers nor dates: dates with and without a time of day",
        ),
        (0.0, r"the time step t=0.0 must be positive"),
        (-1.0, r"the time step t=-1.0 must be positive"),
        (np.nan, r"the time step t=nan must be positive"),
        (np.timedelta64("NaT", "s"), "must be positive and finite"),
        (True, r"t=True is neither a time step nor an array"),
        ("1 s", r"t='1 s' is neither a time step nor an array"),
        ({}, r"t=\{\} is neither a time step nor an array"),
        (1j, r"is neither a time step"),
    ],
)
def test_refusals_name_the_place(given, message):
    with pytest.raises(TrajectoryError, match=message):
        read(given)


def test_mixtures_of_kinds_are_refused():
    dates = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    with pytest.raises(TrajectoryError, match="mixture of dates, durations and numbers"):
        read_times([dates, [0.0, 1.0]], [2, 2])
    with pytest.raises(TrajectoryError, match="mixture"):
        read_times([dates, dates - dates[0]], [2, 2])
    (first, second), _ = read_times([[0, 1], [0.5, 1.5]], [2, 2])
    np.testing.assert_array_equal(second - first, [0.5, 0.5])


def test_spans_that_nanoseconds_cannot_count():
    dates = np.array(["1700-01-01", "1800-01-01", "2100-01-01", "2200-01-01"], dtype="datetime64[ns]")
    seconds = (dates.astype("datetime64[s]") - dates[0].astype("datetime64[s]")).astype(float)
    x = np.array([1.0, 3.0, 2.0, 4.0])
    zoned = [date.replace(tzinfo=dt.UTC) for date in dates.astype("datetime64[us]").tolist()]
    for form in (dates, dates.astype("datetime64[us]"), zoned):
        X = Trajectories([(form, x)])
        np.testing.assert_array_equal(X.times[0], seconds)
        assert X.to_dataframe()["t"].dt.tz_localize(None).tolist() == dates.astype("datetime64[us]").tolist()
    early, late = (Trajectories([(dates[part], x[part])])[0] for part in (slice(2), slice(2, None)))
    np.testing.assert_array_equal(Trajectories([late, early]).times[0], seconds[2:])
    durations = np.array([0, 36500, 146000, 146001], dtype="timedelta64[D]")
    assert Trajectories([(durations, x)]).to_dataframe()["t"].dt.days.tolist() == durations.astype(int).tolist()
