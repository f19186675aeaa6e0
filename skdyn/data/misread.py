"""Data that can be read, but are hardly meant as they are read: rows that are variables, and angles that wrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import warn

_TURNS = {2 * np.pi: "2 pi", 360.0: "360"}
_JUMP, _STEP = 0.75, 0.25  # of a turn: a wrap is more than the first, and all other steps are less than the second


def warn_where_misread(read: Trajectories) -> None:
    """Warn of trajectories that all have fewer points, evenly spaced, than variables, and of angles that wrap."""
    longest = max(len(t) for t in read.times)
    if longest < read.n_features and all(np.allclose(np.diff(t), t[1] - t[0]) for t in read.times):
        warn(
            f"no trajectory has as many points (at most {longest}) as there are variables ({read.n_features}). Rows "
            "are points in time: if yours are variables, pass x.T, or X.swapaxes(1, 2) of an array of trajectories"
        )
    for column, name in enumerate(read.column_names[: read.n_features]):
        for turn, said in _TURNS.items():
            steps = [_Steps.of(x[:, column], turn) for x in read.states]
            found = [(k, row) for k, one in enumerate(steps) for row in one.wraps]
            if found and all(one.is_angle for one in steps):
                k, row = found[0]
                warn(
                    f"{name} jumps by nearly {said} at {len(found)} place{'s' * (len(found) > 1)}, first at row {row} "
                    f"of trajectory {k}, and only there: an angle that wraps is no smooth state. Pass "
                    f"np.unwrap(angle{', period=360' if turn == 360 else ''}), or its cosine and sine"
                )


@dataclass(frozen=True)
class _Steps:
    """Rows (W,) at which a variable comes in again at the other end of a turn; whether it moves little elsewhere."""

    wraps: np.ndarray
    is_angle: bool

    @classmethod
    def of(cls, x: np.ndarray, turn: float) -> _Steps:
        """Steps of a variable (L,); those across missing values are not looked at."""
        seen = x[~np.isnan(x)]
        bound = turn / 2 if seen.min(initial=0.0) < 0 else turn
        steps = np.abs(np.diff(x))
        known = steps[~np.isnan(steps)]
        little = np.minimum(known, np.abs(turn - known)).max(initial=0.0) < _STEP * turn
        within = np.abs(seen).max(initial=0.0) <= bound * (1 + 1e-9)
        return cls(np.flatnonzero(steps > _JUMP * turn) + 1, bool(within and little))
