"""The training objective of FIM-SDE: Laplace likelihoods of drift and diffusion, at queries and at the tokens."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pretrain.run.cost import count_flops
from pretrain.run.losses import absolute, counted, holding, laplace, masked_mean, total, weighted_mean
from pretrain.sde.batches import Examples
from skdyn.nn.arbitrated_sde import ArbitratedFIMSDE, ArbitratedSDEConfig
from skdyn.nn.fim_sde import EncodedSDEContext, make_sde_tokens
from skdyn.nn.sde_arbiter import Verdict

TOKEN_WEIGHT = 0.3
NETWORK_WEIGHT = 0.3
HELD = 0.95
"""Share of the errors that two predicted scales are to hold, as two deviations of a normal distribution do."""


class FIMSDEObjective(nn.Module):
    """The network with its arbiters, and their loss.

    Per context, the mean over queries and active dimensions of ``|f - f_hat| exp(-u) + u`` for the arbiters' drift and
    of the same for ``log(g + floor)``: the likelihood of both, independent of each other given the context. The
    network's own answers have a share of it so that they stay good, and the tokens' own estimates at their states are
    trained in the same way, with a smaller weight. Where the batch hides the network, the arbiters judge the fits
    alone. If only the arbiters learn (`train_only`), the network takes no gradients; if only the scales of errors do,
    they learn which scale holds `HELD` of the errors twice over: of the drift, and of the diffusion itself.

    Parameters
    ----------
    config : ArbitratedSDEConfig
    """

    def __init__(self, config: ArbitratedSDEConfig) -> None:
        super().__init__()
        self.network = ArbitratedFIMSDE(config)

    def train_only(self, part: Literal["arbiter", "scales"]) -> None:
        """Leave all as it is but for the arbiters, or for the scales of errors that they predict."""
        self.network.requires_grad_(False)
        for arbiter in (self.network.drift_arbiter, self.network.diffusion_arbiter):
            (arbiter if part == "arbiter" else arbiter.scale).requires_grad_(True)

    def forward(self, batch: Examples) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and for each metric a Tensor of its sum and count."""
        device = batch.queries.device
        frozen = not self.network.head.weight.requires_grad
        hidden = batch.hide_network
        context, answer = None, batch.answer
        if answer is None:
            with (
                torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"),
                torch.set_grad_enabled(torch.is_grad_enabled() and not frozen),
            ):
                context = self.network.encode_tokens(batch.tokens)
                answer = self.network.answer(context, batch.queries)
        assert batch.fits is not None
        drift, diffusion = self.network.arbitrate(batch.fits, batch.queries, None if hidden else answer)
        active = batch.tokens.dim_mask[:, None].float()
        active = active / active.sum(-1, keepdim=True)
        queries, weight = batch.query_mask, batch.weight
        truth = counted(batch.drift, queries, weight)
        log_truth = (counted(batch.diffusion, queries, weight) + self.network.config.diffusion_floor).log()
        if frozen and not self.network.drift_arbiter.score.weight.requires_grad:
            of_drift, of_diffusion = self._held(truth, log_truth, drift, diffusion, active)
        else:
            of_drift = laplace(truth, drift.value.float(), drift.log_scale.float(), active)
            of_diffusion = laplace(log_truth, diffusion.value.float(), diffusion.log_scale.float(), active)
        drift_loss, diffusion_loss = masked_mean(of_drift, queries), masked_mean(of_diffusion, queries)
        loss = drift_loss + diffusion_loss
        parts = {"drift_loss": drift_loss, "diffusion_loss": diffusion_loss}
        if context is not None and not frozen:
            own = [part.float() for part in answer[:4]]
            network_loss = masked_mean(
                laplace(truth, own[0], own[1], active) + laplace(log_truth, own[2], own[3], active), queries
            )
            parts |= {"network_loss": network_loss, "token_loss": self._token_loss(batch, context, active)}
            loss = (1 - NETWORK_WEIGHT) * loss + NETWORK_WEIGHT * network_loss + TOKEN_WEIGHT * parts["token_loss"]
        with torch.no_grad():
            error = masked_mean(absolute(truth, drift.value.float(), active), queries)
            relative = masked_mean(absolute(log_truth, diffusion.value.float(), active), queries)
            name = "hidden" if hidden else "error"
            sums = {key: total(part, weight) for key, part in parts.items()} | {
                f"{name}/drift": total(error, weight),
                f"{name}/log_diffusion": total(relative, weight),
                f"{name}/drift_noisy": total(error, weight * (batch.noise > 0)),
            }
            for dim in range(1, self.network.config.max_dim + 1):
                sums[f"{name}/drift_{dim}d"] = total(error, weight * (batch.dims == dim))
        return weighted_mean(loss, weight), sums

    def _held(
        self, truth: Tensor, log_truth: Tensor, drift: Verdict, diffusion: Verdict, active: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Losses (B, Q) of the scales, of the errors of the drift and of the diffusion in units of what it is."""
        level, floor = diffusion.value.float().exp(), self.network.config.diffusion_floor
        error = (log_truth.exp() - level.clamp(min=floor)) / level
        return (
            holding(truth - drift.value.float(), drift.log_scale.float(), HELD, active),
            holding(error, diffusion.log_scale.float(), HELD, active),
        )

    def _token_loss(self, batch: Examples, context: EncodedSDEContext, active: Tensor) -> Tensor:
        tokens, weight = batch.tokens.mask, batch.weight
        truth = counted(batch.token_drift, tokens, weight)
        log_truth = (counted(batch.token_diffusion, tokens, weight) + self.network.config.diffusion_floor).log()
        return masked_mean(
            laplace(truth, context.drift.float(), context.drift_log_scale.float(), active)
            + laplace(log_truth, context.log_diffusion.float(), context.diffusion_log_scale.float(), active),
            tokens,
        )


def forward_flops(network: ArbitratedFIMSDE, tokens: int, queries: int) -> float:
    """Floating-point operations of encoding one context of so many tokens and decoding its queries."""
    c, device = network.config, network.head.weight.device
    # One point more than tokens: every transition is then a token.
    times = torch.arange(tokens + 1, dtype=torch.float32, device=device)[None, None]
    states = times[..., None].sin().expand(-1, -1, -1, c.max_dim)
    seen = torch.ones_like(times, dtype=torch.bool)
    context = make_sde_tokens(states, times, seen, torch.ones(1, c.max_dim, device=device), c)
    asked = torch.zeros(1, queries, c.max_dim, device=device)
    return count_flops(lambda: network.answer(network.encode_tokens(context), asked))
