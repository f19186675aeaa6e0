"""Cut long recordings into trajectories like those that a model was trained on.

A network that has seen trajectories of up to 200 points reads one of 2,000 badly: its slopes at fixed lags drown in
noise where the recording is dense, and its positions leave the range of training where it is long. A dense recording is
therefore dealt out into interleaved trajectories, and a long one cut into consecutive windows; no point is lost. What
this gains is in docs/design/fim-ode.md.
"""

from __future__ import annotations

import numpy as np

from skdyn.data.trajectories import Trajectories

_DENSITY = 20.0  # points per unit of normalised time above which a long recording is dealt out


def arrange(context: Trajectories, speed: float, points: int) -> Trajectories:
    """Cut every trajectory of more than ``points`` points.

    Parameters
    ----------
    context : Trajectories
    speed : float
        Units of normalised time in the user's unit of time (`skdyn.models.normalization.Scaling.speed`); an oscillation
        takes about six.
    points : int
        Most points of a trajectory.

    Returns
    -------
    Trajectories
        Shorter trajectories are as they were.
    """
    if all(len(t) <= points for t in context.times):
        return context
    cuts: list[tuple[int, np.ndarray]] = []
    for k, t in enumerate(context.times):
        stride = 1
        if len(t) > points:
            density = len(t) / (speed * (t[-1] - t[0]))
            stride = int(np.clip(density / _DENSITY, 1, 2 * len(t) // points))
        for start in range(stride):
            dealt = np.arange(len(t))[start::stride]
            cuts += [(k, rows) for rows in np.array_split(dealt, -(-len(dealt) // points))]
    return context.parts(cuts)


def thin(context: Trajectories, limit: int) -> Trajectories:
    """Keep every n-th point of every trajectory, and its last, n the smallest that meets the limit."""
    every = 1
    while True:
        keep = [np.unique(np.append(np.arange(0, len(t) - 1, every), len(t) - 1)) for t in context.times]
        total = sum(map(len, keep))
        if total <= limit or total == 2 * len(context):
            break
        every += 1
    if every == 1:
        return context
    return context.rows(keep)


def sample(context: Trajectories, limit: int) -> Trajectories:
    """So many whole trajectories, evenly, that there are two points for each under a limit of points.

    Their points stay together: a few trajectories say more than two points of each.
    """
    if 2 * len(context) <= limit:
        return context
    count = max(1, min(limit // 2, round(limit * len(context) / context.n_points)))
    return context[np.linspace(0, len(context) - 1, count).round().astype(int)]
