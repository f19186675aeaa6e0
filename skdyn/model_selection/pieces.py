"""Whether trajectories of one identity can be pieces of one recording, as windows are."""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError


def check_pieces(X: Trajectories) -> None:
    """Refuse trajectories of one number that do not agree where they overlap in time: they are no windows of one.

    Trajectories that have another identity than a number were given it by somebody who means it, such as the trials of
    a subject.

    Raises
    ------
    TrajectoryError
        Naming the identity and the trajectories.
    """
    pieces: dict[object, list[int]] = {}
    for k, key in enumerate(X.ids):
        pieces.setdefault(key, []).append(k)
    for key, own in pieces.items():
        numbered = len(own) > 1 and isinstance(key, (int, np.integer))
        if numbered and not _agree([X.times[k] for k in own], [X.states[k] for k in own]):
            raise TrajectoryError(
                f"trajectories {', '.join(map(str, own[:5]))}{', ...' if len(own) > 5 else ''} have the id {key!r}, "
                "and would be split as windows of one recording, but overlap in time with other states. Number them, "
                "and read them again: pandas.concat([Trajectories([x]).to_dataframe().assign(id=k) for k, x in "
                "enumerate(X)]); or, where they belong together, split by LeaveOneGroupOut() with groups=X.ids"
            )


def _agree(times: list[np.ndarray], states: list[np.ndarray]) -> bool:
    """Whether pieces hold the same states (L_k, D) at the same times (L_k,) wherever they overlap."""
    first, last = np.sort([t[0] for t in times]), np.sort([t[-1] for t in times])
    moments, place, held = np.unique(np.concatenate(times), return_inverse=True, return_counts=True)
    spanning = np.searchsorted(first, moments, side="right") - np.searchsorted(last, moments, side="left")
    if (held != spanning).any():
        return False
    every = np.concatenate(states)
    one = np.empty((len(moments), every.shape[1]))
    one[place] = every
    return np.array_equal(one[place], every, equal_nan=True)
