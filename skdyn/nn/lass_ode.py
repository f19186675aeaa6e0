"""The LASS-ODE network: a forecaster whose latent state follows a linear ODE of its own on each piece of time.

The contract, which training and the estimator share (letters: B series, D channels, N observed points, K pieces of
time, one token each, Z latent dimensions, T times, Q quantiles, W width):

* ``make_prefixes(values, times, mask, end) -> (Prefixes, PrefixScaling)`` makes the inputs (`skdyn.nn.prefixes`);
* ``network.encode(prefixes) -> EncodedPrefixes`` reads the prefixes once; the initial latent state is drawn only while
  the network is in training mode, and is its mean otherwise;
* ``network.decode(encoded, times) -> (B, D, T, Q)`` gives quantiles at normalised times (B, T), or (B, D, T) for times
  of each channel's own, lowest first and sorted; with one quantile it is the median. Two grids give the same values at
  the times that they share;
* ``encoded.kl`` (B, D), ``encoded.balance`` () and ``encoded.router_z`` () are the terms of the objective beside
  `skdyn.nn.forecast_loss.forecast_loss`.

Source: LASS-ODE (arXiv 2602.01009). With ``patch = 0``, ``prefix_features = False``, ``quantiles = 1`` and ``dynamics =
"free"`` it is the paper's network; what the paper leaves open, and what each of the four adds, is in
docs/design/lass-ode.md.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn.nn.attention import at_least_float32
from skdyn.nn.config import between, exactly, one_of, parse_config
from skdyn.nn.hub_attention import HubAttention
from skdyn.nn.linear_ode import bound_norm, evaluate, taylor_pieces
from skdyn.nn.mixture_of_experts import MixtureOfExperts, Routing
from skdyn.nn.prefixes import Prefixes, PrefixScaling, make_prefixes, patches

__all__ = ["LASSODE", "SIZES", "EncodedPrefixes", "LASSODEConfig", "PrefixScaling", "Prefixes", "make_prefixes"]

_STEP_SCALE = 40.0  # steps of 50 to 200 points on [0, 1] are then about one
_DYNAMICS_SCALE = 20.0  # ten cycles on [0, 1] need eigenvalues of 63
_SMALL_START = 0.1  # of the last layer, so that training starts near a constant curve
_MAX_GROWTH = 4.0  # largest real part that damped dynamics can have
_CONTEXT_FEATURES = 5
_QUANTILE_BIAS = -2.0  # of the gaps between quantiles before their softplus
_LOG_VARIANCE = (-8.0, 4.0)


@dataclass(frozen=True)
class LASSODEConfig:
    """Sizes of a LASS-ODE network, as read from ``config.json``; `SIZES` holds the named ones.

    Attributes
    ----------
    max_dim : int
        Channels in the table of channel codes.
    tokens : int
        K.
    kernels, kernel_width : int, float
        Radial basis functions of a token's time, and their width on [0, 1].
    hub : int
        Rows of the common structure hub.
    latent : int
        Z.
    patch : int
        Resampled values of the prefix that its tokens are given (0: none, as in the paper).
    prefix_features : bool
        Tell each token where the prefix ends, how many points it has and where zero lies.
    quantiles : int
        Q, odd: the levels i / (Q + 1).
    dynamics : {"free", "damped"}
        Any matrices, or a skew-symmetric one plus a diagonal of at most 4.
    """

    model_type: str = exactly("lass-ode")
    format_version: int = exactly(1)
    max_dim: int = between(1, 64)
    width: int = between(8, 4096)
    heads: int = between(1, 64)
    layers: int = between(1, 64)
    experts: int = between(2, 64)
    expert_width: int = between(8, 16384)
    recurrent_layers: int = between(1, 8)
    tokens: int = between(1, 256)
    kernels: int = between(2, 1024)
    kernel_width: float = between(1e-3, 10.0)
    hub: int = between(1, 1024)
    latent: int = between(1, 64)
    patch: int = between(0, 64)
    prefix_features: bool = one_of(False, True)
    quantiles: int = between(1, 99)
    dynamics: str = one_of("free", "damped")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LASSODEConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing, negative or absurd."""
        config = parse_config(cls, values)
        if config.width % config.heads:
            raise ValueError(f"width {config.width} must be a multiple of heads = {config.heads}")
        if config.quantiles % 2 == 0:
            raise ValueError(f"quantiles must be odd, so that the median is among them, got {config.quantiles}")
        return config

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return dataclasses.asdict(self)

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of the quantiles, lowest first."""
        return tuple((i + 1) / (self.quantiles + 1) for i in range(self.quantiles))

    @property
    def dynamics_outputs(self) -> int:
        """Numbers that describe the linear ODE of one token."""
        z = self.latent
        return z * z + z if self.dynamics == "free" else z * (z - 1) // 2 + 2 * z


_PAPER = {
    "model_type": "lass-ode",
    "format_version": 1,
    "max_dim": 10,
    "width": 256,
    "heads": 8,
    "layers": 6,
    "experts": 8,
    "expert_width": 512,
    "recurrent_layers": 2,
    "tokens": 40,
    "kernels": 64,
    "kernel_width": 0.25,
    "hub": 10,
    "latent": 15,
    "patch": 0,
    "prefix_features": False,
    "quantiles": 1,
    "dynamics": "free",
}
_IMPROVED = {"kernel_width": 0.04, "patch": 8, "prefix_features": True, "quantiles": 9, "dynamics": "damped"}

SIZES: dict[str, LASSODEConfig] = {
    "paper": LASSODEConfig.from_dict(_PAPER),
    "small": LASSODEConfig.from_dict(
        _PAPER | {"width": 160, "layers": 4, "experts": 4, "expert_width": 320} | _IMPROVED
    ),
    "tiny": LASSODEConfig.from_dict(_PAPER | {"width": 96, "layers": 3, "experts": 4, "expert_width": 192} | _IMPROVED),
}
"""Configurations: the paper's, and two smaller ones with every improvement."""


_OF_SERIES = ("polynomials", "dynamics", "drive", "mean", "log_variance", "kl")
"""What `EncodedPrefixes` have for each series."""


@dataclass(frozen=True)
class EncodedPrefixes:
    """All that decoding needs of a batch of prefixes, and the terms of the objective that encoding gives.

    Attributes
    ----------
    polynomials : Tensor of shape (B, D, S, P, Q)
        Raw outputs on each of S equal pieces of [0, 1], as Taylor polynomials; see `skdyn.nn.linear_ode`.
    dynamics, drive : Tensor of shape (B, D, K, Z, Z) and (B, D, K, Z)
        A and b of each token.
    mean, log_variance : Tensor of shape (B, D, Z)
        Of the initial latent state.
    kl : Tensor of shape (B, D)
        Divergence of the initial latent state from a standard Gaussian; zero for channels that a series lacks.
    balance, router_z : Tensor of shape ()
        Means over the layers; see `skdyn.nn.mixture_of_experts.Routing`.
    load : Tensor of shape (layers, experts)
        Share of the choices that each expert got.
    """

    polynomials: Tensor
    dynamics: Tensor
    drive: Tensor
    mean: Tensor
    log_variance: Tensor
    kl: Tensor
    balance: Tensor
    router_z: Tensor
    load: Tensor

    def row(self, b: int) -> EncodedPrefixes:
        """One series of the batch, as a batch of one; balance, router_z and load remain those of the whole."""
        return replace(self, **{name: getattr(self, name)[b : b + 1] for name in _OF_SERIES})

    @classmethod
    def joined(cls, rows: Sequence[EncodedPrefixes]) -> EncodedPrefixes:
        """Batches of equal shapes one after the other; balance, router_z and load are those of the first."""
        if len(rows) == 1:
            return rows[0]
        return replace(rows[0], **{name: torch.cat([getattr(row, name) for row in rows]) for name in _OF_SERIES})


class LASSODE(nn.Module):
    """Encode prefixes into token-wise linear ODEs, and decode values at any times."""

    def __init__(self, config: LASSODEConfig) -> None:
        super().__init__()
        self.config = c = config
        self.recurrent = nn.GRU(2, c.width, c.recurrent_layers, batch_first=True)
        self.summary = _mlp(c.width, 2 * c.width, c.width)
        self.kernel_norm = nn.LayerNorm(c.kernels)
        features = c.kernels + (_CONTEXT_FEATURES if c.prefix_features else 0)
        self.modulation = _mlp(features, 2 * c.width, 2 * c.width)
        self.patches = _mlp(2 * c.patch + 1, 2 * c.width, c.width) if c.patch else None
        self.channel_codes = nn.Parameter(torch.empty(c.max_dim, c.width))
        self.hub = nn.Parameter(torch.empty(c.hub, c.width))
        self.blocks = nn.ModuleList(_Block(c) for _ in range(c.layers))
        self.final_norm = nn.LayerNorm(c.width)
        self.local_dynamics = _mlp(c.width, c.width, c.dynamics_outputs)
        self.initial_mean = _mlp(c.width, c.width, c.latent)
        self.initial_log_variance = _mlp(c.width, c.width, c.latent)
        self.output = nn.Linear(c.latent, c.quantiles)
        for table in (self.channel_codes, self.hub):
            nn.init.normal_(table, std=0.02)
        nn.init.constant_(self.output.bias, _QUANTILE_BIAS)
        nn.init.zeros_(self.output.bias[c.quantiles // 2])
        for tensor in self.local_dynamics[-1].parameters():
            nn.init.uniform_(tensor, -_SMALL_START * c.width**-0.5, _SMALL_START * c.width**-0.5)

    def encode(self, prefixes: Prefixes) -> EncodedPrefixes:
        """Read normalised prefixes; see the module's docstring."""
        c = self.config
        batch, channels, _ = prefixes.values.shape
        if channels > c.max_dim:
            raise ValueError(f"{channels} channels, but the table of channel codes has {c.max_dim}")
        h = self._summarise(prefixes)  # (B, D, W)
        tokens, routings = self._mix(self._tokens(prefixes, h), prefixes.channels)
        with torch.autocast(h.device.type, enabled=False):
            h, tokens = at_least_float32(h), at_least_float32(tokens)
            dynamics, drive = self._linear_odes(self.local_dynamics(tokens))
            mean = self.initial_mean(h)
            log_variance = self.initial_log_variance(h).clamp(*_LOG_VARIANCE)
            kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
            initial = mean
            if self.training:
                initial = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
            rows = (part.flatten(0, 1) for part in (dynamics, drive, initial))
            polynomials = F.linear(taylor_pieces(*rows), self.output.weight)
        return EncodedPrefixes(
            polynomials=polynomials.unflatten(0, (batch, channels)),
            dynamics=dynamics,
            drive=drive,
            mean=mean,
            log_variance=log_variance,
            kl=torch.where(prefixes.channels, kl, torch.zeros_like(kl)),
            balance=torch.stack([routing.balance for routing in routings]).mean(),
            router_z=torch.stack([routing.z for routing in routings]).mean(),
            load=torch.stack([routing.load for routing in routings]),
        )

    def decode(self, encoded: EncodedPrefixes, times: Tensor) -> Tensor:
        """Quantiles (B, D, T, Q) at normalised times of shape (B, T) or (B, D, T); see the module's docstring."""
        raw = self._evaluate(encoded, times) + self.output.bias
        middle = self.config.quantiles // 2
        median = raw[..., middle : middle + 1]
        below = median - F.softplus(raw[..., :middle]).flip(-1).cumsum(-1).flip(-1)
        above = median + F.softplus(raw[..., middle + 1 :]).cumsum(-1)
        return torch.cat([below, median, above], dim=-1)

    def derivative(self, encoded: EncodedPrefixes, times: Tensor) -> Tensor:
        """Time derivative (B, D, T) of the median at normalised times of shape (B, T) or (B, D, T)."""
        return self._evaluate(encoded, times, derivative=True)[..., self.config.quantiles // 2]

    def _evaluate(self, encoded: EncodedPrefixes, times: Tensor, derivative: bool = False) -> Tensor:
        batch, channels = encoded.mean.shape[:2]
        if times.ndim == 2:
            times = times[:, None].expand(-1, channels, -1)
        rows = evaluate(encoded.polynomials.flatten(0, 1), times.flatten(0, 1), derivative)
        return rows.unflatten(0, (batch, channels))

    def _summarise(self, prefixes: Prefixes) -> Tensor:
        """Hidden state (B, D, W) of the upper recurrent layer at each channel's last observed point."""
        inputs = torch.stack([prefixes.values, _STEP_SCALE * prefixes.steps], dim=-1)
        outputs, _ = self.recurrent(inputs.flatten(0, 1))
        last = prefixes.counts.flatten().sub(1).clamp(min=0)
        return outputs[torch.arange(len(outputs), device=outputs.device), last].unflatten(0, prefixes.channels.shape)

    def _tokens(self, prefixes: Prefixes, h: Tensor) -> Tensor:
        """Tokens (B, D, K, W) before they have seen each other."""
        c = self.config
        starts = torch.arange(c.tokens, device=h.device, dtype=prefixes.times.dtype) / c.tokens
        phi = self.kernel_norm(radial_basis(starts, c.kernels, c.kernel_width))
        if c.prefix_features:
            context = self._context_features(prefixes, starts)
            phi = torch.cat([phi.expand(*context.shape[:-1], -1), context], dim=-1)
        scale, shift = self.modulation(phi).chunk(2, dim=-1)
        tokens = scale * self.summary(h)[:, :, None] + shift
        if self.patches is not None:
            tokens = tokens + self.patches(patches(prefixes, c.tokens, c.patch))
        return tokens + self.channel_codes[: h.shape[1], None]

    def _context_features(self, prefixes: Prefixes, starts: Tensor) -> Tensor:
        """Where each token lies relative to its channel's prefix, and what the prefix is: (B, D, K, 5)."""
        last = prefixes.last[..., None]
        shape = (*prefixes.channels.shape, len(starts))
        return torch.stack(
            [
                starts - last,
                ((last - starts) * len(starts)).clamp(0, 1),
                last.expand(shape),
                (prefixes.counts + 1).float().log()[..., None].to(starts.dtype).expand(shape) / 4 - 1,
                prefixes.levels[..., None].expand(shape) / 3,
            ],
            dim=-1,
        )

    def _mix(self, tokens: Tensor, channels: Tensor) -> tuple[Tensor, list[Routing]]:
        """Let the tokens of a series see each other and the hub."""
        shape = tokens.shape
        x = tokens.flatten(1, 2)
        mask = None if bool(channels.all()) else channels[..., None].expand(shape[:3]).flatten(1)
        routings = []
        for block in self.blocks:
            x, routing = block(x, self.hub, mask)
            routings.append(routing)
        return self.final_norm(x).unflatten(1, shape[1:3]), routings

    def _linear_odes(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """A (..., Z, Z) and b (..., Z) from raw outputs."""
        z = self.config.latent
        raw = _DYNAMICS_SCALE * raw
        if self.config.dynamics == "free":
            matrix, drive = raw.split([z * z, z], dim=-1)
            return bound_norm(matrix.unflatten(-1, (z, z)), self.config.tokens), drive
        skew, damping, drive = raw.split([z * (z - 1) // 2, z, z], dim=-1)
        rows, columns = torch.triu_indices(z, z, 1, device=raw.device)
        upper = raw.new_zeros(*raw.shape[:-1], z, z)
        upper[..., rows, columns] = skew
        growth = _MAX_GROWTH - F.softplus(damping + math.log(math.expm1(_MAX_GROWTH)))
        matrix = upper - upper.transpose(-2, -1) + torch.diag_embed(growth)
        return bound_norm(matrix, self.config.tokens), drive


class _Block(nn.Module):
    """Attention and a mixture of experts, each pre-normalised and added to its input."""

    def __init__(self, config: LASSODEConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = HubAttention(config.width, config.heads)
        self.experts_norm = nn.LayerNorm(config.width)
        self.experts = MixtureOfExperts(config.width, config.expert_width, config.experts)

    def forward(self, x: Tensor, hub: Tensor, mask: Tensor | None) -> tuple[Tensor, Routing]:
        """Update tokens (B, M, W); tokens that ``mask`` (B, M) hides are not routed."""
        x = x + self.attention(self.attention_norm(x), self.attention_norm(hub), mask)
        normed = self.experts_norm(x)
        if mask is None:
            update, routing = self.experts(normed.flatten(0, 1))
            return x + update.view_as(x), routing
        update, routing = self.experts(normed[mask])
        return x.index_put((mask,), x[mask] + update), routing


def radial_basis(times: Tensor, kernels: int, width: float) -> Tensor:
    """Gaussian kernels (..., kernels) of times (...), with centres evenly on [0, 1]."""
    centers = torch.linspace(0, 1, kernels, device=times.device, dtype=times.dtype)
    return (-((times[..., None] - centers) ** 2) / (2 * width**2)).exp()


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs))
