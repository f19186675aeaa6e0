"""Piecewise linear ODEs, ``dz/dtau = A_k z + b_k`` on the k-th of K equal pieces of [0, 1], solved exactly.

Nothing here steps on the grid of the requested times, so a solution does not depend on which times are asked for.
Letters: R rows (any leading axes), K pieces, Z latent dimensions, S pieces after subdivision, P = ORDER + 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ORDER = 12
"""Order of the Taylor polynomials; see `piece_maps`."""

REACH = 1.5
"""Largest norm of ``A`` times the step for which they are exact in float32: the remainder is 1.5**13 / 13! = 3e-8."""

MAX_NORM = 6.0
"""Largest Frobenius norm of ``A`` times the length of a piece that `bound_norm` lets through."""


def bound_norm(dynamics: Tensor, pieces: int) -> Tensor:
    """Shrink matrices of shape (..., Z, Z) smoothly to a Frobenius norm of at most ``MAX_NORM * pieces``."""
    relative = dynamics.square().sum((-2, -1), keepdim=True) / (MAX_NORM * pieces) ** 2
    return dynamics / (1 + relative.square()) ** 0.25


def taylor_pieces(dynamics: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """Solve on [0, 1] and give each (sub-)piece as a polynomial.

    Parameters
    ----------
    dynamics : Tensor of shape (R, K, Z, Z)
        A.
    drive : Tensor of shape (R, K, Z)
        b.
    initial : Tensor of shape (R, Z)
        State at 0.

    Returns
    -------
    Tensor of shape (R, S, P, Z)
        On the s-th of S equal pieces (S a multiple of K) the state at the fraction u of the piece is the sum over n of
        ``u**n`` times the n-th vector.
    """
    pieces = dynamics.shape[1]
    norm = float(dynamics.detach().square().sum((-2, -1)).amax().sqrt()) if dynamics.numel() else 0.0
    parts = max(1, math.ceil(norm / pieces / REACH)) if math.isfinite(norm) else 1
    step = 1 / (pieces * parts)
    if dynamics.is_cuda or not torch.is_grad_enabled():
        return _all_pieces(dynamics * step, drive * step, initial, parts)
    state = initial[..., None]
    solution = []
    for matrix, constant in zip((dynamics * step).unbind(1), (drive * step).unbind(1), strict=True):
        for _ in range(parts):
            vectors = _taylor_vectors(matrix, constant[..., None], state)
            solution.append(torch.cat(vectors, dim=-1))
            state = sum(vectors[1:], start=vectors[0])
    return torch.stack(solution, dim=1).transpose(-2, -1)


def _taylor_vectors(matrix: Tensor, constant: Tensor, state: Tensor) -> list[Tensor]:
    """The terms (..., Z, 1) of the Taylor series of one step, whose length is in ``matrix`` and ``constant``."""
    vectors = [state, matrix @ state + constant]
    for n in range(2, ORDER + 1):
        vectors.append(matrix @ vectors[-1] / n)
    return vectors


def _all_pieces(matrix: Tensor, constant: Tensor, initial: Tensor, parts: int) -> Tensor:
    """`taylor_pieces` with all pieces at once: where each begins follows from their maps, and then its series."""
    rows, pieces, size = constant.shape
    states = _starts(_changes(matrix, constant), initial, parts).reshape(rows * pieces, size, parts)
    matrix, constant = matrix.flatten(0, 1), constant.reshape(rows * pieces, size, 1)
    vectors = [states, torch.baddbmm(constant, matrix, states)]
    for n in range(2, ORDER + 1):
        vectors.append(torch.baddbmm(constant, matrix, vectors[-1], beta=0, alpha=1 / n))
    return torch.stack(vectors).view(-1, rows, pieces, size, parts).permute(1, 2, 4, 0, 3).flatten(1, 2)


def _starts(changes: Tensor, initial: Tensor, parts: int) -> Tensor:
    """States (R, K, Z, parts) at which the parts of the pieces begin.

    All parts of a piece have the same map, which is given less the identity, so that states keep their digits.
    """
    state = torch.cat([initial, torch.ones_like(initial[..., :1])], dim=-1)[..., None]  # (R, Z + 1, 1)
    if changes.is_cuda:  # dependent steps would wait for launches
        maps = changes + torch.eye(changes.shape[-1]).to(changes)
        composed = compose(maps.repeat_interleave(parts, dim=1)[:, :-1])
        states = torch.cat([state[:, None], composed @ state[:, None]], dim=1)[..., 0]
    else:
        found = [state]
        for change in changes.unbind(1):
            for _ in range(parts):
                found.append(torch.baddbmm(found[-1], change, found[-1]))
        states = torch.stack(found[:-1], dim=1)[..., 0]
    return states[..., :-1].unflatten(1, (-1, parts)).transpose(-2, -1)


def piece_maps(matrix: Tensor, constant: Tensor) -> Tensor:
    """Affine maps (..., Z + 1, Z + 1) over one step whose length is in ``matrix`` and ``constant``."""
    changes = _changes(matrix, constant)
    return changes + torch.eye(changes.shape[-1]).to(changes)


def _changes(matrix: Tensor, constant: Tensor) -> Tensor:
    """`piece_maps` less the identity.

    The series to its order in powers of the fourth power (Paterson and Stockmeyer, SIAM J. Comput. 2, 1973).
    """
    generator = torch.nn.functional.pad(torch.cat([matrix, constant[..., None]], dim=-1), (0, 0, 0, 1))
    square = generator @ generator
    powers = [torch.eye(generator.shape[-1]).to(generator), generator, square, square @ generator]
    fourth = square @ square

    def terms(first: int) -> Tensor:
        parts = [power / math.factorial(first + k) for k, power in enumerate(powers)]
        return parts[1] + parts[2] + parts[3] + (parts[0] if first else 0)

    result = terms(8) + fourth / math.factorial(ORDER)
    for first in (4, 0):
        result = terms(first) + fourth @ result
    return result


def compose(maps: Tensor) -> Tensor:
    """Products ``maps[k] ... maps[1] maps[0]`` for every k along axis 1, in a logarithmic number of steps."""
    reach = 1
    while reach < maps.shape[1]:
        maps = torch.cat([maps[:, :reach], maps[:, reach:] @ maps[:, :-reach]], dim=1)
        reach *= 2
    return maps


def evaluate(polynomials: Tensor, times: Tensor, derivative: bool = False) -> Tensor:
    """Values, or derivatives by tau, of piecewise polynomials on [0, 1].

    Parameters
    ----------
    polynomials : Tensor of shape (R, S, P, F)
        Coefficients as from `taylor_pieces`, or a linear map of them.
    times : Tensor of shape (R, T)
        Times beyond [0, 1] continue the first and the last piece.
    derivative : bool, default=False

    Returns
    -------
    Tensor of shape (R, T, F)
    """
    pieces, terms = polynomials.shape[1:3]
    place = times * pieces
    index = place.detach().floor().clamp(0, pieces - 1)
    within = (place - index).to(polynomials.dtype)
    chosen = polynomials.gather(1, index.long()[..., None, None].expand(-1, -1, *polynomials.shape[2:]))  # (R, T, P, F)
    powers = within[..., None] ** torch.arange(terms, device=times.device)
    if derivative:
        order = torch.arange(1, terms, device=times.device, dtype=powers.dtype)
        chosen = chosen[..., 1:, :]
        powers = powers[..., :-1] * order * pieces
    return (powers[..., None, :] @ chosen)[..., 0, :]
