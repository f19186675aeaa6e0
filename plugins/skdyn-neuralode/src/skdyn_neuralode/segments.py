"""Trajectories cut into segments of equally many observations, to be integrated side by side.

Letters: K trajectories, L points, S segments, n intervals of each, D variables, G inputs and parameters.
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
    given, change : arrays of shape (S, n, G)
        Inputs and parameters at the beginning of each interval, and by how much they move on a straight line until its
        end: by nothing where inputs are held.
    """

    gaps: Array
    values: Array
    present: np.ndarray
    starts: Array
    joined: np.ndarray
    given: Array
    change: Array


def cut(pairs: Pairs, estimates: list[Array], length: int, holds: bool) -> Segments:
    """Cut trajectories (tau, z) into segments of ``length`` intervals.

    Parameters
    ----------
    pairs : list of K pairs of arrays (L_k,) and (L_k, D + G)
    estimates : list of K arrays (L_k, D)
        Of the states at the observed times.
    length : int
    holds : bool
        Whether inputs are held from one observation to the next; else they lie on straight lines.
    """
    gaps, points, present, starts, joined = [], [], [], [], []
    for (tau, z), states in zip(pairs, estimates, strict=True):
        for first in range(0, len(tau) - 1, length):
            places = np.arange(first, first + length + 1)
            inside = np.minimum(places, len(tau) - 1)
            gaps.append(np.diff(tau[inside]))
            points.append(z[inside])
            present.append(places < len(tau))
            starts.append(states[first])
            joined.append(first > 0)
    values, given = np.split(np.stack(points), [len(starts[0])], axis=-1)
    change = np.diff(given, axis=1) * (not holds)
    return Segments(
        np.stack(gaps), values, np.stack(present), np.stack(starts), np.array(joined), given[:, :-1], change
    )


def paste(pairs: Pairs, paths: Array, length: int) -> list[Array]:
    """Estimates (L_k, D) of each trajectory's states, from the paths (S, n + 1, D) of its segments."""
    estimates, segment = [], 0
    for tau, _ in pairs:
        states = np.empty((len(tau), paths.shape[-1]))
        for first in range(0, len(tau) - 1, length):
            count = min(length + 1, len(tau) - first)
            states[first : first + count] = paths[segment, :count]
            segment += 1
        estimates.append(states)
    return estimates
