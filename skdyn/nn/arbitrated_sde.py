"""FIM-SDE, format 2: closed-form fits beside the network, and arbiters that weigh them all query by query.

Up to ``max_dim`` variables the network reads the context as in format 1; above that the fits and the arbiters answer
alone.

Letters: B contexts, K trajectories, L points, N queries, D variables, F fits. Everything here is in normalised units
(`skdyn.models.normalization.fim_sde_scaling`). Source: this project's own (docs/design/fim-sde.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skdyn.nn.config import between, exactly
from skdyn.nn.fim_sde import FIMSDE, EncodedSDEContext, FIMSDEConfig, make_sde_tokens
from skdyn.nn.fits.stochastic import DRIFT_FITS, SQUARE_FITS, StochasticFits, fit_stochastic
from skdyn.nn.sde_arbiter import FitAnswers, NetworkAnswer, StochasticArbiter, Verdict


@dataclass(frozen=True)
class ArbitratedSDEConfig(FIMSDEConfig):
    """Sizes and constants of format 2: format 1's, the arbiters', and how many variables the fits may have.

    Folders that do not name ``committee_layers`` have no committee.
    """

    format_version: int = exactly(2)
    arbiter_units: int = between(4, 512)
    committee_layers: int = between(0, 16)
    max_variables: int = between(1, 64)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArbitratedSDEConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing, negative or absurd."""
        config = super().from_dict({"committee_layers": 0} | dict(values))
        assert isinstance(config, ArbitratedSDEConfig)
        if config.max_variables < config.max_dim:
            raise ValueError(f"max_variables {config.max_variables} must not be below max_dim {config.max_dim}")
        return config


@dataclass(frozen=True)
class ArbitratedSDEContext:
    """Contexts of the same number of variables as the network has read them, if it has, and as they were fitted.

    Attributes
    ----------
    network : EncodedSDEContext, or None
    fits : StochasticFits
    features : pair of Tensor
        What the arbiters of the drift and of the diffusion see of the fits whatever the query.
    """

    network: EncodedSDEContext | None
    fits: StochasticFits
    features: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class AnswersOfFits:
    """What the fits say at queries of drift and of ``log(g + diffusion_floor)``."""

    drift: FitAnswers
    diffusion: FitAnswers


def answers_of_fits(
    fits: StochasticFits, queries: Tensor, floor: float, kind: torch.dtype = torch.float32
) -> AnswersOfFits:
    """What fits say at queries (B, N, D) of the drift and of the logarithm of the diffusion and a floor."""
    with torch.autocast(queries.device.type, enabled=False):
        drift, diffusion = fits.answer_drift(queries), fits.answer_diffusion(queries, floor)
    return AnswersOfFits(
        FitAnswers(drift[0].to(kind), drift[1].to(kind), fits.of_drift.to(kind)),
        FitAnswers(diffusion[0].to(kind), diffusion[1].to(kind), fits.of_diffusion.to(kind)),
    )


class ArbitratedFIMSDE(FIMSDE):
    """Encode a context once, by the network and by fits; the arbiters weigh their answers at any states."""

    config: ArbitratedSDEConfig

    def __init__(self, config: ArbitratedSDEConfig) -> None:
        super().__init__(config)
        sizes, layers = (config.width, config.arbiter_units), config.committee_layers
        self.drift_arbiter = StochasticArbiter(*sizes, DRIFT_FITS, layers)
        self.diffusion_arbiter = StochasticArbiter(*sizes, SQUARE_FITS, layers)

    def encode(  # type: ignore[override]
        self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor
    ) -> ArbitratedSDEContext:
        """Encode normalised trajectories (B, K, L, D), all of the same number of variables.

        More than ``max_dim`` variables are not padded. See `skdyn.nn.fim_sde.make_sde_tokens` for the arguments.
        """
        dim = int(dim_mask[0].sum())
        with torch.autocast(states.device.type, enabled=False):
            fits = fit_stochastic(states[..., :dim], times, mask)
            features = self.features_of(fits)
        if dim > self.config.max_dim:
            return ArbitratedSDEContext(None, fits, features)
        tokens = make_sde_tokens(states, times, mask, dim_mask, self.config, self.head.weight.dtype)
        return ArbitratedSDEContext(self.encode_tokens(tokens), fits, features)

    def features_of(self, fits: StochasticFits) -> tuple[Tensor, Tensor]:
        """What the arbiters see of fits whatever the query."""
        kind = self.head.weight.dtype
        drift, diffusion = fits.of_drift.to(kind), fits.of_diffusion.to(kind)
        return self.drift_arbiter.of_fits(drift), self.diffusion_arbiter.of_fits(diffusion)

    def decode_log(  # type: ignore[override]
        self, context: ArbitratedSDEContext, queries: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Drift and ``log(g + diffusion_floor)`` with their log-scales, each (B, N, D), at queries (B, N, D)."""
        return self._padded(self._own(context, queries), queries)

    def decode_sde(  # type: ignore[override]
        self, context: ArbitratedSDEContext, queries: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Drift, the log-scale of its error, diffusion and that of its error, each of shape (B, N, D).

        Two scales of the bundled weights hold 95% of the errors on draws of their prior.
        """
        drift, drift_scale, log_diffusion, diffusion_scale = self._own(context, queries)
        diffusion = (log_diffusion.exp() - self.config.diffusion_floor).clamp(min=0)
        return self._padded((drift, drift_scale, diffusion, diffusion_scale + log_diffusion), queries)

    def _own(self, context: ArbitratedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `decode_log`, of the context's own variables."""
        own = queries[..., : context.fits.variables]
        answer = None if context.network is None else self.answer(context.network, queries)
        fits = answers_of_fits(context.fits, own, self.config.diffusion_floor, self.head.weight.dtype)
        drift, diffusion = self.arbitrate(fits, own, answer, context.features)
        return drift.value, drift.log_scale, diffusion.value, diffusion.log_scale

    @staticmethod
    def _padded(parts: tuple[Tensor, Tensor, Tensor, Tensor], queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        first, second, third, fourth = (
            torch.nn.functional.pad(part, (0, queries.shape[-1] - part.shape[-1])) for part in parts
        )
        return first, second, third, fourth

    def arbitrate(
        self,
        fits: AnswersOfFits,
        queries: Tensor,
        answer: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None,
        features: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Verdict, Verdict]:
        """Verdicts on the drift and on ``log(g + diffusion_floor)`` from the fits and the network's answer, if any.

        ``features`` is what `features_of` has made of the fits before, if it has.
        """
        dim = queries.shape[-1]
        of_drift = of_diffusion = None
        kind = self.head.weight.dtype
        if answer is not None:
            drift, drift_scale, log_diffusion, diffusion_scale = (part[..., :dim].to(kind) for part in answer[:4])
            hidden = answer[4].to(kind)
            of_drift = NetworkAnswer(drift, drift_scale, hidden)
            of_diffusion = NetworkAnswer(log_diffusion, diffusion_scale, hidden)
        with torch.autocast(queries.device.type, enabled=False):
            queries = queries.to(kind)
            of_fits = (None, None) if features is None else features
            return (
                self.drift_arbiter(fits.drift, queries, of_drift, of_fits[0]),
                self.diffusion_arbiter(fits.diffusion, queries, of_diffusion, of_fits[1]),
            )


@dataclass(frozen=True)
class SDENetworkAlone:
    """Format 1's answers of a network of format 2, which are differentiable in the states of the context."""

    network: ArbitratedFIMSDE

    def encode(self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor) -> EncodedSDEContext:
        """Encode as `FIMSDE.encode` does."""
        return FIMSDE.encode(self.network, states, times, mask, dim_mask)

    def decode_sde(self, context: EncodedSDEContext, queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Decode as `FIMSDE.decode_sde` does."""
        return self.network.decode_alone(context, queries)
