"""Recognise the accepted forms of input and read them as plain times and states; `Trajectories` checks the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdyn.exceptions import TrajectoryError

FORMS = (
    "a list of (t, x) pairs, a list of arrays (L, D), an array (K, L, D), an array (L, D), a DataFrame or Trajectories"
)
TIME_COLUMNS = ("t", "time")
ID_COLUMNS = ("id", "trajectory", "group")


def is_dataframe(X: Any) -> bool:
    """Whether ``X`` is a pandas or polars DataFrame, without importing either."""
    return type(X).__module__.split(".")[0] in ("pandas", "polars") and hasattr(X, "columns")


def is_recording(item: Any) -> bool:
    """Whether an item of a list is a recording (L, D) or a pair of times and recording, not a row of numbers."""
    if isinstance(item, list):
        return len(item) > 0 and np.ndim(item[0]) > 0
    return isinstance(item, tuple) or getattr(item, "ndim", 1) == 2


def read_arrays(X: Any, t: Any) -> list[tuple[Any, np.ndarray]]:
    """Split arrays, lists of arrays or lists of pairs into ``(t or None, x)`` with numeric ``x`` of shape (L, D)."""
    if issparse(X):
        raise TypeError("sparse data is not supported: pass dense trajectories")
    if isinstance(X, (str, bytes, dict, set)) or np.isscalar(X) or X is None:
        raise TrajectoryError(f"trajectories must be {FORMS}; got {type(X).__name__}")
    if isinstance(X, tuple) and len(X) == 2 and _ndim(X[0]) == 1 and _ndim(X[1]) == 2:
        X = [X]
    if isinstance(X, (list, tuple)) and not _is_nested_numbers(X):
        return _read_list(X, t)
    x = states(X, "X")
    if x.ndim == 2:
        return [(_time_of(t, 0, 1), x)]
    if x.ndim == 3:
        if x.shape[0] == 0:
            raise TrajectoryError("X holds no trajectories: its shape is " + str(x.shape))
        return [(_time_of(t, k, len(x)), x[k]) for k in range(len(x))]
    raise TrajectoryError(
        f"X has shape {x.shape}: expected 2D array (L, D) or 3D array (K, L, D). Reshape your data with "
        "x.reshape(-1, 1) if it is one trajectory of one variable"
    )


def _read_list(X: Sequence[Any], t: Any) -> list[tuple[Any, np.ndarray]]:
    if len(X) == 0:
        raise TrajectoryError("X holds no trajectories: the list is empty")
    paired = [_is_pair(item) for item in X]
    if any(paired) and not all(paired):
        odd = paired.index(not paired[0])
        raise TrajectoryError(
            f"trajectory {odd} is {'a pair' if paired[odd] else 'not a (t, x) pair'} unlike trajectory 0: "
            "give a list of pairs or a list of arrays, not a mixture"
        )
    if any(is_dataframe(item) for item in X):
        raise TrajectoryError("X is a list of DataFrames: join them into one long DataFrame with an id column")
    if all(paired):
        if t is not None:
            raise TrajectoryError("t is given twice: as an argument and inside the (t, x) pairs")
        pairs = [(item[0], states(item[1], f"trajectory {k}")) for k, item in enumerate(X)]
    else:
        pairs = [(_time_of(t, k, len(X)), states(item, f"trajectory {k}")) for k, item in enumerate(X)]
    columns = [(when, x[:, None] if x.ndim == 1 and all(paired) else x) for when, x in pairs]
    for k, (_, x) in enumerate(columns):
        if x.ndim != 2:
            raise TrajectoryError(f"trajectory {k} has shape {x.shape}: expected (L, D), L points of D variables")
    return columns


def _is_pair(item: Any) -> bool:
    if isinstance(item, tuple):
        return len(item) == 2
    return isinstance(item, list) and len(item) == 2 and _ndim(item[0]) == 1 and _ndim(item[1]) == 2


def _is_nested_numbers(X: Any) -> bool:
    """Whether a list holds rows of plain numbers, and so is an array (L, D) spelled as lists."""
    return (
        len(X) > 0
        and all(
            np.isscalar(row)
            or (
                isinstance(row, (list, tuple))
                and len(row) > 0
                and all(np.isscalar(item) or item is None for item in row)
            )
            for row in X
        )
        and not any(isinstance(row, (str, bytes)) for row in X)
    )


def _ndim(value: Any) -> int:
    try:
        return np.ndim(value)
    except ValueError:  # a ragged nested list
        return -1


def states(value: Any, place: str) -> np.ndarray:
    """Read numbers as a new C-ordered float64 array, or say in ``place`` why they are not numbers.

    Masked values become NaN.
    """
    try:
        if np.ma.is_masked(value):
            value = value.astype(np.float64).filled(np.nan)
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrajectoryError(f"{place} cannot be read as an array: {error}") from None
    if np.iscomplexobj(array):
        raise TrajectoryError(f"{place}: Complex data not supported")
    if array.dtype.kind == "O":
        try:
            return np.array(array, dtype=np.float64, order="C")
        except TypeError as error:  # the words that numpy uses, "argument must be a string or a real number", help
            raise TypeError(f"{place} holds an object that is not a number: {error}") from None
        except (ValueError, OverflowError) as error:
            raise TrajectoryError(f"{place} holds an object that is not a number: {error}") from None
    if array.dtype.kind not in "fiu":
        raise TrajectoryError(f"{place} has type {array.dtype}: states must be real numbers")
    return np.array(array, dtype=np.float64, order="C")


def _time_of(t: Any, k: int, count: int) -> Any:
    """The time of trajectory ``k``: a step, one shared array, or one of a list of arrays."""
    if t is None or _ndim(t) == 0:
        return t
    if isinstance(t, (list, tuple)) and any(_ndim(item) == 1 for item in t):
        if len(t) != count:
            raise TrajectoryError(f"t lists {len(t)} arrays for {count} trajectories")
        return t[k]
    if _ndim(t) == 2:
        if len(t) != count:
            raise TrajectoryError(f"t has {len(t)} rows for {count} trajectories")
        return np.asarray(t)[k]
    return t


def choose_columns(
    columns: list[Any], time: str | None, id: str | None, features: Sequence[str] | None, place: str
) -> tuple[str | None, str | None, list[Any]]:
    """Find the time column, the id column and the state columns of a long table that ``place`` names in errors."""
    for name in (time, id, *(features or ())):
        if name is not None and name not in columns:
            raise TrajectoryError(f"{place} has no column {name!r}; it has {columns}")
    if time is None:
        time = next((name for name in TIME_COLUMNS if name in columns), None)
    if id is None:
        id = next((name for name in ID_COLUMNS if name in columns and name != time), None)
    chosen = list(features) if features is not None else [name for name in columns if name not in (time, id)]
    return time, id, chosen


def read_dataframe(
    frame: Any,
    time: str | None = None,
    id: str | None = None,
    features: Sequence[str] | None = None,
) -> tuple[list[tuple[Any, np.ndarray]], list[Any], tuple[str, ...] | None]:
    """Split a long DataFrame into trajectories, in the order in which their ids first appear.

    Returns
    -------
    pairs : list of (t or None, x)
    ids : list of length K
    feature_names : tuple of str, or None where the columns are not all strings
    """
    columns = list(frame.columns)
    time, id, chosen = choose_columns(columns, time, id, features, "the DataFrame")
    if len(frame) == 0:
        raise TrajectoryError(f"the DataFrame has 0 samples: no rows under its columns {columns}")
    if not chosen:
        raise TrajectoryError(
            "the DataFrame has 0 feature(s) beside its time and id columns; a minimum of 1 is required"
        )
    x = np.column_stack([_column(frame, name) for name in chosen])
    when = None if time is None else _series(frame, time)
    names = tuple(chosen) if all(isinstance(name, str) for name in chosen) else None
    if id is None:
        return [(when, x)], [0], names
    keys = _series(frame, id)
    if missing := [row for row, key in enumerate(keys) if _is_absent(key)]:
        raise TrajectoryError(f"column {id!r}, row {missing[0]}: the id is missing")
    groups: dict[Any, list[int]] = {}
    for row, key in enumerate(keys.tolist()):
        groups.setdefault(key, []).append(row)
    return [(None if when is None else when[rows], x[rows]) for rows in groups.values()], list(groups), names


def _series(frame: Any, name: str) -> np.ndarray:
    values = np.asarray(frame[name].to_numpy())
    if values.ndim != 1:
        raise TrajectoryError(f"column {name!r} appears more than once")
    return values


def _is_absent(key: Any) -> bool:
    try:
        return key is None or bool(key != key)
    except TypeError:  # pd.NA, which is neither equal to itself nor unequal
        return True


def _column(frame: Any, name: Any) -> np.ndarray:
    series = frame[name]
    if getattr(series, "ndim", 1) != 1:
        raise TrajectoryError(f"column {name!r} appears more than once")
    place = f"column {name!r}"
    if type(frame).__module__.startswith("pandas") and not isinstance(series.dtype, np.dtype):
        try:  # nullable extension types hold pd.NA, which only pandas can turn into NaN
            return states(series.to_numpy(dtype=np.float64, na_value=np.nan), place)
        except (TypeError, ValueError) as error:
            raise TrajectoryError(f"{place} cannot be read as numbers: {error}") from None
    return states(series.to_numpy(), place)
