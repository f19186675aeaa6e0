"""The FIM-ODE network: an in-context model of a vector field, with local linear tokens (format 1).

Letters: B contexts, K trajectories per context, L points per trajectory, D = ``max_dim`` dimensions, M = K L tokens,
N queries, E width. Everything here is in normalised units (``skdyn.models.normalization``).

Sources: FIM-ODE (arXiv 2602.08733) and FIM-SDE (arXiv 2502.19049) for the task and the in-context formulation; the
local linear tokens are this project's own (docs/design/fim-ode.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from skdyn.nn.attention import Rotary, at_least_float32, blocks, mlp
from skdyn.nn.config import between, exactly, parse_config
from skdyn.nn.in_context import InContextConfig, InContextField, KeysValues, fourier, mixture, visible

_STEP_FLOOR = 1e-6
_LOG_STEP_FLOOR = 1e-4


@dataclass(frozen=True)
class FIMODEConfig(InContextConfig):
    """Sizes and constants of a FIM-ODE network, as read from ``config.json``."""

    model_type: str = exactly("fim-ode")
    rope_min_wavelength: float = between(1e-6, 1e6)
    rope_max_wavelength: float = between(1e-6, 1e9)
    slope_lags: tuple[int, ...] = between(1, 1024)
    slope_clip: float = between(1e-3, 1e6)
    feature_clip: float = between(1e-3, 1e6)
    scale_clip: float = between(1e-3, 50.0)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FIMODEConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing, negative or absurd."""
        config = parse_config(cls, values)
        if config.width % (2 * config.heads):
            raise ValueError(f"width {config.width} must be a multiple of 2 x heads = {2 * config.heads}")
        if config.rope_min_wavelength >= config.rope_max_wavelength:
            raise ValueError("rope_min_wavelength must be below rope_max_wavelength")
        return config

    @property
    def token_features(self) -> int:
        """Width of the features of one observed point."""
        return self.query_features + 2 * self.max_dim * (len(self.slope_lags) + 2) + 4


@dataclass(frozen=True)
class Tokens:
    """What the network is given for each observed point.

    Attributes
    ----------
    features : Tensor of shape (B, K, L, F)
    states : Tensor of shape (B, K, L, D)
        In the type that they came in.
    slopes : Tensor of shape (B, K, L, lags, D)
        Central slopes at the configured lags.
    times : Tensor of shape (B, K, L)
    mask : boolean Tensor of shape (B, K, L)
    dim_mask : Tensor of shape (B, D)
        One for the dimensions that the system has, zero for padding.
    """

    features: Tensor
    states: Tensor
    slopes: Tensor
    times: Tensor
    mask: Tensor
    dim_mask: Tensor


def make_tokens(
    states: Tensor,
    times: Tensor,
    mask: Tensor,
    dim_mask: Tensor,
    config: FIMODEConfig,
    dtype: torch.dtype = torch.float32,
) -> Tokens:
    """Features of every observed point, from slopes to its neighbours.

    Parameters
    ----------
    states : Tensor of shape (B, K, L, D), normalised and zero-padded
    times : Tensor of shape (B, K, L), normalised
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    dim_mask : Tensor of shape (B, D)
    config : FIMODEConfig
    dtype : torch.dtype
        Type of the result. Differences are taken in the inputs' type: pass float64 for long time axes.
    """
    points = states.shape[2]
    last = mask.sum(-1, keepdim=True).sub(1).clamp(min=0)  # (B, K, 1)
    index = torch.arange(points, device=states.device).expand(mask.shape)

    def gather(at: Tensor) -> tuple[Tensor, Tensor]:
        return states.gather(2, at[..., None].expand_as(states)), times.gather(2, at)

    def slope(ahead: int, behind: int) -> tuple[Tensor, Tensor]:
        z_ahead, t_ahead = gather(torch.minimum(index + ahead, last))
        z_behind, t_behind = gather(torch.minimum((index - behind).clamp(min=0), last))
        step = t_ahead - t_behind
        return (z_ahead - z_behind) / step.clamp(min=_STEP_FLOOR)[..., None], step

    central = [slope(lag, lag)[0] for lag in config.slope_lags]
    forward, forward_step = slope(1, 0)
    backward, backward_step = slope(0, 1)
    slopes = torch.cat([*central, forward, backward], dim=-1)
    steps = torch.stack([forward_step, backward_step], dim=-1).clamp(min=_LOG_STEP_FLOOR).log()
    ends = torch.stack([index == 0, index == last], dim=-1)
    features = torch.cat(
        [
            fourier(states, config.fourier_octaves),
            dim_mask[:, None, None].to(states.dtype).expand(*mask.shape, -1),
            slopes.asinh(),
            slopes.clamp(-config.feature_clip, config.feature_clip),
            steps,
            ends.to(states.dtype),
        ],
        dim=-1,
    )
    return Tokens(
        features=features.to(dtype),
        states=states,
        slopes=torch.stack(central, dim=-2).to(dtype),
        times=times,
        mask=mask,
        dim_mask=dim_mask.to(dtype),
    )


@dataclass(frozen=True)
class EncodedContext:
    """All that a query needs of a context, computed once.

    Attributes
    ----------
    keys_values : tuple of (keys, values), each of shape (B, heads, M, E / heads)
        One pair for each decoder block.
    local_keys : Tensor of shape (B, M, local_width)
    velocity, state, log_scale : Tensor of shape (B, M, D)
        The tokens' local linear models: velocity at a denoised state, and its log-scale.
    jacobian : Tensor of shape (B, M, D, D)
    mask : boolean Tensor of shape (B, M)
    dim_mask : Tensor of shape (B, D)
    """

    keys_values: KeysValues
    local_keys: Tensor
    velocity: Tensor
    state: Tensor
    log_scale: Tensor
    jacobian: Tensor
    mask: Tensor
    dim_mask: Tensor


class FIMODE(InContextField):
    """Encode a context of trajectories once, then decode the vector field at any states.

    Queries do not attend to each other. The answer at a query is a gated sum of a locally weighted linear model built
    from the tokens and of a direct prediction, with a Laplace log-scale of its error.
    """

    config: FIMODEConfig

    def __init__(self, config: FIMODEConfig) -> None:
        super().__init__()
        self.config = c = config
        self.observation_embedding = mlp(c.token_features, c.width)
        self.rotary = Rotary(c.width // c.heads, c.rope_min_wavelength, c.rope_max_wavelength)
        self._build(sum(self._token_parts()), fields=1)
        self.head = nn.Linear(c.width, 2 * c.max_dim)

    def _token_parts(self) -> list[int]:
        c = self.config
        return [len(c.slope_lags), *[c.max_dim] * 3, c.max_dim**2]

    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> EncodedContext:
        """Encode normalised trajectories; see `make_tokens` for the arguments."""
        dtype = self.head.weight.dtype
        return self.encode_tokens(make_tokens(states, times, mask, dim_mask, self.config, dtype), pack=True)

    def encode_tokens(self, tokens: Tokens, pack: bool = False) -> EncodedContext:
        """Encode prepared tokens into everything that queries need.

        Parameters
        ----------
        tokens : Tokens
        pack : bool, default=False
            Leave out padding where attention runs over the whole context: the same result, cheaper for ragged
            contexts, at shapes that depend on the data.
        """
        c = self.config
        batch, paths, points = tokens.mask.shape
        layout = Layout(tokens.mask.reshape(batch, paths * points), pack)
        path_mask = _attention_mask(tokens.mask.reshape(batch * paths, points))
        context_mask = _attention_mask(layout.mask)

        x = self.observation_embedding(tokens.features)
        cos, sin = self.rotary(tokens.times.reshape(batch * paths, points), x.dtype)
        rotation = (cos[:, None], sin[:, None])
        for depth, block in enumerate(blocks(self.encoder)):
            if depth % 2 == 0:
                x = block.self_attend(x.reshape(batch * paths, points, -1), path_mask, rotation)
            else:
                x = x.reshape(batch, paths * points, -1)
                x = layout.unpack(block.self_attend(layout.pack(x), context_mask), x)
        x = self.context_norm(layout.pack(x.reshape(batch, paths * points, -1)))
        keys_values = self._keys_values(x)

        with torch.autocast(x.device.type, enabled=False):
            x = at_least_float32(x)
            lags, dim = len(c.slope_lags), c.max_dim
            z = layout.pack(tokens.states.reshape(batch, paths * points, dim).to(x.dtype))
            slopes = layout.pack(tokens.slopes.reshape(batch, paths * points, lags * dim).to(x.dtype))
            slopes = slopes.unflatten(-1, (lags, dim))
            parts = self.token_head(x).split(self._token_parts(), dim=-1)
            logits, velocity, log_scale, shift, jacobian = parts
            velocity = velocity + mixture(logits, slopes.clamp(-c.slope_clip, c.slope_clip))
            local_keys = self._local_keys(x, z, tokens.dim_mask)
        # Padded dimensions are masked in the field only: the trained token heads use the padded columns of their
        # Jacobians as one more offset.
        return EncodedContext(
            keys_values=keys_values,
            local_keys=local_keys,
            velocity=velocity,
            state=z + shift,
            log_scale=log_scale.clamp(-c.scale_clip, c.scale_clip),
            jacobian=jacobian.unflatten(-1, (dim, dim)),
            mask=layout.mask,
            dim_mask=tokens.dim_mask,
        )

    def decode(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Field and Laplace log-scale, each of shape (B, N, D), at normalised queries of shape (B, N, D)."""
        return self.answer(context, queries)[:2]

    def answer(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Field and log-scale as `decode` gives them, and the hidden states (B, N, E) of the queries."""
        c = self.config
        mask = None if bool(context.mask.all()) else context.mask
        cross_mask = None if mask is None else mask[:, None, None]
        features = self._state_features(queries, context.dim_mask)
        h = self._hidden(self.query_embedding(features), context.keys_values, cross_mask)

        with torch.autocast(h.device.type, enabled=False):
            local = self._blend_linear(
                self._local_queries(h, features),
                context.local_keys,
                mask,
                context.velocity,
                context.jacobian,
                context.state,
                queries.to(h.dtype),
            )
            mean, log_scale = self.head(h).chunk(2, dim=-1)
            field = self.gate(h).sigmoid() * local + mean
        active = context.dim_mask[:, None].to(h.dtype)
        return field * active, log_scale.clamp(-c.scale_clip, c.scale_clip), h


class Layout:
    """Which tokens of a flattened context (B, N, ...) attention sees: all, or the observed ones moved together."""

    def __init__(self, mask: Tensor, pack: bool) -> None:
        self.mask, self.order = mask, None
        if pack and not bool(mask.all()):
            count = int(mask.sum(-1).max())
            self.order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :count, None]
            self.mask = mask.gather(1, self.order[..., 0])

    def pack(self, x: Tensor) -> Tensor:
        """The observed tokens first, and no more than are needed."""
        return x if self.order is None else x.gather(1, self.order.expand(-1, -1, x.shape[-1]))

    def unpack(self, packed: Tensor, x: Tensor) -> Tensor:
        """Put packed tokens back in their places in ``x``."""
        return packed if self.order is None else x.scatter(1, self.order.expand_as(packed), packed)


def _attention_mask(mask: Tensor) -> Tensor | None:
    """Attention mask (B, 1, 1, N), or None where all points are observed: kernels without one are faster."""
    return None if bool(mask.all()) else visible(mask)
