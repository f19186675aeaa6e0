"""Solve initial value problems of many rows side by side, each with steps of its own.

Letters: N rows, L_n requested times of row n, D variables. Steps follow from a row's state and field alone: neither the
other rows nor the requested times have any influence on them, and every requested state is read off the steps' curves.
Steps end at the breaks and corners of what acts from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from skdyn.dynamics.steps import DormandPrince, Rodas4, Step

Field = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Slopes (n, D) of some rows (n,) at times (n,) and states (n, D)."""
FieldAndJacobian = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Slopes (n, D) and Jacobians (n, D, D) of some rows (n,) at times (n,) and states (n, D)."""
Method = Literal["auto", "dopri5", "rodas4"]

_SAFETY, _LEAST, _MOST = 0.9, 0.2, 10.0
_STIFF, _EASY = 3.25, 1.0
"""Step sizes times rates: the edge of the explicit method's stability, and where it is no matter."""
_PATIENCE, _FORGETTING = 15, 0.2
_SMALLEST = 1e-14  # step, over the time reached or the first step
_LARGEST = 1e307  # step, so that a time stays a number
_FIRST = 0.01
_NUDGE = 1e-7


@dataclass(frozen=True)
class Problem:
    """What is to be solved, to which error, at which price.

    Attributes
    ----------
    field : Field
    field_and_jacobian : FieldAndJacobian, or None
        For the stiff method; without it ``"auto"`` stays with the explicit one.
    bound : float
        A row with a variable beyond it has ended.
    rtol, atol : float
    most_evaluations : int
        Of the field at any row; a Jacobian counts as D of them.
    breaks : array of shape (N, M), or None
        Times of each row at which its field jumps: steps end there and begin anew; infinite where there are fewer. None
        of fields that do not depend on the time.
    corners : array of shape (N, M), or None
        Increasing times of each row at which steps end and go on; the last one is infinite.
    margin : float
        Before a break the field is asked for no later time than so much before it, and never sees what comes after.
    """

    field: Field
    field_and_jacobian: FieldAndJacobian | None
    bound: float
    rtol: float
    atol: float
    most_evaluations: int
    breaks: np.ndarray | None
    corners: np.ndarray | None
    margin: float

    def sizes(self, errors: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Root mean square (N,) of errors (N, D) in tolerances at states of the size of z (N, D)."""
        sizes: np.ndarray = np.sqrt(np.square(errors / (self.atol + self.rtol * np.abs(z))).mean(axis=1))
        return sizes


@dataclass(frozen=True)
class Paths:
    """The requested states of N rows, one after the other.

    Attributes
    ----------
    states : array of shape (L_0 + L_1 + ..., D)
        NaN where a row has ended before.
    spent : boolean array of shape (N,)
        Rows that ended because their evaluations were spent.
    reached : array of shape (N,)
        Times to which the rows came.
    """

    states: np.ndarray
    spent: np.ndarray
    reached: np.ndarray


def solve(
    problem: Problem,
    z: np.ndarray,
    times: Sequence[np.ndarray],
    method: Method = "auto",
    arrive: Callable[[float], None] = lambda time: None,
) -> Paths:
    """Solve from states ``z`` (N, D) at time zero.

    A row ends at its last time, beyond the bound, where the field is not finite or no step is small enough, and where
    its evaluations are spent.

    Parameters
    ----------
    problem : Problem
    z : array of shape (N, D)
    times : N arrays of shape (L_n,)
        Increasing, the first one zero.
    method : {"auto", "dopri5", "rodas4"}, default="auto"
        ``"auto"`` begins with the explicit method and changes to the stiff one, and back, as a row's steps demand.
    arrive : callable
        Told the time that all live rows have reached.

    Returns
    -------
    Paths
    """
    solver = _Solver(problem, z, times, method)
    with np.errstate(all="ignore"):
        solver.run(arrive)
    return Paths(solver.found, solver.spent, solver.t)


class _Solver:
    """Rows on their way."""

    def __init__(self, problem: Problem, z: np.ndarray, times: Sequence[np.ndarray], method: Method) -> None:
        rows = len(z)
        counts = np.array([len(t) for t in times])
        self.problem, self.method = problem, method
        self.requested = np.concatenate(times)
        self.stop = np.cumsum(counts)
        self.next = self.stop - counts
        self.found = np.full((len(self.requested), z.shape[1]), np.nan)
        self.t, self.z = np.zeros(rows), z.copy()
        self.slope, self.by_time = np.zeros_like(z), np.zeros_like(z)
        self.jacobian = np.zeros((rows, z.shape[1], z.shape[1])) if method != "dopri5" else None
        self.has_slope, self.has_jacobian = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
        self.h, self.unit = np.zeros(rows), np.zeros(rows)
        self.after_rejection = np.zeros(rows, dtype=bool)
        self.stiff = np.full(rows, method == "rodas4")
        self.doubts = np.zeros(rows)
        self.used = np.zeros(rows, dtype=int)
        self.limit = np.full(rows, np.inf)
        self.corner = np.full(rows, np.inf) if problem.corners is None else problem.corners[:, 0].copy()
        self.passed = np.zeros(rows, dtype=int)
        self.live = np.ones(rows, dtype=bool)
        self.spent = np.zeros(rows, dtype=bool)

    def run(self, arrive: Callable[[float], None]) -> None:
        """Advance all rows until each has come to its last time, or to another end."""
        self.found[self.next] = self.z
        self.next += 1
        self.live &= (self.next < self.stop) & (np.abs(self.z).max(axis=1) <= self.problem.bound)
        self._begin(np.flatnonzero(self.live))
        while self.live.any():
            for stiff in (False, True):
                rows = np.flatnonzero(self.live & (self.stiff == stiff))
                rows = self._affordable(rows, Rodas4.evaluations + 2 * self.z.shape[1] if stiff else 6)
                if len(rows):
                    self._advance(rows, stiff)
            if self.live.any():
                arrive(float(self.t[self.live].min()))

    def _affordable(self, rows: np.ndarray, price: int) -> np.ndarray:
        """The rows that can still pay so many evaluations; the others have come to their end."""
        poor = self.used[rows] + price > self.problem.most_evaluations
        self.spent[rows[poor]], self.live[rows[poor]] = True, False
        return rows[~poor]

    def _field(self, rows: np.ndarray, t: np.ndarray, z: np.ndarray) -> np.ndarray:
        self.used[rows] += 1
        return self.problem.field(rows, np.minimum(t, self.limit[rows] - self.problem.margin), z)

    def _begin(self, rows: np.ndarray) -> None:
        """Choose the first steps of rows, at the start and after a break."""
        if self.problem.breaks is not None:
            breaks = self.problem.breaks[rows]
            self.limit[rows] = np.where(breaks > self.t[rows, None], breaks, np.inf).min(axis=1, initial=np.inf)
        rows = self._affordable(rows, 2)
        if not len(rows):
            return
        t, z = self.t[rows], self.z[rows]
        slope = self._field(rows, t, z)
        self.live[rows[~np.isfinite(slope).all(axis=1)]] = False
        speed = np.sqrt(np.square(slope).mean(axis=1))
        reach = _FIRST * np.maximum(np.sqrt(np.square(z).mean(axis=1)), 1.0)
        h = np.where(speed > 0, reach / np.where(speed > 0, speed, 1.0), _FIRST).clip(max=_LARGEST)
        ahead = self._field(rows, t + h, z + h[:, None] * slope)
        turn = np.sqrt(np.square(ahead - slope).mean(axis=1)) / h
        ratio = np.where(turn > 0, speed / np.where(turn > 0, turn, 1.0), np.inf)
        self.h[rows] = np.where(np.isfinite(turn), np.minimum(100 * h, np.maximum(0.1 * ratio, 1e-3 * h)), 1e-3 * h)
        self.unit[rows] = self.h[rows]
        self.slope[rows], self.has_slope[rows], self.has_jacobian[rows] = slope, True, False

    def _advance(self, rows: np.ndarray, stiff: bool) -> None:
        """One step, accepted or not, of rows that use the same method."""
        t, z = self.t[rows], self.z[rows]
        left = np.minimum(self.limit[rows], self.corner[rows]) - t
        h = np.minimum(self.h[rows], left)
        step = self._rodas4(rows, h) if stiff else self._dopri5(rows, h)
        order = Rodas4.order if stiff else DormandPrince.order
        size = self.problem.sizes(step.error, np.maximum(np.abs(z), np.abs(step.end)))
        size = np.where(np.isfinite(step.end).all(axis=1) & np.isfinite(size), size, np.inf)
        if step.slope is not None:
            size[~np.isfinite(step.slope).all(axis=1)] = np.inf
        accepted = size <= 1
        factor = (_SAFETY * np.where(size > 0, size, 1e-300) ** (-1 / order)).clip(_LEAST, _MOST)
        factor = np.where(accepted & self.after_rejection[rows], np.minimum(factor, 1.0), factor)
        # A step that ended early, at a corner, says nothing against the longer one.
        hoped = np.where(accepted & (h == self.corner[rows] - t), self.h[rows], 0.0)
        self.h[rows] = np.maximum(h * factor, hoped).clip(max=_LARGEST)
        self.after_rejection[rows] = ~accepted
        tiny = ~accepted & (self.h[rows] < _SMALLEST * np.maximum(t, self.unit[rows]))
        self.live[rows[tiny]] = False
        if accepted.any():
            self._accept(rows, accepted, h, left, step)

    def _dopri5(self, rows: np.ndarray, h: np.ndarray) -> Step:
        unknown = rows[~self.has_slope[rows]]
        if len(unknown):
            self.slope[unknown] = self._field(unknown, self.t[unknown], self.z[unknown])
            self.has_slope[unknown] = True
        return DormandPrince.step(lambda t, z: self._field(rows, t, z), self.t[rows], self.z[rows], self.slope[rows], h)

    def _rodas4(self, rows: np.ndarray, h: np.ndarray) -> Step:
        assert self.jacobian is not None
        assert self.problem.field_and_jacobian is not None
        new = rows[~self.has_jacobian[rows]]
        if len(new):
            t, z = self.t[new], self.z[new]
            self.slope[new], self.jacobian[new] = self.problem.field_and_jacobian(new, t, z)
            self.used[new] += z.shape[1]
            self.has_slope[new] = self.has_jacobian[new] = True
            if self.problem.breaks is not None:
                nudge = _NUDGE * np.maximum(t, self.unit[new])
                nudge = np.minimum(nudge, (np.minimum(self.limit[new], self.corner[new]) - t) / 2)
                later = self._field(new, t + nudge, z)
                self.by_time[new] = (later - self.slope[new]) / nudge[:, None]
        return Rodas4.step(
            lambda t, z: self._field(rows, t, z),
            self.t[rows], self.z[rows], self.slope[rows], self.jacobian[rows], self.by_time[rows], h,
        )  # fmt: skip

    def _accept(self, rows: np.ndarray, accepted: np.ndarray, h: np.ndarray, left: np.ndarray, step: Step) -> None:
        which = np.flatnonzero(accepted)
        own = rows[which]
        at_end = h[which] >= left[which]
        end = np.minimum(self.limit[own], self.corner[own])
        at_break = at_end & (end == self.limit[own])
        reached = np.where(at_end, end, self.t[own] + h[which])
        self._read_off(own, reached, h[which], step.curve[:, which])
        self.t[own], self.z[own] = reached, step.end[which]
        if self.problem.corners is not None:
            self.passed[own] += reached == self.corner[own]
            self.corner[own] = self.problem.corners[own, self.passed[own]]
        self.has_slope[own], self.has_jacobian[own] = step.slope is not None, False
        if step.slope is not None:
            self.slope[own] = step.slope[which]
        inside = np.abs(step.end[which]).max(axis=1) <= self.problem.bound
        self.live[own] = inside & (self.next[own] < self.stop[own])
        if self.method == "auto" and self.problem.field_and_jacobian is not None:
            self._judge(own, step.stiffness[which])
        anew = own[at_break & self.live[own]]
        if len(anew):
            self._begin(anew)

    def _judge(self, rows: np.ndarray, stiffness: np.ndarray) -> None:
        """Change the method of rows for which the other one has looked better for some steps."""
        doubtful = np.where(self.stiff[rows], stiffness < _EASY, stiffness > _STIFF)
        self.doubts[rows] = (self.doubts[rows] + np.where(doubtful, 1.0, -_FORGETTING)).clip(min=0)
        change = rows[self.doubts[rows] >= _PATIENCE]
        self.stiff[change] = ~self.stiff[change]
        self.doubts[change] = 0

    def _read_off(self, rows: np.ndarray, reached: np.ndarray, h: np.ndarray, curve: np.ndarray) -> None:
        """Fill in the requested states of rows up to the time reached."""
        first = self.next[rows]
        last = first_later(self.requested, first, self.stop[rows], reached)
        counts = last - first
        if not counts.any():
            return
        of = np.repeat(np.arange(len(rows)), counts)
        places = np.arange(len(of)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        share = ((self.requested[places] - self.t[rows][of]) / h[of])[:, None]
        values = curve[3][of] * share
        for part in curve[2::-1]:
            values = (values + part[of]) * share
        values += self.z[rows][of]
        values[~(np.abs(values).max(axis=1) <= self.problem.bound)] = np.nan
        self.found[places] = values
        self.next[rows] = last


def first_later(times: np.ndarray, low: np.ndarray, high: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """In each stretch ``low`` to ``high`` of increasing times, the first place of one after ``reached``."""
    low, high = low.copy(), high.copy()
    while (unknown := low < high).any():
        middle = (low + high) // 2
        later = times[np.minimum(middle, len(times) - 1)] > reached
        high = np.where(unknown & later, middle, high)
        low = np.where(unknown & ~later, middle + 1, low)
    return low
