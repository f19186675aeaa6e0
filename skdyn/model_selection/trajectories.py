"""Leave out one trajectory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.model_selection.pieces import check_pieces


class LeaveOneTrajectoryOut(BaseCrossValidator):
    """Each trajectory is the test once, and all others are the training.

    Windows that `Trajectories.windows` cut carry the identity of their recording, so all windows of one recording are
    left out together. To split the windows of a single recording, see `TimeSeriesWindows`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdyn import FIMODERegressor, Trajectories
    >>> from skdyn.model_selection import LeaveOneTrajectoryOut
    >>> t = np.linspace(0, 6, 60)
    >>> X = Trajectories([(t, r * np.column_stack([np.cos(t), -np.sin(t)])) for r in (0.5, 1.0, 2.0)])
    >>> cross_val_score(FIMODERegressor(), X, cv=LeaveOneTrajectoryOut()).shape
    (3,)
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices of the trajectories for training and test.

        Parameters
        ----------
        X : Trajectories, list of (t, x) pairs, list of arrays (L_k, D) or array (K, L, D)
        y, groups : ignored

        Yields
        ------
        train, test : int arrays

        Raises
        ------
        TrajectoryError
            If scikit-learn would cut ``X`` by rows, there is one trajectory only, or several of one identity are no
            windows of one recording.
        """
        owner = self._owners(X)
        for left_out in range(owner.max() + 1):
            yield np.flatnonzero(owner != left_out), np.flatnonzero(owner == left_out)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """How many trajectories there are; windows of one recording count once.

        Raises
        ------
        TrajectoryError
            As `split`.
        """
        return int(self._owners(X).max()) + 1

    @staticmethod
    def _owners(X: Any) -> np.ndarray:
        """For each sample, the number of its trajectory, (K,)."""
        read = read_samples(X)
        check_pieces(read)
        ids = read.ids
        numbers = {key: number for number, key in enumerate(dict.fromkeys(ids))}
        if len(numbers) < 2:
            of_one = f"{len(ids)} windows of one recording: split them by TimeSeriesWindows" if len(ids) > 1 else "one"
            raise TrajectoryError(f"at least two trajectories are needed to leave one out; X has {of_one}")
        return np.array([numbers[key] for key in ids])


def read_samples(X: Any) -> Trajectories:
    """Trajectories that scikit-learn sees as so many samples.

    Raises
    ------
    TrajectoryError
        If it would cut ``X`` by rows, or ``X`` cannot be read.
    """
    if X is None:
        raise TrajectoryError("X is needed: the number of splits is that of its trajectories")
    read = X if isinstance(X, Trajectories) else Trajectories.with_gaps(X)
    if len(read) != len(X):
        raise TrajectoryError(
            f"X has {len(X)} rows or items, but holds {len(read)} trajectories: scikit-learn would cut through them. "
            "Pass Trajectories(X), of which each trajectory is one sample"
        )
    return read
