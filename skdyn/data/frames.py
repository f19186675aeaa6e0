"""Read pandas and polars tables: columns by their roles, and the labels of a pandas index, which are never dropped.

And write one, which says in its ``attrs`` what reading it again needs beside its columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from skdyn.data.arrays import time_of
from skdyn.data.column_numbers import column_numbers
from skdyn.data.columns import StrayLabelError, choose_roles, is_id_name, is_time_name, refuse_numbers_as_names
from skdyn.data.date_forms import date_form
from skdyn.data.given import NOTHING, Given, given_columns
from skdyn.data.row_labels import begins_of, is_moment, is_row_numbers
from skdyn.data.series import series_numbers, series_values
from skdyn.data.source import ABSENT, Raw, Recording, Source, library_of
from skdyn.data.time_axis import parse_unit
from skdyn.exceptions import TrajectoryError, warn

_CALL = "Trajectories.from_dataframe"
_TO_NANOSECONDS = (np.dtype("datetime64[ns]"), np.dtype("timedelta64[ns]"))
_INDEX = "the index"  # where a label was read from


@dataclass(frozen=True)
class Labels:
    """What the index of a table says.

    Attributes
    ----------
    time, id : array of shape (M,), or None
    is_row_number : bool
        Whether the time is an unnamed integer index, which only says which rows these once were.
    """

    time: np.ndarray | None = None
    id: np.ndarray | None = None
    is_row_number: bool = False


def read_dataframe(
    frame: Any,
    time: Any = None,
    id: Any = None,
    features: Sequence[Any] | None = None,
    given: Given = NOTHING,
    table: str = "the DataFrame",
) -> Raw:
    """Split a long table into trajectories, in the order in which their ids first appear.

    Parameters
    ----------
    frame : pandas or polars DataFrame
    time, id, features, given
        Columns, as the user says.
    table : str
        What errors call it.
    """
    if library_of(frame) == "pandas" and getattr(frame.columns, "nlevels", 1) > 1:
        raise TrajectoryError(f"{table} has columns of {frame.columns.nlevels} levels: join them into one name each")
    columns = list(frame.columns)
    source = Source(table, None, _CALL)
    refuse_numbers_as_names(columns, source)
    if len(frame) == 0:
        raise TrajectoryError(f"{table} has 0 samples: no rows under its columns {columns}")
    labels = read_index(frame, table, time is not None, id is not None)
    if labels.is_row_number and any(is_time_name(name) for name in columns):
        labels = Labels(None, labels.id)
    try:
        labelled = (labels.time is not None, labels.id is not None)
        roles = choose_roles(columns, source, time, id, features, given, labelled)
    except StrayLabelError as error:  # named features would not be looked at for a panel
        drop = f"frame.drop({'columns=' if library_of(frame) == 'pandas' else ''}{error.stray})"
        raise error.leaving_out(drop) from None
    has_time = roles.time is not None or (labels.time is not None and not labels.is_row_number)
    known = (has_time, roles.id is not None or labels.id is not None)
    x = column_numbers(frame, dict.fromkeys(roles.states, "state"), roles.states, source, known)
    kinds = {name: given.kind(column) for column, name in enumerate(given.names)}
    outside = column_numbers(frame, kinds, roles.states, source, known)
    names = tuple(roles.states) if all(isinstance(name, str) for name in roles.states) else None
    when = labels.time if roles.time is None else series_values(frame[roles.time], roles.time)
    called = roles.time
    if labels.time is not None:
        called = next((name for name in frame.index.names if is_time_name(name)), None)
    keys = labels.id if roles.id is None else series_values(frame[roles.id], roles.id)
    source = Source(table, names, _CALL)
    if keys is None:
        groups: dict[Hashable, list[int]] = {0: list(range(len(x)))}
    else:
        groups = group_rows(keys, roles.id if roles.id is not None else "index", source)
    if labels.is_row_number:
        _check_row_numbers(when, list(groups.values()), source)
    recordings = [
        Recording.of(None if when is None else when[rows], x[rows], np.array(rows), outside[rows])
        for rows in groups.values()
    ]
    read_from = {}
    if when is not None:
        read_from["time"] = _INDEX if roles.time is None else repr(roles.time)
    if keys is not None:
        read_from["id"] = _INDEX if roles.id is None else repr(roles.id)
    return Raw(recordings, list(groups), names, source, read_from, called, meant=features is not None, given=given)


def read_series(items: Sequence[Any], t: Any, listed: bool) -> Raw:
    """Read pandas or polars Series, each a trajectory of one variable, with the times of their index.

    A single one whose index holds identities is read as a table of one column.
    """
    recordings, names = [], []
    for k, series in enumerate(items):
        place = f"trajectory {k}" if listed else "X"
        labels = read_index(series, place, t is not None, False)
        if labels.id is not None:
            if listed or t is not None:
                raise TrajectoryError(
                    f"{place} is a Series whose index tells trajectories apart: pass one Series alone, with identities "
                    "and times in its index, and neither a list nor t"
                )
            return read_dataframe(series.to_frame(), table="the Series")
        when = time_of(t, k, len(items)) if labels.time is None else labels.time
        if labels.is_row_number:
            _check_row_numbers(labels.time, [list(range(len(series)))], Source(place))
        x = series_numbers(series, place)
        recordings.append(Recording.of(when, x[:, None]))
        names.append(series.name if isinstance(series.name, str) and series.name else None)
    one = names[0] is not None and all(name == names[0] for name in names)
    read_from = {} if labels.time is None else {"time": _INDEX}
    return Raw(recordings, list(range(len(recordings))), (names[0],) if one and names[0] else None, Source(), read_from)


def read_index(frame: Any, table: str, has_time: bool, has_id: bool) -> Labels:
    """The labels of a pandas index.

    Parameters
    ----------
    frame : DataFrame or Series
    table : str
        What errors call it.
    has_time, has_id : bool
        Whether the user says which columns these are, so that no label of that kind is needed.
    """
    if library_of(frame) != "pandas":
        return Labels()
    index = frame.index
    if index.nlevels > 1:
        return _read_levels(index, table)
    if has_time and has_id:
        return Labels()
    if index.name is not None and is_id_name(index.name):
        return Labels() if has_id else Labels(id=_index_values(index))
    # Labels that do not repeat tell no trajectories apart.
    if is_row_numbers(index) or (has_time and not index.has_duplicates):
        return Labels()
    whole = index.dtype.kind in "iu"
    named = index.name is not None and whole and not has_time
    if is_moment(index) or is_time_name(index.name) or index.dtype.kind == "f" or named:
        return Labels() if has_time else Labels(time=_index_values(index))
    if index.name is None and whole:
        return Labels() if has_time else Labels(time=_index_values(index), is_row_number=True)
    form = date_form([str(label) for label in index])
    said = f"(frame.index, format={form!r})" if form else ""
    raise TrajectoryError(
        f"{table} has an index of labels ({index[0]!r}, ...) that are neither times nor known as identities: name the "
        f"index 'id', turn it into dates with pandas.to_datetime{said}, or drop it with reset_index(drop=True)"
    )


def _read_levels(index: Any, table: str) -> Labels:
    """Time and identity among the levels of a MultiIndex, by name or else by kind."""
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    times = [i for i, level in enumerate(levels) if is_time_name(level.name)] or [
        i for i, level in enumerate(levels) if is_moment(level) or (level.dtype.kind == "f" and level.name is None)
    ]
    ids = [i for i, level in enumerate(levels) if is_id_name(level.name) and i not in times]
    if len(levels) == 2 and len(times) == 1 and not ids:
        ids = [1 - times[0]]
    if len(levels) == 2 and len(ids) == 1 and not times:
        times = [1 - ids[0]]
    if len(times) != 1 or len(ids) != 1 or len(levels) != 2:
        raise TrajectoryError(
            f"{table} has an index of the levels {list(index.names)}: which is the time and which the identity? Name "
            "two levels 'id' and 'time', or call reset_index() and name the columns in Trajectories.from_dataframe"
        )
    return Labels(time=_index_values(levels[times[0]]), id=_index_values(levels[ids[0]]))


def _index_values(index: Any) -> np.ndarray:
    return np.asarray(begins_of(index))


def _check_row_numbers(when: Any, groups: list[list[int]], source: Source) -> None:
    """Refuse row numbers that are out of order, and warn where rows were cut out of a trajectory."""
    for k, rows in enumerate(groups):
        steps = np.diff(when[rows])
        if (steps <= 0).any():
            raise TrajectoryError(
                f"{source.place(k, rows[int((steps <= 0).argmax()) + 1])}: the index of row numbers does not increase: "
                "sort the rows, name a time column, or drop the index with reset_index(drop=True)"
            )
        if (steps > 1).any():
            jump = int((steps > 1).argmax())
            warn(
                f"trajectory {k}: the index jumps from {when[rows][jump]} to {when[rows][jump + 1]}: rows were cut "
                "out. The index is taken for the time. If a splitter of scikit-learn did this, pass it Trajectories, "
                "which it splits by trajectory"
            )
            return


def group_rows(keys: np.ndarray, name: Any, source: Source) -> dict[Hashable, list[int]]:
    """Rows of each identity, in the order of first appearance."""
    groups: dict[Hashable, list[int]] = {}
    # Of dates to the nanosecond tolist makes integers.
    for row, key in enumerate(list(keys) if keys.dtype in _TO_NANOSECONDS else keys.tolist()):
        if _is_absent(key):
            raise TrajectoryError(f"column {name!r}, row {row}: the id is missing")
        groups.setdefault(key, []).append(row)
    return groups


def _is_absent(key: Any) -> bool:
    try:
        return key is None or (isinstance(key, str) and key.strip().lower() in ABSENT) or bool(key != key)
    except TypeError:  # pd.NA, which is neither equal to itself nor unequal
        return True


def long_dataframe(
    ids: Sequence[Any],
    lengths: Sequence[int],
    times: np.ndarray,
    values: np.ndarray,
    states: Sequence[str],
    given: Given,
    unit: str | None,
) -> Any:
    """A long pandas DataFrame with the columns ``id``, ``t`` and one for each state, input and parameter.

    Parameters
    ----------
    ids, lengths : sequences of length K
        Of each trajectory.
    times : array of shape (M,)
    values : array of shape (M, D + G)
        States with what is given beside them.
    states : sequence of D str
        Names.
    given : Given
    unit : str, optional
        In which time is counted.

    Raises
    ------
    TrajectoryError
        If two trajectories have one id, or a variable is named like one of the other columns.
    """
    if taken := [name for name in (*states, *given.names) if name in ("id", "t")]:
        raise TrajectoryError(
            f"a variable is named {taken[0]!r}, as is the column of the {'time' if taken[0] == 't' else 'identity'}: "
            "rename it, such as X.with_states(X.states, feature_names=[...]).to_dataframe()"
        )
    if len(set(ids)) < len(ids):
        twice = next(key for key in ids if list(ids).count(key) > 1)
        raise TrajectoryError(
            f"several trajectories have the id {twice!r}, and would be read from the table as one. Number them: "
            "pandas.concat([Trajectories([x]).to_dataframe().assign(id=k) for k, x in enumerate(X)])"
        )
    try:
        import pandas as pd
    except ImportError:
        raise ImportError('to_dataframe needs pandas: pip install "skdyn[dataframe]"') from None
    frame = pd.DataFrame(values, columns=[*states, *given.names])
    frame.insert(0, "t", times)
    frame.insert(0, "id", np.repeat(np.fromiter(ids, dtype=object, count=len(ids)), lengths))
    frame = frame.infer_objects()
    if unit is not None:
        frame.attrs["time_unit"] = unit
    if given:
        frame.attrs["given"] = asdict(given) | {"states": list(states)}
    return frame


def given_in(frame: Any, inputs: Any, parameters: Any, interpolation: Any, besides: Sequence[Any]) -> Given:
    """Inputs and parameters that a user names, or that the table says it has where the user names neither.

    Raises
    ------
    TrajectoryError
    """
    if inputs is not None or parameters is not None:
        return given_columns(inputs, parameters, interpolation or "linear")
    said = given_of(frame, besides)
    return said if interpolation is None else replace(said, interpolation=interpolation).checked(None)


def given_of(frame: Any, besides: Sequence[Any] = ()) -> Given:
    """Inputs and parameters that a table says it has; `long_dataframe` writes them down.

    Parameters
    ----------
    frame : DataFrame
    besides : sequence
        Columns of which the user says that they are something else.

    Raises
    ------
    TrajectoryError
        If one of them is not there, and a column is that may be it under another name.
    """
    attributes = getattr(frame, "attrs", None)
    said = attributes.get("given") if isinstance(attributes, dict) else None
    if not isinstance(said, dict):
        return NOTHING
    inputs, parameters = (
        [name for name in said.get(kind, ()) if name not in besides] for kind in ("inputs", "parameters")
    )
    columns = list(frame.columns)
    lost = [name for name in (*inputs, *parameters) if name not in columns]
    known = ["id", "t", *said.get("states", columns), *inputs, *parameters, *besides]
    new = [name for name in columns if name not in known and not (is_time_name(name) or is_id_name(name))]
    if lost and new:
        raise TrajectoryError(
            f"the DataFrame's attrs name {lost[0]!r} as given, which is no column, and column {new[0]!r} is new: say "
            f"which columns are what, {_CALL}(..., inputs=[...], parameters=[...])"
        )
    inputs, parameters = ([name for name in names if name in columns] for names in (inputs, parameters))
    return given_columns(inputs, parameters, said.get("interpolation", "linear"))


def has_labels(frame: Any) -> bool:
    """Whether a table says what its rows are: by a column named like a time or an identity, or by its index."""
    labels = read_index(frame, "the DataFrame", False, False)
    named = any(is_time_name(name) or is_id_name(name) for name in frame.columns)
    return named or labels.id is not None or (labels.time is not None and not labels.is_row_number)


def unit_of(frame: Any) -> str | None:
    """The unit of time that a table says it has; `long_dataframe` writes it down."""
    attributes = getattr(frame, "attrs", None)
    return parse_unit(attributes.get("time_unit"), "attrs['time_unit']") if isinstance(attributes, dict) else None
