"""The training objective of FIM-ODE: Laplace likelihoods of the field at queries and of the tokens' velocities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pretrain.ode.batches import Batch
from pretrain.run.cost import count_flops
from pretrain.run.losses import absolute, counted, laplace, masked_mean, total, weighted_mean
from skdyn.nn.attention import Block
from skdyn.nn.fim_ode import FIMODE, FIMODEConfig, make_tokens

TOKEN_WEIGHT = 0.5
HIGH_NOISE = 0.035


class FIMODEObjective(nn.Module):
    """The network and its loss.

    Per context: the mean over queries and active dimensions of ``|f - f_hat| exp(-u) + u``, plus half of the same for
    the velocities of the tokens at their clean states, plus the mean of ``|z~ - z_clean|``. Contexts are averaged by
    weight. The network runs in bfloat16 on a GPU; its local linear part and the loss are float32 everywhere.

    Parameters
    ----------
    config : FIMODEConfig
    """

    def __init__(self, config: FIMODEConfig) -> None:
        super().__init__()
        self.network = FIMODE(config)

    def compile_blocks(self) -> None:
        """Compile the attention blocks, once for all of them and for all shapes."""
        self_attend, cross_attend = (_compiled_for_training(f) for f in (Block.self_attend, Block.cross_attend))
        for block in [*self.network.encoder, *self.network.decoder]:
            block.self_attend = partial(self_attend, block)
            block.cross_attend = partial(cross_attend, block)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and for each metric a Tensor of its sum and count."""
        device = batch.queries.device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            context = self.network.encode_tokens(batch.tokens)
            field, log_scale = self.network.decode(context, batch.queries)

        active = batch.tokens.dim_mask[:, None].float()
        active = active / active.sum(-1, keepdim=True)
        queries, points = batch.query_mask, batch.tokens.mask.flatten(1)
        targets = counted(batch.targets, queries, batch.weight)
        velocity = counted(batch.clean_velocities.flatten(1, 2), points, batch.weight)
        state = counted(batch.clean_states.flatten(1, 2), points, batch.weight)
        query_loss = masked_mean(laplace(targets, field.float(), log_scale.float(), active), queries)
        token_loss = masked_mean(laplace(velocity, context.velocity.float(), context.log_scale.float(), active), points)
        state_loss = masked_mean(absolute(state, context.state.float(), active), points)
        error = masked_mean(absolute(targets, field.float(), active), queries)
        loss = weighted_mean(query_loss + TOKEN_WEIGHT * token_loss + state_loss, batch.weight)

        with torch.no_grad():
            paths = batch.tokens.mask.shape[1]
            sums = {
                "query_loss": total(query_loss, batch.weight),
                "token_loss": total(token_loss, batch.weight),
                "state_loss": total(state_loss, batch.weight),
                "error": total(error, batch.weight),
                f"error/{paths}_paths": total(error, batch.weight),
                "error/clean": total(error, batch.weight * (batch.noise == 0)),
                "error/low_noise": total(error, batch.weight * (batch.noise > 0) * (batch.noise <= HIGH_NOISE)),
                "error/high_noise": total(error, batch.weight * (batch.noise > HIGH_NOISE)),
            }
            for dim in range(1, self.network.config.max_dim + 1):
                sums[f"error/{dim}d"] = total(error, batch.weight * (batch.dims == dim))
        return loss, sums


def _compiled_for_training(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compiled where gradients are recorded; validation, which is rare, is not worth compiling for."""
    compiled = torch.compile(function, dynamic=True)

    def call(*arguments: Any) -> Tensor:
        return (compiled if torch.is_grad_enabled() else function)(*arguments)

    return call


def forward_flops(network: FIMODE, paths: int, points: int, queries: int) -> float:
    """Floating-point operations of encoding one context and decoding its queries."""
    config, device = network.config, network.head.weight.device
    states = torch.zeros(1, paths, points, config.max_dim, device=device)
    times = torch.arange(points, device=device, dtype=torch.float32).expand(1, paths, -1)
    mask = torch.ones(1, paths, points, dtype=torch.bool, device=device)
    tokens = make_tokens(states, times, mask, torch.ones(1, config.max_dim, device=device), config)
    asked = torch.zeros(1, queries, config.max_dim, device=device)
    return count_flops(lambda: network.decode(network.encode_tokens(tokens), asked))
