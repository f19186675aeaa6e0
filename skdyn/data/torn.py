"""Trajectories that scikit-learn's cross-validation has cut by rows."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from skdyn.data.reading import is_dataframe
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import warn


def warn_where_torn(X: Any, read: Trajectories) -> None:
    """Warn, inside a cross-validation or search of scikit-learn, of a table of one trajectory: it was cut by rows.

    Parameters
    ----------
    X : object
        As it was given: an array (L, D) or a table is cut by rows, anything else by trajectories.
    read : Trajectories
        What was read from it. A table with a column that tells trajectories apart may have been split by groups.
    """
    rows = isinstance(X, np.ndarray) and X.ndim == 2
    if (rows or (is_dataframe(X) and len(read) == 1 and "id" not in read.roles)) and _in_cross_validation():
        warn(
            "cross-validation of scikit-learn splits a table by rows: a trajectory is torn apart, and points of "
            "one lie in both training and test. Pass Trajectories, of which each is one sample, such as "
            "Trajectories(X).windows(n)"
        )


def _in_cross_validation() -> bool:
    """Whether scikit-learn's cross-validation or search is calling, which cuts plain arrays by rows."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("sklearn.model_selection"):
            return True
        frame = frame.f_back
    return False
