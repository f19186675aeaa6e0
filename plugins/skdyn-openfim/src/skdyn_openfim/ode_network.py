"""The FIM-ODE network of arXiv 2602.08733, in every variant that the authors' configuration can ask for.

Letters: B contexts, K trajectories, L points, D = ``max_dim`` dimensions, M = K (L - 1) tokens, N queries, E width.
Everything is in normalised units (`skdyn_openfim.scaling`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skdyn_openfim.attention import Memory
from skdyn_openfim.blocks import Head, encode_tokens, stack
from skdyn_openfim.ode_config import FIMODEConfig
from skdyn_openfim.tokens import TokenEmbedding, has_next


@dataclass(frozen=True)
class EncodedContext:
    """What the queries need of a context, computed once.

    Attributes
    ----------
    field, uncertainty : tuple of tuples of Tensors
        The attention memory of each block of the two heads. With linear attention its size does not depend on the
        number of tokens.
    """

    field: tuple[Memory, ...]
    uncertainty: tuple[Memory, ...]


class FIMODE(nn.Module):
    """Encode a context of trajectories once, then decode the vector field at any states; see `decode`."""

    def __init__(self, config: FIMODEConfig) -> None:
        super().__init__()
        self.config = c = config
        width, bias = c.encoder.width, c.projection_bias
        self.tokens = TokenEmbedding(c.max_dim, width, bias)
        self.encoder = stack(c.encoder, c.encoder_layers)
        self.embed_query = nn.Sequential(
            nn.Linear(c.max_dim, width, bias=bias), nn.ReLU(), nn.Linear(width, width, bias=bias)
        )
        self.field = Head(c.field, c.max_dim)
        self.uncertainty = None if c.uncertainty is None else Head(c.uncertainty, 1)

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
        token_mask = has_next(mask).flatten(1)
        x = encode_tokens(self.encoder, self.tokens(states, times, mask), token_mask)
        uncertainty = () if self.uncertainty is None else self.uncertainty.memories(x, token_mask)
        return EncodedContext(self.field.memories(x, token_mask), uncertainty)

    def decode(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Field and its log-scale at normalised queries.

        Parameters
        ----------
        context : EncodedContext
        queries : Tensor of shape (B, N, D), zero in the padded dimensions

        Returns
        -------
        field, log_scale : Tensors of shape (B, N, D)
            The network has one log-scale for all dimensions of a query. It is the logarithm of a Laplace scale: as
            it stands for a head trained on absolute errors, half of it less ln 2 for one trained on squared errors,
            and NaN (not known) for any other, or without an uncertainty head. What stands in the padded dimensions
            has no meaning.
        """
        x = self.embed_query(queries)
        field = self.field(x, context.field)
        if self.uncertainty is None or self.config.uncertainty_loss == "unknown":
            return field, torch.full_like(field, torch.nan)
        log_error = self.uncertainty(x.detach(), context.uncertainty)
        if self.config.uncertainty_loss == "mse":
            log_error = (log_error - math.log(2)) / 2
        return field, log_error.expand_as(field)
