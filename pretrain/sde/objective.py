"""The training objective of FIM-SDE: Laplace likelihoods of drift and diffusion, at queries and at the tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pretrain.run.cost import count_flops
from pretrain.run.losses import absolute, counted, laplace, masked_mean, total, weighted_mean
from pretrain.sde.batches import Examples
from skdyn.nn.fim_sde import FIMSDE, FIMSDEConfig, make_sde_tokens

TOKEN_WEIGHT = 0.3


class FIMSDEObjective(nn.Module):
    """The network and its loss.

    Per context, the mean over queries and active dimensions of ``|f - f_hat| exp(-u) + u`` for the drift and of the
    same for ``log(g + floor)``: the likelihood of both, independent of each other given the context. The tokens' own
    estimates at their states are trained in the same way, with a smaller weight.

    Parameters
    ----------
    config : FIMSDEConfig
    """

    def __init__(self, config: FIMSDEConfig) -> None:
        super().__init__()
        self.network = FIMSDE(config)

    def forward(self, batch: Examples) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and for each metric a Tensor of its sum and count."""
        device = batch.queries.device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            context = self.network.encode_tokens(batch.tokens)
            drift, drift_scale, log_diffusion, diffusion_scale = (
                part.float() for part in self.network.decode_log(context, batch.queries)
            )
        floor = self.network.config.diffusion_floor
        active = batch.tokens.dim_mask[:, None].float()
        active = active / active.sum(-1, keepdim=True)
        queries, tokens, weight = batch.query_mask, batch.tokens.mask, batch.weight
        truth = counted(batch.drift, queries, weight)
        log_truth = (counted(batch.diffusion, queries, weight) + floor).log()
        token_truth = counted(batch.token_drift, tokens, weight)
        token_log_truth = (counted(batch.token_diffusion, tokens, weight) + floor).log()
        drift_loss = masked_mean(laplace(truth, drift, drift_scale, active), queries)
        diffusion_loss = masked_mean(laplace(log_truth, log_diffusion, diffusion_scale, active), queries)
        token_loss = masked_mean(
            laplace(token_truth, context.drift.float(), context.drift_log_scale.float(), active)
            + laplace(token_log_truth, context.log_diffusion.float(), context.diffusion_log_scale.float(), active),
            tokens,
        )
        loss = weighted_mean(drift_loss + diffusion_loss + TOKEN_WEIGHT * token_loss, weight)
        with torch.no_grad():
            error = masked_mean(absolute(truth, drift, active), queries)
            relative = masked_mean(absolute(log_truth, log_diffusion, active), queries)
            sums = {
                "drift_loss": total(drift_loss, weight),
                "diffusion_loss": total(diffusion_loss, weight),
                "token_loss": total(token_loss, weight),
                "error/drift": total(error, weight),
                "error/log_diffusion": total(relative, weight),
                "error/drift_noisy": total(error, weight * (batch.noise > 0)),
            }
            for dim in range(1, self.network.config.max_dim + 1):
                sums[f"error/drift_{dim}d"] = total(error, weight * (batch.dims == dim))
        return loss, sums


def forward_flops(network: FIMSDE, tokens: int, queries: int) -> float:
    """Floating-point operations of encoding one context of so many tokens and decoding its queries."""
    c, device = network.config, network.head.weight.device
    # One point more than tokens: every transition is then a token.
    times = torch.arange(tokens + 1, dtype=torch.float32, device=device)[None, None]
    states = times[..., None].sin().expand(-1, -1, -1, c.max_dim)
    seen = torch.ones_like(times, dtype=torch.bool)
    context = make_sde_tokens(states, times, seen, torch.ones(1, c.max_dim, device=device), c)
    asked = torch.zeros(1, queries, c.max_dim, device=device)
    return count_flops(lambda: network.decode_log(network.encode_tokens(context), asked))
