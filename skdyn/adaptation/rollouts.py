"""What adaptation by multiple shooting is made of: data in normalised units, fields, differentiable roll-outs.

Letters: B contexts, W roll-outs, K trajectories, L points, D variables, G steps of integration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import make_smoothing_spline
from torch import Tensor

from skdyn.data.arrangement import thin
from skdyn.data.padding import pad
from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine

Field = Callable[[Tensor], Tensor]

_SIGMA_FLOOR = 0.01  # in deviations of the data: finer errors than this are not chased
_BOUND = 8.0  # states of a roll-out further out, in deviations, are held there


class ShootingData:
    """Trajectories padded to (K, L), in deviations of the data and normalised time."""

    def __init__(self, trajectories: Trajectories, engine: Engine) -> None:
        states, times, mask = pad([trajectories])
        self.trajectories = trajectories
        self.scaling = scaling = engine.scaling(states, times, mask)
        self.mask = torch.from_numpy(mask[0])
        tau = scaling.normalise_times(times)[0]
        x = (scaling.normalise(states) * mask[..., None])[0]
        self.noise = np.maximum(_noise(tau, x, mask[0]), _SIGMA_FLOOR)
        self.tau, self.observed, self.sigma = (torch.from_numpy(part).float() for part in (tau, x, self.noise))

    def smooth(self, kept: Tensor) -> Tensor:
        """States (K, L, D) that a smoothing spline through the kept points, and no others, gives at these."""
        smoothed = self.observed.double().numpy().copy()
        for k, mask in enumerate(kept.numpy()):
            smoothed[k, mask] = _smooth(self.tau[k].double().numpy()[mask], smoothed[k, mask])
        return torch.from_numpy(smoothed).float()

    def horizon(self, span: float, step: float) -> int:
        """Steps of integration that a roll-out over ``span``, or over the longest gap, takes."""
        gaps = self.tau.diff(dim=1)[self.mask[:, 1:]]
        longest = 1.25 * float(gaps.max())
        return math.ceil(min(max(span, longest), 3 * span) / step)


def _smooth(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Smoothing spline by generalised cross-validation; fewer than five points are left as they are."""
    if len(t) < 5:
        return x
    return np.stack([make_smoothing_spline(t, values)(t) for values in x.T], axis=1)


def _noise(tau: np.ndarray, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Deviation (D,) of the observations' noise, from how far points lie off the line between their neighbours.

    Gasser, Sroka and Jennen-Steinmetz (Biometrika 73, 1986), equation 2. Curvature counts as noise where points are
    few, which weighs them less.
    """
    squares, count = np.zeros(x.shape[-1]), 0
    for t, values, observed in zip(tau, x, mask, strict=True):
        t, values = t[observed], values[observed]
        if len(t) < 3:
            continue
        before = ((t[2:] - t[1:-1]) / (t[2:] - t[:-2]))[:, None]
        off = before * values[:-2] + (1 - before) * values[2:] - values[1:-1]
        squares += (off**2 / (before**2 + (1 - before) ** 2 + 1)).sum(axis=0)
        count += len(off)
    return np.sqrt(squares / max(count, 1))


def field_of(
    network: Any, engine: Engine, contexts: Sequence[Trajectories], data: ShootingData, points: int
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The field that the network infers from each context and its scale of error, in the data's units.

    The result maps states (B, W, D) to both, each (B, W, D), with gradients.
    """
    arranged = [engine.arrange(thin(context, points)) for context in contexts]
    states, times, mask = pad(arranged)
    scaling = engine.scaling(states, times, mask)
    padding = (0, engine.width - states.shape[-1])
    dim_mask = F.pad(torch.ones(len(contexts), states.shape[-1], dtype=torch.float32), padding)
    encoded = network.encode(
        F.pad(torch.from_numpy(scaling.normalise(states) * mask[..., None]), padding),
        torch.from_numpy(scaling.normalise_times(times) * mask),
        torch.from_numpy(mask),
        dim_mask,
        *([F.pad(torch.from_numpy(scaling.mean / scaling.std), padding)] if engine.model.sees_origin else []),
    )
    ours = data.scaling

    def as_tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).float()[:, None]

    factor, offset = as_tensor(ours.std / scaling.std), as_tensor((ours.mean - scaling.mean) / scaling.std)
    units = as_tensor(scaling.std * scaling.speed[:, None] / (ours.std * ours.speed[:, None]))

    def answers(u: Tensor) -> tuple[Tensor, Tensor]:
        z = F.pad(u.clamp(-_BOUND, _BOUND) * factor + offset, padding)
        field, log_scale = (part[..., : u.shape[-1]] for part in network.decode(encoded, z))
        return units * field, units * log_scale.exp()

    return answers


def roll_out(field: Field, start: Tensor, step: float, count: int) -> tuple[Tensor, Tensor]:
    """Integrate by the classical Runge-Kutta method.

    Parameters
    ----------
    field : callable, (B, W, D) -> (B, W, D)
    start : Tensor of shape (B, W, D)
    step : float
    count : int
        G.

    Returns
    -------
    path, slopes : Tensors of shape (B, W, G + 1, D)
        States and the field there; differentiable.
    """
    u, path, slopes = start, [start], [field(start)]
    for _ in range(count):
        k1 = slopes[-1]
        k2 = field(u + step / 2 * k1)
        k3 = field(u + step / 2 * k2)
        k4 = field(u + step * k3)
        u = u + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(u)
        slopes.append(field(u))
    return torch.stack(path, dim=-2), torch.stack(slopes, dim=-2)


def interpolate(path: Tensor, slopes: Tensor, step: float, at: Tensor) -> Tensor:
    """Cubic Hermite interpolation of `roll_out`'s result at times ``at`` (B, W, L) since the start: (B, W, L, D)."""
    index = (at / step).floor().long().clamp(0, path.shape[-2] - 2)
    w = (at / step - index)[..., None]
    here = index[..., None].expand(*index.shape, path.shape[-1])
    p0, p1 = path.gather(-2, here), path.gather(-2, here + 1)
    m0, m1 = slopes.gather(-2, here) * step, slopes.gather(-2, here + 1) * step
    return p0 + w * m0 + w**2 * (3 * (p1 - p0) - 2 * m0 - m1) + w**3 * (2 * (p0 - p1) + m0 + m1)
