"""The training objective of FIM-SDE: Laplace likelihoods of drift and diffusion, at queries and at the tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pretrain.ode.objective import laplace, total
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
        queries, tokens = batch.query_mask.float(), batch.tokens.mask.float()
        truth = (batch.diffusion + floor).log()
        drift_loss = _masked_mean(laplace(batch.drift, drift, drift_scale, active), queries)
        diffusion_loss = _masked_mean(laplace(truth, log_diffusion, diffusion_scale, active), queries)
        token_loss = _masked_mean(
            laplace(batch.token_drift, context.drift.float(), context.drift_log_scale.float(), active)
            + laplace(
                (batch.token_diffusion + floor).log(),
                context.log_diffusion.float(),
                context.diffusion_log_scale.float(),
                active,
            ),
            tokens,
        )
        per_context = drift_loss + diffusion_loss + TOKEN_WEIGHT * token_loss
        loss = _mean(per_context, batch.weight)
        with torch.no_grad():
            error = _masked_mean(((batch.drift - drift).abs() * active).sum(-1), queries)
            relative = _masked_mean(((truth - log_diffusion).abs() * active).sum(-1), queries)
            sums = {
                "drift_loss": total(drift_loss, batch.weight),
                "diffusion_loss": total(diffusion_loss, batch.weight),
                "token_loss": total(token_loss, batch.weight),
                "error/drift": total(error, batch.weight),
                "error/log_diffusion": total(relative, batch.weight),
                "error/drift_noisy": total(error, batch.weight * (batch.noise > 0)),
            }
            for dim in range(1, self.network.config.max_dim + 1):
                sums[f"error/drift_{dim}d"] = total(error, batch.weight * (batch.dims == dim))
        return loss, sums


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask > 0, values, 0.0).sum(-1) / mask.sum(-1).clamp(min=1.0)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return torch.where(weight > 0, values, 0.0).sum() / weight.sum().clamp(min=1.0)


def forward_flops(network: FIMSDE, tokens: int, queries: int) -> float:
    """Floating-point operations of encoding one context of so many tokens and decoding its queries."""
    c, device = network.config, network.head.weight.device
    # One point more than tokens: every transition is then a token.
    times = torch.arange(tokens + 1, dtype=torch.float32, device=device)[None, None]
    states = times[..., None].sin().expand(-1, -1, -1, c.max_dim)
    seen = torch.ones_like(times, dtype=torch.bool)
    context = make_sde_tokens(states, times, seen, torch.ones(1, c.max_dim, device=device), c)
    counter: Any = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        network.decode_log(network.encode_tokens(context), torch.zeros(1, queries, c.max_dim, device=device))
    return float(counter.get_total_flops())
