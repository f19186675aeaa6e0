"""What an observer sees of a recording: windows of its paths at some stride, with gaps and noise.

Letters: B contexts, K trajectories per context, L points, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.priors import Draw
from pretrain.priors.simulate_sde import Recordings


@dataclass(frozen=True)
class Observation:
    """What an observer sees of a recording.

    Attributes
    ----------
    paths, points : int
        Trajectories per context, cut out of the recording's paths at random places, and points of each.
    weight : float
        Relative frequency.
    largest_stride : int
        Only every n-th recorded point is seen, n uniform in the logarithm up to this and to what the recording allows.
    """

    paths: int
    points: int
    weight: float
    largest_stride: int = 16


@dataclass(frozen=True)
class Noise:
    """How contexts are corrupted.

    Attributes
    ----------
    clean : float
        Share of the contexts without observation noise.
    level : float
        The rest have additive noise of a deviation uniform up to this share of half the range of the data.
    irregular : float
        Share of the contexts that lose points at random.
    survival : float
        They keep from this share on, uniform up to all.
    coarsest : float
        Most normalised time between two points, as far as the recording allows.
    """

    clean: float = 0.5
    level: float = 0.1
    irregular: float = 0.3
    survival: float = 0.5
    coarsest: float = 0.7


def cut(
    draw: Draw, recordings: Recordings, observation: Observation, system: Tensor, noise: Noise
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut windows out of recordings, with gaps.

    Parameters
    ----------
    draw : Draw
    recordings : Recordings
    observation : Observation
    system : integer Tensor of shape (B,)
        Position of each context's system among the recordings.
    noise : Noise

    Returns
    -------
    states : Tensor of shape (B, K, L, D)
        Clean.
    times : Tensor of shape (B, K, L)
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first.
    """
    shape = (len(system), observation.paths, observation.points)
    recorded = recordings.states.shape[2]
    fits = max(1, min(observation.largest_stride, (recorded - 1) // max(1, observation.points - 1)))
    stride = draw.log_uniform(1.0, fits + 0.999, shape[0], 1, 1).long().clamp(1, fits)
    pace = (recordings.speed * recordings.step)[system].reshape(-1, 1, 1)
    stride = torch.minimum(stride, (noise.coarsest / pace).long().clamp(min=1))
    paths = recordings.states.shape[1]
    path = draw.integer(0, paths - 1, *shape[:2], 1)
    if shape[1] <= paths:  # each path at most once
        path = draw.uniform(0, 1, shape[0], paths).argsort(-1)[:, : shape[1], None]
    last = recorded - 1 - (shape[2] - 1) * stride
    first = (draw.uniform(0, 1, *shape[:2], 1) * (last + 1)).long()
    index = first + torch.arange(shape[2], device=draw.device) * stride

    survival = draw.uniform(noise.survival, 1.0, shape[0], 1, 1)
    survival = torch.where(draw.coin(noise.irregular, shape[0], 1, 1), survival, 2.0)
    mask = draw.uniform(0, 1, *shape) < survival
    mask[..., :2] = True  # a trajectory has two points
    together = mask.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)
    index, mask = index.gather(-1, together), mask.gather(-1, together)
    states = recordings.states[system[:, None, None], path, index]
    times = index * recordings.step[system][:, None, None]
    # Observed points come first; the rest repeats the time of the last.
    end = times.gather(-1, mask.sum(-1, keepdim=True) - 1)
    return states, torch.where(mask, times, end), mask


def add_noise(draw: Draw, states: Tensor, half_range: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Noisy observations of clean states.

    Parameters
    ----------
    draw : Draw
    states : Tensor of shape (B, K, L, D)
    half_range : Tensor of shape (B, D)
        Half the range of each context's data.
    noise : Noise

    Returns
    -------
    noisy : Tensor of shape (B, K, L, D)
    level : Tensor of shape (B,)
        Deviation of the noise over half the range of the data; zero for a context without noise.
    """
    contexts = len(states)
    level = draw.uniform(0.0, noise.level, contexts) * ~draw.coin(noise.clean, contexts)
    size = (level[:, None] * half_range)[:, None, None]
    return states + size * draw.normal(*states.shape), level
