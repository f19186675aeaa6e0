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
    """Sizes and constants of format 2: format 1's, the arbiters', and how many variables the fits may have."""

    format_version: int = exactly(2)
    arbiter_units: int = between(4, 512)
    max_variables: int = between(1, 64)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArbitratedSDEConfig:
        """Parse strictly; a ValueError names the key that is unknown, missing, negative or absurd."""
        config = super().from_dict(values)
        assert isinstance(config, ArbitratedSDEConfig)
        if config.max_variables < config.max_dim:
            raise ValueError(f"max_variables {config.max_variables} must not be below max_dim {config.max_dim}")
        return config


@dataclass(frozen=True)
class ArbitratedSDEContext:
    """Contexts of the same number of variables as the network has read them, if it has, and as they were fitted."""

    network: EncodedSDEContext | None
    fits: StochasticFits


@dataclass(frozen=True)
class AnswersOfFits:
    """What the fits say at queries of drift and of ``log(g + diffusion_floor)``."""

    drift: FitAnswers
    diffusion: FitAnswers


class ArbitratedFIMSDE(FIMSDE):
    """Encode a context once, by the network and by fits; the arbiters weigh their answers at any states."""

    config: ArbitratedSDEConfig

    def __init__(self, config: ArbitratedSDEConfig) -> None:
        super().__init__(config)
        self.drift_arbiter = StochasticArbiter(config.width, config.arbiter_units, DRIFT_FITS)
        self.diffusion_arbiter = StochasticArbiter(config.width, config.arbiter_units, SQUARE_FITS)

    def encode(  # type: ignore[override]
        self, states: Tensor, times: Tensor, mask: Tensor, dim_mask: Tensor
    ) -> ArbitratedSDEContext:
        """Encode normalised trajectories (B, K, L, D), all of the same number of variables.

        More than ``max_dim`` variables are not padded. See `skdyn.nn.fim_sde.make_sde_tokens` for the arguments.
        """
        dim = int(dim_mask[0].sum())
        with torch.autocast(states.device.type, enabled=False):
            fits = fit_stochastic(states[..., :dim], times, mask)
        if dim > self.config.max_dim:
            return ArbitratedSDEContext(None, fits)
        tokens = make_sde_tokens(states, times, mask, dim_mask, self.config, self.head.weight.dtype)
        return ArbitratedSDEContext(self.encode_tokens(tokens), fits)

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
        drift, diffusion = self.arbitrate(self.answers_of_fits(context.fits, own), own, answer)
        return drift.value, drift.log_scale, diffusion.value, diffusion.log_scale

    @staticmethod
    def _padded(parts: tuple[Tensor, Tensor, Tensor, Tensor], queries: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        first, second, third, fourth = (
            torch.nn.functional.pad(part, (0, queries.shape[-1] - part.shape[-1])) for part in parts
        )
        return first, second, third, fourth

    def answers_of_fits(self, fits: StochasticFits, queries: Tensor) -> AnswersOfFits:
        """What fits say at queries (B, N, D), in the network's own type."""
        kind = self.head.weight.dtype
        with torch.autocast(queries.device.type, enabled=False):
            parts = (
                (*fits.answer_drift(queries), fits.drift_misfit),
                (*fits.answer_diffusion(queries, self.config.diffusion_floor), fits.square_misfit),
            )
        drift, diffusion = (FitAnswers(*(part.to(kind) for part in (*three, fits.about))) for three in parts)
        return AnswersOfFits(drift, diffusion)

    def arbitrate(
        self, fits: AnswersOfFits, queries: Tensor, answer: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] | None
    ) -> tuple[Verdict, Verdict]:
        """Verdicts on the drift and on ``log(g + diffusion_floor)`` from the fits and the network's answer, if any."""
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
            return (
                self.drift_arbiter(fits.drift, queries, of_drift),
                self.diffusion_arbiter(fits.diffusion, queries, of_diffusion),
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
