"""Training examples: summed-up contexts, queries and exact targets, in the package's own normalised units.

Letters: S systems, B examples, K trajectories per context, L points, M tokens, Q queries, D dimensions (padded to
``max_dim``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.priors import Draw
from pretrain.priors.simulate import precise
from pretrain.priors.simulate_sde import Recordings
from pretrain.sde.corruption import Noise, Observation, add_noise, cut
from skdyn.models.normalization import Scaling, fim_sde_scaling
from skdyn.nn.arbitrated_sde import AnswersOfFits, ArbitratedSDEConfig
from skdyn.nn.fim_sde import FIMSDE, SDETokens, make_sde_tokens
from skdyn.nn.fits.stochastic import fit_stochastic
from skdyn.nn.sde_arbiter import FitAnswers

FAR_QUERY = 8.0
FAST_DRIFT = 50.0
STRONG_DIFFUSION = 20.0
"""Queries further out, in standard deviations, and targets larger, in normalised units, are masked."""
STEEP_CONTEXT = 20.0
"""Contexts along which the normalised drift is larger in the mean get no weight: they rest, but for a moment."""


@dataclass(frozen=True)
class Paths:
    """Normalised contexts of the same number of variables: states (B, K, L, D), times and mask (B, K, L)."""

    states: Tensor
    times: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Examples:
    """Contexts with queries and targets; every tensor has the examples as its first axis.

    Attributes
    ----------
    tokens : SDETokens
    paths : Paths, or None
        The normalised context, until it is fitted.
    fits : AnswersOfFits, or None
        What closed-form fits to the context say at the queries.
    answer : tuple of Tensor, or None
        What a network that stays as it is says at the queries, as `FIMSDE.answer` has it.
    token_drift, token_diffusion : Tensor of shape (B, M, D)
        The system's at the tokens' mean states.
    queries, drift, diffusion : Tensor of shape (B, Q, D)
        A third on the context's clean states, a third on other states of the recording, a third in the widened box.
    query_mask : boolean Tensor of shape (B, Q)
    weight : Tensor of shape (B,)
    dims : integer Tensor of shape (B,)
    noise : Tensor of shape (B,)
        Deviation of the noise over half the range of the data.
    points : integer Tensor of shape (B,)
        Observed points of the context.
    hide_network : bool
        Whether the arbiters are to judge the fits alone.
    """

    tokens: SDETokens
    paths: Paths | None
    fits: AnswersOfFits | None
    answer: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None
    token_drift: Tensor
    token_diffusion: Tensor
    queries: Tensor
    drift: Tensor
    diffusion: Tensor
    query_mask: Tensor
    weight: Tensor
    dims: Tensor
    noise: Tensor
    points: Tensor
    hide_network: bool = False

    def __len__(self) -> int:
        return len(self.queries)

    def select(self, index: Tensor) -> Examples:
        """Only the examples at these positions."""
        return _map(self, lambda tensor: tensor[index])

    def to(self, device: torch.device) -> Examples:
        """The same examples on another device."""
        return _map(self, lambda tensor: tensor.to(device))

    def fitted(self, network: ArbitratedSDEConfig) -> Examples:
        """The same examples with the answers of closed-form fits in place of the paths."""
        assert self.paths is not None
        return dataclasses.replace(self, paths=None, fits=answers_of_fits(self.paths, self.queries, network))

    @torch.no_grad()
    def answered(self, network: FIMSDE, size: int = 64) -> Examples:
        """The same examples with the answers of a network that stays as it is."""
        answers = []
        for rows in torch.arange(len(self), device=self.queries.device).split(size):
            part = self.select(rows)
            answers.append(network.answer(network.encode_tokens(part.tokens), part.queries))
        joined: Any = tuple(torch.cat(column) for column in zip(*answers, strict=True))
        return dataclasses.replace(self, answer=joined)

    @staticmethod
    def concatenate(parts: Sequence[Examples]) -> Examples:
        """One batch from several with as many tokens and queries."""
        return _join(parts)


def _map(value: Any, function: Any) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, tuple):
        return tuple(_map(part, function) for part in value)
    return type(value)(**{f.name: _map(getattr(value, f.name), function) for f in dataclasses.fields(value)})


def _join(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts))
    if parts[0] is None or isinstance(parts[0], bool):
        return parts[0]
    if isinstance(parts[0], tuple):
        return tuple(_join(column) for column in zip(*parts, strict=True))
    names = [f.name for f in dataclasses.fields(parts[0])]
    return type(parts[0])(**{name: _join([getattr(part, name) for part in parts]) for name in names})


def observe(
    recordings: Recordings,
    observation: Observation,
    examples: int,
    queries: int,
    noise: Noise,
    network: ArbitratedSDEConfig,
    generator: torch.Generator,
) -> Examples:
    """Cut ``examples`` contexts out of recordings, corrupt them, and ask ``queries`` questions of each."""
    draw = Draw(generator)
    kind = precise(recordings.states.device)
    system = draw.integer(0, len(recordings) - 1, examples)
    clean, times, mask = cut(draw, recordings, observation, system, noise)
    dim, paths, points = clean.shape[-1], observation.paths, observation.points

    flat, keep = clean.flatten(1, 2), mask.flatten(1)[..., None]
    low = torch.where(keep, flat, torch.inf).amin(1)
    high = torch.where(keep, flat, -torch.inf).amax(1)
    noisy, level = add_noise(draw, clean, (high - low) / 2, noise)
    noisy = noisy.to(kind)
    scaling = fim_sde_scaling(noisy, times.to(kind), mask)

    asked = _queries(recordings, flat, mask.flatten(1), low, high, system, queries, draw)
    drift, diffusion = recordings.drift.select(system), recordings.diffusion.select(system)
    signs = torch.where(draw.coin(0.5, examples, dim), 1.0, -1.0).to(kind)
    order = draw.uniform(0, 1, examples, dim).argsort(-1)

    def seen(vectors: Tensor) -> Tensor:
        """Reflected and permuted coordinates: symmetries that training should teach."""
        axes = (examples, *([1] * (vectors.ndim - 2)), dim)
        turned = vectors.to(kind) * signs.reshape(axes)
        return F.pad(turned.gather(-1, order.reshape(axes).expand_as(turned)), (0, network.max_dim - dim))

    def sizes(vectors: Tensor) -> Tensor:
        axes = (examples, *([1] * (vectors.ndim - 2)), dim)
        return F.pad(vectors.gather(-1, order.reshape(axes).expand_as(vectors)), (0, network.max_dim - dim)).float()

    dim_mask = (torch.arange(network.max_dim, device=clean.device) < dim).float().expand(examples, -1)
    z = torch.where(mask[..., None], seen(scaling.normalise(noisy)), 0.0)
    tau = torch.where(mask, scaling.normalise_times(times.to(kind)), 0.0)
    tokens = make_sde_tokens(z, tau, mask, dim_mask, network)
    at_tokens = _unturn(tokens.states[..., :dim].to(kind), signs, order, scaling)
    f, g = drift(asked), diffusion(asked)
    f_tokens, g_tokens = drift(at_tokens.float()), diffusion(at_tokens.float())

    target = seen(scaling.normalise_field(f.to(kind))).float()
    spread = sizes(scaling.normalise_diffusion(g.to(kind)))
    z_query = seen(scaling.normalise(asked.to(kind))).float()
    in_reach = (z_query.abs() <= FAR_QUERY).all(-1) & (target.abs() <= FAST_DRIFT).all(-1)
    in_reach &= (spread <= STRONG_DIFFUSION).all(-1)
    along = scaling.normalise_field(drift(flat[:, ::8]).to(kind)).abs().mean((1, 2))
    count = mask.sum((1, 2))
    return Examples(
        tokens=tokens,
        paths=Paths(z[..., :dim], tau, mask),
        fits=None,
        answer=None,
        token_drift=seen(scaling.normalise_field(f_tokens.to(kind))).float().clamp(-FAST_DRIFT, FAST_DRIFT),
        token_diffusion=sizes(scaling.normalise_diffusion(g_tokens.to(kind))).clamp(max=STRONG_DIFFUSION),
        queries=z_query.clamp(-FAR_QUERY, FAR_QUERY),
        drift=target.clamp(-FAST_DRIFT, FAST_DRIFT),
        diffusion=spread.clamp(max=STRONG_DIFFUSION),
        query_mask=in_reach,
        weight=((along < STEEP_CONTEXT) & (count >= paths * min(points, 8))).float(),
        dims=torch.full((examples,), dim, device=clean.device),
        noise=level,
        points=count,
    )


_POINTS_AT_ONCE = 40_000
"""Of contexts that are fitted together: the fits hold some hundred numbers for each."""


def answers_of_fits(paths: Paths, queries: Tensor, network: ArbitratedSDEConfig) -> AnswersOfFits:
    """What closed-form fits to contexts say at queries (B, Q, D), padded to the network's variables."""
    dim = paths.states.shape[-1]

    def padded(part: Tensor, axis: int = -1) -> Tensor:
        return F.pad(part.movedim(axis, -1), (0, network.max_dim - dim)).movedim(-1, axis)

    size = max(1, _POINTS_AT_ONCE // paths.mask[0].numel())
    pieces = zip(*(part.split(size) for part in (paths.states, paths.times, paths.mask, queries)), strict=True)
    parts = []
    for states, times, mask, asked in pieces:
        fits = fit_stochastic(states, times, mask)
        about = padded(fits.about, 1)
        answers = (
            (*fits.answer_drift(asked[..., :dim]), fits.drift_misfit),
            (*fits.answer_diffusion(asked[..., :dim], network.diffusion_floor), fits.square_misfit),
        )
        drift, diffusion = (
            FitAnswers(padded(value.float()), padded(deviation.float()), padded(misfit.float()), about)
            for value, deviation, misfit in answers
        )
        parts.append(AnswersOfFits(drift, diffusion))
    joined: AnswersOfFits = _join(parts)
    return joined


def _queries(
    recordings: Recordings,
    flat: Tensor,
    mask: Tensor,
    low: Tensor,
    high: Tensor,
    system: Tensor,
    count: int,
    draw: Draw,
) -> Tensor:
    """States (B, Q, D) to ask about."""
    examples, dim = low.shape
    third = count // 3
    # Observed points have the larger keys, so that the first ones of the order are all observed.
    seen = (draw.uniform(0, 1, *mask.shape) + mask).argsort(-1, descending=True)
    most = mask.sum(-1, keepdim=True)
    place = (draw.uniform(0, 1, examples, third) * most).long()
    on_context = flat.gather(1, seen.gather(1, place)[..., None].expand(-1, -1, dim))
    paths, recorded = recordings.states.shape[1:3]
    others = recordings.states[
        system[:, None],
        draw.integer(0, paths - 1, examples, third),
        draw.integer(0, recorded - 1, examples, third),
    ]
    margin = 0.25 * (high - low)
    unit = draw.uniform(0, 1, examples, count - 2 * third, dim)
    box = (low - margin)[:, None] + unit * (high - low + 2 * margin)[:, None]
    return torch.cat([on_context, others, box], 1)


def _unturn(z: Tensor, signs: Tensor, order: Tensor, scaling: Scaling) -> Tensor:
    """States in the system's own coordinates from normalised, permuted and reflected ones."""
    back = order.argsort(-1)
    own = z.gather(-1, back[:, None].expand_as(z)) * signs[:, None]
    return own * scaling.std[:, None] + scaling.mean[:, None]


@dataclass(frozen=True)
class ExamplePool:
    """Examples by their number of tokens, in random order."""

    groups: Mapping[int, Examples]

    @classmethod
    def of(
        cls,
        recordings: Sequence[Recordings],
        observations: Sequence[Observation],
        per_system: float,
        queries: int,
        noise: Noise,
        network: ArbitratedSDEConfig,
        generator: torch.Generator,
    ) -> ExamplePool:
        """Observe every batch of recordings in every way, in proportion to the weights."""
        total = sum(o.weight for o in observations)
        # Contexts of one shape are fitted together: the fits take their time by step, not by context.
        alike: dict[tuple[Observation, int, int], list[Examples]] = {}
        draw = Draw(generator)
        for batch in recordings:
            for observation in observations:
                expected = len(batch) * per_system * observation.weight / total
                count = int(expected + float(draw.uniform(0, 1, 1)))
                if count and observation.points <= batch.states.shape[2]:
                    made = observe(batch, observation, count, queries, noise, network, generator)
                    kind = (observation, int(made.dims[0]), made.tokens.mask.shape[1])
                    alike.setdefault(kind, []).append(made)
        groups: dict[int, list[Examples]] = {}
        for (_, _, tokens), parts in alike.items():
            groups.setdefault(tokens, []).append(Examples.concatenate(parts).fitted(network))
        return cls({tokens: Examples.concatenate(made) for tokens, made in groups.items()})

    def answered(self, network: FIMSDE) -> ExamplePool:
        """The same pool with the answers of a network that stays as it is."""
        return ExamplePool({tokens: group.answered(network) for tokens, group in self.groups.items()})

    def batch(self, sizes: Mapping[int, int], generator: torch.Generator, hidden: float = 0.0) -> Examples:
        """Draw examples of one number of tokens, chosen in proportion to the examples there are.

        In the share ``hidden`` of the batches the network is hidden. ``sizes`` maps a number of tokens to the examples
        of a batch; the largest number below counts.
        """
        draw = Draw(generator)
        counts = torch.tensor([float(len(group)) for group in self.groups.values()])
        edges = (counts.cumsum(0) / counts.sum()).tolist()
        pick = float(draw.uniform(0, 1, 1))
        tokens = next(t for t, edge in zip(self.groups, edges, strict=True) if pick <= edge or edge == edges[-1])
        group = self.groups[tokens]
        fitting = [size for limit, size in sizes.items() if limit <= tokens]
        size = fitting[-1] if fitting else max(sizes.values())
        drawn = group.select(draw.integer(0, len(group) - 1, min(size, len(group))))
        return dataclasses.replace(drawn, hide_network=bool(draw.coin(hidden, 1)))
