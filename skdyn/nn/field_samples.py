"""Plausible whole fields: random functions with the spread that an answer predicts.

A sampled field leaves the answer along the disagreement of the fits, along the uncertainty of their coefficients, and,
for the network's share, along a smooth random function; together they are scaled to the predicted deviation at every
state, so that samples and predicted errors say the same.

Letters: S samples, B contexts, N queries, F fits, D variables, C columns (variables and what is given beside them), Q
monomials in use, R waves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_WAVES = 64
_LENGTH = 1.0
"""Distance, in standard deviations of the data, over which the smooth random functions change."""


@dataclass(frozen=True)
class FieldDraws:
    """Standard normal numbers that decide S fields; the same numbers give the same fields at all states.

    Attributes
    ----------
    apart : Tensor of shape (S, F, D)
        How far a field follows each fit's disagreement.
    coefficients : Tensor of shape (S, F, D, Q)
    frequencies : Tensor of shape (R, C)
    cosines, sines : Tensor of shape (S, R, D)
    """

    apart: Tensor
    coefficients: Tensor
    frequencies: Tensor
    cosines: Tensor
    sines: Tensor

    @classmethod
    def draw(cls, samples: int, dim: int, columns: int, fits: int, terms: int, rng: np.random.Generator) -> FieldDraws:
        """Draw for so many samples, variables, columns of a query, fits, and monomials of a fit."""

        def normal(*shape: int) -> Tensor:
            return torch.from_numpy(rng.standard_normal(shape))

        return cls(
            apart=normal(samples, fits, dim),
            coefficients=normal(samples, fits, dim, terms),
            frequencies=normal(_WAVES, columns) / _LENGTH,
            cosines=normal(samples, _WAVES, dim),
            sines=normal(samples, _WAVES, dim),
        )

    def smooth(self, queries: Tensor) -> Tensor:
        """Smooth random functions of unit variance (S, N, D) at queries (N, C)."""
        angles = queries.to(self.frequencies) @ self.frequencies.T
        waves = torch.einsum("nr,srd->snd", angles.cos(), self.cosines)
        return (waves + torch.einsum("nr,srd->snd", angles.sin(), self.sines)) / _WAVES**0.5
