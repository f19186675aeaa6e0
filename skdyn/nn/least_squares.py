"""Least-squares polynomials for the drift and the squared diffusion of a context, in closed form.

Where a system is polynomial, these use all transitions at once, which no local average can; where it is not, a network
that sees them can leave them. Everything is differentiable in the states.

Letters: B contexts, K trajectories, L points, D dimensions, T transitions, P monomials, N queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skdyn.nn.fits.monomials import exponents, monomials

DRIFT_FITS, SQUARE_FITS = 3, 2
"""Fits of the drift (linear, full, full with instruments) and of the squared diffusion (raw, corrected for noise)."""
_PRIOR_RATE = 0.3  # a unit of normalised time moves the states by about one: coefficients of size one are expected
_SQUARE_RIDGE = 3.0  # in transitions


@dataclass(frozen=True)
class PolynomialFits:
    """Coefficients of a context's polynomials.

    Attributes
    ----------
    drift : Tensor of shape (B, 3, P, D)
        Of `skdyn.nn.fits.monomials.monomials` up to the configured degree.
    square : Tensor of shape (B, 2, P2, D)
        Of the squared diffusion, up to degree two.
    inverse : Tensor of shape (B, P, P)
        Of the information matrix of the drift's coefficients.
    """

    drift: Tensor
    square: Tensor
    inverse: Tensor


def fit_polynomials(states: Tensor, times: Tensor, mask: Tensor, degree: int) -> PolynomialFits:
    """Fit drift and squared diffusion by ridge regression over all transitions.

    The drift's coefficients are the posterior mean under increments ``dz ~ N(f dt, q dt)`` and a normal prior: once for
    degree one, once for the full degree, and once with the state before as instrument, which removes the bias by
    observation noise. The squared diffusion is regressed on ``dz^2 / dt`` and on the same with the products with the
    neighbouring increments added, from which observation noise cancels (Zhou 1996, J. Bus. Econ. Stat. 14:45).

    Parameters
    ----------
    states : Tensor of shape (B, K, L, D), normalised and zero-padded
    times : Tensor of shape (B, K, L), normalised
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    degree : int

    Returns
    -------
    PolynomialFits
        In the type of ``states``.
    """
    dim = states.shape[-1]
    states = torch.where(mask[..., None], states, 0.0)
    there = (mask[:, :, 1:] & mask[:, :, :-1]).to(states.dtype)[..., None]
    change = (states[:, :, 1:] - states[:, :, :-1]) * there
    step = torch.where(there[..., 0] > 0, times[:, :, 1:] - times[:, :, :-1], 1.0)[..., None]
    earlier = torch.cat([states[:, :, :1], states[:, :, :-2]], dim=2)  # the instrument of the first is itself
    phi, instrument = (monomials(z, degree) * there for z in (states[:, :, :-1], earlier))
    phi, instrument, step, change = (part.flatten(1, 2) for part in (phi, instrument, step, change))
    weighted = phi * step
    own, cross = phi.transpose(1, 2) @ weighted, instrument.transpose(1, 2) @ weighted
    ridge = _PRIOR_RATE * torch.eye(phi.shape[-1], dtype=states.dtype, device=states.device)
    inverse = torch.linalg.inv(own + ridge)
    moved = phi.transpose(1, 2) @ change
    linear = dim + 1
    small = torch.linalg.solve(own[:, :linear, :linear] + ridge[:linear, :linear], moved[:, :linear])
    small = torch.nn.functional.pad(small, (0, 0, 0, phi.shape[-1] - linear))
    # Without symmetry this may be singular, which must not be an error.
    by_instrument = torch.linalg.solve_ex(cross + ridge, instrument.transpose(1, 2) @ change).result
    by_instrument = by_instrument.nan_to_num(0.0, 0.0, 0.0)

    psi = phi[..., : len(exponents(dim, 2))]
    before = torch.nn.functional.pad(change.unflatten(1, there.shape[1:3]), (0, 0, 1, 1)).transpose(1, 2)
    products = change * (before[:, :-2] + before[:, 2:]).transpose(1, 2).flatten(1, 2)
    square = change.square()
    targets = torch.stack([square, square + products], dim=1) / step[:, None]
    normal = psi.transpose(1, 2) @ psi
    normal = normal + _SQUARE_RIDGE * torch.eye(psi.shape[-1], dtype=states.dtype, device=states.device)
    fitted = torch.linalg.solve(normal[:, None], psi.transpose(1, 2)[:, None] @ targets)
    return PolynomialFits(torch.stack([small, inverse @ moved, by_instrument], dim=1), fitted, inverse)


def evaluate_fits(fits: PolynomialFits, degree: int, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Answers of the fits at queries (B, N, D).

    Returns
    -------
    drift : Tensor of shape (B, N, 3, D)
    square : Tensor of shape (B, N, 2, D)
    leverage : Tensor of shape (B, N)
        Variance of the full fit's answer, in units of the squared diffusion.
    """
    phi = monomials(queries, degree)
    drift = torch.einsum("bnp,bcpd->bncd", phi, fits.drift)
    square = torch.einsum("bnp,bcpd->bncd", phi[..., : fits.square.shape[2]], fits.square)
    leverage = ((phi @ fits.inverse) * phi).sum(-1)
    return drift, square, leverage
