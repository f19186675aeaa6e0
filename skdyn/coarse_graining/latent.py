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
from skdyn.normalization import Scaling
from skdyn.weights import LoadedModel


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
        return hasattr(self.network, "decode_sde")

    def encode(self, codes: Tensor, times: Tensor, mask: np.ndarray) -> EncodedLatent:
        """Take in a context.

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
        EncodedLatent
        """
        seen = torch.from_numpy(mask).to(codes.device)[None]
        states = codes.new_zeros(*seen.shape, self.dim).masked_scatter(seen[..., None], codes).double()
        scaling = self.model.spec.scaling(states, times[None], seen)  # type: ignore[misc]
        z, tau = scaling.normalise(states) * seen[..., None], scaling.normalise_times(times[None]) * seen
        dim_mask = self._pad(torch.ones(1, self.dim, device=codes.device))
        encoded = self.network.encode(self._pad(z), tau, seen, dim_mask)
        return EncodedLatent(self, scaling, encoded)

    def _pad(self, z: Tensor) -> Tensor:
        return nn.functional.pad(z, (0, self.model.config.max_dim - self.dim))


@dataclass(frozen=True)
class EncodedLatent:
    """A context of codes that the model has taken in, with its scaling."""

    latent: LatentModel
    scaling: Scaling
    encoded: Any

    @property
    def speed(self) -> float:
        """Units of the model's time in a unit of the recordings' time: the rate at which the codes forget."""
        return float(self.scaling.speed[0].detach())

    def dynamics(self, queries: Tensor) -> tuple[Tensor, Tensor | None]:
        """Drift and diffusion (N, d) at codes (N, d), in their own units; None in place of an ODE's diffusion."""
        latent, dim = self.latent, self.latent.dim
        z = latent._pad(self.scaling.normalise(queries.double()[None])).to(queries.dtype)
        if not latent.is_stochastic:
            field, _ = latent.network.decode(self.encoded, z)
            return self.scaling.field(field[..., :dim].double())[0].to(queries.dtype), None
        drift, _, diffusion, _ = latent.network.decode_sde(self.encoded, z)
        drift = self.scaling.field(drift[..., :dim].double())[0]
        diffusion = self.scaling.diffusion(diffusion[..., :dim].double())[0]
        return drift.to(queries.dtype), diffusion.to(queries.dtype)
