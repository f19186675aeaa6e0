"""What a table says about time and identity is read or refused, wherever it says it; nothing is dropped."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skdyn import Trajectories, TrajectoryError

T = np.linspace(0, 1, 11)
X = np.column_stack([np.cos(7 * T), -np.sin(7 * T)])
PLAIN = pd.DataFrame(X, columns=["a", "b"])
DATES = pd.date_range("2024-01-01", periods=11)
DAY = 86400.0


def indexed(index):
    return PLAIN.set_axis(index, axis=0)


@pytest.mark.parametrize(
    ("frame", "times", "role"),
    [
        (indexed(DATES), DAY * np.arange(11), "the index"),
        (indexed(DATES.tz_localize("Europe/Berlin")), DAY * np.arange(11), "the index"),
        (indexed(DATES.rename("anything")), DAY * np.arange(11), "the index"),
        (indexed(pd.timedelta_range("0s", periods=11, freq="h")), 3600.0 * np.arange(11), "the index"),
        (indexed(pd.period_range("2024-01", periods=11, freq="M")), None, "the index"),
        (indexed(pd.Index(T)), T, "the index"),
        (indexed(pd.Index(T, name="time")), T, "the index"),
        (indexed(pd.Index(T, name="Time [h]")), T, "the index"),
        (indexed(pd.Index(np.arange(100, 111), name="cycle")), np.arange(100.0, 111), "the index"),
        (PLAIN.assign(t=T), T, "'t'"),
        (PLAIN.assign(Time=T), T, "'Time'"),
        (PLAIN.assign(**{"TIME (s)": T}), T, "'TIME (s)'"),
        (PLAIN.assign(timestamp=DATES), DAY * np.arange(11), "'timestamp'"),
        (PLAIN.assign(ds=DATES.date), DAY * np.arange(11), "'ds'"),
        (PLAIN.assign(Hour=T), T, "'Hour'"),
        (PLAIN.assign(year=1900 + np.arange(11)), 1900.0 + np.arange(11), "'year'"),
        (pl.from_pandas(PLAIN.assign(Day=T)), T, "'Day'"),
        (PLAIN.assign(t=T).set_index(np.arange(50, 61)), T, "'t'"),
    ],
)
def test_the_time_is_found(frame, times, role):
    read = Trajectories(frame)
    assert read.feature_names == ("a", "b")
    assert read.roles == {"time": role}
    assert role in repr(read)
    np.testing.assert_array_equal(read.states[0], X)
    if times is not None:
        np.testing.assert_allclose(read.times[0], times, rtol=1e-12)
    assert np.ptp(read.times[0]) != 10 or times is not None


def test_months_are_read_as_their_first_day():
    read = Trajectories(indexed(pd.period_range("2024-01", periods=11, freq="M")), time_unit="day")
    np.testing.assert_array_equal(read.times[0][:4], [0, 31, 60, 91])


def panel(**columns):
    two = pd.concat([PLAIN.assign(t=T), (0.5 * PLAIN).assign(t=T)], ignore_index=True)
    return two.assign(**{name: np.repeat(values, 11) for name, values in columns.items()})


@pytest.mark.parametrize("name", ["id", "ID", "Subject", "patient", "unique_id", "run", "Replicate", "group", "series"])
@pytest.mark.parametrize("values", [[1, 2], ["x", "y"]])
def test_the_identity_is_found(name, values):
    read = Trajectories(panel(**{name: values}))
    assert read.ids == tuple(values)
    assert read.roles == {"time": "'t'", "id": repr(name)}
    np.testing.assert_array_equal(read.states[1], 0.5 * X)


@pytest.mark.parametrize(
    "names", [("id", "time"), ("Subject", "t"), ("animal", None), (None, "hour"), ("mouse", "time"), (None, None)]
)
def test_levels_of_an_index(names):
    frame = panel(id=["x", "y"])
    index = pd.MultiIndex.from_arrays([frame.id, frame.t], names=names)
    read = Trajectories(frame[["a", "b"]].set_axis(index, axis=0))
    assert read.ids == ("x", "y")
    np.testing.assert_array_equal(read.times[1], T)
    swapped = Trajectories(frame[["a", "b"]].set_axis(index.swaplevel(), axis=0))
    assert swapped.ids == ("x", "y")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            PLAIN.assign(t=T, day=T),
            r"2 columns that may be the time: 't', 'day'. Say which.*time='t', features=\['a', 'b'\]",
        ),
        (PLAIN.assign(Time=T, timestamp=DATES), "2 columns that may be the time: 'Time', 'timestamp'"),
        (panel(id=[1, 2], subject=["x", "y"]), r"2 columns that may be the identity: 'id', 'subject'.*id='id'"),
        (indexed(DATES).assign(t=T), "column 't' is named like a time, and another one is that already"),
        (indexed(pd.Index(T, name="time")).assign(Hour=T), "column 'Hour' is named like a time"),
        (PLAIN.assign(**{"Unnamed: 0": range(11)}), "column 'Unnamed: 0' looks like row numbers"),
        (PLAIN.assign(**{"": range(11), "t": T}), "column '' looks like row numbers"),
        (PLAIN.assign(index=range(11), t=T), "column 'index' looks like row numbers"),
        (PLAIN.assign(rownames=range(11), t=T), "column 'rownames' looks like row numbers"),
        (indexed(list("abcdefghijk")), r"an index of labels \('a', ...\) that are neither times nor known"),
        (indexed([str(d) for d in DATES]), "turn it into dates with pandas.to_datetime"),
        (indexed(np.arange(11)[::-1]), "row 1: the index of row numbers does not increase"),
        (PLAIN.set_axis(["0.5", "1e-3"], axis=1), "the header line holds only numbers"),
        (PLAIN.set_axis(pd.MultiIndex.from_tuples([("u", "a"), ("u", "b")]), axis=1), "has columns of 2 levels"),
        (PLAIN.assign(zeit=T), r"column 'zeit' increases strictly.*time='zeit', features=\['a', 'b'\]"),
        (
            panel(dose=[1.0, 2.0], id=[0, 1]),
            r"column 'dose' is constant within every trajectory.*features=\['a', 'b'\]",
        ),
        (panel(id=pd.array([1, None], "Int64")), "column 'id', row 11: the id is missing"),
        (panel(id=["x", ""]), "column 'id', row 11: the id is missing"),
        (panel(id=["x", "nan"]), "column 'id', row 11: the id is missing"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_call_to_make(frame, message):
    with pytest.raises(TrajectoryError, match=message):
        Trajectories(frame)


def test_the_suggested_calls_work():
    assert Trajectories.from_dataframe(PLAIN.assign(t=T, day=2 * T), time="t", features=["a", "b"]).n_features == 2
    growth = PLAIN.assign(size=np.exp(T))
    assert Trajectories.from_dataframe(growth, features=["a", "b", "size"]).n_features == 3
    assert Trajectories.from_dataframe(growth, time="size", features=["a", "b"]).n_features == 2
    dosed = panel(dose=[1.0, 2.0], id=[0, 1])
    assert Trajectories.from_dataframe(dosed, features=["a", "b"]).n_features == 2
    growing = np.column_stack([np.exp(T), X])
    with pytest.raises(TrajectoryError, match=r"column 0 increases strictly.*pass t=X\[:, 0\].*or t=1"):
        Trajectories(growing)
    assert Trajectories(growing, t=1).n_features == 3


def test_rows_that_were_cut_out_are_noticed():
    with pytest.warns(UserWarning, match=r"the index jumps from 2 to 6: rows were cut out.*pass it Trajectories"):
        read = Trajectories(PLAIN.drop([3, 4, 5]))
    np.testing.assert_array_equal(read.times[0], [0, 1, 2, 6, 7, 8, 9, 10])


def test_series_and_lists_of_one_variable():
    series = pd.Series(X[:, 0], index=DATES, name="a")
    assert Trajectories(series).feature_names == ("a",)
    np.testing.assert_array_equal(Trajectories(series, time_unit="day").times[0], np.arange(11))
    for several in ([series, series[:5]], [X[:, 0], X[:5, 0]], [pl.Series(X[:, 0]), pl.Series(X[:5, 0])]):
        assert [x.shape for x in Trajectories(several).states] == [(11, 1), (5, 1)]
    np.testing.assert_array_equal(Trajectories((T, X[:, 0])).times[0], T)


def test_xarray():
    xr = pytest.importorskip("xarray")
    wide = xr.DataArray(X, dims=("time", "variable"), coords={"time": T, "variable": ["a", "b"]})
    read = Trajectories(wide)
    assert read.feature_names == ("a", "b")
    np.testing.assert_array_equal(read.times[0], T)
    a, b = (("subject", "time"), [X[:, 0], 2 * X[:, 0]]), (("subject", "time"), [X[:, 1], X[:, 1]])
    both = xr.Dataset({"a": a, "b": b}, coords={"time": DATES, "subject": ["p", "q"]})
    read = Trajectories(both, time_unit="day")
    assert read.ids == ("p", "q")
    np.testing.assert_array_equal(read.states[1], np.column_stack([2 * X[:, 0], X[:, 1]]))
    np.testing.assert_array_equal(read.times[1], np.arange(11))
    with pytest.raises(TrajectoryError, match="which is the time"):
        Trajectories(xr.DataArray(X, dims=("row", "column")))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Series([f"{i:05d}" for i in range(11)]), "column 'z' (cannot be read|holds an object)"),
        (pd.Series([f"{i:05d}" for i in range(11)], dtype=object), "'00000' is a str"),
        (pd.Categorical(range(11)), "its type is category"),
        (pd.Series([True, False] * 5 + [True]), "column 'z' has type bool"),
        (pd.Series([{"p": 1.0}] * 11), "not a number"),
        (pd.Series(list(X)), "not a number"),
        (pd.Series(DATES), "column 'z' has type datetime64"),
    ],
)
def test_what_is_no_number_does_not_become_one(column, message):
    with pytest.raises((TrajectoryError, TypeError), match=message):
        Trajectories(PLAIN.assign(t=T, z=column))


def test_numbers_of_other_kinds_are_read():
    for kind in ("Float64", "Int64", "float32", object):
        column = pd.Series(np.arange(11)[::-1], dtype=kind)
        np.testing.assert_array_equal(Trajectories(PLAIN.assign(t=T, z=column)).states[0][:, 2], np.arange(11)[::-1])
    holes = Trajectories(PLAIN.assign(t=T, z=pd.array([1, None] + [3] * 9, "Int64")), missing="drop")
    assert len(holes.times[0]) == 10


@pytest.mark.parametrize("kind", ["Struct", "List", "Array", "String", "Categorical", "Boolean"])
def test_columns_of_polars_that_hold_no_numbers(kind):
    values = {
        "Struct": pl.Series([{"p": 1.0, "q": 2.0}] * 11),
        "List": pl.Series([[1.0, 2.0]] * 11),
        "Array": pl.Series([[1.0, 2.0]] * 11, dtype=pl.Array(pl.Float64, 2)),
        "String": pl.Series(["1"] * 11),
        "Categorical": pl.Series(["1"] * 11, dtype=pl.Categorical),
        "Boolean": pl.Series([True] * 11),
    }[kind]
    with pytest.raises(TrajectoryError, match=f"column 'z' has type {kind}"):
        Trajectories(pl.DataFrame({"t": T, "z": values}))
    with pytest.raises(TrajectoryError, match=r"LazyFrame.*pass X.collect\(\)"):
        Trajectories(pl.DataFrame({"t": T}).lazy())


def test_masks_survive_in_lists():
    rows = [np.ma.array(row, mask=[i == 4] * 2) for i, row in enumerate(X)]
    scalars = [[np.ma.masked, 1.0] if i == 4 else list(row) for i, row in enumerate(X)]
    for masked in ([rows], [(T, rows)], [scalars], np.ma.array(X, mask=np.arange(22).reshape(11, 2) == 8)):
        with pytest.raises(TrajectoryError, match="row 4, column 0: the state is NaN"):
            Trajectories(masked)
        assert len(Trajectories(masked, missing="drop").times[0]) == 10


def test_the_index_of_a_series_tells_trajectories_apart():
    index = pd.MultiIndex.from_arrays([np.repeat(["p", "q"], 11), np.tile(T, 2)], names=["subject", "time"])
    series = pd.Series(X.T.ravel(), index=index, name="a")
    read = Trajectories(series)
    assert (read.ids, read.feature_names) == (("p", "q"), ("a",))
    np.testing.assert_array_equal(read.times[1], T)
    np.testing.assert_array_equal(read.states[1][:, 0], X[:, 1])
    assert Trajectories(series.droplevel("time").rename(None)).ids == ("p", "q")
    for call in (lambda: Trajectories([series, series]), lambda: Trajectories(series.droplevel("time"), T)):
        with pytest.raises(TrajectoryError, match="a Series whose index tells trajectories apart"):
            call()


def test_series_are_trajectories_in_a_tuple_too():
    series = pd.Series(T**2, index=T, name="a")
    read = Trajectories((series, series))
    assert len(read) == 2
    np.testing.assert_array_equal(read.times[1], T)


def test_labels_beside_a_named_time_are_not_dropped():
    for labels in (list("aaaaaabbbbb"), [1] * 6 + [2] * 5):
        frame = PLAIN.assign(z=T).set_axis(pd.Index(labels, name="cell"), axis=0)
        with pytest.raises(TrajectoryError, match=r"an index of labels .* neither times nor known as identities"):
            Trajectories.from_dataframe(frame, time="z")
        read = Trajectories.from_dataframe(frame.reset_index(), time="z", id="cell")
        assert read.ids == tuple(dict.fromkeys(labels))
    rows = [DATES, np.arange(11) + 5, pd.Index(T, name="time"), pd.RangeIndex(11, name="cycle"), list("abcdefghijk")]
    for index in rows:
        assert Trajectories.from_dataframe(indexed(index).assign(z=T), time="z").roles == {"time": "'z'"}


def test_coordinates_of_xarray_are_not_dropped():
    xr = pytest.importorskip("xarray")
    wide = xr.DataArray(X, dims=("time", "v"), coords={"time": T, "v": ["a", "b"]})
    for form in (wide, wide.to_dataset("v")):
        labelled = form.assign_coords(run=("time", np.arange(11) // 6))
        with pytest.raises(TrajectoryError, match=r"the coordinate 'run' along 'time', .* like an identity"):
            Trajectories(labelled)
        assert len(Trajectories(labelled.drop_vars("run"))) == 1
        # What a deviation from a climatology is left with.
        assert len(Trajectories(form.assign_coords(month=("time", np.arange(11) % 3)))) == 1
    frame = wide.to_dataset("v").assign_coords(run=("time", np.arange(11) // 6)).to_dataframe().reset_index()
    assert Trajectories.from_dataframe(frame, time="time", id="run").ids == (0, 1)


def test_xarray_with_a_time_twice():
    xr = pytest.importorskip("xarray")
    wide = xr.DataArray(X, dims=("time", "v"), coords={"time": [*T[:-1], T[-2]], "v": ["b", "a"]})
    with pytest.raises(TrajectoryError, match="row 10: time repeats"):
        Trajectories(wide)
    merged = Trajectories(wide, duplicates="first")
    assert merged.feature_names == ("b", "a")
    np.testing.assert_array_equal(merged.states[0], X[:-1])


@pytest.mark.parametrize("name", ["date", "Timestamp", "ds"])
def test_dates_written_as_numbers_are_refused(name):
    numbers = DATES.strftime("%Y%m%d").astype(int).to_numpy()
    levels = pd.MultiIndex.from_arrays([["p"] * 11, numbers], names=["id", name])
    for frame in (PLAIN.assign(**{name: numbers}), indexed(pd.Index(numbers, name=name)), indexed(levels)):
        with pytest.raises(TrajectoryError, match=rf"column '{name}' are dates written as numbers, .*'%Y%m%d'"):
            Trajectories(frame)
    dates = pd.to_datetime(numbers.astype(str), format="%Y%m%d")
    np.testing.assert_array_equal(Trajectories(PLAIN.assign(**{name: dates}), time_unit="day").times[0], np.arange(11))
    # All of one month, so that they count days.
    np.testing.assert_array_equal(Trajectories(PLAIN.assign(time=numbers)).times[0], numbers)
    np.testing.assert_array_equal(Trajectories(PLAIN.assign(**{name: 1e7 + 50 * T})).times[0], 1e7 + 50 * T)


CLOCK = np.array([840, 850, 900, 910, 920, 930, 940, 950, 1000, 1010, 1020])
MONTHS = np.array([*range(202408, 202413), *range(202501, 202507)])


@pytest.mark.parametrize(
    ("name", "numbers", "form"),
    [
        ("day", pd.date_range("2024-01-25", periods=11).strftime("%Y%m%d").astype(float), "%Y%m%d"),
        *((name, MONTHS, "%Y%m") for name in ("month", "date", "time", "t")),
        ("time", CLOCK, "%H%M"),
        ("t", np.arange(0, 330, 30) // 60 * 100 + np.arange(0, 330, 30) % 60, "%H%M"),
    ],
)
def test_calendars_and_clocks_written_as_numbers_are_refused(name, numbers, form):
    frame = PLAIN[: len(numbers)].assign(z=numbers).rename(columns={"z": name})
    call = rf"times in column '{name}' are .* written as numbers, such as \d+: pandas.to_datetime\(.*format='{form}'\)"
    with pytest.raises(TrajectoryError, match=call):
        Trajectories(frame)
    times = frame[name].astype(int).astype(str)
    dated = pd.to_datetime(times.str.zfill(4) if form == "%H%M" else times, format=form)
    assert Trajectories(frame.assign(**{name: dated})).axis.kind == "date"
    with pytest.raises(TrajectoryError, match=r"X: the times are .* written as numbers"):
        Trajectories(PLAIN[: len(numbers)].to_numpy(), t=np.asarray(numbers))


def test_some_months_are_told_by_their_name():
    some = pd.DataFrame({"month": np.delete(MONTHS, [2, 3, 7, 8]), "x": np.cos(np.arange(7))})
    with pytest.raises(TrajectoryError, match="column 'month' are months written as numbers, such as 202408"):
        Trajectories(some)
    assert Trajectories(some.rename(columns={"month": "t"})).n_points == 7


@pytest.mark.parametrize(
    "times",
    [
        np.arange(100, 210, 10),  # 60 and more is no minute
        np.arange(202401, 202412),  # of one year
        np.arange(2000, 2011),
        [1900, 1910, 1920, 1930, 1940, 1950, 1951, 1952, 1953, 1954, 1955],
        [0, 15, 30, 45, 60, 90, 120, 180, 240, 360, 480],
        [0, 1, 2, 4, 6, 8, 10, 12, 24, 48, 120],  # doses in hours
        [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 100],
        [0, 100, 200, 300, 410, 500, 600, 700, 800, 900, 1000],
        20240101 + np.arange(11) * 13,
        CLOCK - 820,  # 80 is no minute
        np.arange(11) + 200001.5,
    ],
)
def test_numbers_are_not_taken_for_dates(times):
    np.testing.assert_array_equal(Trajectories(PLAIN.assign(time=times)).times[0], times)


AGES = [118.0, 484, 664, 1004, 1231]
TREES = pd.DataFrame(
    {
        "Tree": np.repeat([3, 1, 2], 5),
        "age": np.tile(AGES, 3),
        "size": [30.0, 58, 87, 115, 120, 33, 69, 111, 156, 172, 30, 51, 75, 108, 115],
    }
)


def test_several_trajectories_one_below_the_other_are_noticed():
    call = (
        r"'Tree' is constant in blocks, and 'age' rises.*\(..., id='Tree', time='age'\), or .*'age', 'size'\]\) if all"
    )
    for frame in (TREES, TREES[["size", "age", "Tree"]], TREES[:10], pl.from_pandas(TREES)):
        with pytest.raises(TrajectoryError, match=call if frame is TREES else "id='Tree', time='age'"):
            Trajectories(frame)
    with pytest.raises(TrajectoryError, match=r"id='Tree', features=\['age'\]\), or"):
        Trajectories(TREES[["Tree", "age"]])
    with pytest.raises(TrajectoryError, match="'age' increases strictly in every trajectory"):
        Trajectories.from_dataframe(TREES, id="Tree")
    assert Trajectories.from_dataframe(TREES, id="Tree", time="age").ids == (3, 1, 2)
    assert Trajectories.from_dataframe(TREES, features=["Tree", "age", "size"]).n_features == 3
    assert Trajectories(TREES.to_numpy()).n_features == 3


STEPS = np.arange(40.0)


@pytest.mark.parametrize(
    "columns",
    [
        {"saw": STEPS % 8, "wave": np.sin(STEPS)},
        {"saw": STEPS % 8, "square": STEPS // 8 % 2},
        {"saw": STEPS % 8, "stairs": 1.3 * (STEPS // 8)},
        {"saw": STEPS % 8, "late": (STEPS + 2) // 8},
        {"reset once": np.where(STEPS < 20, STEPS, STEPS**1.1 - 15), "on": (STEPS >= 20) * 1.0},
        {"level": np.repeat([4.0, 1, 3, 0, 2], 8), "follows": np.cos(STEPS / 9)},
        {"saw": np.append(STEPS[:-1] % 8, np.nan), "wave": np.sin(STEPS)},
    ],
)
def test_states_are_not_taken_for_identities(columns):
    assert Trajectories.from_dataframe(pd.DataFrame(columns), missing="keep").n_features == 2


def test_inputs_in_steps_are_no_identities():
    frame = pd.DataFrame({"saw": STEPS % 8, "wave": np.sin(STEPS), "level": STEPS // 8})
    assert Trajectories.from_dataframe(frame, inputs=["level"]).n_features == 2


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            PLAIN.assign(t=T, site=list("aaaaaabbbbb"), note="-"),
            r"'site' .*: \S+\(..., id='site'\) if it tells trajectories apart; or leave it out, .*=\['a', 'b'\]\)$",
        ),
        (panel(id=[0, 1]).assign(site="a"), r"(type is \w+|is a str): leave it out, .*features=\['a', 'b'\]\)$"),
        (PLAIN.assign(t=T, c=["1.5"] * 10 + ["n.d."]), r": row 10 holds 'n.d.', pandas.to_numeric\(frame\['c'\], err"),
        (PLAIN.assign(t=T, c="1,5"), r"to_numeric\(frame\['c'\].str.replace\(',', '.'\), errors='coerce'\) reads them"),
        (PLAIN.assign(t=T, c="1.5"), r": its numbers are text, pandas.to_numeric\(frame\['c'\], errors='coerce'\)"),
        (PLAIN.assign(t=T, on=True), r"'on' has type bool: .*inputs=\['on'\]\) if it is a switch"),
        (
            PLAIN.assign(taken=DATES),
            r"'taken' has type .*: \S+\(..., time='taken'\) if it is the time; or leave it out",
        ),
        (
            PLAIN.assign(date=DATES.strftime("%d/%m/%Y")),
            r"'01/01/2024' is a str; pandas.to_datetime\(times, format='%d/%m/%Y'\) makes",
        ),
        (panel(id=["p", "q"])[:12], r"trajectory 1 has 1 sample; .* \(id 'q', trajectory 1, row 11\); pass"),
        (
            PLAIN.assign(Month=T, Day=T, rownames=range(11), Subject="p"),
            r"2 columns that may be the time: 'Month', 'Day'.*time='Month', features=\['a', 'b'\]\)$",
        ),
    ],
)
def test_refusals_name_the_call(frame, message):
    with pytest.raises(TrajectoryError, match=message):
        Trajectories(frame)


def test_a_gap_hides_no_parameter():
    frame = panel(dose=[1.0, 2.0], id=[0, 1])
    frame.loc[0, "dose"] = np.nan
    with pytest.raises(TrajectoryError, match="column 'dose' is constant within every trajectory"):
        Trajectories.from_dataframe(frame, missing="drop")


def test_masked_times_of_several_trajectories():
    times = np.ma.array([T, T], mask=np.arange(22).reshape(2, 11) == 21)
    with pytest.raises(TrajectoryError, match="trajectory 1, row 10: the time is masked"):
        Trajectories(np.stack([X, X]), times)
