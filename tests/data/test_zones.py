"""Dates keep the time zone that they came with, and go on by its clock."""

import datetime as dt
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn import Trajectories
from skdyn.data.calendar import calendar_of
from skdyn.data.time_axis import TimeAxis, axis_from_json, axis_to_json
from skdyn.data.zones import by_clock, is_zone, moments_of, shared_zone, zone_name

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def read(dates, unit=None):
    return Trajectories([(dates, np.arange(len(dates), dtype=float)[:, None])], time_unit=unit)


@given(
    seconds=st.lists(st.integers(-(10**9), 3 * 10**9), min_size=1, max_size=5),
    zone=st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "-12607.0"]),
)
def test_the_clock_shows_what_pandas_shows(seconds, zone):
    moments = np.array(seconds, dtype="datetime64[s]")
    tz = dt.timezone(dt.timedelta(seconds=float(zone))) if zone[0] == "-" else zone
    shown = pd.DatetimeIndex(moments, tz="UTC").tz_convert(tz)
    np.testing.assert_array_equal(by_clock(moments, zone), shown.tz_localize(None).to_numpy())
    back = by_clock(moments_of(by_clock(moments, zone), zone), zone)
    np.testing.assert_array_equal(back, by_clock(moments, zone))


@pytest.mark.parametrize("freq", ["MS", "ME", "QS", "B", "D", "3D"])
@pytest.mark.parametrize("unit", [None, "day"])
def test_steps_by_the_clock_go_on(freq, unit):
    dates = pd.date_range("2023-01-03 07:30", periods=80, freq=freq, tz=BERLIN)
    kept = np.random.default_rng(3).random(70) < 0.8
    kept[:2] = kept[-1] = True
    context = read(dates[:70][kept], unit)
    calendar = calendar_of(context.axis, context.times[0])
    np.testing.assert_allclose(
        np.diff(calendar.even(context.times[0])) / calendar.length, np.diff(np.flatnonzero(kept))
    )
    ahead = context.axis.column(calendar.ahead(context.times[0][-1], 10), "pandas")
    assert list(ahead.round("s")) == list(dates[70:])
    start, end = context.times[0][[0, -1]]
    assert (calendar.even(np.array([end])) - calendar.even(np.array([start])))[0] == pytest.approx(
        end - start, rel=0.02
    )


def test_hours_are_steps_of_time_and_not_of_the_clock():
    context = read(pd.date_range("2024-03-30", periods=60, freq="h", tz=BERLIN))
    assert calendar_of(context.axis, context.times[0]) is None


@pytest.mark.parametrize(
    ("dates", "zone"),
    [
        (pd.date_range("2024-01-01", periods=4, tz="Europe/Berlin"), "Europe/Berlin"),
        (list(pd.date_range("2024-01-01", periods=4, tz="Europe/Berlin")), "Europe/Berlin"),
        (pd.date_range("2024-01-01", periods=4, tz="UTC"), "0.0"),
        ([dt.datetime(2024, 1, day, tzinfo=dt.timezone(dt.timedelta(hours=-3))) for day in (1, 2, 3)], "-10800.0"),
        (np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]"), None),
        (np.arange(5.0), None),
    ],
)
def test_the_zone_is_that_of_the_dates(dates, zone):
    axis = read(dates).axis
    assert axis.zone == zone
    assert axis_from_json(axis_to_json(axis)) == axis


def test_several_zones_are_shown_in_universal_time():
    dates = [dt.datetime(2024, 1, 1, tzinfo=BERLIN), dt.datetime(2024, 1, 2, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo"))]
    assert shared_zone([dates]) == shared_zone([dates[:1], dates[1:]]) == "0.0"

    class Nowhere(dt.tzinfo):
        def utcoffset(self, when):
            return dt.timedelta(hours=1)

        def dst(self, when):
            return dt.timedelta(0)

    assert shared_zone([[dt.datetime(2024, 1, 1, tzinfo=Nowhere())]]) == "0.0"
    assert zone_name(dt.UTC) == "0.0"


@pytest.mark.parametrize("name", ["/etc/passwd", "Nowhere", "1e9", "nan", "", "../x", [1]])
def test_zones_that_are_none(name):
    assert not is_zone(name)
    saved = axis_to_json(TimeAxis("date", np.datetime64("2024-01-01", "s"), "day")) | {"zone": name}
    with pytest.raises(ValueError, match="the time zone"):
        axis_from_json(saved)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_comes_back_in_its_zone(library):
    dates = pd.date_range("2024-10-26", periods=50, freq="h", tz=BERLIN)  # one hour is shown twice
    table = pd.DataFrame({"t": dates, "x": np.arange(50.0)})
    if library == "polars":
        moments = pl.Series(dates.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]"))
        zoned = moments.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
        table = pl.DataFrame({"t": zoned, "x": np.arange(50.0)})
    again = Trajectories(table).to_dataframe()
    assert str(again.t.dtype.tz) == "Europe/Berlin"
    assert list(again.t) == list(dates)
    assert Trajectories(again).axis == Trajectories(table).axis
    assert "by the clock of Europe/Berlin" in str(Trajectories(table).axis)


def test_identities_that_are_dates_to_the_nanosecond_stay_dates():
    begins = np.repeat(np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[ns]"), 3)
    rows = pd.DataFrame({"id": begins, "t": np.tile(np.arange(3.0), 2), "x": np.arange(6.0)})
    assert [str(identity)[:10] for identity in Trajectories(rows).ids] == ["2020-01-01", "2021-01-01"]
