"""Encoded contexts: what a network keeps of trajectories, and all that is made of it once, for every later query.

Letters: B contexts, D dimensions, G given columns, N queries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skdyn.models.normalization import OutsideScaling, Scaling
from skdyn.nn.few_queries import FewOfAll, for_few_queries
from skdyn.nn.query_tangents import FieldTangents, for_tangents


@dataclass(frozen=True)
class Context:
    """A batch of encoded contexts with the scaling of each.

    Attributes
    ----------
    encoded : dataclass of tensors
        What the network's ``encode`` returned.
    scaling : Scaling
        NumPy arrays of shapes (B, D), (B, D) and (B,).
    dim : int
    outside : OutsideScaling
        Of inputs and parameters; of no columns without any.
    network : nn.Module
        What has encoded it.
    """

    encoded: Any
    scaling: Scaling
    dim: int
    outside: OutsideScaling
    network: Any
    _made: dict[Any, Any] = dataclasses.field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    def units(self) -> np.ndarray:
        """Deviations (B, D + G) of the states and of what is given."""
        return np.concatenate([self.scaling.std, self.outside.std], axis=1)

    def normalise(self, points: np.ndarray) -> np.ndarray:
        """Map states, with what is given beside them, of shape (B, N, D + G) to normalised units."""
        states = self.scaling.normalise(points[..., : self.dim])
        if points.shape[-1] == self.dim:
            return states
        return np.concatenate([states, self.outside.normalise(points[..., self.dim :])], axis=-1)

    @cached_property
    def few_queries(self) -> FewOfAll | None:
        """What answers a chunk of a single context on a CPU faster than the network does, if there is such a thing."""
        return for_few_queries(self.network, self.encoded) if len(self.scaling.speed) == 1 else None

    @cached_property
    def for_gradients(self) -> Any:
        """What was encoded, in double precision where the device has it, for derivatives in the queries."""
        as_it_is = next(self.network.parameters()).dtype == torch.float64

        def exact(tensor: Tensor) -> Tensor:
            if tensor.is_floating_point() and tensor.device.type != "mps" and not as_it_is:
                tensor = tensor.double()
            return tensor.clone() if tensor.is_inference() else tensor

        return map_tensors(self.encoded, exact)

    def tangents(self, network: Any) -> FieldTangents | None:
        """What differentiates a single context on a CPU faster than torch does, by the network in double precision."""
        if len(self.scaling.speed) > 1:
            return None
        if network not in self._made:
            self._made[network] = for_tangents(network, self.for_gradients)
        found: FieldTangents | None = self._made[network]
        return found

    def take(self, rows: np.ndarray) -> Context:
        """Some contexts of the batch, by their places.

        Raises
        ------
        ValueError
            If the network keeps something of a context that is no row of a tensor.
        """
        count = len(self.scaling.speed)
        which = torch.from_numpy(rows)

        def of_rows(tensor: Tensor) -> Tensor:
            if tensor.ndim == 0 or len(tensor) != count:
                raise ValueError("the network does not keep the contexts of a batch apart")
            return tensor[which.to(tensor.device)]

        scaling = Scaling(self.scaling.mean[rows], self.scaling.std[rows], self.scaling.speed[rows])
        outside = OutsideScaling(self.outside.mean[rows], self.outside.std[rows])
        return Context(map_tensors(self.encoded, of_rows), scaling, self.dim, outside, self.network)


def map_tensors(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply ``function`` to every tensor in nested tuples and dataclasses."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        return tuple(map_tensors(item, function) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(value, **{name: map_tensors(getattr(value, name), function) for name in names})
    return value
