"""Derivatives of one context's field by the queries, carried along with its values.

A value and its derivatives in C directions are one tensor (1 + C, N, ...), the value first: a linear layer has them all
as rows of one product, which reads the context once, where automatic differentiation reads it again for every variable,
forth and back. The formulae are those of `skdyn.nn.few_queries`, whose prepared constants are used; the derivatives are
those of automatic differentiation, to which tests hold them.

Letters: N queries, C directions (the context's columns), M tokens, D variables of the network, d of the context, F
fits, H heads, E width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from skdyn.nn.few_queries import FewOfAll, FewOfArbiter, FewOfFits, FewOfFunctions, for_few_queries
from skdyn.nn.fits.families import FAR, FAST, SPREAD
from skdyn.nn.query_attention import AttendedTokens, NetworkAtQueries


def for_tangents(network: Any, context: Any) -> FieldTangents | None:
    """Prepare for derivatives in a single encoded context; None for networks other than those of format 2."""
    few = for_few_queries(network, context)
    return None if few is None else FieldTangents(few)


class FieldTangents:
    """Field and derivatives of a single context."""

    def __init__(self, few: FewOfAll) -> None:
        self.few = few

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Field (N, d) and derivatives (N, d, C) at normalised queries (N, D), padded or not."""
        few = self.few
        directions = torch.eye(few.columns, z.shape[1], dtype=z.dtype)
        x = torch.cat([z[None], directions[:, None].expand(-1, len(z), -1)])
        network = None if few.of_network is None else _of_network(few.of_network, x, few.dim)
        field = _arbitrated(few.of_arbiter, *_of_fits(few.of_fits, x[..., : few.columns]), network)
        return field[0], field[1:].permute(1, 2, 0)


def _of_network(at: NetworkAtQueries, x: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Field, log-scale (1 + C, N, d) and hidden states (1 + C, N, E) of the network."""
    width = x.shape[-1]
    angles = (x[..., None] * torch.from_numpy(at.octaves)).flatten(-2)
    sines, cosines = angles[0].sin(), angles[0].cos()
    active = torch.zeros_like(x)
    active[0] = torch.from_numpy(at.active)
    features = torch.cat([x, _mapped(angles, sines, cosines), _mapped(angles, cosines, -sines), active], -1)
    h = _linear(_gelu(_linear(features, at.first, at.of_first)), at.second, at.of_second)
    for block in at.blocks:
        h = _attended(block, h)
    h = _unit(h, at.least) * at.norm
    queries = h @ at.local + features @ at.local_state
    affine = _blended(queries[None], at.keys[None], at.tokens[None])[0]
    matrices = affine[..., width : width + width**2].unflatten(-1, (width, width))
    local = affine[..., :width] + _times(matrices, x[..., None, :]).sum(-1)
    direct, log_scale, gate = _linear(h, at.head, at.of_head)[..., : 3 * width].split(width, -1)
    share = gate[0].sigmoid()
    field = (_times(local, _mapped(gate, share, share * (1 - share))) + direct)[..., :dim]
    return field, _clamped(log_scale[..., :dim], -at.log_bound, at.log_bound), h


def _attended(block: AttendedTokens, x: Tensor) -> Tensor:
    """`Block.cross_attend` of rows (1 + C, N, E)."""
    queries = _unit((_unit(x, block.least) @ block.query).unflatten(-1, (block.heads, -1)), block.least_of_query)
    mixed = _blended(queries.permute(2, 0, 1, 3), block.columns, block.values)
    x = x + mixed.permute(1, 2, 0, 3).flatten(-2) @ block.output
    return x + _gelu(_unit(x, block.least_inside) @ block.first) @ block.second


def _of_fits(of: FewOfFits, x: Tensor) -> tuple[Tensor, Tensor]:
    """Fields and log deviations (1 + C, N, F, d) of the fits at columns (1 + C, N, C)."""
    ones = torch.zeros_like(x[..., :1, None])
    ones[0] = 1
    stretch, shift = torch.from_numpy(of.stretch), torch.from_numpy(of.shift)
    both = _linear_map(_clamped(x, -FAR, FAR)[..., None, :], stretch, shift)  # (1 + C, N, 2, C)
    powers = torch.cat([ones.expand(*both.shape[:-1], 1), both], -1)
    factors = torch.from_numpy(of.factors)
    monomials = powers[..., factors[0]]
    for factor in factors[1:]:
        monomials = _times(monomials, powers[..., factor])
    monomials = monomials.flatten(-2)
    if of.functions:
        monomials = torch.cat([monomials, *(_of_functions(own, powers[..., 1, :]) for own in of.functions)], -1)
    found = monomials.new_empty(2, *x.shape[:2], of.count, of.dim)
    for places, which, coefficients, root in of.products:
        phi = monomials[None] if which is None else monomials[..., torch.from_numpy(which)].movedim(-2, 0)
        rows = phi.flatten(1, 2)
        shape = (len(phi), *x.shape[:2], -1, of.dim // len(phi))
        fields = (rows @ coefficients).view(shape)
        deviations = (rows.to(root.dtype) @ root).to(rows.dtype).view(*fields.shape, -1)
        variances = 2 * (deviations[:, :1] * deviations).sum(-1)
        variances[:, 0] /= 2
        for kind, part in enumerate((fields, variances)):
            found[kind][:, :, places] = part.permute(1, 2, 3, 0, 4).flatten(3)
    fields, variances = found
    least, most = (bound**2 for bound in SPREAD)
    inside = (variances[0] >= least) & (variances[0] <= most)
    limited = variances[0].clamp(least, most)
    return _clamped(fields, -FAST, FAST), _mapped(variances, limited.log() / 2, inside / (2 * limited))


def _of_functions(of: FewOfFunctions, factors: Tensor) -> Tensor:
    """Values (1 + C, N, d C) of functions where one and the scaled columns are ``factors`` (1 + C, N, 1 + W)."""
    u = factors[..., torch.from_numpy(of.columns)] * torch.from_numpy(of.rate)
    if of.is_sine:
        sines, cosines = u[0].sin(), u[0].cos()
        return torch.stack([_mapped(u, sines, cosines), _mapped(u, cosines, -sines)], -1).flatten(-2)
    power = torch.from_numpy(of.power)
    seen = torch.where(power % 2 == 1, u[0].clamp(min=0), u[0])
    lower = torch.where(power == 1, (u[0] >= 0).to(u), seen ** (power - 1))
    fall = 1 / (1 + lower * seen)
    rise = _mapped(u, 1 - fall, power * lower * fall.square())
    return _times(rise[..., None], factors[..., None, : 1 + len(of.rate)]).flatten(-2)


def _arbitrated(of: FewOfArbiter, fields: Tensor, own: Tensor, network: tuple[Tensor, Tensor, Tensor] | None) -> Tensor:
    """The arbiter's field (1 + C, N, d) from fits (1 + C, N, F, d) and what the network says, if it says anything."""
    units = len(of.later[0][0])
    constant = torch.from_numpy(of.constant[..., :units]).to(fields)
    median = _median(fields)
    if network is None:
        reference, spread = median[:, :, 0], _median(own)[:, :, 0]
        shared = torch.zeros(*fields.shape[:2], 1, units, dtype=fields.dtype)
    else:
        reference, spread, hidden = network
        shared = (hidden @ of.from_hidden[:, :units])[:, :, None]
    from_reference = torch.from_numpy(of.from_reference)
    shared = shared + _asinh(reference)[..., None] * from_reference[0] + spread[..., None] * from_reference[1]
    shared[0] += constant
    gap, apart = fields - reference[:, :, None], fields - median
    certain = _clamped(spread, -6, 6)
    certain = _mapped(certain, (-certain[0]).exp(), -(-certain[0]).exp())
    said = [
        _asinh(_times(gap, certain[:, :, None])),
        *map(_asinh, (gap, fields, apart)),
        *map(_log_size, (gap, apart)),
        _clamped(own, -8, 4),
    ]
    x = torch.stack(said, -1) @ of.from_answers + shared[:, :, None]
    x[0] += of.of_fits.unflatten(0, x.shape[2:4])
    inner, last = of.later
    scores = (_silu(_linear(_silu(x), inner[0].T, inner[1])) @ last[0].T)[..., 0]
    scores[0] += last[1]
    answers = fields
    if network is not None:
        scores = torch.cat([scores, torch.zeros_like(scores[:, :, :1])], 2)
        answers = torch.cat([fields, reference[:, :, None]], 2)
    weights = scores[0].softmax(1)
    changes = weights * scores
    changes -= weights * changes.sum(2, keepdim=True)
    changes[0] = weights
    return _times(changes, answers).sum(2)


def _mapped(x: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """A function of x, of which value and slope at x's values are given."""
    out = x * slope
    out[0] = value
    return out


def _times(x: Tensor, y: Tensor) -> Tensor:
    out = x[0] * y + x * y[0]
    out[0] /= 2
    return out


def _linear(x: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    out = x @ matrix
    out[0] += offset
    return out


def _linear_map(x: Tensor, stretch: Tensor, shift: Tensor) -> Tensor:
    out = x * stretch
    out[0] += shift
    return out


def _clamped(x: Tensor, low: float, high: float) -> Tensor:
    return _mapped(x, x[0].clamp(low, high), (x[0] >= low) & (x[0] <= high))


def _unit(x: Tensor, least: Tensor) -> Tensor:
    """See `skdyn.nn.query_attention`."""
    length = torch.hypot(torch.linalg.vector_norm(x[0], dim=-1, keepdim=True), least)
    out = x / length
    unit = out[0].clone()
    out -= unit * (unit * out).sum(-1, keepdim=True)
    out[0] = unit
    return out


def _blended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention (H, 1 + C, N, V) of queries (H, 1 + C, N, E) to keys (H, E, M) and values (H, M, V)."""
    scores = torch.bmm(queries.flatten(1, 2), keys).view(*queries.shape[:3], -1)
    weights = scores[:, 0].softmax(-1)
    scores *= weights[:, None]
    scores[:, 0] = weights
    out = torch.bmm(scores.flatten(1, 2), values).view(*queries.shape[:3], -1)
    out[:, 1:] -= scores[:, 1:].sum(-1, keepdim=True) * out[:, :1]
    return out


def _gelu(x: Tensor) -> Tensor:
    share = 0.5 * (1 + torch.erf(x[0] * 0.5**0.5))
    return _mapped(x, x[0] * share, share + x[0] * (-x[0].square() / 2).exp() / math.sqrt(2 * math.pi))


def _silu(x: Tensor) -> Tensor:
    share = x[0].sigmoid()
    return _mapped(x, x[0] * share, share * (1 + x[0] * (1 - share)))


def _asinh(x: Tensor) -> Tensor:
    return _mapped(x, x[0].asinh(), (x[0].square() + 1).rsqrt())


def _log_size(x: Tensor) -> Tensor:
    size = x[0].abs() + 1e-4
    return _mapped(x, size.log(), x[0].sign() / size)


def _median(x: Tensor) -> Tensor:
    """The lower median over the fits."""
    return x.gather(2, x[0].contiguous().median(1, keepdim=True).indices[None].expand(len(x), -1, -1, -1))
