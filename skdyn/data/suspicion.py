"""Columns that are hardly states: what looks like the time or the identity where none was given, what never changes."""

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
    with np.errstate(invalid="ignore", over="ignore"):
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
        name, rest = source.names[column], [name for d, name in enumerate(source.names) if not still[d]]
        mend = f"{source.option(parameters=[name])} if the dynamics depend on it, else {source.option(features=rest)}"
    raise TrajectoryError(
        f"{source.table}: {_name(source, column)} is constant within every trajectory and differs between them: it is "
        f"not a state, but an identity or a parameter: {mend}"
    )


def refuse_hidden_identity(states: Sequence[np.ndarray], source: Source) -> None:
    """Refuse whole numbers that are constant in blocks while another column rises in each and falls back between them.

    That is how a table of several trajectories looks, one below the other; it is asked of columns with names, where
    neither an identity nor times were given.

    Raises
    ------
    TrajectoryError
        Naming both columns and the mend.
    """
    if len(states) > 1 or source.names is None:
        return
    x = states[0]
    with np.errstate(invalid="ignore", over="ignore"):
        steps, whole = np.diff(x, axis=0), (np.mod(x, 1) == 0).all(axis=0)
    for column in np.flatnonzero(whole & (steps != 0).any(axis=0)):
        inside = steps[:, column] == 0
        lengths = np.diff(np.flatnonzero(~inside), prepend=-1, append=len(x) - 1)
        if lengths.min() < 2 or inside.sum() < _LEAST_STEPS or len(np.unique(x[:, column])) < len(lengths):
            continue
        falls_back = np.flatnonzero((steps[inside] > 0).all(axis=0) & (steps[~inside] < 0).all(axis=0))
        distinct = [len(np.unique(x[:, other])) for other in falls_back]
        # Of two blocks, times of measurements have some in common; a state that is reset once hardly has.
        if distinct and (len(lengths) > 2 or min(distinct) < len(x)):
            _refuse_panel(int(column), int(falls_back[int(np.argmin(distinct))]), source)


def _refuse_panel(identity: int, time: int, source: Source) -> None:
    names = list(source.names or ())
    apart, when = names[identity], names[time]
    mend = source.option(id=apart, time=when) if len(names) > 2 else source.option(id=apart, features=[when])
    raise TrajectoryError(
        f"{source.table}: column {apart!r} is constant in blocks, and {when!r} rises in each and falls back between "
        f"them. Does {apart!r} tell trajectories apart{f', and is {when!r} the time' if len(names) > 2 else ''}? Then "
        f"{mend}, or {source.option(features=names)} if all are states of one trajectory and steps are unit steps"
    )


def _name(source: Source, column: int) -> str:
    return f"column {column if source.names is None else repr(source.names[column])}"
