"""The FIM-SDE network of arXiv 2502.19049, in every variant that the authors' configuration can ask for.

Letters: B contexts, K trajectories, L points, D = ``max_dim`` dimensions, M = K (L - 1) tokens, N queries, E width.
Everything is in normalised units (`skdyn_openfim.scaling`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn_openfim.attention import Memory
from skdyn_openfim.blocks import Head, encode_tokens, stack
from skdyn_openfim.scaling import MEAN_STEP
from skdyn_openfim.sde_config import FIMSDEConfig
from skdyn_openfim.tokens import TokenEmbedding, has_next


@dataclass(frozen=True)
class EncodedContext:
    """What the queries need of a context, computed once.

    Attributes
    ----------
    drift, diffusion, loss_scale : tuple of tuples of Tensors
        The attention memory of each block of the three heads.
    """

    drift: tuple[Memory, ...]
    diffusion: tuple[Memory, ...]
    loss_scale: tuple[Memory, ...]


class FIMSDE(nn.Module):
    """Encode a context of trajectories once, then decode drift and diffusion at any states; see `decode_sde`."""

    def __init__(self, config: FIMSDEConfig) -> None:
        super().__init__()
        self.config = c = config
        self.tokens = TokenEmbedding(c.max_dim, c.encoder.width, bias=True)
        self.encoder = stack(c.encoder, c.encoder_layers)
        self.embed_query = nn.Linear(c.max_dim, c.encoder.width)
        self.drift = Head(c.operator, c.max_dim)
        self.diffusion = Head(c.operator, c.max_dim)
        self.loss_scale = None if c.loss_scale is None else Head(c.loss_scale, 1)
        # The scaling gives time steps a geometric mean of `MEAN_STEP`; a network trained at another mean sees time run
        # faster by this factor.
        self.rate = c.mean_step / MEAN_STEP

    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> EncodedContext:
        """Encode normalised trajectories.

        Parameters
        ----------
        states : Tensor of shape (B, K, L, D), zero in the padded dimensions
        times : Tensor of shape (B, K, L)
            Differences are taken in the inputs' type: pass float64 for long time axes.
        mask : boolean Tensor of shape (B, K, L)
            Observed points come first in each trajectory; every context has one with two points or more.
        dim_mask : Tensor of shape (B, D)
            Not needed: zeros stand for padded dimensions.

        Returns
        -------
        EncodedContext
        """
        if self.config.end_tokens == "all":
            states, times, mask = F.pad(states, (0, 0, 0, 1)), F.pad(times, (0, 1)), F.pad(mask, (0, 1))
        token_mask = has_next(mask)
        if self.config.end_tokens == "all":
            token_mask = mask[..., :-1]
        elif self.config.end_tokens:
            lengths = mask.sum(-1, keepdim=True)
            longest = lengths.amax(1, keepdim=True)
            token_mask = token_mask | (mask[..., :-1] & (lengths < longest))
        token_mask = token_mask.flatten(1)
        x = encode_tokens(self.encoder, self.tokens(states, times * self.rate, mask), token_mask)
        loss_scale = () if self.loss_scale is None else self.loss_scale.memories(x, token_mask)
        return EncodedContext(self.drift.memories(x, token_mask), self.diffusion.memories(x, token_mask), loss_scale)

    def decode(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Drift and its log-scale at normalised queries, as `decode_sde` returns them.

        Parameters
        ----------
        context : EncodedContext
        queries : Tensor of shape (B, N, D), zero in the padded dimensions

        Returns
        -------
        drift, log_scale : Tensors of shape (B, N, D)
        """
        x = self.embed_query(queries)
        drift = self.drift(x, context.drift) * self.rate
        return drift, self._log_scale(x, context).expand_as(drift) + math.log(self.rate)

    def decode_sde(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Drift, diffusion and the log-scales of their errors at normalised queries.

        Parameters
        ----------
        context : EncodedContext
        queries : Tensor of shape (B, N, D), zero in the padded dimensions

        Returns
        -------
        drift, drift_log_scale, diffusion, diffusion_log_scale : Tensors of shape (B, N, D)
            The diffusion multiplies dW. The loss-scale head predicts one number: the logarithm of the sum of the mean
            squared errors of drift and diffusion. Both log-scales are that of a Laplace distribution with the whole sum
            as its variance, an upper bound for each; NaN (not known) without that head. What stands in the padded
            dimensions has no meaning.
        """
        x = self.embed_query(queries)
        drift = self.drift(x, context.drift) * self.rate
        diffusion = F.softplus(self.diffusion(x, context.diffusion)) * math.sqrt(self.rate)
        log_scale = self._log_scale(x, context).expand_as(drift)
        log_rate = math.log(self.rate)
        return drift, log_scale + log_rate, diffusion, log_scale + log_rate / 2

    def _log_scale(self, x: Tensor, context: EncodedContext) -> Tensor:
        """Laplace log-scale (B, N, 1) in the units of training; the variance at scale b is 2 b^2."""
        if self.loss_scale is None:
            return torch.full_like(x[..., :1], torch.nan)
        return (self.loss_scale(x.detach(), context.loss_scale) - math.log(2)) / 2
