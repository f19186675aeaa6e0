import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn import LASSODEForecaster, Trajectories
from skdyn.data.calendar import calendar_of, calendars_of, evenly
from skdyn.exceptions import ForecastWarning


def months(first, count, step=1):
    return np.datetime64(first, "M") + step * np.arange(count)


def read(dates, unit=None):
    return Trajectories([(dates, np.arange(len(dates), dtype=float)[:, None])], time_unit=unit)


@st.composite
def calendars(draw):
    first = np.datetime64(draw(st.integers(1700 - 1970, 2200 - 1970)) * 12 + draw(st.integers(0, 11)), "M")
    begins = months(first, 40, draw(st.sampled_from([1, 2, 3, 6, 12])))
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    if draw(st.booleans()):
        moments = begins.astype("datetime64[s]") + np.timedelta64(draw(st.integers(0, 28 * 86400 - 1)), "s")
    else:
        moments = (begins + 1).astype("datetime64[s]") - np.timedelta64(draw(st.integers(1, 28 * 86400)), "s")
    return moments.astype(f"datetime64[{unit}]")


@given(dates=calendars(), unit=st.sampled_from([None, "day", "year"]), seed=st.integers(0, 99))
def test_months_are_even_steps_and_go_on(dates, unit, seed):
    known, later = dates[:30], dates[30:]
    kept = np.random.default_rng(seed).random(30) < 0.8
    kept[:2] = kept[-1] = True
    context = read(known[kept], unit)
    calendar = calendar_of(context.axis, context.times[0])
    even = calendar.even(context.times[0])
    np.testing.assert_allclose(even, even[0] + calendar.length * np.flatnonzero(kept), rtol=1e-12)
    ahead = context.axis.labels(calendar.ahead(context.times[0][-1], 10))
    np.testing.assert_array_equal(ahead.astype("datetime64[s]"), later.astype("datetime64[s]"))


@given(
    first=st.dates(np.datetime64("1700-01-01").item(), np.datetime64("2200-01-01").item()),
    hour=st.integers(0, 23),
    seed=st.integers(0, 99),
)
def test_working_days_are_even_steps_and_go_on(first, hour, seed):
    days = np.busday_offset(first, np.arange(50), roll="forward")
    dates = days.astype("datetime64[s]") + np.timedelta64(hour, "h")
    kept = np.random.default_rng(seed).random(40) < 0.9  # holidays
    kept[0] = kept[-1] = True
    context = read(dates[:40][kept], "day")
    calendar = calendar_of(context.axis, context.times[0])
    even = calendar.even(context.times[0])
    np.testing.assert_allclose(even, 1.4 * np.flatnonzero(kept), rtol=1e-12)
    ahead = context.axis.labels(calendar.ahead(context.times[0][-1], 10))
    np.testing.assert_array_equal(ahead.astype("datetime64[s]"), dates[40:])


@pytest.mark.parametrize(
    "dates",
    [
        np.datetime64("2020-01-01") + 30 * np.arange(20),
        np.datetime64("2020-01-01") + np.arange(100),
        np.datetime64("2024-01-01") + np.arange(5),  # from Monday to Friday, and no more
        np.datetime64("2024-01-02") + 7 * np.arange(20),
        pd.date_range("2020-01-05", periods=30, freq="W").to_numpy(),
        pd.DatetimeIndex(["2020-01-01", "2020-02-02", "2020-03-01", "2020-04-01"]).to_numpy(),
        np.array(["2020-01-30", "2020-03-30", "2020-05-01"], dtype="datetime64[D]"),
        months("2020-03", 10).astype("datetime64[D]") + 28,  # the 29th, which February does not always have
        months("2020-01", 2),
        12.0 * np.arange(20),
        np.arange(20) * np.timedelta64(31, "D"),
    ],
)
def test_other_times_follow_no_calendar(dates):
    context = read(dates)
    assert calendars_of(context) == [None]
    assert evenly(context, [None]) is context


@pytest.mark.parametrize("freq", ["BME", "BMS", "BQE", "BQS", "BYE-MAR", "30th", "31st", "29th", "quarters' 30th"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_working_days_of_months_and_days_that_some_do_not_have_go_on(freq, zone):
    if freq[0] == "B":
        dates = pd.date_range("1995-01-01", periods=40, freq=freq, tz=zone) + pd.Timedelta(hours=9)
    else:
        first = pd.Timestamp(f"2022-01-{freq[-4:-2]} 09:00", tz=zone)
        dates = pd.DatetimeIndex([first + pd.DateOffset(months=k * (1 + 2 * (freq[0] == "q"))) for k in range(40)])
    kept = np.arange(30) % 5 != 3
    context = Trajectories(pd.DataFrame({"y": np.arange(24.0)}, index=dates[:30][kept]))
    calendar = calendar_of(context.axis, context.times[0])
    even = calendar.even(context.times[0])
    np.testing.assert_allclose(even, even[0] + calendar.length * np.flatnonzero(kept), rtol=1e-9)
    ahead = context.axis.shown(calendar.ahead(context.times[0][-1], 10))
    np.testing.assert_array_equal(ahead, dates[30:].tz_localize(None))


def test_the_rate_is_what_even_times_grow_by():
    context = read(months("2019-11", 8), "day")
    calendar = calendar_of(context.axis, context.times[0])
    times = context.times[0][:-1] + 3.0
    slope = (calendar.even(times + 1e-3) - calendar.even(times - 1e-3)) / 2e-3
    np.testing.assert_allclose(calendar.rate(times), slope, rtol=1e-6)
    np.testing.assert_allclose(calendar.rate(times)[3], calendar.length / 29)  # a leap year's February


def test_far_beyond_the_last_row_steps_have_their_mean_length():
    context = read(months("2020-01", 20), "day")
    calendar = calendar_of(context.axis, context.times[0])
    far = np.array([1e7, 2e7])
    np.testing.assert_allclose(np.diff(calendar.even(far)), 1e7, rtol=1e-6)


@pytest.fixture(scope="module")
def sold():
    step = np.arange(72)
    return 100 + step + 20 * np.cos(2 * np.pi * step / 12)[:, None] + 10 * np.sin(2 * np.pi * step / 6)[:, None]


@pytest.fixture(scope="module")
def numbered(sold):
    return LASSODEForecaster(device="cpu").fit([sold])


@pytest.mark.parametrize("ends", [False, True])
def test_months_are_forecast_like_numbers(sold, numbered, ends):
    dates = (months("2015-01", 90) + ends).astype("datetime64[D]") - ends
    dated = LASSODEForecaster(device="cpu").fit([(dates[:72], sold)])
    expected = numbered.predict(horizon=12)
    np.testing.assert_allclose(dated.predict(horizon=12), expected, rtol=1e-6)
    np.testing.assert_allclose(dated.predict(dates[72:84]), expected, rtol=1e-6)
    day = np.datetime64("2021-02-10")
    near = np.array([day - 1, day + 1, dates[83]])
    low, high = dated.predict(near)[:2]
    slope = dated.derivative(np.array([day, dates[83]]))[0]
    np.testing.assert_allclose(slope, (high - low) / (2 * 86400), rtol=1e-2)


def test_months_are_scored_like_numbers(sold):
    dates = months("2015-01", 72)
    alone = LASSODEForecaster(device="cpu", ensemble=None)
    with pytest.warns(ForecastWarning, match="poorly"):
        dated = alone.fit([(dates, sold)]).score([(dates, sold)])
    with pytest.warns(ForecastWarning, match="poorly"):
        numbered = alone.fit([sold]).score([sold])
    np.testing.assert_allclose(dated, numbered, rtol=1e-6)


def test_a_table_goes_on_with_its_months(sold):
    table = pd.DataFrame({"t": pd.date_range("2015-01-01", periods=72, freq="MS"), "sold": sold[:, 0]})
    ahead = LASSODEForecaster(device="cpu").fit(table).predict(horizon=14)
    assert list(ahead["t"]) == list(pd.date_range("2021-01-01", periods=14, freq="MS"))


def test_quarters_may_be_on_a_29th_that_all_their_months_have():
    dates = months("2020-01", 10, 3).astype("datetime64[D]") + 28
    context = read(dates[:8])
    ahead = calendar_of(context.axis, context.times[0]).ahead(context.times[0][-1], 2)
    np.testing.assert_array_equal(context.axis.labels(ahead).astype("datetime64[D]"), dates[8:])
