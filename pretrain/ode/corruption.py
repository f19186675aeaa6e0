"""What an observer sees of a simulated path: some of its points, with noise.

Letters: B contexts, K trajectories per context, L observed points, G recorded points of a path, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.priors import Draw


@dataclass(frozen=True)
class CorruptionConfig:
    """Distribution of observations.

    Attributes
    ----------
    clean : float
        Probability that a context has no noise.
    multiplicative : pair of float
        Noise ``(x - o) s e`` with s uniform in this range per context and e ~ N(0, 1) per value.
    random_origin : float
        Probability that ``o`` is N(mean, std^2) of the context instead of zero.
    additive, additive_probability : float
        Further noise ``std s e`` with s ~ U(0, additive), in this share of the contexts.
    strong, strong_probability : float
        This share of the contexts has multiplicative or, as often, additive noise up to ``strong`` in place of it.
    regular : float
        Probability that the points of a context are evenly spaced, and not a random subset.
    window : float
        Probability that a context sees only a part of the path, of 50% to 100% of its length.
    fewest : float
        In ragged batches a trajectory keeps from this share to all of the batch's points.
    """

    clean: float = 0.2
    multiplicative: tuple[float, float] = (0.0, 0.07)
    random_origin: float = 0.5
    additive: float = 0.06
    additive_probability: float = 0.25
    strong: float = 0.2
    strong_probability: float = 0.0
    regular: float = 0.5
    window: float = 0.3
    fewest: float = 0.5


MIXTURE_CORRUPTION = CorruptionConfig(strong_probability=0.15)
PAPER_CORRUPTION = CorruptionConfig(
    clean=0.0, multiplicative=(0.0, 0.06), random_origin=0.0, additive_probability=0.0, regular=0.0, window=0.0
)
"""``(1 + s e) x`` with s ~ U(0, 0.06), and up to half of the points dropped at random (arXiv 2602.08733)."""


def observed_points(
    draw: Draw, shape: tuple[int, int, int], recorded: int, ragged: bool, config: CorruptionConfig
) -> tuple[Tensor, Tensor]:
    """Which recorded points are observed.

    Parameters
    ----------
    draw : Draw
    shape : (B, K, L)
    recorded : int
        Number G >= L of recorded points.
    ragged : bool
        Trajectories of unequal length; otherwise all have L points.
    config : CorruptionConfig

    Returns
    -------
    index : integer Tensor of shape (B, K, L)
        Strictly increasing where observed.
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first.
    """
    contexts, paths, points = shape
    if points > recorded:
        raise ValueError(f"cannot observe {points} of {recorded} recorded points")
    position = torch.arange(points, device=draw.device)
    count = torch.full((contexts, paths, 1), points, device=draw.device)
    if ragged:
        count = draw.integer(max(4, int(config.fewest * points)), points, contexts, paths, 1)
    mask = position < count

    smallest = max(points, recorded // 2)
    width = draw.integer(smallest, recorded, contexts, 1, 1)
    width = torch.where(draw.coin(config.window, contexts, 1, 1), width, recorded)
    first = (draw.uniform(0, 1, contexts, paths, 1) * (recorded - width + 1)).long()

    even = (position * (width - 1) / (count - 1).clamp(min=1)).round().long().clamp(max=recorded - 1)
    # A random subset of the window: the smallest of random keys, put back in order.
    place = torch.arange(recorded, device=draw.device)
    keys = draw.uniform(0, 1, contexts, paths, recorded) + 2.0 * (place >= width)
    ranks = keys.argsort(-1).argsort(-1)
    chosen = torch.where(ranks < count, place, recorded + place)
    random = chosen.sort(-1).values[..., :points].clamp(max=recorded - 1)
    index = torch.where(draw.coin(config.regular, contexts, 1, 1), even.expand(shape), random)
    return torch.where(mask, index + first, 0), mask


def add_noise(draw: Draw, states: Tensor, mask: Tensor, config: CorruptionConfig) -> tuple[Tensor, Tensor]:
    """Noisy observations of clean states.

    Parameters
    ----------
    draw : Draw
    states : Tensor of shape (B, K, L, D)
    mask : boolean Tensor of shape (B, K, L)
    config : CorruptionConfig

    Returns
    -------
    noisy : Tensor of shape (B, K, L, D)
    level : Tensor of shape (B,)
        Standard deviation of the noise, as a share of the states or of their deviation; zero without any.
    """
    contexts, dim = states.shape[0], states.shape[-1]
    keep = mask[..., None]
    count = mask.sum((1, 2)).clamp(min=1)[:, None]
    mean = (states * keep).sum((1, 2)) / count
    std = (((states - mean[:, None, None]) ** 2 * keep).sum((1, 2)) / count).sqrt()

    noisy_context = ~draw.coin(config.clean, contexts)
    level = draw.uniform(*config.multiplicative, contexts) * noisy_context
    extra = draw.uniform(0.0, config.additive, contexts) * noisy_context
    extra = extra * draw.coin(config.additive_probability, contexts)
    if config.strong_probability > 0:
        strong = draw.coin(config.strong_probability, contexts) & noisy_context
        multiplies = draw.coin(0.5, contexts)
        size = draw.uniform(0.0, config.strong, contexts)
        level = torch.where(strong, size * multiplies, level)
        extra = torch.where(strong, size * ~multiplies, extra)
    origin = mean + std * draw.normal(contexts, dim)
    origin = origin * draw.coin(config.random_origin, contexts, 1)
    scaled = (states - origin[:, None, None]) * level[:, None, None, None]
    noise = scaled * draw.normal(*states.shape)
    noise = noise + (extra[:, None] * std)[:, None, None] * draw.normal(*states.shape)
    return states + noise.to(states.dtype), torch.maximum(level, extra)
