"""Recordings of frames: trajectories, of which nothing is guessed about the features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skdyn.data.cleaning import Cleaning
from skdyn.data.frames import has_labels, unit_of
from skdyn.data.reading import is_dataframe, is_recording, read_any
from skdyn.data.trajectories import Trajectories


def holds_recordings(X: Any) -> bool:
    """Whether ``X`` holds recordings, which have times or identities, and not frames (N, D) alone."""
    if is_dataframe(X):
        return has_labels(X)
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and is_recording(X[0])
    return isinstance(X, Trajectories)


def read_recordings(X: Any, t: Any, missing: Any) -> tuple[Trajectories, np.ndarray]:
    """Recordings of frames in any accepted form.

    A feature that rises all the time, or stands still in each of them, may well be one of frames.

    Parameters
    ----------
    X, t, missing : see `Trajectories`

    Returns
    -------
    recordings : Trajectories
    rows : int array of shape (N,)
        Where each of their frames, one recording after the other, stands in a table, in which recordings may be
        interleaved; in the same order in any other form. With ``missing="drop"``, of all frames that were given.
    """
    if isinstance(X, Trajectories):
        return Trajectories(X, t, missing=missing), np.arange(X.n_points)
    raw = replace(read_any(X, t), meant=True)
    rows = np.concatenate([recording.rows for recording in raw.recordings])
    recordings = Trajectories.from_raw(raw, Cleaning.of(missing, False, "raise"), unit_of(X))
    return recordings, rows if is_dataframe(X) else np.arange(len(rows))
