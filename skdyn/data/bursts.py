"""Recordings in bursts: what a gap between two of them forgets is no step of a path.

Letters: K trajectories, D variables.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from skdyn.data.trajectories import Trajectories

_LONG = 10.0
"""Median steps from which on a step may be a gap."""
_FORGOTTEN = 1.5
"""Relaxation times after which a path has forgotten where it was."""


def in_bursts(context: Trajectories) -> Trajectories:
    """The parts of trajectories between gaps after which every path has forgotten where it was.

    A gap is longer than ten median steps, and than one and a half of the time in which a path that moves as in the
    other steps would cover the variance of a variable: the relaxation time, where the variable relaxes by itself. A
    part of a single point is left out.

    Returns
    -------
    Trajectories
        ``context`` itself, where there are no gaps.
    """
    steps = np.concatenate([np.diff(t) for t in context.times])
    long = _LONG * np.median(steps)
    if not (steps > long).any():
        return context
    moved = np.concatenate([np.diff(x, axis=0) for x in context.states])
    short = steps <= long
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.nansum(moved[short] ** 2, axis=0) / np.sum(steps[short])
        relaxation = 2 * np.nanvar(context.points[:, : context.n_features], axis=0) / rates
    gap = max(long, _FORGOTTEN * float(np.nan_to_num(relaxation, nan=np.inf).min()))
    cuts = []
    for k, t in enumerate(context.times):
        edges = [0, *(np.flatnonzero(np.diff(t) > gap) + 1).tolist(), len(t)]
        cuts += [(k, slice(a, b)) for a, b in pairwise(edges) if b - a > 1]
    return context.parts(cuts) if len(cuts) > len(context) else context
