"""Training batches: corrupted contexts, queries and exact targets, in the package's own normalised units.

Forced contexts come from systems of more variables, some of which are given as inputs: what is then asked for is the
field of the others.

Letters: B contexts, K trajectories per context, L observed points, Q queries, D dimensions (padded to ``max_dim``), G
variables that are given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.ode.corruption import CorruptionConfig, add_noise, observed_points
from pretrain.priors import Draw
from pretrain.priors.simulate import Systems, precise
from skdyn.models.normalization import fim_ode_scaling
from skdyn.nn.arbitrated import ArbitratedConfig, points_alone, tokens_or_points
from skdyn.nn.fim_ode import Tokens
from skdyn.nn.fits.families import Outside

FAR_QUERY = 8.0
FAST_TARGET = 50.0
"""Queries further out, in standard deviations, and targets larger, in normalised units, are masked."""
ALIASED_STEP = 2.0
"""Contexts whose clean states change by more standard deviations between two points get no weight."""
_LARGEST_LEVEL = 1e6
"""Contexts whose states are at a level of more deviations stand still, but for the rounding of single precision."""


@dataclass(frozen=True)
class BatchShape:
    """Sizes of one kind of batch.

    Attributes
    ----------
    paths, points : int
        Trajectories per context and points per trajectory.
    contexts : int
    weight : float
        Relative frequency.
    """

    paths: int
    points: int
    contexts: int
    weight: float


@dataclass(frozen=True)
class QueryMix:
    """Number of queries per context and where they are: on its clean trajectories, on others, the rest in the box."""

    count: int = 256
    context: float = 0.35
    others: float = 0.30

    @property
    def counts(self) -> tuple[int, int, int]:
        """Queries on the context, on other trajectories and in the box."""
        context, others = round(self.count * self.context), round(self.count * self.others)
        return context, others, self.count - context - others


@dataclass(frozen=True)
class Pool:
    """Simulated systems to draw contexts from, those with the most usable paths first.

    Attributes
    ----------
    systems : Systems
    having : tuple of int
        Number of systems with at least 1, 2, ... usable paths. Known on the host, so that drawing never waits for the
        device.
    """

    systems: Systems
    having: tuple[int, ...]

    @classmethod
    def of(cls, systems: Systems) -> Pool:
        """Order the systems and count them."""
        usable = systems.valid.sum(-1)
        order = usable.argsort(descending=True, stable=True)
        paths = torch.arange(1, systems.valid.shape[1] + 1, device=usable.device)
        having = (usable[:, None] >= paths).sum(0)
        return cls(systems.select(order), tuple(having.tolist()))


@dataclass(frozen=True)
class Batch:
    """What one training step needs.

    Attributes
    ----------
    tokens : Tokens of (B, K, L) points
    origin : Tensor of shape (B, D)
        Mean over deviation of the observed states.
    clean_states, clean_velocities : Tensor of shape (B, K, L, D)
    queries : Tensor of shape (B, Q, D + G)
    targets : Tensor of shape (B, Q, D)
    query_mask : boolean Tensor of shape (B, Q)
    weight : Tensor of shape (B,)
        One for contexts that count, zero for aliased ones and for those that stand still.
    dims : integer Tensor of shape (B,)
    noise : Tensor of shape (B,)
    hide_network : bool
        Show the arbiter only fits that need no network.
    outside : Outside, optional
        What is given along the points of forced contexts.
    """

    tokens: Tokens
    origin: Tensor
    clean_states: Tensor
    clean_velocities: Tensor
    queries: Tensor
    targets: Tensor
    query_mask: Tensor
    weight: Tensor
    dims: Tensor
    noise: Tensor
    hide_network: bool = False
    outside: Outside | None = None

    @property
    def columns(self) -> int:
        """Variables, and what is given beside them."""
        given = 0 if self.outside is None else self.outside.values.shape[-1]
        return self.tokens.states.shape[-1] + given

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device; times fall back to float32 where float64 does not exist."""

        def move(value: Tensor) -> Tensor:
            if value.dtype == torch.float64:
                value = value.to(precise(device))
            return value.to(device)

        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        tokens, hide, outside = (values.pop(name) for name in ("tokens", "hide_network", "outside"))
        if outside is not None:
            outside = Outside(move(outside.values), move(outside.origin), outside.holds)
        moved = {f.name: move(getattr(tokens, f.name)) for f in dataclasses.fields(tokens)}
        rest = {name: move(value) for name, value in values.items()}
        return Batch(tokens=Tokens(**moved), hide_network=hide, outside=outside, **rest)


def share(contexts: int, dims: Mapping[int, float]) -> dict[int, int]:
    """Contexts of each dimension; at least one each, the same at every call so that shapes never change."""
    total = sum(dims.values())
    counts = {dim: max(1, int(contexts * weight / total)) for dim, weight in dims.items()}
    counts[max(counts)] += contexts - sum(counts.values())
    if min(counts.values()) < 1:
        raise ValueError(f"a batch of {contexts} contexts cannot hold {len(dims)} dimensions")
    return counts


def make_batch(
    pools: Mapping[int, Pool],
    dims: Mapping[int, float],
    shape: BatchShape,
    queries: QueryMix,
    corruption: CorruptionConfig,
    network: ArbitratedConfig,
    generator: torch.Generator,
    ragged: bool,
    symmetries: bool = True,
    hide_network: bool = False,
    given: int = 0,
) -> Batch:
    """Draw contexts from simulated systems.

    Parameters
    ----------
    pools : mapping of dimension to Pool
    dims : mapping of dimension to weight
        Share of each dimension. The contexts of a batch are ordered by dimension, because scales are means over the
        dimensions that a system has.
    shape : BatchShape
    queries : QueryMix
    corruption : CorruptionConfig
    network : ArbitratedConfig
    generator : torch.Generator
    ragged : bool
        Trajectories of unequal number and length; otherwise nothing is padded, which needs no attention mask.
    symmetries : bool
        Reflect and permute the normalised coordinates at random.
    hide_network : bool
        As of `Batch`.
    given : int
        How many variables are given as inputs, in batches of one dimension, without noise.
    """
    draw = Draw(generator)
    if given:
        return _forced_batch(pools, dims, shape, queries, corruption, draw, ragged, symmetries, hide_network, given)
    sizes = share(shape.contexts, dims)
    parts = [
        _Part(pools[dim], sizes[dim], shape, queries, corruption, draw, ragged, symmetries).padded(
            max(network.max_dim, *dims)
        )
        for dim in sorted(dims)
    ]
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    mask, dim_mask = joined.pop("mask"), joined.pop("dim_mask")
    tokens = tokens_or_points(joined.pop("states"), joined.pop("times"), mask, dim_mask, network)
    return Batch(tokens=tokens, hide_network=hide_network, **_single(joined))


def _single(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The tensors, in single precision where they are not whole numbers."""
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def _forced_batch(
    pools: Mapping[int, Pool],
    dims: Mapping[int, float],
    shape: BatchShape,
    queries: QueryMix,
    corruption: CorruptionConfig,
    draw: Draw,
    ragged: bool,
    symmetries: bool,
    hide_network: bool,
    given: int,
) -> Batch:
    """Contexts of systems of one dimension, the last variables of which are given."""
    (dim,) = dims
    own = dim - given
    part = _Part(pools[dim], shape.contexts, shape, queries, corruption, draw, ragged, symmetries, given).padded(dim)
    mask, dim_mask = part.pop("mask"), part.pop("dim_mask")
    states, origin = part.pop("states"), part.pop("origin")
    tokens = points_alone(states[..., :own], part.pop("times"), mask, dim_mask[..., :own])
    for name in ("clean_states", "clean_velocities", "targets"):
        part[name] = part[name][..., :own]
    outside = Outside(states[..., own:], origin[..., own:], holds=False)
    return Batch(
        tokens=tokens, origin=origin[..., :own].float(), hide_network=hide_network, outside=outside, **_single(part)
    )


class _Part:
    """The contexts of one dimension."""

    def __init__(
        self,
        source: Pool,
        contexts: int,
        shape: BatchShape,
        queries: QueryMix,
        corruption: CorruptionConfig,
        draw: Draw,
        ragged: bool,
        symmetries: bool,
        given: int = 0,
    ) -> None:
        pool = source.systems
        dim = pool.states.shape[-1]
        # Which of a system's variables are given is drawn, once for all contexts.
        self._columns = draw.uniform(0, 1, dim).argsort(-1) if given else slice(None)
        own = slice(dim - given)
        self._pool, self._draw = pool, draw
        kind = precise(pool.states.device)
        recorded = pool.states.shape[2]
        eligible = source.having[0 if ragged else shape.paths - 1]
        if eligible == 0:
            raise ValueError(f"no simulated system has {shape.paths} usable trajectories")
        self._system = draw.integer(0, eligible - 1, contexts)
        usable = pool.valid[self._system].sum(-1)
        # Usable paths first, in random order: the first K are the context, the rest are the others.
        keys = draw.uniform(0, 1, contexts, pool.valid.shape[1]) + 2.0 * ~pool.valid[self._system]
        self._order = keys.argsort(-1)

        index, mask = observed_points(draw, (contexts, shape.paths, shape.points), recorded, ragged, corruption)
        position = torch.arange(shape.paths, device=draw.device)
        mask = mask & (position < usable[:, None])[..., None]
        path = self._order[:, : shape.paths, None].expand_as(index)
        clean, velocity = (self._gather(of, path, index).to(kind) for of in (pool.states, pool.fields))
        step = (pool.horizon[self._system].to(kind) / (recorded - 1))[:, None, None]
        times = torch.where(mask, index * step, index[..., :1] * step)
        noisy, noise = add_noise(draw, clean, mask, corruption)
        if given:
            noisy = torch.cat([noisy[..., own], clean[..., dim - given :]], -1)
        scaling = fim_ode_scaling(noisy, times, mask)
        if given:
            scaling = replace(scaling, speed=fim_ode_scaling(noisy[..., own], times, mask).speed)
        moves = (scaling.mean.abs() < _LARGEST_LEVEL * scaling.std).all(-1)
        std, speed = torch.where(moves[:, None], scaling.std, 1.0), torch.where(moves, scaling.speed, 1.0)
        scaling = replace(scaling, std=std, speed=speed)

        seen = torch.minimum(usable, torch.full_like(usable, shape.paths))
        states, fields = self._queries(queries, usable, seen, recorded)
        z_query = scaling.normalise(states.to(kind))
        target = scaling.normalise_field(fields.to(kind))
        z_clean = scaling.normalise(clean)
        v_clean = scaling.normalise_field(velocity)
        change = (z_clean[:, :, 1:] - z_clean[:, :, :-1]).abs().amax(-1)
        aliased = ((change > ALIASED_STEP) & mask[:, :, 1:]).flatten(1).any(-1)
        in_reach = (z_query.abs() <= FAR_QUERY).all(-1) & (target[..., own].abs() <= FAST_TARGET).all(-1)

        self._vectors = {
            "states": scaling.normalise(noisy),
            "origin": scaling.mean / scaling.std,
            "clean_states": z_clean,
            "clean_velocities": v_clean.clamp(-FAST_TARGET, FAST_TARGET),
            "queries": z_query.clamp(-FAR_QUERY, FAR_QUERY),
            "targets": target.clamp(-FAST_TARGET, FAST_TARGET),
        }
        if symmetries:
            self._reflect_and_permute(contexts, dim, given)
        for name in ("states", "clean_states", "clean_velocities"):
            self._vectors[name] = torch.where(mask[..., None], self._vectors[name], 0.0)
        self._scalars = {
            "times": torch.where(mask, scaling.normalise_times(times), 0.0),
            "mask": mask,
            "query_mask": in_reach,
            "weight": (moves & ~aliased).to(kind),
            "noise": noise,
        }

    def _gather(self, values: Tensor, path: Tensor, index: Tensor) -> Tensor:
        system = self._system.reshape(-1, *([1] * (index.ndim - 1)))
        return values[system, path, index][..., self._columns]

    def _queries(self, mix: QueryMix, usable: Tensor, seen: Tensor, recorded: int) -> tuple[Tensor, Tensor]:
        draw, pool, contexts = self._draw, self._pool, len(self._system)
        on_context, on_others, in_box = mix.counts
        others_from = torch.where(usable > seen, seen, 0)  # no other trajectory: the context's own again
        first = torch.cat(
            [torch.zeros_like(seen)[:, None].expand(-1, on_context), others_from[:, None].expand(-1, on_others)], 1
        )
        last = torch.cat([seen[:, None].expand(-1, on_context), usable[:, None].expand(-1, on_others)], 1)
        position = first + (draw.uniform(0, 1, *first.shape) * (last - first)).long()
        path = self._order.gather(1, position)
        index = draw.integer(0, recorded - 1, *first.shape)
        box = draw.integer(0, pool.box.shape[1] - 1, contexts, in_box)
        rows = self._system[:, None]
        return (
            torch.cat([self._gather(pool.states, path, index), pool.box[rows, box][..., self._columns]], 1),
            torch.cat([self._gather(pool.fields, path, index), pool.box_fields[rows, box][..., self._columns]], 1),
        )

    def _reflect_and_permute(self, contexts: int, dim: int, given: int) -> None:
        draw = self._draw
        signs = draw.coin(0.5, contexts, dim).to(self._vectors["states"]) * 2 - 1
        is_given = torch.arange(dim, device=draw.device) >= dim - given
        order = (draw.uniform(0, 1, contexts, dim) + 2.0 * is_given).argsort(-1)
        for name, value in self._vectors.items():
            axes = (contexts, *([1] * (value.ndim - 2)), dim)
            self._vectors[name] = (value * signs.reshape(axes)).gather(-1, order.reshape(axes).expand_as(value))

    def padded(self, max_dim: int) -> dict[str, Tensor]:
        """All tensors, with vectors zero-padded to ``max_dim``."""
        dim = self._pool.states.shape[-1]
        contexts = len(self._system)
        vectors = {name: F.pad(value, (0, max_dim - dim)) for name, value in self._vectors.items()}
        dim_mask = (torch.arange(max_dim, device=self._draw.device) < dim).to(vectors["states"])
        dims = torch.full((contexts,), dim, device=self._draw.device)
        return vectors | self._scalars | {"dim_mask": dim_mask.expand(contexts, -1), "dims": dims}
