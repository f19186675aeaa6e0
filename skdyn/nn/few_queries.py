"""A few queries of one context, answered in few operations.

At a single query an operation of torch costs more in its dispatch than in its arithmetic, hundreds of times over. Here
all that does not depend on the query is made once, arrays of a few numbers are NumPy's, whose calls are cheaper, and
torch has what runs over all tokens or all fits: its threads can be told to keep still, those of NumPy's products of
large matrices cannot. The formulae are those of `FIMODE.answer`, `Fits.answer` and `Arbiter.forward`, to which tests
hold them.

Letters: N queries, M tokens, D variables of the network (or columns of the context, where the network has no say), d
variables of the context, F fits, Q monomials in use, E width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdyn.nn.arbiter import LOG_SCALE, WEIGHED_VIEWS, Arbiter, FitFeatures
from skdyn.nn.arbitrated import ArbitratedContext, ArbitratedFIMODE
from skdyn.nn.fits.families import FAR, FAST, SPREAD, Fits
from skdyn.nn.fits.functions import SINE, Functions
from skdyn.nn.query_attention import FEW, Array, NetworkAtQueries, clipped, linears

_AT_ONCE = 128
"""Queries for which all that fits and arbiter compute stays in a core's own memory."""
_MANY = 1024
"""Numbers from which the formula of `_take_asinh` is worth its dispatch."""
_VARIANCE = tuple(bound**2 for bound in SPREAD)


def for_few_queries(network: Any, context: Any) -> FewOfAll | None:
    """Prepare for a few queries of a single encoded context; None for networks other than those of format 2."""
    return FewOfAll(network, context) if type(network) is ArbitratedFIMODE else None


class FewOfAll:
    """What `ArbitratedFIMODE.decode` says at a few queries of a single context."""

    def __init__(self, network: ArbitratedFIMODE, context: ArbitratedContext) -> None:
        (group,) = context.groups
        fits = group.fits
        self.dim, self.columns = fits.variables, fits.library.dim
        self.of_network = None if context.network is None else NetworkAtQueries(network, context.network)
        features = group.features or network.features_of(fits)
        self.of_fits = FewOfFits(fits, features.hidden.numpy().dtype)
        points, seen = float(fits.log_points[0]), context.network is not None
        self.of_arbiter = FewOfArbiter(network.arbiter, features, points, seen)

    def __call__(self, z: Array) -> tuple[Array, Array]:
        """Field and log-scale (N, D) at normalised queries (N, D), padded where D is more than the variables."""
        field, log_scale = zip(
            *((field, self.of_arbiter.log_scale(seen)) for field, seen in self._weighed(z)), strict=True
        )
        return self._padded(field, z), self._padded(log_scale, z)

    def field(self, z: Array) -> Array:
        """Field (N, D) alone at queries (N, D)."""
        return self._padded([field for field, _ in self._weighed(z)], z)

    def _padded(self, parts: Sequence[Array], z: Array) -> Array:
        """Parts (n, d) as one of the queries' shape (N, D)."""
        return np.concatenate([np.concatenate(parts), np.zeros_like(z[:, self.dim :])], axis=1)

    def _weighed(self, z: Array) -> Iterator[tuple[Array, Weighed]]:
        """Fields (n, d) at some of the queries at a time, and what their errors follow from."""
        of_network = None
        if self.of_network is not None:
            answer, log_scale, hidden = self.of_network(z)
            of_network = answer[:, : self.dim], log_scale[:, : self.dim], hidden
        for piece in (slice(start, start + _AT_ONCE) for start in range(0, len(z), _AT_ONCE)):
            own = None if of_network is None else [part[piece] for part in of_network]
            yield self.of_arbiter(self.of_fits(z[piece, : self.columns]), own)


class FewOfFits:
    """What `Fits.answer` says at a few queries of a single context."""

    def __init__(self, fits: Fits, dtype: np.dtype) -> None:
        self.count, self.dim, self.dtype = len(fits.families), fits.variables, dtype
        ones, kinds = torch.ones_like(fits.scale), [list(places) for places in fits.places]
        self.stretch = torch.cat([ones, 1 / fits.scale]).numpy()
        self.shift = torch.cat([0 * ones, fits.origin / fits.scale]).numpy()
        terms = fits.library.terms
        longest = max(map(len, terms))
        self.factors = np.array([[*(i + 1 for i in term), *[0] * (longest - len(term))] for term in terms]).T
        self.functions = [FewOfFunctions(functions) for functions in fits.functions]
        of_kind = torch.cat([ones, fits.scale])[:, : self.dim]
        units = of_kind[[int(i not in kinds[0]) for i in range(self.count)]][:, :, None, None]
        coefficients, root = fits.coefficients[0, :, :, None] * units, fits.root[0] * units.to(fits.root)
        self.products: list[tuple[list[int], Array | None, Tensor, Tensor]] = []
        if fits.terms is None:
            # Every fit has coefficients of the monomials in both coordinates and of all functions: one product.
            together, root = (_columns(_of_all(part, fits), False) for part in (coefficients, root))
            self.products = [(list(range(self.count)), None, together, root)]
        else:
            used = [fits.terms[0, kind].numpy() + kind * len(terms) for kind in (0, 1)]
            for places, which in zip(kinds, used + _places_of_functions(fits), strict=True):
                n = which.shape[1]
                own = _columns(coefficients[places][..., :n], True)
                self.products.append((places, which, own, _columns(root[places][..., :n, :n], True)))

    def __call__(self, z: Array) -> Array:
        """Fields and log deviations of their own (2, N, F + 1, d), with room for the network's behind the fits'."""
        count, columns = z.shape
        x = np.empty((count, 2, 1 + columns))
        x[:, :, 0] = 1
        np.multiply(clipped(z, -FAR, FAR)[:, None], self.stretch, out=x[:, :, 1:])
        x[:, :, 1:] += self.shift
        monomials = x.take(self.factors[0], axis=2)
        for factor in self.factors[1:]:
            monomials *= x.take(factor, axis=2)
        monomials = monomials.reshape(count, -1)
        if self.functions:
            monomials = np.concatenate([monomials, *(functions(x[:, 1]) for functions in self.functions)], axis=1)
        found = np.empty((2, count, self.count + 1, self.dim), self.dtype)
        for places, which, coefficients, root in self.products:
            phi = monomials[None] if which is None else monomials.take(which, axis=1).swapaxes(0, 1)  # (1 or d, N, Q)
            shape = (len(phi), count, -1, self.dim // len(phi))
            rows = torch.from_numpy(phi)
            fields = (rows @ coefficients).numpy().reshape(shape)
            deviations = (rows.to(root.dtype) @ root).numpy().reshape(*fields.shape, -1)
            variances = np.einsum("vnfdq,vnfdq->vnfd", deviations, deviations)
            for kind, part in enumerate((clipped(fields, -FAST, FAST), np.log(clipped(variances, *_VARIANCE)) / 2)):
                found[kind][:, places] = part.transpose(1, 2, 0, 3).reshape(count, -1, self.dim)
        return found


class FewOfFunctions:
    """What `Functions` say at a few queries of a single context, one set a variable."""

    def __init__(self, functions: Functions) -> None:
        self.is_sine = functions.kind == SINE
        self.columns, self.rate, self.power = (
            part[0].numpy() for part in (1 + functions.axis, functions.rate, functions.power)
        )
        self.odd = self.power % 2 == 1

    def __call__(self, factors: Array) -> Array:
        """Values (N, d C) where one and the scaled columns are ``factors`` (N, 1 + W)."""
        u = factors.take(self.columns, axis=1) * self.rate
        if self.is_sine:
            return np.stack([np.sin(u), np.cos(u)], axis=-1).reshape(len(u), -1)
        raised = np.where(self.odd, np.maximum(u, 0), u) ** self.power
        rise = raised / (1 + raised)
        return (rise[:, :, None] * factors[:, None, : 1 + len(self.rate)]).reshape(len(u), -1)


class Weighed(NamedTuple):
    """What the arbiter has weighed at queries: answers and weights (N, F + 1, d), and what came of them (N, d).

    ``shared`` (N or none, d, U) is what the queries have in common for the error's last layers.
    """

    answers: Array
    weights: Array
    field: Array
    deviation: Array
    base: Array
    shared: Array


class FewOfArbiter:
    """What `Arbiter.forward` makes of answers at a few queries of a single context.

    Factors and terms that are the same for all queries are in the weights.
    """

    def __init__(self, arbiter: Arbiter, of_fits: FitFeatures, log_points: float, with_network: bool) -> None:
        self.with_network = with_network
        units = len(arbiter.inner.weight)
        halves = torch.tensor([1, 1, 1, 1, 0.5, 0.5, 0.5], dtype=arbiter.inner.weight.dtype)
        self.from_answers = (arbiter.from_answers.weight[:, [3, 1, 4, 5, 2, 6, 0]] * halves).T
        self.of_fits = of_fits.hidden[0].flatten(0, 1) + arbiter.from_answers.bias
        self.later = [(layer.weight, layer.bias) for layer in (arbiter.inner, arbiter.score)]
        reference = arbiter.from_reference.weight.numpy().T
        self.from_reference = reference[:2]
        (weight, bias), self.last = map(_arrays, linears(arbiter.scale))
        self.from_verdict = weight[:7] * np.array([0.5, 0.5, 1, 1, -1, 1, 1], weight.dtype)[:, None]
        excess = np.stack([of_fits.excess[0, :, view].numpy() for view in WEIGHED_VIEWS])
        self.excess = np.pad(excess, [(0, 0), (0, 1), (0, 0)])[:, None]
        self.constant = np.concatenate(
            [
                np.broadcast_to(log_points / 3 * reference[2], (excess.shape[2], units)),
                bias + of_fits.least[0, 0, WEIGHED_VIEWS[-1], :, None].numpy() / 2 * weight[7],
            ],
            axis=1,
        )
        to_both = np.concatenate([arbiter.from_hidden.weight.numpy().T, weight[8:]], axis=1)
        if with_network:
            projection, offset = _arrays(arbiter.hidden)
            self.from_hidden = torch.from_numpy(projection @ to_both)
            self.constant = self.constant + offset @ to_both
        else:
            self.constant = self.constant + arbiter.unseen.numpy() @ to_both

    def __call__(self, answers: Array, network: Sequence[Array] | None) -> tuple[Array, Weighed]:
        """Field (N, d) from fits (2, N, F + 1, d) and what the network says, if it does, and what `log_scale` needs."""
        _, count, others, dim = answers.shape
        fields, own = answers[:, :, :-1]
        median = _median(fields)
        shared = self.constant
        if network is None:
            reference, spread = median[:, 0], _median(own)[:, 0]
        else:
            reference, spread, hidden = network
            shared = (torch.from_numpy(hidden) @ self.from_hidden).numpy()[:, None] + shared
        answers[0, :, -1], answers[1, :, -1] = reference, spread
        scores = np.zeros((count, others, dim), answers.dtype)
        scores[:, :-1] = self._scores(fields, own, median, reference, spread, shared[..., : shared.shape[-1] // 2])
        if network is None:
            scores[:, -1] = -np.inf
        weights = np.exp(scores - np.maximum.reduce(scores, axis=1, keepdims=True))
        weights /= np.add.reduce(weights, axis=1, keepdims=True)
        field, deviation = np.add.reduce(answers * weights, axis=2)
        base = spread if self.with_network else deviation
        return field, Weighed(answers[0], weights, field, deviation, base, shared[..., shared.shape[-1] // 2 :])

    def log_scale(self, seen: Weighed) -> Array:
        """Log-scale (N, d) of the error of a field."""
        weights, deviation = seen.weights, seen.deviation
        count, others, dim = weights.shape
        parts = np.empty((4, count, others, dim), weights.dtype)
        np.abs(np.subtract(seen.answers, seen.field[:, None], out=parts[0]), out=parts[0])
        np.log(weights + 1e-9, out=parts[1])
        parts[2:] = self.excess
        features = np.empty((7, count, dim), weights.dtype)
        features[3] = seen.base
        features[0], features[4], features[5], features[6] = np.add.reduce(parts * weights, axis=2)
        features[0] = np.log(features[0] + 1e-5)
        features[1], features[2] = deviation, weights[:, -1]
        inner = (features.reshape(7, -1).T @ self.from_verdict).reshape(count, dim, -1)
        inner += seen.shared
        weight, offset = self.last
        correction = (inner / (1 + np.exp(-inner)) @ weight + offset)[..., 0]
        return clipped(seen.base + correction, *LOG_SCALE)

    def _scores(
        self, fields: Array, own: Array, median: Array, reference: Array, spread: Array, shared: Array
    ) -> Array:
        """Scores (N, F, d) of the fits, whose first layer has parts (N or none, d, U) of its own for the queries."""
        said = np.empty((7, *fields.shape), fields.dtype)
        np.subtract(fields, reference[:, None], out=said[1])
        np.subtract(fields, median, out=said[3])
        np.multiply(said[1], np.exp(-clipped(spread, -6, 6))[:, None], out=said[0])
        said[2] = fields
        np.abs(said[1:4:2], out=said[4:6])
        said[4:6] += 1e-4
        np.log(said[4:6], out=said[4:6])
        _take_asinh(said[:4])
        said[6] = clipped(own, -8, 4)
        of_reference = (
            np.arcsinh(reference)[..., None] * self.from_reference[0] + spread[..., None] * self.from_reference[1]
        )
        x = torch.from_numpy(said.reshape(7, -1)).T @ self.from_answers
        x = x.unflatten(0, (len(fields), -1)).add_(self.of_fits).unflatten(1, (fields.shape[1], -1))
        x = F.silu(x.add_(torch.from_numpy((of_reference + shared)[:, None])), inplace=True)
        inner, last = self.later
        return F.linear(F.silu(F.linear(x, *inner), inplace=True), *last).numpy()[..., 0]


def _of_all(matrices: Tensor, fits: Fits) -> Tensor:
    """Matrices (F, d, R, Q) of fits as (F, d, R, 2 Q + E), for monomials in both coordinates and E function columns."""
    _, dim, _, terms = matrices.shape
    centred, sparse, *others = (list(places) for places in fits.places)
    plain = fits.plain_terms
    widths = [functions.width(dim) for functions in fits.functions]
    out = matrices.new_zeros(*matrices.shape[:3], 2 * terms + dim * sum(widths))
    out[centred, ..., :terms] = matrices[centred]
    out[sparse, ..., terms : 2 * terms] = matrices[sparse]
    at = 2 * terms
    for places, width in zip(others, widths, strict=True):
        out[places, ..., terms : terms + plain] = matrices[places, ..., :plain]
        for d in range(dim):
            out[places, d, :, at : at + width] = matrices[places, d, :, plain : plain + width]
            at += width
    return out


def _places_of_functions(fits: Fits) -> list[Array]:
    """Where the terms (d, Q) of fits with functions are behind monomials in both coordinates, kind by kind."""
    monomials, plain, dim = len(fits.library.terms), fits.plain_terms, fits.variables
    found, at = [], 2 * monomials
    for functions in fits.functions:
        width = functions.width(dim)
        own = at + np.arange(dim * width).reshape(dim, width)
        found.append(np.concatenate([np.broadcast_to(monomials + np.arange(plain), (dim, plain)), own], axis=1))
        at += dim * width
    return found


def _columns(matrices: Tensor, by_variable: bool) -> Tensor:
    """Matrices (F, d, R, Q) of fits as one (1, Q, F d R) or, variable by variable, (d, Q, F R)."""
    if by_variable:
        return matrices.permute(1, 3, 0, 2).flatten(2).contiguous()
    return matrices.permute(3, 0, 1, 2).flatten(1)[None].contiguous()


def _arrays(layer: nn.Linear) -> tuple[Array, Array]:
    """Matrix that a layer multiplies rows by, and its offset."""
    return layer.weight.numpy().T, layer.bias.numpy()


def _take_asinh(x: Array) -> None:
    """`numpy.arcsinh` in place of (4, N, F, d); of more than a few by a formula that is four times as fast."""
    if x.shape[1] <= FEW and x.size < _MANY:
        np.arcsinh(x, out=x)
        return
    signed = torch.from_numpy(x)
    size = signed.abs()
    inverse = size.reciprocal()
    size.add_(size / (inverse + (inverse * inverse).add_(1).sqrt_())).log1p_()
    torch.copysign(size, signed, out=signed)


def _median(x: Array) -> Array:
    """The lower median over the second axis, as torch has it."""
    middle = (x.shape[1] - 1) // 2
    return np.partition(x, middle, axis=1)[:, middle : middle + 1]
