"""Summaries of a context's transitions: the leaves of a k-d tree over the states, with local moments of the increments.

The increments of a diffusion are independent given the state, so that their moments in small cells of the state space
carry nearly all that a context of any length says about drift and diffusion: 5,000 points cost as much as 200. Several
lags, and increments that start one point later, tell the noise of the observations from the diffusion. Everything is
differentiable in the states, except which leaf a transition belongs to.

Letters: B contexts, K trajectories, L points, D dimensions, N transitions, M leaves. Source: binned Kramers-Moyal
coefficients (Friedrich and Peinke 1997; Friedrich et al. 2011, doi:10.1016/j.physrep.2011.05.003) for the moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_INSIDE = 1.0 - 1e-9


@dataclass(frozen=True)
class LagMoments:
    """Moments of the increments over one lag, per leaf.

    Attributes
    ----------
    seen : Tensor of shape (B, M)
        Number of increments.
    step : Tensor of shape (B, M)
        Their mean duration.
    drift : Tensor of shape (B, M, D)
        Sum of the increments over the sum of their durations.
    late_drift : Tensor of shape (B, M, D)
        The same for increments that start one point later: their noise is not that of the state that chose the leaf.
    square : Tensor of shape (B, M, D)
        Sum of the squared increments over their number.
    """

    seen: Tensor
    step: Tensor
    drift: Tensor
    late_drift: Tensor
    square: Tensor


@dataclass(frozen=True)
class Summary:
    """Summary of the transitions of a batch of contexts.

    Attributes
    ----------
    states, spread : Tensor of shape (B, M, D)
        Mean and standard deviation of the states from which a leaf's transitions start.
    count : Tensor of shape (B, M)
        Transitions of a leaf; zero for leaves that are padding.
    lags : tuple of LagMoments
    noise : Tensor of shape (B, M, D)
        Mean product of successive increments; minus the variance of the observation noise where the drift is slow.
    """

    states: Tensor
    spread: Tensor
    count: Tensor
    lags: tuple[LagMoments, ...]
    noise: Tensor


def summarise(states: Tensor, times: Tensor, mask: Tensor, lags: Sequence[int], leaves: int) -> Summary:
    """Sum up the transitions of every context.

    Parameters
    ----------
    states : Tensor of shape (B, K, L, D), normalised
    times : Tensor of shape (B, K, L), normalised
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    lags : sequence of int
    leaves : int
        A power of two. Contexts of fewer transitions get fewer leaves.

    Returns
    -------
    Summary
        In the type of ``states``.
    """
    batch, _, points, dim = states.shape
    last = mask.sum(-1, keepdim=True).sub(1)
    index = torch.arange(points - 1, device=states.device).expand(*mask.shape[:2], -1)
    valid = index < last
    z = states[:, :, :-1]

    def increment(start: int, lag: int) -> tuple[Tensor, Tensor, Tensor]:
        """Whether there is one (B, K, L - 1), its duration and the increment (..., D); zero where there is none."""
        ahead, behind = index + start + lag, index + start
        there = (ahead <= last) & (behind >= 0)
        ahead = torch.where(there, ahead, 0)
        behind = torch.where(there, behind, 0)
        step = times.gather(2, ahead) - times.gather(2, behind)
        shape = (*ahead.shape, dim)
        change = states.gather(2, ahead[..., None].expand(shape)) - states.gather(2, behind[..., None].expand(shape))
        return there, step, change

    one = valid.to(states.dtype)[..., None]
    columns = [one, z * one, z * z * one]
    for lag in lags:
        for start in (0, 1):
            there, step, change = increment(start, lag)
            columns += [there.to(states.dtype)[..., None], step[..., None], change]
            if start == 0:
                columns.append(change * change)
    there, _, before = increment(-1, 1)
    both = (there & valid).to(states.dtype)[..., None]
    columns += [both, before * increment(0, 1)[2] * both]

    leaf, count = kd_leaves(z.detach().flatten(1, 2), valid.flatten(1, 2), leaves)
    values = torch.cat(columns, dim=-1).flatten(1, 2)
    sums = values.new_zeros(batch, count, values.shape[-1])
    sums = sums.scatter_add(1, leaf[..., None].expand_as(values), values)
    parts = iter(sums.split([column.shape[-1] for column in columns], dim=-1))

    n = next(parts)[..., 0]
    filled = n.clamp(min=1)[..., None]
    mean = next(parts) / filled
    variance = next(parts) / filled - mean * mean
    moments = []
    for _ in lags:
        seen, step, change, square, _, late_step, late_change = (next(parts) for _ in range(7))
        moments.append(
            LagMoments(
                seen=seen[..., 0],
                step=(step / seen.clamp(min=1))[..., 0],
                drift=_ratio(change, step),
                late_drift=_ratio(late_change, late_step),
                square=square / seen.clamp(min=1),
            )
        )
    pairs, products = next(parts), next(parts)
    return Summary(
        states=mean,
        spread=variance.clamp(min=1e-12).sqrt(),
        count=n,
        lags=tuple(moments),
        noise=products / pairs.clamp(min=1),
    )


def _ratio(change: Tensor, step: Tensor) -> Tensor:
    return change / torch.where(step > 0, step, 1.0)


def kd_leaves(z: Tensor, valid: Tensor, leaves: int) -> tuple[Tensor, int]:
    """Split points at medians, each time along the widest dimension, into leaves of equal size.

    Parameters
    ----------
    z : Tensor of shape (B, N, D)
    valid : boolean Tensor of shape (B, N)
    leaves : int
        Largest number of leaves, a power of two.

    Returns
    -------
    leaf : integer Tensor of shape (B, N)
        Below the number of leaves; zero for points that are not valid.
    count : int
        Number of leaves: the smallest power of two that gives every point of the largest context its own leaf, or
        ``leaves``.
    """
    batch, points, dim = z.shape
    most = int(valid.sum(-1).max()) if points else 0
    levels = min(leaves.bit_length() - 1, max(most - 1, 0).bit_length())
    node = torch.zeros(batch, points, dtype=torch.int64, device=z.device)
    place = torch.arange(points, device=z.device)
    z = z.double() if z.device.type != "mps" else z
    for level in range(levels):
        nodes = 1 << level
        index = node[..., None].expand_as(z)
        empty = z.new_zeros(batch, nodes, dim)
        low = empty.scatter_reduce(1, index, torch.where(valid[..., None], z, torch.inf), "amin", include_self=False)
        high = empty.scatter_reduce(1, index, torch.where(valid[..., None], z, -torch.inf), "amax", include_self=False)
        width = (high - low).nan_to_num(0.0, 0.0, 0.0)
        widest = width.argmax(-1)
        axis = widest.gather(1, node)[..., None]
        own = z.gather(2, axis)[..., 0]
        base, span = (
            part.gather(2, widest[..., None])[..., 0].gather(1, node) for part in (low, width.clamp(min=1e-300))
        )
        key = node + ((own - base) / span).clamp(0, _INSIDE)
        order = torch.where(valid, key, float(nodes)).argsort(dim=1, stable=True)
        size = torch.zeros_like(widest).scatter_add(1, node, valid.long())
        start = size.cumsum(1) - size
        ordered = node.gather(1, order)
        upper = (place - start.gather(1, ordered)) * 2 >= size.gather(1, ordered)
        node = node.scatter(1, order, 2 * ordered + upper)
        node = torch.where(valid, node, 0)
    return node, 1 << levels
