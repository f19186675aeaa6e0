"""Columns that are hardly states: what looks like the time where none was given, and what never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdyn.data.columns import plain_name
from skdyn.data.source import Source
from skdyn.exceptions import TrajectoryError

_DATE_NAMES = frozenset(("date", "datetime", "timestamp", "ds"))
_LEAST_STEPS = 4  # that must all go up before a column is taken for a time


def refuse_hidden_time(states: Sequence[np.ndarray], source: Source) -> None:
    """Refuse a column that increases strictly in every trajectory, where no times were given.

    Parameters
    ----------
    states : sequence of K arrays of shape (L_k, D)
    source : Source

    Raises
    ------
    TrajectoryError
        Naming the column and the mend.
    """
    if states[0].shape[1] < 2 or sum(len(x) - 1 for x in states) < _LEAST_STEPS:
        return
    with np.errstate(invalid="ignore"):
        rises = np.logical_and.reduce([(np.diff(x, axis=0) > 0).all(axis=0) for x in states])
    if source.names is None:  # an array with the time inside has it in front
        rises[1:] = False
    if not rises.any():
        return
    column = int(rises.argmax())
    name = _name(source, column)
    if source.names is None:
        mend = f"pass t=X[:, {column}] and the other columns as X, or t=1 if it is a state and steps are unit steps"
    else:
        states_meant = list(source.names)
        rest = [other for other in states_meant if other != states_meant[column]]
        mend = (
            f"{source.option(time=source.names[column], features=rest)}, or "
            f"{source.option(features=states_meant)} if it is a state and steps are unit steps"
        )
    raise TrajectoryError(
        f"{source.table}: {name} increases strictly in every trajectory, and no times were given. Is it the time? Then "
        f"{mend}"
    )


def refuse_constants(states: Sequence[np.ndarray], source: Source) -> None:
    """Refuse a column that is constant within every trajectory, but not the same in all of them.

    Raises
    ------
    TrajectoryError
        Naming the column and the mend.
    """
    if len(states) < 2 or states[0].shape[1] < 2:
        return
    least, most = (np.stack([bound.reduce(x, axis=0) for x in states]) for bound in (np.fmin, np.fmax))
    still = ((least == most) | np.isnan(least)).all(axis=0)
    if still.all():  # nothing moves at all, which estimators refuse in their own words
        return
    still &= (least != least[0]).any(axis=0) & np.isfinite(least).all(axis=0)
    if not still.any():
        return
    column = int(still.argmax())
    if source.names is None:
        mend = "leave the column out, or pass Trajectory(t, x, p=...) with it as p"
    else:
        name, rest = source.names[column], [name for d, name in enumerate(source.names) if d != column]
        mend = f"{source.option(parameters=[name])} if the dynamics depend on it, else {source.option(features=rest)}"
    raise TrajectoryError(
        f"{source.table}: {_name(source, column)} is constant within every trajectory and differs between them: it is "
        f"not a state, but an identity or a parameter: {mend}"
    )


def refuse_written_dates(when: Any, name: Any, mend: str, source: Source) -> None:
    """Refuse whole numbers like 20240131 as times under a name that dates have: their differences count no days.

    Parameters
    ----------
    when : array of shape (L,), or None
    name : name of the column
    mend : str
        How to read them as dates.
    source : Source

    Raises
    ------
    TrajectoryError
    """
    if plain_name(name) not in _DATE_NAMES or when is None or when.dtype.kind not in "iuf":
        return
    if not ((when >= 10**7) & (when < 10**8) & (when % 1 == 0)).all():
        return
    months, days = when // 100 % 100, when % 100
    if ((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all():
        raise TrajectoryError(
            f"{source.table}: the times in column {name!r} are dates written as numbers, such as {int(when[0])}: "
            f"{mend}, or give the column another name if it counts something else"
        )


def _name(source: Source, column: int) -> str:
    return f"column {column if source.names is None else repr(source.names[column])}"
