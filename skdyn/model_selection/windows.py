"""Split windows of recordings in blocks, with a gap in time between training and test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from skdyn.data.parameters import check_number
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.model_selection.pieces import check_pieces


class TimeSeriesWindows(BaseCrossValidator):
    """Blocks of successive windows of a recording are the test in turn; windows near a block train nothing.

    scikit-learn splits samples, and a trajectory is one sample, so a long recording is first cut into windows by
    `Trajectories.windows`. Which windows are near is told by the times and identities that they carry: windows that
    overlap the test, or are no further from it than ``gap``, are left out of its training. Windows before and after
    the test both train, as the law of a system is the same then.

    Parameters
    ----------
    n_splits : int, default=5
        Number of blocks, at least 2.
    gap : float, default=0.0
        Least time between a window of the training and the test, in the unit of the times; about as long as the
        noise, or what an input did, is remembered.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdyn import FIMODERegressor, Trajectories
    >>> from skdyn.model_selection import TimeSeriesWindows
    >>> t = np.linspace(0, 40, 400)
    >>> recording = Trajectories([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    >>> windows = recording.windows(length=40)
    >>> cross_val_score(FIMODERegressor(), windows, cv=TimeSeriesWindows(n_splits=4, gap=2.0)).shape
    (4,)
    """

    def __init__(self, n_splits: int = 5, *, gap: float = 0.0) -> None:
        self.n_splits = n_splits
        self.gap = gap

    def split(self, X: Trajectories, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices of the windows for training and test.

        Parameters
        ----------
        X : Trajectories
            K windows of one or more recordings, as `Trajectories.windows` gives them; in any order.
        y, groups : ignored

        Yields
        ------
        train, test : int arrays
            ``test`` are successive windows, each window once.

        Raises
        ------
        TrajectoryError
            If ``X`` are no windows, fewer than blocks, or a gap leaves nothing to train on.
        """
        n_splits = self.get_n_splits()
        check_number("gap", self.gap, include_low=True)
        recording, start, end = _places(X)
        if len(start) < n_splits:
            raise TrajectoryError(f"n_splits={n_splits}, but X has {len(start)} windows: cut shorter ones")
        for block, test in enumerate(np.array_split(np.lexsort((start, recording)), n_splits)):
            near = np.zeros(len(start), dtype=bool)
            for number in np.unique(recording[test]):
                windows = test[recording[test] == number]
                apart = np.maximum(start - end[windows].max(), start[windows].min() - end)
                near |= (recording == number) & (apart <= self.gap)
            if near.all():
                raise TrajectoryError(
                    f"gap={self.gap} leaves no window to train on where block {block} of {n_splits} is the test: take "
                    "a shorter gap, or shorter windows"
                )
            yield np.flatnonzero(~near), np.sort(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """The number of blocks."""
        check_number("n_splits", self.n_splits, whole=True, low=2, include_low=True)
        return int(self.n_splits)


def _places(X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each of K windows the number of its recording, and its first and last time; each of shape (K,)."""
    if not isinstance(X, Trajectories):
        raise TrajectoryError(
            f"X is a {type(X).__name__}, which does not say which windows are neighbours: pass "
            "Trajectories(X).windows(length=...)"
        )
    numbers = {key: number for number, key in enumerate(dict.fromkeys(X.ids))}
    if len(numbers) == len(X):
        whole = "one whole recording" if len(X) == 1 else f"{len(X)} trajectories of different recordings"
        raise TrajectoryError(
            f"X is {whole}: cut it into windows first, X.windows(length=...)"
            + ("" if len(X) == 1 else ", or use LeaveOneTrajectoryOut")
        )
    check_pieces(X)
    recording = np.array([numbers[key] for key in X.ids])
    return recording, np.array([t[0] for t in X.times]), np.array([t[-1] for t in X.times])
