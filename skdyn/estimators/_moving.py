"""The variables of a context that move: of one that is the same everywhere there is nothing to predict.

Letters: M states, D variables, D' of them that move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.state_space import DriftDiffusion


@dataclass(frozen=True)
class MovingVariables:
    """Which variables move, and what the others are.

    Attributes
    ----------
    moves : boolean array of shape (D,)
    rest : array of shape (D,)
        A state of the context.
    """

    moves: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, context: Trajectories) -> Self:
        """Those of a context."""
        states = np.concatenate(context.states)
        return cls(np.ptp(states, axis=0) > 0, states[0])

    def part(self, trajectories: Trajectories) -> Trajectories:
        """Trajectories of the variables that move alone."""
        if self.moves.all():
            return trajectories
        return trajectories.with_states([x[:, self.moves] for x in trajectories.states], None)

    def whole(self, trajectories: Trajectories, names: tuple[str, ...] | None) -> Trajectories:
        """Trajectories of all variables from those that move."""
        if self.moves.all():
            return trajectories
        return trajectories.with_states([self._filled(x) for x in trajectories.states], names)

    def answers(self, ask: DriftDiffusion) -> DriftDiffusion:
        """What is asked at states of all variables, (M, D) -> (M, D) twice, of those that move alone."""
        if self.moves.all():
            return ask

        def narrow(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            first, second = ask(self._filled(x))
            return first[:, self.moves], second[:, self.moves]

        return narrow

    def _filled(self, x: np.ndarray) -> np.ndarray:
        states = np.tile(self.rest, (len(x), 1))
        states[:, self.moves] = x
        return states
