"""Innovations of noisy paths: what each observation adds to what the earlier ones say.

A path that diffuses and is observed with white noise is filtered as a random walk is; what is regressed on functions of
its states passes the same filter. With the noise of the observations at zero the innovations are the increments.

Letters: ... any leading axes, W transitions of a window, D variables, P columns.
Source: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989), sections 3.2 and 3.4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skdyn.nn.fits.monomials import exponents


@dataclass(frozen=True)
class Filtered:
    """A filtered window.

    Attributes
    ----------
    states, variance : Tensor of shape (..., W, D)
        What is known of the state from which each transition starts; variances in units of those of a mean step.
    innovations, sizes : Tensor of shape (..., W, D)
        Of the observations where the transitions end, and their variances in the same units.
    gains : Tensor of shape (..., W, D)
    """

    states: Tensor
    variance: Tensor
    innovations: Tensor
    sizes: Tensor
    gains: Tensor

    @classmethod
    def of(cls, observed: Tensor, steps: Tensor, noise: Tensor) -> Filtered:
        """Filter windows (..., W + 1, D) with steps (..., W) over their mean and noise (..., D) of the observations."""
        x = observed[..., 0, :] + torch.zeros_like(noise)
        variance = noise + torch.zeros_like(x)
        parts = []
        for i in range(steps.shape[-1]):
            ahead = variance + steps[..., i, None]
            size = ahead + noise
            gain = ahead / size
            innovation = observed[..., i + 1, :] - x
            parts.append((x, variance, innovation, size, gain))
            x = x + gain * innovation
            variance = ahead * noise / size
        return cls(*(torch.stack(part, -2) for part in zip(*parts, strict=True)))

    def respond(self, columns: Tensor) -> Tensor:
        """What columns (..., W, P), added to each step of every variable, make of the innovations: (..., W, D, P)."""
        kept = (1 - self.gains)[..., None]
        if not bool((kept != 0).any()):
            return columns[..., None, :].expand(*kept.shape[:-1], columns.shape[-1])
        earlier = torch.zeros_like(kept[..., 0, :, :] * columns[..., 0, None, :])
        parts = []
        for i in range(columns.shape[-2]):
            now = earlier + columns[..., i, None, :]
            parts.append(now)
            earlier = kept[..., i, :, :] * now
        return torch.stack(parts, -3)


def windows(values: Tensor, length: int) -> Tensor:
    """Cut (B, K, L, ...) into windows of ``length`` transitions that share their end points: (B, K', W + 1, ...).

    What is short of a whole window repeats the last entry.
    """
    transitions = values.shape[2] - 1
    if transitions <= length:
        return values
    missing = -transitions % length
    last = values[:, :, -1:].expand(-1, -1, missing, *values.shape[3:])
    cut = torch.cat([values, last], 2).unfold(2, length + 1, length)  # (B, K, pieces, ..., W + 1)
    return cut.movedim(-1, 3).flatten(1, 2)


def expected_monomials(mean: Tensor, variance: Tensor, degree: int) -> Tensor:
    """Expectations (..., P) of the monomials up to degree three of independent normal states (..., D)."""
    square = mean * mean
    powers = (mean, square + variance, (square + 3 * variance) * mean)
    parts = []
    for term in exponents(mean.shape[-1], degree):
        value = torch.ones_like(mean[..., 0])
        for d in sorted(set(term)):
            value = value * powers[term.count(d) - 1][..., d]
        parts.append(value)
    return torch.stack(parts, -1)
