"""Read arrays, lists of arrays and lists of ``(t, x)`` pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdyn.data.again import named_alike
from skdyn.data.given import Given, alike, default_names, read_given
from skdyn.data.names import named_states, names_of
from skdyn.data.numbers import read_numbers
from skdyn.data.row_labels import refuse_other_times
from skdyn.data.source import Raw, Recording, Source, refuse_other_table
from skdyn.data.time_axis import TimeAxis
from skdyn.data.trajectory import Trajectory
from skdyn.exceptions import TrajectoryError

FORMS = (
    "a list of (t, x) pairs or (t, x, u) triples, a list of arrays (L, D), an array (K, L, D), an array (L, D), a "
    "DataFrame or Trajectories"
)


def read_arrays(X: Any, t: Any) -> Raw:
    """Split into times and numeric states of shape (L, D); ``t`` as of `Trajectories`."""
    if issparse(X):
        raise TypeError("sparse data is not supported: pass dense trajectories")
    if isinstance(X, (str, bytes, dict, set)) or np.isscalar(X) or X is None:
        raise TrajectoryError(f"trajectories must be {FORMS}; got {type(X).__name__}")
    refuse_other_table(X, "X")
    if is_one(X):
        X = [X]
    if isinstance(X, (list, tuple)) and not _is_nested_numbers(X):
        return _read_list(X, t)
    x = read_numbers(X, "X")
    if x.ndim == 2:
        return _raw([_recording(time_of(t, 0, 1), x, 0)])
    if x.ndim == 3:
        if x.shape[0] == 0:
            raise TrajectoryError("X holds no trajectories: its shape is " + str(x.shape))
        return _raw([_recording(time_of(t, k, len(x)), x[k], k) for k in range(len(x))])
    mend = (
        "X.reshape(len(X), -1) if it is one trajectory, with X.reshape(*X.shape[:2], -1) if they are several"
        if x.ndim > 3
        else "x.reshape(-1, 1) if it is one trajectory of one variable"
    )
    raise TrajectoryError(
        f"X has shape {x.shape}: expected 2D array (L, D) or 3D array (K, L, D). Reshape your data with {mend}"
    )


def _raw(recordings: list[Recording], given: Given | None = None) -> Raw:
    return Raw(recordings, list(range(len(recordings))), None, Source(), given=given or Given())


def _recording(when: Any, x: np.ndarray, k: int, given: np.ndarray | None = None) -> Recording:
    """The recording of trajectory ``k``; refused with the call where its rows are the variables."""
    count, width = x.shape
    if _ndim(when) == 1 and len(when) == width != count:
        raise TrajectoryError(
            f"trajectory {k} has {count} states of {width} variables but {width} times. Rows are points in time: pass "
            "x.T, or X.swapaxes(1, 2) of an array of trajectories"
        )
    return Recording.of(when, x, given=given)


def is_one(X: Any) -> bool:
    """Whether data are a tuple that is one trajectory: times and states, or these and inputs."""
    if not isinstance(X, tuple):
        return False
    dims = [_ndim(part) for part in X]
    if len(dims) == 2:
        return dims[0] == 1 and dims[1] in (1, 2)
    # Three arrays (L,) may as well be three trajectories of one variable.
    return len(dims) == 3 and dims[0] == 1 and dims[1] in (1, 2) and dims[2] in (1, 2) and max(dims) == 2


def _read_list(X: Sequence[Any], t: Any) -> Raw:
    if len(X) == 0:
        raise TrajectoryError("X holds no trajectories: the list is empty")
    for k, item in enumerate(X):
        if isinstance(item, Trajectory) and item.axis not in (None, TimeAxis()):
            raise TrajectoryError(
                f"trajectory {k} was read before, and its times are {item.axis}; what those of the others mean is not "
                "said: read the others too, Trajectories([...], time_unit=...), and then all together, "
                "Trajectories([*first, *second])"
            )
    paired = [_is_pair(item) for item in X]
    if any(paired) and not all(paired):
        odd = paired.index(not paired[0])
        raise TrajectoryError(
            f"trajectory {odd} is {'a pair' if paired[odd] else 'not a (t, x) pair'} unlike trajectory 0: "
            "give a list of pairs (or triples with inputs) or a list of arrays, not a mixture"
        )
    if all(paired):
        if t is not None:
            raise TrajectoryError("t is given twice: as an argument and inside the (t, x) pairs")
        whens, values = [item[0] for item in X], [item[1] for item in X]
    else:
        whens, values = [time_of(t, k, len(X)) for k in range(len(X))], list(X)
    recordings, columns, names_of_each = [], [], []
    for k, (when, value) in enumerate(zip(whens, values, strict=True)):
        if paired[k]:
            refuse_other_times(value, when, f"trajectory {k}")
            refuse_other_times(_inputs(X[k]), when, f"the inputs of trajectory {k}")
        own = X[k].feature_names if isinstance(X[k], Trajectory) else None
        own = names_of(value) if own is None else own
        x = read_numbers(named_states(value, own if names_of(value) else None, f"trajectory {k}"), f"trajectory {k}")
        if x.ndim == 1:
            x = x[:, None]
        if x.ndim != 2:
            raise TrajectoryError(f"trajectory {k} has shape {x.shape}: expected (L, D), L points of D variables")
        given, names = _given(X[k], k, len(x)) if paired[k] else (None, Given())
        recordings.append(_recording(when, x, k, given))
        columns.append(names)
        names_of_each.append(own)
    named, orders = alike(columns)
    recordings = [
        replace(recording, given=recording.given[:, order]) for recording, order in zip(recordings, orders, strict=True)
    ]
    raw = _raw(recordings, named)
    of_items = all(isinstance(item, Trajectory) for item in X)
    ids = [item.id if of_items and item.id is not None else k for k, item in enumerate(X)]
    return named_alike(replace(raw, ids=ids), names_of_each)


def _given(item: Any, k: int, length: int) -> tuple[np.ndarray, Given]:
    """Inputs and parameters of one pair or triple, and their names."""
    place = f"trajectory {k}"
    if isinstance(item, Trajectory):
        wanted = item.given.inputs if names_of(item.u) else None
        u = named_states(item.u, wanted, f"the inputs of {place}", booleans=True)
        p = named_states(item.p, item.given.parameters, f"the parameters of {place}", booleans=True)
        return read_given(u, p, length, place)[0], item.given
    u = named_states(_inputs(item), None, f"the inputs of {place}", booleans=True)
    values, inputs = read_given(u, None, length, place)
    return values, Given(names_of(item[2]) or default_names("u", inputs) if inputs else ())


def _inputs(item: Any) -> Any:
    """The inputs of one pair or triple, as they were given."""
    return item.u if isinstance(item, Trajectory) else item[2] if len(item) == 3 else None


def _is_pair(item: Any) -> bool:
    if isinstance(item, tuple):
        return len(item) == 2 or (len(item) == 3 and _ndim(item[1]) in (1, 2))
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
                and all(np.isscalar(item) or item is None or item is np.ma.masked for item in row)
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


def time_of(t: Any, k: int, count: int) -> Any:
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
        return np.asanyarray(t)[k]
    return t
