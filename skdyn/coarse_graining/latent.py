"""A frozen in-context model as a differentiable map from a context of codes to drift and diffusion at codes.

Letters: K windows, L points, M observed points, d codes, N queries. Gradients flow through the queries and through the
context; the weights of the model stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdyn.exceptions import TrajectoryError
from skdyn.models.normalization import Scaling
from skdyn.models.weights import LoadedModel


@dataclass(frozen=True)
class LatentModel:
    """A model of the dynamics of the codes, given the codes.

    Parameters
    ----------
    model : LoadedModel
        Of an SDE or of an ODE.
    network : torch.nn.Module
        Its network, on the device where the codes are.
    dim : int
        Number of codes d.
    """

    model: LoadedModel
    network: Any
    dim: int

    def __post_init__(self) -> None:
        most = self.model.config.max_dim
        if self.dim > most:
            raise TrajectoryError(
                f"n_components={self.dim}, but the model {self.model.spec.name!r} takes at most {most} variables"
            )

    @property
    def is_stochastic(self) -> bool:
        """Whether the model has a diffusion."""
        return self.model.spec.kind == "sde"

    @property
    def differentiable(self) -> Any:
        """What encodes and decodes with gradients in the codes: the network without fits, if it has any."""
        from skdyn.nn.arbitrated import ArbitratedFIMODE, NetworkAlone
        from skdyn.nn.arbitrated_sde import ArbitratedFIMSDE, SDENetworkAlone

        if isinstance(self.network, ArbitratedFIMODE):
            return NetworkAlone(self.network)
        return SDENetworkAlone(self.network) if isinstance(self.network, ArbitratedFIMSDE) else self.network

    def context(self, codes: Tensor, times: Tensor, mask: np.ndarray) -> LatentContext:
        """Scale a context.

        Parameters
        ----------
        codes : Tensor of shape (M, d)
            Of the observed points, one window after the other.
        times : float64 Tensor of shape (K, L)
            Increasing along L where observed.
        mask : boolean array of shape (K, L) with M true entries
            Observed points come first in each window.

        Returns
        -------
        LatentContext
        """
        seen = torch.from_numpy(mask).to(codes.device)[None]
        states = codes.new_zeros(*seen.shape, self.dim).masked_scatter(seen[..., None], codes).double()
        scaling = self.model.spec.scaling(states, times[None], seen)  # type: ignore[misc]
        return LatentContext(self, scaling, states, times[None], seen)

    def _pad(self, z: Tensor) -> Tensor:
        return nn.functional.pad(z, (0, self.model.config.max_dim - self.dim))


@dataclass(frozen=True)
class LatentContext:
    """A context of codes with its scaling, to be taken in by the model."""

    latent: LatentModel
    scaling: Scaling
    states: Tensor
    times: Tensor
    seen: Tensor

    @property
    def speed(self) -> float:
        """Units of the model's time in a unit of the recordings' time: the rate at which the codes forget."""
        return float(self.scaling.speed[0].detach())

    def dynamics(self, queries: Tensor) -> tuple[Tensor, Tensor | None]:
        """Drift and diffusion (N, d) at codes (N, d), in their own units; None in place of an ODE's diffusion."""
        latent, scaling, dim = self.latent, self.scaling, self.latent.dim
        z = latent._pad(scaling.normalise(self.states) * self.seen[..., None])
        dim_mask = latent._pad(torch.ones(1, dim, device=queries.device, dtype=torch.float32))
        network = latent.differentiable
        encoded = network.encode(z, scaling.normalise_times(self.times) * self.seen, self.seen, dim_mask)
        z = latent._pad(scaling.normalise(queries.double()[None])).to(queries.dtype)
        if not latent.is_stochastic:
            field, _ = network.decode(encoded, z)
            return scaling.field(field[..., :dim].double())[0].to(queries.dtype), None
        drift, _, diffusion, _ = network.decode_sde(encoded, z)
        drift = scaling.field(drift[..., :dim].double())[0]
        diffusion = scaling.diffusion(diffusion[..., :dim].double())[0]
        return drift.to(queries.dtype), diffusion.to(queries.dtype)
