"""Inputs that are switched and then held: which ones look so, whatever their interpolation says.

Letters: K trajectories, L points, U inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdyn.data.trajectories import Trajectories
from skdyn.diagnosis.check import Check

STILL = 0.5
_JUMP = 0.2  # of an input's range; a sensor's last digit is less


def held_inputs(outside: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Share of the steps (U,) at which each column is just as before, for those that look held; zero for others.

    Held is what moves by jumps between values at which it rests. A ramp moves by little each time, and the last digit
    of a slow sensor too.

    Parameters
    ----------
    outside : sequence of K arrays of shape (L, U)
    """
    shares = np.zeros(outside[0].shape[1])
    for column in range(len(shares)):
        steps = [np.diff(values[:, column]) for values in outside if np.ptp(values[:, column]) > 0]
        if not steps:
            continue
        changes = np.abs(np.concatenate(steps))
        moves = changes[changes > 0]
        if np.median(moves) >= _JUMP * np.ptp(np.concatenate([values[:, column] for values in outside])):
            shares[column] = 1 - len(moves) / len(changes)
    return shares


def jumps(outside: Sequence[NDArray[np.float64]]) -> list[NDArray[np.bool_]]:
    """At which steps (L - 1,) of each trajectory an input jumps that looks held."""
    held = held_inputs(outside) > STILL
    return [(np.diff(values[:, held], axis=0) != 0).any(axis=1) for values in outside]


def held_check(context: Trajectories) -> list[Check]:
    """A check of the input that looks most like one that is switched, where inputs are taken for straight lines."""
    inputs = context.given.inputs
    if not inputs or context.given.holds:
        return []
    shares = held_inputs([values[:, : len(inputs)] for values in context.outside])
    worst = int(shares.argmax())
    return [
        Check("inputs between points", float(shares[worst]), STILL, "above",
              f"the share of the steps from point to point at which {inputs[worst]!r} rests, between jumps,",
              "it is switched and held, and taken for a straight line from point to point",
              "interpolation='previous' where the trajectories are made", warned=True)
    ]  # fmt: skip
