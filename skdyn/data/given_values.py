"""The inputs and parameters of trajectories: their names, their values, and what a simulation is given of them.

Letters: K trajectories, L_k points of one, U inputs, P parameters, G = U + P.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np

from skdyn.data.given import Given
from skdyn.exceptions import TrajectoryError


class WithGiven:
    """Trajectories, seen from what is given beside their states.

    Attributes
    ----------
    times : tuple of K arrays of shape (L_k,)
    outside : tuple of K arrays of shape (L_k, G)
        Inputs first, then parameters.
    given : Given
    """

    times: tuple[np.ndarray, ...]
    outside: tuple[np.ndarray, ...]
    given: Given

    def _with(self, **changed: Any) -> Self:
        """The same with some attributes changed."""
        other = copy.copy(self)
        vars(other).update(changed)
        return other

    def given_as(self, given: Given) -> Self:
        """The same trajectories with their inputs and parameters in another order.

        Raises
        ------
        TrajectoryError
            If these are not the names of the inputs and of the parameters.
        """
        own = self.given
        if (own.inputs, own.parameters) == (given.inputs, given.parameters):
            return self
        for kind, names, wanted in (
            ("inputs", own.inputs, given.inputs),
            ("parameters", own.parameters, given.parameters),
        ):
            if sorted(names) != sorted(wanted):
                raise TrajectoryError(
                    f"X has the {kind} {list(names)}, but {list(wanted)} are expected: pass triples (t, x, u), or "
                    "Trajectory(t, x, u=..., p=..., input_names=..., parameter_names=...)"
                )
        order = [own.names.index(name) for name in given.names]
        return self._with(
            outside=tuple(np.ascontiguousarray(outside[:, order]) for outside in self.outside),
            given=replace(given, interpolation=own.interpolation),
        )

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the U inputs; empty without."""
        return self.given.inputs

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the P parameters; empty without."""
        return self.given.parameters

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """Inputs of each trajectory, K arrays of shape (L_k, U)."""
        return tuple(outside[:, : len(self.given.inputs)] for outside in self.outside)

    @property
    def parameters(self) -> np.ndarray:
        """Parameters of each trajectory, shape (K, P)."""
        return np.stack([outside[0, len(self.given.inputs) :] for outside in self.outside])

    def driving(self, k: int) -> dict[str, Any]:
        """What a simulation of trajectory ``k`` is given: ``inputs`` and ``parameters``, as far as there are any."""
        count = len(self.given.inputs)
        outside = self.outside[k]
        inputs = {"inputs": (self.times[k], outside[:, :count])} if count else {}
        return inputs | ({"parameters": outside[0, count:]} if self.given.parameters else {})

    @property
    def typical(self) -> dict[str, np.ndarray]:
        """Mean ``inputs`` and ``parameters`` over all points, as far as there are any."""
        count, mean = len(self.given.inputs), np.concatenate(self.outside).mean(axis=0)
        parts = {"inputs": mean[:count], "parameters": mean[count:]}
        return {kind: values for kind, values in parts.items() if len(values)}
