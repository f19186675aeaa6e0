"""Columns that are hardly states: what looks like the time where none was given, and what never changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skdyn.data.source import Source
from skdyn.exceptions import TrajectoryError

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
    first = np.stack([x[0] for x in states])
    still = np.logical_and.reduce([((x == x[0]) | np.isnan(x)).all(axis=0) for x in states])
    if still.all():  # nothing moves at all, which estimators refuse in their own words
        return
    still &= (first != first[0]).any(axis=0) & np.isfinite(first).all(axis=0)
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


def _name(source: Source, column: int) -> str:
    return f"column {column if source.names is None else repr(source.names[column])}"
