"""The Gaussian likelihood of observed transitions of an SDE with diagonal noise.

Letters: S transitions, D variables.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skdyn_neuralode.units import Array, Pairs

Field = Callable[[Tensor], Tensor]
Linearised = Callable[[Tensor], tuple[Tensor, Tensor]]
MOST_STEPS = 8  # of one transition


@dataclass(frozen=True)
class Transitions:
    """Steps from one observation to the next, those of most substeps first.

    Attributes
    ----------
    states, following : tensors of shape (S, D)
        The observations before and after.
    steps : tensor of shape (S, 1)
        Length of one of a transition's equal substeps.
    counts : array of shape (S,)
        Substeps of each, falling.
    groups : array of shape (S,)
        Numbers of the segments that are held out as a whole.
    """

    states: Tensor
    following: Tensor
    steps: Tensor
    counts: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, pairs: Pairs, substeps: int, segment: int) -> Transitions:
        """Cut trajectories (tau, z): ``substeps`` over the median time to the next, more where it is longer."""
        gaps = np.concatenate([np.diff(tau) for tau, _ in pairs])
        counts = np.ceil(gaps / np.median(gaps) * substeps * (1 - 1e-9)).clip(1, MOST_STEPS).astype(int)
        places = [np.arange(len(tau) - 1) // segment for tau, _ in pairs]
        offsets = np.cumsum([0, *(place[-1] + 1 for place in places)])
        groups = np.concatenate([place + offset for place, offset in zip(places, offsets[:-1], strict=True)])
        order = np.argsort(-counts, kind="stable")

        def ordered(parts: list[Array]) -> Tensor:
            return torch.from_numpy(np.concatenate(parts)[order])

        return cls(
            ordered([z[:-1] for _, z in pairs]),
            ordered([z[1:] for _, z in pairs]),
            torch.from_numpy((gaps / counts)[order])[:, None],
            counts[order],
            groups[order],
        )

    def log_likelihoods(self, drift: Linearised, diffusion: Field) -> Tensor:
        """Log-densities (S,) in nats, one Euler-Maruyama step for each substep.

        The drift comes with its Jacobian, both at points (S, D), and the diffusion alone. The mean follows the drift.
        From the second substep on, what was uncertain before is carried on by the drift's Jacobian, ``P <- (1 + h J) P
        (1 + h J)^T + h g^2``: exact for linear drift and constant diffusion as h goes to zero, as the linear noise
        approximation is (Gardiner, *Handbook of Stochastic Methods*, 2004, section 6.2).
        """
        dim = self.states.shape[1]
        mean = self.states
        covariance = torch.diag_embed(self.steps * diffusion(mean).square())
        mean = mean + self.steps * drift(mean)[0]
        identity = torch.eye(dim, dtype=mean.dtype)
        for step in range(1, int(self.counts[0])):
            going = int(np.searchsorted(-self.counts, -step))  # those of more than `step` substeps come first
            h, at = self.steps[:going], mean[:going]
            speed, jacobian = drift(at)
            moving = identity + h[..., None] * jacobian
            spread = moving @ covariance[:going] @ moving.transpose(1, 2)
            spread = spread + torch.diag_embed(h * diffusion(at).square())
            covariance = torch.cat([spread, covariance[going:]])
            mean = torch.cat([at + h * speed, mean[going:]])
        root = torch.linalg.cholesky_ex(covariance)[0]
        whitened = torch.linalg.solve_triangular(root, (self.following - mean)[..., None], upper=False)[..., 0]
        logs = root.diagonal(dim1=1, dim2=2).log().sum(1)
        return -0.5 * whitened.square().sum(1) - logs - dim / 2 * math.log(2 * math.pi)
