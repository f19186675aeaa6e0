"""Damaged inputs, all of which must be refused with the place of the damage.

Each function takes a generator, a `Truth` and a folder, and returns a function that reads and returns ``(X, t)``, and
the words that the refusal must hold.
"""

import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse

from skdyn.data.table import read_csv
from tests.fuzz.tables import as_polars, table, write_csv

DAMAGES = []


def damage(recordings_too=True, **wanted):
    """Note whether recordings of frames must be refused too, of which a column may be anything, and what is drawn."""

    def add(write):
        DAMAGES.append((write, recordings_too, wanted))
        return write

    return add


def plain(X, t=None):
    return lambda: (X, t)


def anywhere(rng, frame, folder, line=None, column=None):
    """A table as pandas, polars or a file, and where in it a cell stands as errors have to say it."""
    kind = rng.integers(3)
    if kind == 2:
        path = write_csv(rng, frame, folder)
        words = [path.name, *([f"line {line + 2}"] if line is not None else [])]
        return (lambda: (read_csv(path), None)), [*words, *([column] if column else [])]
    X = as_polars(frame) if kind else frame
    return plain(X), [column] if column else []


def owner(truth, row):
    """The trajectory that a row of the table is of."""
    return int(np.searchsorted(np.cumsum(truth.lengths), row, side="right"))


def any_cell(rng, truth):
    return int(rng.integers(sum(truth.lengths))), str(rng.choice(truth.names))


@damage(kinds=("float", "int", "date"))
def missing_state(rng, truth, folder):
    frame, (row, name) = table(truth), any_cell(rng, truth)
    frame.loc[row, name] = np.nan
    read, words = anywhere(rng, frame, folder, row, name)
    return read, [*words, *([] if "line" in str(words) else [f"trajectory {owner(truth, row)}", f"row {row}"]), "NaN"]


@damage(kinds=("float", "int", "date"))
def infinite_state(rng, truth, folder):
    frame, (row, name) = table(truth), any_cell(rng, truth)
    frame.loc[row, name] = np.inf * rng.choice([-1, 1])
    read, words = anywhere(rng, frame, folder, row, name)
    return read, [*words, "inf"]


@damage(kinds=("float", "int", "date"))
def word_among_states(rng, truth, folder):
    frame, (row, name) = table(truth), any_cell(rng, truth)
    frame[name] = frame[name].astype(object)
    frame.loc[row, name] = str(rng.choice(["12a", "<0.1", "x", "1_0", "0x10", "#REF!"]))
    if rng.integers(2):
        return plain(frame), [name]
    path = write_csv(rng, frame, folder)
    return (lambda: (read_csv(path), None)), [path.name, f"line {row + 2}", name]


@damage()
def numbers_as_strings(rng, truth, folder):
    frame, name = table(truth), str(rng.choice(truth.names))
    types = ["str", "category", object]
    frame[name] = frame[name].map("{:08.3f}".format).astype(types[rng.integers(3)])
    return plain(as_polars(frame) if rng.integers(2) else frame), [name]


@damage()
def lists_and_structures_in_cells(rng, truth, folder):
    frame, name = as_polars(table(truth)), str(rng.choice(truth.names))
    column = pl.concat_list(pl.col(name)) if rng.integers(2) else pl.struct(pl.col(name))
    return plain(frame.with_columns(column.alias(name))), [name]


@damage()
def booleans(rng, truth, folder):
    frame, name = table(truth), str(rng.choice(truth.names))
    frame[name] = frame[name] > 0
    return plain(as_polars(frame) if rng.integers(2) else frame), [name]


@damage()
def dates_among_states(rng, truth, folder):
    frame, name = table(truth), str(rng.choice(truth.names))
    frame[name] = pd.date_range("2020-01-01", periods=len(frame))
    return plain(as_polars(frame) if rng.integers(2) else frame), [name]


@damage()
def lazy_table(rng, truth, folder):
    return plain(as_polars(table(truth)).lazy()), ["LazyFrame", "collect"]


@damage(kinds=("float", "int", "date"))
def missing_identity(rng, truth, folder):
    frame, row = table(truth), any_cell(rng, truth)[0]
    frame[truth.id] = frame[truth.id].astype(str).astype(object)
    frame.loc[row, truth.id] = [None, np.nan, ""][rng.integers(3)]
    return anywhere(rng, frame, folder, row, truth.id)


@damage(kinds=("float", "date"))
def missing_time(rng, truth, folder):
    frame, row = table(truth), any_cell(rng, truth)[0]
    frame.loc[row, truth.time] = None
    read, words = anywhere(rng, frame, folder, row)
    k = owner(truth, row)
    return read, words or [f"trajectory {k}", f"row {row}|row {row - sum(truth.lengths[:k])}", "time"]


@damage(kinds=("float", "int", "date"))
def row_numbers(rng, truth, folder):
    frame, name = table(truth), str(rng.choice(["Unnamed: 0", "index", "level_0", "rownames", "Unnamed: 1"]))
    frame.insert(0, name, np.arange(len(frame)))
    return anywhere(rng, frame, folder, column=name)


@damage(kinds=("float", "int"))
def no_header(rng, truth, folder):
    frame = table(truth).drop(columns=truth.id)
    path = write_csv(rng, frame, folder)
    lines = path.read_bytes().splitlines()[1:]
    path.write_bytes(b"\n".join(lines))
    return (lambda: (read_csv(path), None)), [path.name, "header|line 2"]


@damage(kinds=("float", "int", "date"))
def two_times(rng, truth, folder):
    frame, other = table(truth), str(rng.choice(["minute", "Week", "months"]))
    frame[other] = np.arange(len(frame)) / 7
    read, words = anywhere(rng, frame, folder, column=other)
    return read, [*words, truth.time]


@damage(kinds=("float", "int", "date"))
def two_identities(rng, truth, folder):
    frame, other = table(truth), str(rng.choice(["trial", "Animal", "series id"]))
    frame[other] = frame[truth.id]
    read, words = anywhere(rng, frame, folder, column=other)
    return read, [*words, truth.id]


@damage(recordings_too=False, kinds=("float", "int"))
def time_by_another_name(rng, truth, folder):
    other = str(rng.choice(["tijd", "Probe", "sample", "zeit [h]"]))
    return anywhere(rng, table(truth).rename(columns={truth.time: other}), folder, column=other)


@damage(recordings_too=False, count=1)
def time_in_an_array(rng, truth, folder):
    x = np.column_stack([truth.times[0], truth.states[0]])
    return plain([x, x.tolist(), [x], x[None]][rng.integers(4)]), ["column 0", "increases"]


@damage(recordings_too=False, count=3, kinds=("float", "int", "date"))
def constant_for_each(rng, truth, folder):
    frame = table(truth)
    frame["dose"] = np.repeat(rng.permutation(3) + 0.5, truth.lengths)
    return anywhere(rng, frame, folder, column="dose")


@damage(kinds=("float", "int", "date"))
def out_of_order(rng, truth, folder):
    frame, k = table(truth), int(rng.integers(len(truth.ids)))
    start = sum(truth.lengths[:k])
    row = start + int(rng.integers(1, truth.lengths[k]))
    order = np.arange(len(frame))
    order[[row - 1, row]] = row, row - 1
    read, words = anywhere(rng, frame.iloc[order].reset_index(drop=True), folder, row)
    return read, words or [f"trajectory {k}", f"row {row}", "decreases"]


@damage(kinds=("float", "int", "date"))
def repeated_times(rng, truth, folder):
    frame, row = table(truth), any_cell(rng, truth)[0]
    again = frame.iloc[np.sort([*range(len(frame)), row])].reset_index(drop=True)
    read, words = anywhere(rng, again, folder, row + 1)
    return read, words or [f"trajectory {owner(truth, row)}", f"row {row + 1}", "repeats"]


@damage(count=2)
def kinds_of_time_mixed(rng, truth, folder):
    numbers = np.arange(truth.lengths[0])
    marks = truth.marks[1] if truth.marks[1].dtype.kind in "mM" else truth.marks[1].astype("timedelta64[s]")
    return plain([(numbers, truth.states[0]), (marks, truth.states[1])]), ["mixture", "dates"]


@damage(count=1)
def dates_and_numbers_in_one_column(rng, truth, folder):
    frame = table(truth).astype({truth.time: object})
    frame[truth.time] = pd.date_range("2020-01-01", periods=len(frame)).astype(object)
    frame.loc[int(rng.integers(len(frame))), truth.time] = 3.0
    return plain(frame), ["trajectory 0", "time"]


@damage(count=2)
def years_without_a_common_unit(rng, truth, folder):
    far = np.datetime64("9000-01-01", "s") + np.arange(truth.lengths[0])
    near = np.datetime64("2020-01-01", "ns") + np.arange(truth.lengths[1])
    return plain([(far, truth.states[0]), (near, truth.states[1])]), ["datetime64", "unit"]


@damage()
def times_of_strings(rng, truth, folder):
    return plain([(list(map(str, t)), x) for t, x in truth.pairs]), ["trajectory 0", "time"]


@damage(kinds=("float",))
def times_not_finite(rng, truth, folder):
    k = int(rng.integers(len(truth.ids)))
    row = int(rng.integers(truth.lengths[k]))
    truth.marks[k][row] = rng.choice([np.nan, np.inf, -np.inf])
    return plain(truth.pairs), [f"trajectory {k}", f"row {row}", "not finite"]


@damage(kinds=("float", "int"))
def masked_times(rng, truth, folder):
    k = int(rng.integers(len(truth.ids)))
    row = int(rng.integers(truth.lengths[k]))
    masked = np.ma.array(truth.marks[k], mask=np.arange(truth.lengths[k]) == row)
    pairs = truth.pairs
    pairs[k] = (masked if rng.integers(2) else list(masked), pairs[k][1])
    return plain(pairs), [f"trajectory {k}", f"row {row}", "masked"]


@damage()
def masked_states(rng, truth, folder):
    k = int(rng.integers(len(truth.ids)))
    row = int(rng.integers(truth.lengths[k]))
    masked = np.ma.array(truth.states[k])
    masked[row, 0] = np.ma.masked
    pairs = truth.pairs
    pairs[k] = (pairs[k][0], masked if rng.integers(2) else list(masked))
    return plain(pairs), [f"trajectory {k}", f"row {row}", "column 0"]


@damage()
def arrays_of_no_real_numbers(rng, truth, folder):
    k = int(rng.integers(len(truth.ids)))
    changes = [
        lambda x: x + 1j,
        lambda x: x > 0,
        lambda x: x.astype(str),
        lambda x: x.astype(str).astype(object),
        lambda x: x.astype(str).tolist(),
        lambda x: x.astype("datetime64[s]"),
        lambda x: x.astype("timedelta64[s]"),
        lambda x: np.array([[{}] * x.shape[1]] * len(x)),
        lambda x: [*x.tolist()[:-1], [1.0] * (x.shape[1] + 1)],
    ]
    pairs = truth.pairs
    pairs[k] = (pairs[k][0], changes[rng.integers(len(changes))](pairs[k][1]))
    return plain(pairs), [f"trajectory {k}"]


@damage(count=3)
def other_widths(rng, truth, folder):
    pairs = truth.pairs
    pairs[2] = (pairs[2][0], np.column_stack([pairs[2][1], pairs[2][1]]))
    return plain(pairs), ["trajectory 2", "variables"]


@damage()
def other_lengths(rng, truth, folder):
    k = int(rng.integers(len(truth.ids)))
    pairs = truth.pairs
    pairs[k] = (pairs[k][0][:-1], pairs[k][1])
    return plain(pairs), [f"trajectory {k}", f"{truth.lengths[k]} states"]


@damage()
def one_point(rng, truth, folder):
    k = int(rng.integers(len(truth.ids)))
    pairs = truth.pairs
    pairs[k] = (pairs[k][0][:1], pairs[k][1][:1])
    return plain(pairs), [f"trajectory {k}", "1 sample"]


@damage()
def times_given_twice(rng, truth, folder):
    X = [truth.pairs, table(truth)][rng.integers(2)]
    return plain(X, truth.marks), ["t is given twice"]


@damage()
def no_trajectories(rng, truth, folder):
    x = truth.states[0]
    X, word = [
        (None, "NoneType"),
        ("data.csv", "str"),
        ({"a": x}, "dict"),
        (3.5, "float"),
        ([], "empty"),
        (x[:, 0], "shape"),
        (x[None, None], "shape"),
        (x[:, :0], "0 feature"),
        (sparse.csr_array(x), "sparse"),
        ([table(truth)], "DataFrame"),
        ([(truth.marks[0], x), x], "trajectory 1"),
        (iter(truth.pairs), "X"),
    ][rng.integers(12)]
    return plain(X), [word]


@damage()
def steps_that_are_none(rng, truth, folder):
    step = [0.0, -1.0, np.nan, np.inf, "1", True][rng.integers(6)]
    return plain(list(truth.states), step), ["step", repr(step)]


@damage()
def columns_that_are_none(rng, truth, folder):
    frame = table(truth)
    kind = rng.integers(4)
    if kind == 0:
        return plain(pd.concat([frame, frame[[truth.names[0]]]], axis=1)), [truth.names[0], "more than once"]
    if kind == 1:
        return plain(frame.iloc[:0]), ["0 samples"]
    if kind == 2:
        return plain(frame[[truth.id, truth.time]]), ["0 feature"]
    return plain(frame.set_index(pd.Index([f"r{i}" for i in range(len(frame))])).drop(columns=truth.id)), ["index"]


@damage(kinds=("float", "int"))
def files_that_are_none(rng, truth, folder):
    path = write_csv(rng, table(truth), folder)
    lines = path.read_bytes().splitlines()
    row = int(rng.integers(1, len(lines)))
    kind = rng.integers(3)
    if kind == 0:
        path.write_bytes(b"")
        return (lambda: (read_csv(path), None)), [path.name]
    if kind == 1:
        path.write_bytes(lines[0] + b"\n")
        return (lambda: (read_csv(path), None)), [path.name, "1 lines"]
    separator = next(mark for mark in (b";", b"\t", b"|", b",") if lines[0].count(mark) == len(truth.names) + 1)
    lines[row] += separator + b"7"
    path.write_bytes(b"\n".join(lines))
    return (lambda: (read_csv(path), None)), [path.name, f"line {row + 1}", "cells"]


@damage(kinds=("float", "int"))
def lines_that_are_no_data(rng, truth, folder):
    path = write_csv(rng, table(truth), folder)
    lines = path.read_bytes().splitlines()
    separator = next(mark for mark in (b";", b"\t", b"|", b",") if lines[0].count(mark) == len(truth.names) + 1)
    units = separator.join([b"", b"[h]", *[b"[mm]"] * len(truth.names)])
    twice = separator.join([*lines[0].split(separator)[:-1], lines[0].split(separator)[1]])
    kind = rng.integers(4)
    if kind == 0:
        lines.insert(1, units)
    elif kind == 1:
        lines.insert(int(rng.integers(2, len(lines))), lines[0])
    elif kind == 2:
        lines.append(separator.join([b"mean", b"", *[b"0.5"] * len(truth.names)]))
    else:
        lines[0] = twice
    path.write_bytes(b"\n".join(lines))
    words = [["line 2"], [truth.time, "line"], ["line", truth.time], ["more than once"]][kind]
    return (lambda: (read_csv(path), None)), [path.name, *words]


@damage(kinds=("float", "int"))
def columns_of_other_types(rng, truth, folder):
    frame, name = table(truth), str(rng.choice(truth.names))
    changes = [
        lambda column: column + 1j,
        lambda column: pd.to_timedelta(column, unit="s"),
        lambda column: pd.arrays.IntervalArray.from_breaks(np.arange(len(column) + 1.0)),
        lambda column: pd.Series([[value] for value in column]),
        lambda column: pd.Series([{"value": value} for value in column]),
        lambda column: pd.Series([b"1.5"] * len(column)),
        lambda column: (column > 0).astype("boolean"),
        lambda column: pd.date_range("2020", periods=len(column), tz="Europe/Berlin"),
    ]
    frame[name] = changes[rng.integers(len(changes))](frame[name])
    return plain(frame), [name]


@damage(kinds=("float", "int"))
def structured_arrays(rng, truth, folder):
    records = table(truth).astype({truth.id: str}).to_records(index=False)
    return plain(records if rng.integers(2) else [records, records]), ["X|trajectory 0"]


@damage(kinds=("date",))
def dates_in_another_form(rng, truth, folder):
    frame = table(truth)
    frame[truth.time] = frame[truth.time].dt.strftime("%d.%m.%Y %H:%M")
    path = write_csv(rng, frame, folder)
    return (lambda: (read_csv(path), None)), [path.name, "line 2", truth.time, "date-format"]
