"""Read arrays, lists of arrays and lists of ``(t, x)`` pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdyn.data.numbers import read_numbers
from skdyn.data.source import Raw, Recording, Source
from skdyn.exceptions import TrajectoryError

FORMS = (
    "a list of (t, x) pairs, a list of arrays (L, D), an array (K, L, D), an array (L, D), a DataFrame or Trajectories"
)


def read_arrays(X: Any, t: Any) -> Raw:
    """Split into times and numeric states of shape (L, D); ``t`` as of `Trajectories`."""
    if issparse(X):
        raise TypeError("sparse data is not supported: pass dense trajectories")
    if isinstance(X, (str, bytes, dict, set)) or np.isscalar(X) or X is None:
        raise TrajectoryError(f"trajectories must be {FORMS}; got {type(X).__name__}")
    if isinstance(X, tuple) and len(X) == 2 and _ndim(X[0]) == 1 and _ndim(X[1]) in (1, 2):
        X = [X]
    if isinstance(X, (list, tuple)) and not _is_nested_numbers(X):
        return _read_list(X, t)
    x = read_numbers(X, "X")
    if x.ndim == 2:
        return _raw([Recording.of(time_of(t, 0, 1), x)])
    if x.ndim == 3:
        if x.shape[0] == 0:
            raise TrajectoryError("X holds no trajectories: its shape is " + str(x.shape))
        return _raw([Recording.of(time_of(t, k, len(x)), x[k]) for k in range(len(x))])
    raise TrajectoryError(
        f"X has shape {x.shape}: expected 2D array (L, D) or 3D array (K, L, D). Reshape your data with "
        "x.reshape(-1, 1) if it is one trajectory of one variable"
    )


def _raw(recordings: list[Recording]) -> Raw:
    return Raw(recordings, list(range(len(recordings))), None, Source())


def _read_list(X: Sequence[Any], t: Any) -> Raw:
    if len(X) == 0:
        raise TrajectoryError("X holds no trajectories: the list is empty")
    paired = [_is_pair(item) for item in X]
    if any(paired) and not all(paired):
        odd = paired.index(not paired[0])
        raise TrajectoryError(
            f"trajectory {odd} is {'a pair' if paired[odd] else 'not a (t, x) pair'} unlike trajectory 0: "
            "give a list of pairs or a list of arrays, not a mixture"
        )
    if all(paired):
        if t is not None:
            raise TrajectoryError("t is given twice: as an argument and inside the (t, x) pairs")
        whens, values = [item[0] for item in X], [item[1] for item in X]
    else:
        whens, values = [time_of(t, k, len(X)) for k in range(len(X))], list(X)
    recordings = []
    for k, (when, value) in enumerate(zip(whens, values, strict=True)):
        x = read_numbers(value, f"trajectory {k}")
        if x.ndim == 1:
            x = x[:, None]
        if x.ndim != 2:
            raise TrajectoryError(f"trajectory {k} has shape {x.shape}: expected (L, D), L points of D variables")
        recordings.append(Recording.of(when, x))
    return _raw(recordings)


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
        return np.asarray(t)[k]
    return t
