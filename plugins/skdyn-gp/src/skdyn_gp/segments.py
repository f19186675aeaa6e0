"""Trajectories cut into short segments that are integrated side by side.

Letters: K trajectories, S segments, n steps of a segment, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn_gp.evidence import Array
from skdyn_gp.matching import Match
from skdyn_gp.units import Pairs

_TURN = 0.3  # longest step, times the rate of the field
_FAST = 0.9  # which of the states, from the slowest to the fastest, tells that rate
_MOST_PIECES = 20  # of an interval between two observations


@dataclass(frozen=True)
class Segments:
    """Steps between nodes: the observed times, with more in between where the field is fast.

    Attributes
    ----------
    steps : array of shape (S, n)
        Lengths in time; zero behind the end of a shorter segment, which stays at its last state.
    observed : boolean array of shape (S, n + 1)
        Nodes with an observation. The one where a segment ends and the next begins belongs to the latter.
    values : array of shape (S, n + 1, D)
        Observations; zero elsewhere.
    following : array of shape (F,)
        Segments that another one precedes, each right behind it.
    starts, deviations : arrays of shape (S, D)
        First states and their standard deviations, from smoothing.
    """

    steps: Array
    observed: np.ndarray
    values: Array
    following: np.ndarray
    starts: Array
    deviations: Array


def cut(pairs: Pairs, found: Match, length: int) -> Segments:
    """Cut trajectories (tau, z) into segments of ``length`` steps."""
    jacobians = found.field.jacobian(found.states) * found.speeds[:, None]
    rate = float(np.quantile(np.sqrt(np.square(jacobians).sum(axis=(1, 2))), _FAST))
    parts: list[tuple[Array, np.ndarray, Array]] = []
    starts, deviations, following = [], [], []
    for tau, z in pairs:
        nodes, places = _nodes(tau, rate)
        smooth = found.smoother.at(nodes, tau, z)
        for first in range(0, len(nodes) - 1, length):
            last = min(first + length, len(nodes) - 1)
            steps, observed, values = (
                np.zeros(length),
                np.zeros(length + 1, dtype=bool),
                np.zeros((length + 1, z.shape[1])),
            )
            steps[: last - first] = np.diff(nodes[first : last + 1])
            inside = (places >= first) & ((places < last) | (last == len(nodes) - 1))
            observed[places[inside] - first] = True
            values[places[inside] - first] = z[inside]
            if first:
                following.append(len(parts))
            parts.append((steps, observed, values))
            starts.append(smooth.states[first])
            deviations.append(np.sqrt(smooth.state_variances[first]))
    gaps, seen, measured = (np.stack(arrays) for arrays in zip(*parts, strict=True))
    return Segments(gaps, seen, measured, np.array(following, dtype=np.int64), np.stack(starts), np.stack(deviations))


def _nodes(tau: Array, rate: float) -> tuple[Array, np.ndarray]:
    """Times of nodes, and where the observed times are among them."""
    gaps = np.diff(tau)
    pieces = np.clip(np.ceil(gaps * rate / _TURN), 1, _MOST_PIECES).astype(int)
    inner = [t + gap * np.arange(count) / count for t, gap, count in zip(tau[:-1], gaps, pieces, strict=True)]
    return np.append(np.concatenate(inner), tau[-1]), np.append(0, np.cumsum(pieces))
