"""Trajectories cut into segments of equally many observations, to be integrated side by side.

Letters: K trajectories, L points, S segments, n intervals of each, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skdyn_neuralode.units import Array, Pairs


@dataclass(frozen=True)
class Segments:
    """Pieces that share their end points; the last of a trajectory may be shorter.

    Attributes
    ----------
    gaps : array of shape (S, n)
        Times from each observation to the next; zero behind the end of a shorter segment.
    values : array of shape (S, n + 1, D)
        Observations; the last one is repeated behind the end.
    present : boolean array of shape (S, n + 1)
        Which observations there are. One where a segment ends and the next begins belongs to both.
    starts : array of shape (S, D)
        Where an integration may start: estimates of the states at the first observations.
    joined : boolean array of shape (S,)
        Whether the segment before ends where this one begins.
    """

    gaps: Array
    values: Array
    present: np.ndarray
    starts: Array
    joined: np.ndarray


def cut(pairs: Pairs, estimates: list[Array], length: int) -> Segments:
    """Cut trajectories (tau, z) into segments of ``length`` intervals.

    Parameters
    ----------
    pairs : list of K pairs of arrays (L_k,) and (L_k, D)
    estimates : list of K arrays (L_k, D)
        Of the states at the observed times.
    length : int
    """
    gaps, values, present, starts, joined = [], [], [], [], []
    for (tau, z), states in zip(pairs, estimates, strict=True):
        for first in range(0, len(tau) - 1, length):
            places = np.arange(first, first + length + 1)
            inside = np.minimum(places, len(tau) - 1)
            gaps.append(np.diff(tau[inside]))
            values.append(z[inside])
            present.append(places < len(tau))
            starts.append(states[first])
            joined.append(first > 0)
    return Segments(np.stack(gaps), np.stack(values), np.stack(present), np.stack(starts), np.array(joined))


def paste(pairs: Pairs, paths: Array, length: int) -> list[Array]:
    """Estimates (L_k, D) of each trajectory's states, from the paths (S, n + 1, D) of its segments."""
    estimates, segment = [], 0
    for tau, z in pairs:
        states = np.empty_like(z)
        for first in range(0, len(tau) - 1, length):
            count = min(length + 1, len(tau) - first)
            states[first : first + count] = paths[segment, :count]
            segment += 1
        estimates.append(states)
    return estimates
