"""The FIM-SDE network: an in-context model of drift and diffusion, on summaries of transitions (format 1).

Letters: B contexts, K trajectories per context, L points per trajectory, D = ``max_dim`` dimensions, M tokens,
N queries, E width. Everything here is in normalised units (`skdyn.models.normalization.fim_sde_scaling`); the
diffusion is diagonal and multiplies dW.

Sources: FIM-SDE (arXiv 2502.19049) for the task and the in-context formulation; tokens that sum up transitions and
carry local linear models are this project's own (docs/design/fim-sde.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from skdyn.nn.attention import at_least_float32, blocks, mlp
from skdyn.nn.config import between, exactly, parse_config
from skdyn.nn.in_context import InContextConfig, InContextField, KeysValues, fourier, mixture, visible
from skdyn.nn.least_squares import DRIFT_FITS, SQUARE_FITS, PolynomialFits, evaluate_fits, fit_polynomials
from skdyn.nn.transitions import Summary, summarise

_LOG_FLOOR = 1e-4
_SIZE_FLOOR = 1e-3


@dataclass(frozen=True)
class FIMSDEConfig(InContextConfig):
    """Sizes and constants of a FIM-SDE network, as read from ``config.json``."""

    model_type: str = exactly("fim-sde")
    leaves: int = between(2, 65536)
    lags: tuple[int, ...] = between(1, 4096)
    polynomial_degree: int = between(2, 5)
    drift_clip: float = between(1e-3, 1e6)
    feature_clip: float = between(1e-3, 1e6)
    diffusion_floor: float = between(1e-6, 1.0)
    scale_clip: float = between(1e-3, 50.0)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FIMSDEConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing, negative or absurd."""
        config = parse_config(cls, values)
        if config.width % config.heads:
            raise ValueError(f"width {config.width} must be a multiple of heads = {config.heads}")
        if config.leaves & (config.leaves - 1):
            raise ValueError(f"leaves must be a power of two, got {config.leaves}")
        if list(config.lags) != sorted(set(config.lags)) or config.lags[0] != 1:
            raise ValueError(f"lags must increase from 1, got {list(config.lags)}")
        return config

    @property
    def drift_candidates(self) -> int:
        """Estimates of a token's drift: two for each lag."""
        return 2 * len(self.lags)

    @property
    def diffusion_candidates(self) -> int:
        """Estimates of a token's diffusion: one for each lag, and one for each pair of successive lags."""
        return 2 * len(self.lags) - 1

    @property
    def token_features(self) -> int:
        """Width of the features of one token."""
        per_dim = 2 + 2 * self.drift_candidates + self.diffusion_candidates + len(self.lags) + 1
        return self.query_features + per_dim * self.max_dim + 3 * len(self.lags) + 4


@dataclass(frozen=True)
class SDETokens:
    """What the network is given for each leaf of a context.

    Attributes
    ----------
    features : Tensor of shape (B, M, F)
    states : Tensor of shape (B, M, D)
        Mean state of a leaf.
    drifts : Tensor of shape (B, M, drift candidates, D)
        Estimates of the local drift, by lag; those that start one point later after the others.
    log_diffusions : Tensor of shape (B, M, diffusion candidates, D)
        Estimates of ``log(g + diffusion_floor)``, by lag, then from the growth of the squares between lags.
    fits : PolynomialFits
        Of the whole context.
    mask : boolean Tensor of shape (B, M)
    dim_mask : Tensor of shape (B, D)
    """

    features: Tensor
    states: Tensor
    drifts: Tensor
    log_diffusions: Tensor
    fits: PolynomialFits
    mask: Tensor
    dim_mask: Tensor


def make_sde_tokens(
    states: Tensor,
    times: Tensor,
    mask: Tensor,
    dim_mask: Tensor,
    config: FIMSDEConfig,
    dtype: torch.dtype = torch.float32,
) -> SDETokens:
    """Sum up a context and turn the moments into features; differentiable in ``states``.

    Parameters
    ----------
    states : Tensor of shape (B, K, L, D), normalised and zero-padded
    times : Tensor of shape (B, K, L), normalised
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    dim_mask : Tensor of shape (B, D)
    config : FIMSDEConfig
    dtype : torch.dtype
        Type of the result. Differences are taken in the inputs' type: pass float64 for long time axes.
    """
    summary = summarise(states, times, mask, config.lags, config.leaves)
    drifts = torch.stack(
        _filled([(lag.seen, lag.drift) for lag in summary.lags])
        + _filled([(lag.seen, lag.late_drift) for lag in summary.lags]),
        dim=-2,
    )
    rates = torch.stack(_rates(summary), dim=-2)
    log_diffusions = (_root(rates) + config.diffusion_floor).log()
    # The same for the whole context, where little noise is left.
    weight = summary.count[..., None]
    total = weight.sum(1, keepdim=True).clamp(min=1)
    overall = (rates[..., : len(config.lags), :] * weight[..., None]).sum(1, keepdim=True)
    overall_rates = (_root(overall / total[..., None]) + _SIZE_FLOOR).log().flatten(-2)
    overall_noise = (_root(-(summary.noise * weight).sum(1, keepdim=True) / total) + _SIZE_FLOOR).log()
    steps = torch.stack([lag.step for lag in summary.lags], dim=-1)
    overall_steps = (steps * weight).sum(1, keepdim=True) / total
    context = torch.cat(
        [overall_rates, overall_noise, overall_steps.clamp(min=_LOG_FLOOR).log(), total.log()], dim=-1
    ).expand(-1, summary.count.shape[1], -1)
    fits = fit_polynomials(states, times, mask, config.polynomial_degree)
    seen = torch.stack([lag.seen > 0 for lag in summary.lags], dim=-1)
    exposure = summary.lags[0].step * summary.lags[0].seen
    flat_drifts = drifts.flatten(-2)
    features = torch.cat(
        [
            fourier(summary.states, config.fourier_octaves),
            dim_mask[:, None].to(states.dtype).expand(*summary.count.shape, -1),
            summary.spread.clamp(min=_LOG_FLOOR).log(),
            flat_drifts.asinh(),
            flat_drifts.clamp(-config.feature_clip, config.feature_clip),
            log_diffusions.flatten(-2),
            torch.sign(summary.noise) * _root(summary.noise.abs()),
            steps.clamp(min=_LOG_FLOOR).log(),
            seen.to(states.dtype),
            torch.stack([summary.count.clamp(min=1), exposure.clamp(min=_LOG_FLOOR), steps[..., -1] + 1], -1).log(),
            context,
        ],
        dim=-1,
    )
    return SDETokens(
        features=features.to(dtype),
        states=summary.states.to(dtype),
        drifts=drifts.to(dtype),
        log_diffusions=log_diffusions.to(dtype),
        fits=PolynomialFits(fits.drift.to(dtype), fits.square.to(dtype), fits.inverse.to(dtype)),
        mask=summary.count > 0,
        dim_mask=dim_mask.to(dtype),
    )


def _rates(summary: Summary) -> list[Tensor]:
    """Squared diffusions from the increments over each lag, and from their growth from one lag to the next."""
    squares = _filled([(lag.seen, lag.square / _positive(lag.step)[..., None]) for lag in summary.lags])
    growth = []
    for short, long in zip(summary.lags, summary.lags[1:], strict=False):
        both = torch.minimum(short.seen, long.seen)
        step = _positive(long.step - short.step)[..., None]
        growth.append((both, ((long.square - short.square) / step).clamp(min=0)))
    return squares + _filled([(summary.lags[0].seen, squares[0]), *growth])[1:]


def _filled(parts: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Values with what no increment was seen for taken from the lag before."""
    values = [parts[0][1]]
    for seen, value in parts[1:]:
        values.append(torch.where((seen > 0)[..., None], value, values[-1]))
    return values


def _positive(step: Tensor) -> Tensor:
    return torch.where(step > 0, step, 1.0)


def _root(square: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return square.clamp(min=1e-12).sqrt()


@dataclass(frozen=True)
class EncodedSDEContext:
    """All that a query needs of a context, computed once.

    Attributes
    ----------
    keys_values : tuple of (keys, values), each of shape (B, heads, M, E / heads)
        One pair for each decoder block.
    drift_keys, diffusion_keys : Tensor of shape (B, M, local_width)
    states : Tensor of shape (B, M, D)
        Where the tokens' local models are centred.
    drift, drift_log_scale, log_diffusion, diffusion_log_scale : Tensor of shape (B, M, D)
        The tokens' own estimates there, and the log-scales of their errors; ``log_diffusion`` is ``log(g + floor)``.
    jacobian : Tensor of shape (B, M, D, D)
    fits : PolynomialFits
    mask : boolean Tensor of shape (B, M)
    dim_mask : Tensor of shape (B, D)
    """

    keys_values: KeysValues
    drift_keys: Tensor
    diffusion_keys: Tensor
    states: Tensor
    drift: Tensor
    drift_log_scale: Tensor
    log_diffusion: Tensor
    diffusion_log_scale: Tensor
    jacobian: Tensor
    fits: PolynomialFits
    mask: Tensor
    dim_mask: Tensor


class FIMSDE(InContextField):
    """Encode a context of trajectories once, then decode drift and diffusion at any states.

    Queries do not attend to each other. Either answer is a gated sum of a locally weighted model built from the tokens,
    of the context's least-squares polynomials and of a direct prediction, with a Laplace log-scale of its error. The
    diffusion is predicted as ``log(g + diffusion_floor)``, which is relative where g is large and absolute where it
    vanishes.
    """

    config: FIMSDEConfig

    def __init__(self, config: FIMSDEConfig) -> None:
        super().__init__()
        self.config = c = config
        self.token_embedding = mlp(c.token_features, c.width)
        self._build(sum(self._token_parts()), fields=2)
        self.fit_embedding = nn.Linear((DRIFT_FITS + SQUARE_FITS) * c.max_dim + 1, c.width, bias=False)
        self.fit_gate = nn.Linear(c.width, (DRIFT_FITS + SQUARE_FITS) * c.max_dim)
        self.head = nn.Linear(c.width, 4 * c.max_dim)
        nn.init.zeros_(self.fit_embedding.weight)
        nn.init.zeros_(self.fit_gate.weight)
        nn.init.constant_(self.fit_gate.bias, -3.0)

    def _token_parts(self) -> list[int]:
        c = self.config
        return [c.drift_candidates, c.diffusion_candidates, *[c.max_dim] * 5, c.max_dim**2]

    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> EncodedSDEContext:
        """Encode normalised trajectories; see `make_sde_tokens` for the arguments."""
        dtype = self.head.weight.dtype
        return self.encode_tokens(make_sde_tokens(states, times, mask, dim_mask, self.config, dtype))

    def encode_tokens(self, tokens: SDETokens) -> EncodedSDEContext:
        """Encode prepared tokens into everything that queries need."""
        c = self.config
        mask = tokens.mask
        attention_mask = visible(mask)
        x = self.token_embedding(tokens.features)
        for block in blocks(self.encoder):
            x = block.self_attend(x, attention_mask)
        x = self.context_norm(x)
        keys_values = self._keys_values(x)
        with torch.autocast(x.device.type, enabled=False):
            x = at_least_float32(x)
            parts = self.token_head(x).split(self._token_parts(), dim=-1)
            mix, diffusion_mix, drift, drift_scale, shift, log_diffusion, diffusion_scale, jacobian = parts
            drift = drift + mixture(mix, tokens.drifts.clamp(-c.drift_clip, c.drift_clip))
            log_diffusion = log_diffusion + mixture(diffusion_mix, tokens.log_diffusions)
            drift_keys, diffusion_keys = self._local_keys(x, tokens.states, tokens.dim_mask).chunk(2, dim=-1)
        return EncodedSDEContext(
            keys_values=keys_values,
            drift_keys=drift_keys,
            diffusion_keys=diffusion_keys,
            states=tokens.states + shift,
            drift=drift,
            drift_log_scale=drift_scale.clamp(-c.scale_clip, c.scale_clip),
            log_diffusion=log_diffusion,
            diffusion_log_scale=diffusion_scale.clamp(-c.scale_clip, c.scale_clip),
            jacobian=jacobian.unflatten(-1, (c.max_dim, c.max_dim)),
            fits=tokens.fits,
            mask=mask,
            dim_mask=tokens.dim_mask,
        )

    def decode(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Drift and its Laplace log-scale, each (B, N, D), at normalised queries (B, N, D): the field of the SDE."""
        drift, log_scale, _, _ = self.decode_log(context, queries)
        return drift, log_scale

    def decode_sde(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Drift, its Laplace log-scale, diffusion and the log-scale of its error, each of shape (B, N, D)."""
        return self.decode_alone(context, queries)

    def decode_alone(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `decode_sde`, by the network without whatever a later format sets beside it."""
        drift, drift_scale, log_diffusion, diffusion_scale, _ = self.answer(context, queries)
        above_floor = log_diffusion.exp()
        diffusion = (above_floor - self.config.diffusion_floor).clamp(min=0) * context.dim_mask[:, None]
        return drift, drift_scale, diffusion, diffusion_scale + log_diffusion

    def decode_log(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `decode_sde`, with ``log(g + diffusion_floor)`` and its own log-scale in place of the last two."""
        return self.answer(context, queries)[:4]

    def answer(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The network's own answers as `decode_log` has them, and the queries' hidden states (B, N, E)."""
        c = self.config
        features = self._state_features(queries, context.dim_mask)
        fitted_drift, fitted_log, fit_features = self._fitted(context, queries)
        embedded = self.query_embedding(features) + self.fit_embedding(fit_features)
        h = self._hidden(embedded, context.keys_values, context.mask[:, None, None])
        with torch.autocast(h.device.type, enabled=False):
            drift_queries, diffusion_queries = self._local_queries(h, features).chunk(2, dim=-1)
            local = self._blend_linear(
                drift_queries,
                context.drift_keys,
                context.mask,
                context.drift,
                context.jacobian,
                context.states,
                queries.to(h.dtype),
            )
            local_log = self._blend(diffusion_queries, context.diffusion_keys, context.mask, context.log_diffusion)
            drift_gate, diffusion_gate = self.gate(h).sigmoid().chunk(2, dim=-1)
            drift, drift_scale, log_diffusion, diffusion_scale = self.head(h).chunk(4, dim=-1)
            fit_gate = self.fit_gate(h).sigmoid().unflatten(-1, (-1, c.max_dim))
            drift = drift_gate * local + (fit_gate[..., :DRIFT_FITS, :] * fitted_drift).sum(-2) + drift
            drift = drift * context.dim_mask[:, None].to(h.dtype)
            log_diffusion = (
                diffusion_gate * local_log + (fit_gate[..., DRIFT_FITS:, :] * fitted_log).sum(-2) + log_diffusion
            )
        clip = c.scale_clip
        return drift, drift_scale.clamp(-clip, clip), log_diffusion, diffusion_scale.clamp(-clip, clip), h

    def _fitted(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Drifts (B, N, 3, D) and ``log(g + floor)`` (B, N, 2, D) of the polynomial fits, and features of them."""
        c = self.config
        drift, square, leverage = evaluate_fits(context.fits, c.polynomial_degree, queries)
        drift = drift.clamp(-c.drift_clip, c.drift_clip)
        log_diffusion = (_root(square.clamp(max=c.drift_clip**2)) + c.diffusion_floor).log()
        features = [drift.asinh().flatten(-2), log_diffusion.flatten(-2), (leverage[..., None] + _LOG_FLOOR).log()]
        return drift, log_diffusion, torch.cat(features, dim=-1)
