"""Gradient matching: a Gaussian process for the field, fitted to slopes of smoothed trajectories.

Letters: K trajectories, n points of all of them, D variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skdyn_gp.evidence import Array, Block, Range, fit_kernel
from skdyn_gp.posterior import FieldPosterior
from skdyn_gp.smoothing import Smoother
from skdyn_gp.units import Pairs

_RANGE = Range(variance=(1e-2, 1e3), length=(0.05, 50.0), noise=(1e-6, 1.0))
_LENGTHS = (0.7, 2.5)
_NOISE = 1e-2


@dataclass(frozen=True)
class Match:
    """What gradient matching finds, in units without dimension.

    Attributes
    ----------
    smoother : Smoother
    states : array of shape (n, D)
        Smoothed, at the observed times of all trajectories.
    speeds : array of shape (D,)
        Root-mean-square of the slopes of each variable, which the field is counted in.
    field : FieldPosterior
    """

    smoother: Smoother
    states: Array
    speeds: Array
    field: FieldPosterior


def match(pairs: Pairs) -> Match:
    """Fit a Gaussian process to the slopes of smoothed trajectories, with their posterior variances as noise."""
    smoother = Smoother.of(pairs)
    smooth = [smoother.at(tau, tau, z) for tau, z in pairs]
    states, slopes, noise = (
        np.concatenate(parts)
        for parts in zip(*((part.states, part.slopes, part.slope_variances) for part in smooth), strict=True)
    )
    speeds = np.sqrt(np.square(slopes).mean(axis=0))
    speeds = np.where(speeds > 1e-9 * speeds.max(), speeds, speeds.max() or 1.0)
    fitted = [_component(states, slopes[:, d] / speeds[d], noise[:, d] / speeds[d] ** 2) for d in range(len(speeds))]
    variances, lengths, weights, inverses = (np.stack(parts) for parts in zip(*fitted, strict=True))
    return Match(smoother, states, speeds, FieldPosterior(states, variances, lengths, weights, inverses))


def _component(states: Array, slopes: Array, noise: Array) -> tuple[Array, Array, Array, Array]:
    kernel = fit_kernel([Block(states, slopes, noise)], _RANGE, _LENGTHS, _NOISE)
    factor = cho_factor(kernel(states, states) + np.diag(noise + kernel.noise), lower=True)
    inverse = cho_solve(factor, np.eye(len(states)))
    return np.array(kernel.variance), kernel.lengths, inverse @ slopes, inverse
