"""FIM-ODE, format 2: closed-form fits beside the network, and an arbiter that weighs them all query by query.

Up to ``max_dim`` variables the network reads the context as in format 1, and its tokens are one more source for the
fits; above that the fits and the arbiter answer alone. What is given from outside, inputs and parameters, it reads as
further variables, whose own motion nobody asks for; of more columns than it takes, the states alone.

Letters: B contexts, K trajectories, L points, M = K L tokens, N queries, D variables, G given columns, F fits, E width.
Everything here is in normalised units (``skdyn.models.normalization``). Source: this project's own
(docs/design/fim-ode.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from skdyn.nn.arbiter import Arbiter, Evidence, FitFeatures, NetworkAnswer, Verdict
from skdyn.nn.config import between, exactly
from skdyn.nn.field_samples import FieldDraws
from skdyn.nn.fim_ode import FIMODE, EncodedContext, FIMODEConfig, Layout, Tokens, make_tokens
from skdyn.nn.fits.equations import Equations
from skdyn.nn.fits.families import VIEWS, Fits, Outside, TokenModels
from skdyn.nn.fits.fitting import fit_context
from skdyn.nn.fits.moments import left_of_observed
from skdyn.nn.fits.quadrature import quadrature, roughness

_AGREED = 0.1
_MISFIT_VIEW = VIEWS.index("observed_40")


@dataclass(frozen=True)
class ArbitratedConfig(FIMODEConfig):
    """Sizes and constants of format 2: format 1's, the arbiter's, and how many variables the fits may have.

    Folders that do not name ``committee_layers`` have no committee, those that do not name ``functions`` (0 or 1) no
    fits with functions.
    """

    format_version: int = exactly(2)
    arbiter_units: int = between(4, 512)
    committee_layers: int = between(0, 16)
    functions: int = between(0, 1)
    max_variables: int = between(1, 256)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArbitratedConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing, negative or absurd."""
        config = super().from_dict({"committee_layers": 0, "functions": 0} | dict(values))
        assert isinstance(config, ArbitratedConfig)
        if config.max_variables < config.max_dim:
            raise ValueError(f"max_variables {config.max_variables} must not be below max_dim {config.max_dim}")
        return config


@dataclass(frozen=True)
class FitGroup:
    """The fits of those contexts of a batch that have the same number of variables.

    Attributes
    ----------
    fits : Fits
    rows : integer Tensor, or None
        Which contexts of the batch; None for all.
    features : FitFeatures, or None
        What the arbiter sees of the fits whatever the query, if it has looked.
    """

    fits: Fits
    rows: Tensor | None
    features: FitFeatures | None = None


@dataclass(frozen=True)
class Case:
    """What the arbiter judges of the contexts of a group (``rows`` of the batch, None for all) at their queries."""

    evidence: Evidence
    network: NetworkAnswer | None
    features: FitFeatures | None
    rows: Tensor | None


@dataclass(frozen=True)
class ArbitratedContext:
    """A context as the network has read it, if it has, and as it was fitted."""

    network: EncodedContext | None
    groups: tuple[FitGroup, ...]

    def without_network(self) -> ArbitratedContext:
        """The same context as if it had more variables than the network takes: fits to the observed states alone."""
        return ArbitratedContext(None, tuple(FitGroup(g.fits.without_tokens(), g.rows) for g in self.groups))


class ArbitratedFIMODE(FIMODE):
    """Encode a context once, by the network and by fits; the arbiter weighs their answers at any states."""

    config: ArbitratedConfig
    sees_origin = True
    takes_outside = True

    def __init__(self, config: ArbitratedConfig) -> None:
        super().__init__(config)
        self.arbiter = Arbiter(config.width, config.arbiter_units, config.committee_layers, bool(config.functions))

    def encode(  # type: ignore[override]
        self,
        states: Tensor,
        times: Tensor,
        mask: Tensor,
        dim_mask: Tensor,
        origin: Tensor,
        outside: Outside | None = None,
    ) -> ArbitratedContext:
        """Encode normalised trajectories (B, K, L, D).

        Parameters
        ----------
        states, times, mask, dim_mask : see `skdyn.nn.fim_ode.make_tokens`
            More than ``max_dim`` variables are not padded, nor are those with something given beside them.
        origin : Tensor of shape (B, D)
            Mean over deviation of the observed states: where the user's zero is.
        outside : Outside, optional
            Inputs and parameters along states that are not padded.
        """
        if outside is not None:
            return self._looked_at(self.encode_driven(states, times, mask, origin, outside, pack=True))
        tokens = tokens_or_points(states, times, mask, dim_mask, self.config, self.head.weight.dtype)
        return self._looked_at(self.encode_with_fits(tokens, origin, pack=True))

    def _looked_at(self, context: ArbitratedContext) -> ArbitratedContext:
        """The context with what the arbiter sees of its fits whatever the query, so that no query asks for it again."""
        with torch.autocast(self.head.weight.device.type, enabled=False):
            groups = tuple(replace(group, features=self.features_of(group.fits)) for group in context.groups)
        return replace(context, groups=groups)

    def features_of(self, fits: Fits) -> FitFeatures:
        """What the arbiter sees of fits whatever the query."""
        nothing = fits.coefficients.new_empty(0)
        return self.arbiter.features_of_fits(self.evidence(fits, nothing, nothing))

    def fitted(
        self, states: Tensor, times: Tensor, mask: Tensor, origin: Tensor, outside: Outside | None = None
    ) -> ArbitratedContext:
        """A context of more variables than the network takes, by the fits to its observed states alone."""
        fits = self._fit(states, times, mask, origin, None, outside)
        return ArbitratedContext(None, (FitGroup(fits, None),))

    def _fit(
        self,
        states: Tensor,
        times: Tensor,
        mask: Tensor,
        origin: Tensor,
        tokens: TokenModels | None,
        outside: Outside | None,
    ) -> Fits:
        """`fit_context` as the configuration has it."""
        with torch.autocast(states.device.type, enabled=False):
            return fit_context(states, times, mask, origin, tokens, outside, bool(self.config.functions))

    def encode_with_fits(self, tokens: Tokens, origin: Tensor, pack: bool = False) -> ArbitratedContext:
        """Encode prepared tokens, and fit the context with what the network makes of them; see `encode_tokens`."""
        if tokens.states.shape[-1] > self.config.max_dim:
            return self.fitted(tokens.states, tokens.times, tokens.mask, origin)
        encoded = self.encode_tokens(tokens, pack)
        groups = []
        with torch.autocast(tokens.states.device.type, enabled=False):
            models = _token_models(encoded, tokens, pack)
            for rows, dim in _by_dimension(tokens.dim_mask):
                own = [part if rows is None else part[rows] for part in (tokens.states, tokens.times, tokens.mask)]
                start = origin if rows is None else origin[rows]
                seen = TokenModels(*(part[..., :dim] if rows is None else part[rows][..., :dim] for part in models))
                fits = self._fit(own[0][..., :dim], own[1], own[2], start[..., :dim], seen, None)
                groups.append(FitGroup(fits, rows))
        return ArbitratedContext(encoded, tuple(groups))

    def encode_driven(
        self, states: Tensor, times: Tensor, mask: Tensor, origin: Tensor, outside: Outside, pack: bool = False
    ) -> ArbitratedContext:
        """Encode states (B, K, L, D) with what is given along them, as further variables of the network's.

        Of more columns than it takes the network reads the states alone, and what it makes of the points is one more
        source for the fits; its field, one without inputs, is not asked for.
        """
        given, dim = outside.values, states.shape[-1]
        if dim > self.config.max_dim:
            return self.fitted(states, times, mask, origin, outside)
        reads_all = dim + given.shape[-1] <= self.config.max_dim
        columns = torch.cat([states, given.to(states)], -1) if reads_all else states
        read = torch.ones_like(columns[:, 0, 0], dtype=self.head.weight.dtype)
        padded = (self._padded(columns), times, mask, self._padded(read))
        tokens = make_tokens(*padded, self.config, self.head.weight.dtype)
        encoded = self.encode_tokens(tokens, pack)
        with torch.autocast(states.device.type, enabled=False):
            seen = TokenModels(*(part[..., :dim] for part in _token_models(encoded, tokens, pack)))
        fits = self._fit(states, times, mask, origin, seen, outside)
        return ArbitratedContext(encoded if reads_all else None, (FitGroup(fits, None),))

    def decode(self, context: ArbitratedContext, queries: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Field and Laplace log-scale, each (B, N, D), at normalised queries (B, N, D), or (B, N, D + G)."""
        return self.arbitrate(context, queries, self.of_network(context, queries))

    def of_network(self, context: ArbitratedContext, queries: Tensor) -> NetworkAnswer | None:
        """What the network says at queries, padded or not, of a context that it has read."""
        if context.network is None:
            return None
        return NetworkAnswer(*self.answer(context.network, self._padded(queries)))

    def _padded(self, columns: Tensor) -> Tensor:
        """Padded to the network's width."""
        return torch.nn.functional.pad(columns, (0, self.config.max_dim - columns.shape[-1]))

    def arbitrate(
        self, context: ArbitratedContext, queries: Tensor, network: NetworkAnswer | None
    ) -> tuple[Tensor, Tensor]:
        """Field and log-scale (B, N, D) from the fits and the network's answers, or from the fits alone."""
        return self.conclude(self.cases(context, queries, network), queries.shape[-1])

    def cases(self, context: ArbitratedContext, queries: Tensor, network: NetworkAnswer | None) -> list[Case]:
        """What the arbiter is to judge at queries, by groups of contexts."""
        return [self._case(group, queries, network) for group in context.groups]

    def conclude(self, cases: Sequence[Case], width: int) -> tuple[Tensor, Tensor]:
        """The arbiter's field and log-scale (B, N, D), padded to a width."""
        verdicts = [self._verdict(case) for case in cases]
        field, log_scale = (
            [torch.nn.functional.pad(part, (0, width - part.shape[-1])) for part in parts]
            for parts in zip(*((verdict.field, verdict.log_scale) for verdict in verdicts), strict=True)
        )
        if cases[0].rows is None:
            return field[0], log_scale[0]
        rows = torch.cat([case.rows for case in cases if case.rows is not None])
        order = rows.argsort()
        return torch.cat(field)[order], torch.cat(log_scale)[order]

    def sample(self, context: ArbitratedContext, queries: Tensor, draws: FieldDraws) -> Tensor:
        """Sampled fields (S, N, D) of a single context at queries (1, N, D); see `skdyn.nn.field_samples`."""
        network = self.of_network(context, queries)
        (group,) = context.groups
        fits, dim = group.fits, group.fits.variables
        own = queries[..., : fits.library.dim]
        verdict = self.weigh(group, queries, network)
        fields, log_deviation = (part.to(verdict.field) for part in fits.answer(own))
        weights, roots = verdict.weights[:, :, :-1], verdict.weights.sqrt()
        gaps = fields - verdict.field[:, :, None]
        apart = (roots[:, :, :-1] * gaps)[0] * draws.apart[:, None].to(gaps)
        deviations = roots[0, :, :-1] * fits.deviate(own, draws.coefficients)[:, 0].to(gaps)
        raw = (apart + deviations).sum(2)
        variance = (weights * (gaps.square() + (2 * log_deviation).exp())).sum(2)
        if network is not None:
            of_network = 2 * (2 * network.log_scale[..., :dim]).exp()
            of_network = of_network + (network.field[..., :dim] - verdict.field).square()
            variance = variance + verdict.weights[:, :, -1] * of_network
            raw = raw + draws.smooth(own[0]).to(raw) * roots[0, :, -1] * of_network[0].sqrt()
        predicted = 2**0.5 * verdict.log_scale.exp()
        return verdict.field[0] + raw * (predicted / variance.clamp(min=1e-16).sqrt())[0]

    def leading(self, context: ArbitratedContext, queries: Tensor) -> tuple[Equations, Tensor]:
        """The sparse fits of a single context that carry most of each variable's field at queries (1, N, D).

        Returns
        -------
        equations : Equations
            One of each variable, as those of a single fit.
        shares : Tensor of shape (D,)
            Mean weight of all answers that agree with the equation's, to a tenth of the field's typical size.
        """
        network = self.of_network(context, queries)
        (group,) = context.groups
        fits, dim = group.fits, group.fits.variables
        verdict = self.weigh(group, queries, network)
        equations = Equations.of(fits)
        places = torch.tensor(equations.places, device=queries.device)
        weights = verdict.weights[0].mean(0)[places]
        alike = (equations.active[:, None] == equations.active[None]).all(2).to(weights)  # (F, F, D)
        by_terms = torch.einsum("fgd,gd->fd", alike, weights)
        best = torch.where(by_terms == by_terms.amax(0), weights, -1.0).argmax(0)
        variables = torch.arange(dim, device=weights.device)
        fields = fits.answer(queries[..., : fits.library.dim])[0].to(weights)[0]  # (N, F, D)
        answers = fields if network is None else torch.cat([fields, network.field[0, :, None, :dim]], 1)
        own = fields[:, places[best], variables]
        tolerance = _AGREED * verdict.field[0].abs().mean(0)
        agreed = ((answers - own[:, None]).abs() <= tolerance).to(weights)
        shares = (verdict.weights[0, :, : answers.shape[1]] * agreed).sum(1).mean(0)
        return equations.chosen(best), shares

    def misfit(self, context: ArbitratedContext, field: Tensor, states: Tensor, times: Tensor, mask: Tensor) -> Tensor:
        """How many times more (D,) a field (K, L, D) leaves of the observed path than the best fit does.

        The field is integrated along the path of a single context (K, L, D), in windows of 40 points.
        """
        (group,) = context.groups
        dim = group.fits.variables
        moving, seen, clock, there = field[None, ..., :dim], states[None, ..., :dim], times[None], mask[None]
        rule = quadrature(clock, there, roughness(clock, there, seen).smooth)
        left = left_of_observed(moving, seen, rule, there)
        least = group.fits.log_residuals.amin(1)
        return (left - least[:, : left.shape[1]]).exp()[0, _MISFIT_VIEW]

    def weigh(self, group: FitGroup, queries: Tensor, network: NetworkAnswer | None) -> Verdict:
        """The arbiter's verdict on a group's contexts, on their own variables."""
        return self._verdict(self._case(group, queries, network))

    def _case(self, group: FitGroup, queries: Tensor, network: NetworkAnswer | None) -> Case:
        fits, rows = group.fits, group.rows
        dim = fits.variables
        own = queries if rows is None else queries[rows]
        with torch.autocast(queries.device.type, enabled=False):
            fields, log_deviation = fits.answer(own[..., : fits.library.dim])
        evidence = self.evidence(fits, fields, log_deviation)
        if network is not None:
            parts = (network.field[..., :dim], network.log_scale[..., :dim], network.hidden)
            network = NetworkAnswer(*(part if rows is None else part[rows] for part in parts))
        return Case(evidence, network, group.features, rows)

    def _verdict(self, case: Case) -> Verdict:
        with torch.autocast(case.evidence.fields.device.type, enabled=False):
            verdict: Verdict = self.arbiter(case.evidence, case.network, case.features)
        return verdict

    def evidence(self, fits: Fits, fields: Tensor, log_deviation: Tensor) -> Evidence:
        """What the arbiter sees of fits and their answers (B, N, F, D), in its own type."""
        kind = self.head.weight.dtype
        return Evidence(
            fields.to(kind),
            log_deviation.to(kind),
            fits.log_noise.to(kind),
            fits.log_terms.to(kind),
            fits.log_residuals.to(kind),
            None if fits.log_of_network is None else fits.log_of_network.to(kind),
            fits.log_points.to(kind),
            fits.gaps.to(kind),
            fits.sizes.to(kind),
            fits.log_spreads.to(kind),
            fits.families,
        )


@dataclass(frozen=True)
class NetworkAlone:
    """Format 1's answers of a network of format 2, which are differentiable in the states of the context."""

    network: ArbitratedFIMODE

    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> EncodedContext:
        """Encode as `FIMODE.encode` does."""
        return FIMODE.encode(self.network, states, times, mask, dim_mask)

    def decode(self, context: EncodedContext, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Decode as `FIMODE.decode` does."""
        return FIMODE.decode(self.network, context, queries)


def tokens_or_points(
    states: Tensor,
    times: Tensor,
    mask: Tensor,
    dim_mask: Tensor,
    config: ArbitratedConfig,
    dtype: torch.dtype = torch.float32,
) -> Tokens:
    """Tokens as `make_tokens` makes them; without features where the network does not take so many variables."""
    if states.shape[-1] <= config.max_dim:
        return make_tokens(states, times, mask, dim_mask, config, dtype)
    return points_alone(states, times, mask, dim_mask, dtype)


def points_alone(
    states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor, dtype: torch.dtype = torch.float32
) -> Tokens:
    """Points without the features that the network reads."""
    nothing = states[..., :0].to(dtype)
    return Tokens(nothing, states, nothing[..., None], times, mask, dim_mask.to(dtype))


def _token_models(encoded: EncodedContext, tokens: Tokens, pack: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Denoised states, velocities and log-scales in the places (B, K, L, D) of the points."""
    batch, paths, points = tokens.mask.shape
    layout = Layout(tokens.mask.reshape(batch, paths * points), pack)
    parts = (encoded.state, encoded.velocity, encoded.log_scale)
    empty = encoded.state.new_zeros(batch, paths * points, encoded.state.shape[-1])
    states, velocities, log_scale = (layout.unpack(part, empty).unflatten(1, (paths, points)) for part in parts)
    return states, velocities, log_scale


def _by_dimension(dim_mask: Tensor) -> list[tuple[Tensor | None, int]]:
    """Rows of each number of variables in a batch; None for all rows."""
    dims = dim_mask.sum(-1).long()
    found = dims.unique().tolist()
    if len(found) == 1:
        return [(None, found[0])]
    return [((dims == dim).nonzero()[:, 0], dim) for dim in found]
