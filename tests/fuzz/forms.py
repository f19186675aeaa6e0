"""Forms of the same trajectories, all of which must be read as what they are.

Each function takes a generator, a `Truth` and a folder, and returns what a user passes to `fit`: ``(X, t)``.
"""

from decimal import Decimal

import numpy as np
import pandas as pd

from skdyn import Trajectories
from skdyn.data.table import read_csv
from tests.fuzz.tables import as_polars, interleaved, table, write_csv

FORMS = []


def form(ids=True, names=True, recordings_too=True, **wanted):
    """Note what a form says of identities and names, whether it is one of recordings too, and what is drawn for it."""

    def add(write):
        FORMS.append((write, ids, names, recordings_too, wanted))
        return write

    return add


@form(ids=False, names=False)
def pairs(rng, truth, folder):
    return (truth.pairs if rng.integers(2) else tuple(truth.pairs)), None


@form(ids=False, names=False)
def pairs_of_lists(rng, truth, folder):
    return [(list(t), x.tolist()) for t, x in truth.pairs], None


@form(ids=False, names=False)
def pairs_of_other_memory(rng, truth, folder):
    changes = [
        np.asfortranarray,
        np.ma.array,
        lambda x: x.astype(">f8"),
        lambda x: x.astype(object),
        lambda x: x.astype(np.longdouble),
        lambda x: np.repeat(x, 2, axis=0)[::2],
    ]
    return [(t, changes[rng.integers(len(changes))](x)) for t, x in truth.pairs], None


@form(ids=False, names=False)
def arrays_and_times(rng, truth, folder):
    return list(truth.states), list(truth.marks)


@form(ids=False, names=False, recordings_too=False, shared=True)
def stacked(rng, truth, folder):
    return np.stack(truth.states), truth.marks[0]


@form(ids=False, names=False, count=1)
def one_array(rng, truth, folder):
    return truth.states[0], truth.marks[0]


@form(ids=False, names=False, dim=1)
def arrays_of_one_variable(rng, truth, folder):
    return [x[:, 0] for x in truth.states], list(truth.marks)


@form(ids=False, names=False)
def read_before(rng, truth, folder):
    X = Trajectories(truth.pairs)
    return [X, list(X), X[:]][rng.integers(3)], None


@form()
def long_table(rng, truth, folder):
    frame = interleaved(rng, table(truth), truth.lengths)
    if rng.integers(2):
        frame = frame[[*truth.names, truth.time, truth.id]]
    types = ["Float64", object, "float64"][rng.integers(3)]
    return frame.astype(dict.fromkeys(truth.names, types)), None


@form()
def long_table_of_nullable_types(rng, truth, folder):
    return table(truth).convert_dtypes(), None


@form()
def polars_table(rng, truth, folder):
    return as_polars(interleaved(rng, table(truth), truth.lengths)), None


@form()
def columns_by_name(rng, truth, folder):
    frame = table(truth).rename(columns={truth.time: "sample", truth.id: "site"}).assign(remark="good")
    frame = as_polars(frame) if rng.integers(2) else frame
    return Trajectories.from_dataframe(frame, time="sample", id="site", features=truth.names), None


@form()
def time_in_the_index(rng, truth, folder):
    return table(truth).set_index(truth.time), None


@form()
def id_in_the_index(rng, truth, folder):
    return table(truth).set_index(truth.id), None


@form()
def both_in_the_index(rng, truth, folder):
    return table(truth).set_index([truth.id, truth.time][:: rng.choice([1, -1])]), None


@form(ids=False, count=1)
def only_a_time_index(rng, truth, folder):
    name = str(rng.choice(["t", "Zeit", truth.time])) if truth.marks[0].dtype.kind in "fi" else None
    return pd.DataFrame(truth.states[0], columns=truth.names, index=pd.Index(truth.marks[0], name=name)), None


@form(ids=False, dim=1)
def series(rng, truth, folder):
    index = [pd.Index(t, name="t") for t in truth.marks]
    return [pd.Series(x[:, 0], index=i, name=truth.names[0]) for x, i in zip(truth.states, index, strict=True)], None


@form(shared=True)
def data_array(rng, truth, folder):
    import xarray as xr

    dims, coords = ["id", "t", "variable"], {"id": truth.ids, "t": truth.marks[0], "variable": truth.names}
    return xr.DataArray(np.stack(truth.states), coords, dims).transpose(*rng.permutation(dims)), None


@form(shared=True)
def data_set(rng, truth, folder):
    import xarray as xr

    columns = {name: (("id", "t"), np.stack([x[:, d] for x in truth.states])) for d, name in enumerate(truth.names)}
    return xr.Dataset(columns, {"id": truth.ids, "t": truth.marks[0]}), None


@form(kinds=("float", "int", "date"))
def csv_file(rng, truth, folder):
    truth.ids = list(map(str, truth.ids))
    return read_csv(write_csv(rng, table(truth), folder)), None


@form(kinds=("date",))
def dates_of_other_kinds(rng, truth, folder):
    frame = table(truth)
    changes = [
        lambda dates: dates.dt.tz_localize("UTC"),
        lambda dates: dates.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata"),
        lambda dates: pd.Series(list(dates.dt.to_pydatetime()), dtype=object),
        lambda dates: dates.astype("datetime64[us]"),
        lambda dates: dates.dt.to_period("h").dt.to_timestamp() + pd.Timedelta("30min"),
    ]
    frame[truth.time] = changes[rng.integers(len(changes))](frame[truth.time])
    return frame, None


@form(ids=False, names=False, kinds=("int",))
def large_integers(rng, truth, folder):
    pairs = [(t * 10**9 + 1_700_000_000_000_000_000, x) for t, x in truth.pairs]
    start = min(t[0] for t in truth.marks)
    truth.marks = [(t - start) * 10**9 for t in truth.marks]
    return pairs, None


@form(kinds=("int",))
def boxed_numbers(rng, truth, folder):
    frame = table(truth).astype({truth.time: object})
    frame[truth.names[0]] = [Decimal(repr(value)) for value in frame[truth.names[0]]]
    return frame, None


@form(ids=False, count=1, kinds=("int",))
def rows_cut_out(rng, truth, folder):
    truth.marks = [np.cumsum(np.append(int(rng.integers(1, 4)), np.diff(truth.marks[0])))]
    return pd.DataFrame(truth.states[0], columns=truth.names, index=truth.marks[0]), None


@form()
def shuffled_and_sorted(rng, truth, folder):
    first = np.cumsum([0, *truth.lengths[:-1]])
    rest = rng.permutation(np.setdiff1d(np.arange(sum(truth.lengths)), first))
    return Trajectories(table(truth).iloc[[*first, *rest]].reset_index(drop=True), sort=True), None


@form()
def repeated_and_merged(rng, truth, folder):
    rows = np.sort([*range(sum(truth.lengths)), *rng.integers(0, sum(truth.lengths), 3)])
    return Trajectories(table(truth).iloc[rows].reset_index(drop=True), duplicates="first"), None


@form()
def missing_and_dropped(rng, truth, folder):
    frame = table(truth)
    row = frame.iloc[[-1]].assign(**dict.fromkeys(truth.names, np.nan))
    row[truth.time] += truth.marks[-1][-1] - truth.marks[-1][-2]
    return Trajectories(pd.concat([frame, row], ignore_index=True), missing="drop"), None
