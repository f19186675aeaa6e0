"""Which points a training sees: windows that are held out, and contexts that are drawn from the rest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError


def hold_out(trajectories: Trajectories, share: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw windows to hold out: one boolean array (L_k,) for each trajectory.

    A window takes a tenth of its trajectory and never its first sixth; the windows of a trajectory lie in equal parts
    of the rest.

    Raises
    ------
    TrajectoryError
        If no trajectory has eight points, or one has no two neighbouring points left.
    """
    held = []
    for k, t in enumerate(trajectories.times):
        points = len(t)
        mask = np.zeros(points, dtype=bool)
        if points >= 8:
            length = max(2, points // 10)
            edges = np.linspace(points // 6, points, max(1, round(points * share / length)) + 1).astype(int)
            for low, high in itertools.pairwise(edges):
                start = rng.integers(low, max(low + 1, high - length + 1))
                mask[start : start + length] = True
            if (mask[1:] | mask[:-1]).all():
                raise TrajectoryError(
                    f"trajectory {k}: with share={share:g} of its {points} points held out, no two neighbouring ones "
                    "are left to learn from: choose a smaller share"
                )
        held.append(mask)
    if not any(mask.any() for mask in held):
        raise TrajectoryError("no trajectory has 8 points: nothing can be held out to say when to stop")
    return held


def subset(trajectories: Trajectories, keep: Sequence[np.ndarray]) -> Trajectories:
    """The kept points of trajectories that have at least two of them."""
    whole = [k for k, mask in enumerate(keep) if mask.sum() >= 2]
    return trajectories[whole].rows([keep[k] for k in whole])


def draw_context(trajectories: Trajectories, keep: Sequence[np.ndarray], rng: np.random.Generator) -> Trajectories:
    """A random part of the kept points, so that the network cannot just copy what it has seen.

    With several trajectories, a random number of them. Of each, with probability 0.4 up to half of the points are
    dropped at random, with 0.4 up to half in one window, and with 0.2 none.
    """
    count = len(trajectories)
    chosen = np.zeros(count, dtype=bool)
    chosen[rng.permutation(count)[: rng.integers(-(-count // 2), count + 1)]] = True
    drawn = []
    for mask, use in zip(keep, chosen, strict=True):
        part, kind, fraction = mask & use, rng.random(), rng.uniform(0, 0.5)
        if kind < 0.4:
            part &= rng.random(len(part)) >= fraction
        elif kind < 0.8:
            start = rng.integers(0, len(part) - int(fraction * len(part)) + 1)
            part[start : start + int(fraction * len(part))] = False
        drawn.append(part if part.sum() >= 4 else mask & use)
    return subset(trajectories, drawn)


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Where each run of True begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2)]
