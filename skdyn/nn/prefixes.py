"""Observed prefixes as a forecaster's input: scaled by the prefix alone, the same in training and inference.

Letters: B series, D channels, N observed points (each channel has its own, so that missing values cost nothing), T
times, K tokens, Q quantiles. Source: LASS-ODE (arXiv 2602.01009); it does not say which points set its scale, and here
nothing after the last observation does (docs/design/lass-ode.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_ROUNDING = 1e-9  # a range below this fraction of the largest value is a constant
_CONSTANT = 1e-3  # the range that a constant counts as having, as a fraction of its value
_TINY = 1e-150
_LEVEL = 3.0


@dataclass(frozen=True)
class Prefixes:
    """A batch of normalised prefixes.

    Attributes
    ----------
    values : Tensor of shape (B, D, N)
        From -1 to 1 over a channel's observed points, which come first; zero after them.
    times : Tensor of shape (B, D, N)
        0 at the first observed point of a series, 1 at the last requested time.
    steps : Tensor of shape (B, D, N)
        Differences of ``times``, taken in float64; zero at a channel's first point.
    mask : boolean Tensor of shape (B, D, N)
    channels : boolean Tensor of shape (B, D)
        Which channels a series has; the others are padding.
    levels : Tensor of shape (B, D)
        Where the user's zero lies in normalised units, clipped to +-3.
    """

    values: Tensor
    times: Tensor
    steps: Tensor
    mask: Tensor
    channels: Tensor
    levels: Tensor

    @property
    def counts(self) -> Tensor:
        """Observed points of each channel, shape (B, D)."""
        return self.mask.sum(-1)

    @property
    def last(self) -> Tensor:
        """Time of each channel's last observed point, shape (B, D)."""
        return self.times.gather(-1, self.counts.sub(1).clamp(min=0)[..., None])[..., 0]


@dataclass(frozen=True)
class PrefixScaling:
    """Affine maps between the user's units and normalised ones, in float64.

    Attributes
    ----------
    center, half : Tensor of shape (B, D)
        Middle and half of the range of a channel's observed values; ``x' = (x - center) / half``.
    start, span : Tensor of shape (B,)
        ``tau = (t - start) / span``.
    """

    center: Tensor
    half: Tensor
    start: Tensor
    span: Tensor

    def row(self, b: int) -> PrefixScaling:
        """The maps of one series of the batch, as a batch of one."""
        return PrefixScaling(*(part[b : b + 1] for part in (self.center, self.half, self.start, self.span)))

    @classmethod
    def joined(cls, rows: Sequence[PrefixScaling]) -> PrefixScaling:
        """The maps of several batches, one after the other."""
        if len(rows) == 1:
            return rows[0]
        names = ("center", "half", "start", "span")
        return cls(*(torch.cat([getattr(row, name) for row in rows]) for name in names))

    def normalise(self, values: Tensor) -> Tensor:
        """Map values of shape (B, D, ...) to normalised units."""
        return (values - _like(self.center, values)) / _like(self.half, values)

    def restore(self, normalised: Tensor) -> Tensor:
        """Map normalised values of shape (B, D, ...) to the user's units."""
        return normalised.double() * _like(self.half, normalised) + _like(self.center, normalised)

    def restore_slopes(self, normalised: Tensor) -> Tensor:
        """Map normalised time derivatives of shape (B, D, ...) to the user's units."""
        return normalised.double() * _like(self.half / self.span[:, None], normalised)

    def normalise_times(self, times: Tensor) -> Tensor:
        """Map times of shape (B, ...) to normalised ones."""
        return (times - _like(self.start, times)) / _like(self.span, times)


def _like(part: Tensor, whole: Tensor) -> Tensor:
    return part.reshape(*part.shape, *([1] * (whole.ndim - part.ndim)))


def make_prefixes(
    values: Tensor, times: Tensor, mask: Tensor, end: Tensor, dtype: torch.dtype = torch.float32
) -> tuple[Prefixes, PrefixScaling]:
    """Normalise prefixes by their own observed points.

    Nothing but ``values`` and ``times`` where ``mask`` is true, and ``end``, has any influence.

    Parameters
    ----------
    values, times : Tensor of shape (B, D, N), float64
        Each channel's observed points come first, with increasing times.
    mask : boolean Tensor of shape (B, D, N)
        A channel without a single point is padding.
    end : Tensor of shape (B,), float64
        The last requested time, after every observed one.
    dtype : torch.dtype
        Type of the prefixes.

    Returns
    -------
    Prefixes, PrefixScaling
    """
    infinite = torch.full_like(values, torch.inf)
    low = torch.where(mask, values, infinite).amin(-1)
    high = torch.where(mask, values, -infinite).amax(-1)
    channels = mask.any(-1)
    low, high = (torch.where(channels, bound, torch.zeros_like(bound)) for bound in (low, high))
    peak = torch.maximum(low.abs(), high.abs())
    spread = high / 2 - low / 2  # halves first: their difference cannot overflow
    constant = spread <= _ROUNDING * peak
    half = torch.where(constant, (_CONSTANT * peak).clamp(min=_TINY), spread)
    start = torch.where(mask, times, infinite).flatten(1).amin(-1)
    scaling = PrefixScaling(low / 2 + high / 2, half, start, (end - start).clamp(min=_TINY))
    zero = torch.zeros_like(values)
    tau = torch.where(mask, scaling.normalise_times(times), zero)
    steps = torch.where(mask[..., 1:], tau[..., 1:] - tau[..., :-1], zero[..., 1:])
    prefixes = Prefixes(
        values=torch.where(mask, scaling.normalise(values), zero).to(dtype),
        times=tau.to(dtype),
        steps=torch.cat([zero[..., :1], steps], dim=-1).to(dtype),
        mask=mask,
        channels=channels,
        levels=(-scaling.center / half).clamp(-_LEVEL, _LEVEL).to(dtype),
    )
    return prefixes, scaling


def patches(prefixes: Prefixes, tokens: int, size: int) -> Tensor:
    """What a prefix looks like during each token.

    Parameters
    ----------
    prefixes : Prefixes
    tokens, size : int
        K, and values per token.

    Returns
    -------
    Tensor of shape (B, D, K, 2 size + 1)
        Values interpolated linearly at the middles of ``size`` equal parts, zero where there is nothing to interpolate;
        whether there is; and the logarithm of one plus the number of points during the token.
    """
    times, counts = prefixes.times, prefixes.counts[..., None]
    padded = torch.where(prefixes.mask, times, torch.full_like(times, torch.inf)).contiguous()
    places = (torch.arange(tokens * size, device=times.device, dtype=times.dtype) + 0.5) / (tokens * size)
    places = places.expand(*counts.shape[:-1], -1).contiguous()
    after = torch.searchsorted(padded, places)
    right = torch.minimum(after, counts - 1).clamp(min=1).clamp(max=times.shape[-1] - 1)
    left = (right - 1).clamp(min=0)
    t_left, t_right = times.gather(-1, left), times.gather(-1, right)
    x_left, x_right = prefixes.values.gather(-1, left), prefixes.values.gather(-1, right)
    share = (places - t_left) / (t_right - t_left).clamp(min=1e-9)
    known = (after > 0) & (after < counts)
    values = torch.where(known, torch.lerp(x_left, x_right, share), torch.zeros_like(share))
    edges = torch.arange(tokens + 1, device=times.device, dtype=times.dtype) / tokens
    edges = edges.expand(*counts.shape[:-1], -1).contiguous()
    number = torch.searchsorted(padded, edges).diff(dim=-1)
    return torch.cat(
        [
            values.unflatten(-1, (tokens, size)),
            known.unflatten(-1, (tokens, size)).to(values.dtype),
            (number + 1).float().log()[..., None].to(values.dtype),
        ],
        dim=-1,
    )
