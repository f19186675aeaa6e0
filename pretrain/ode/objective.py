"""The training objective of FIM-ODE: Laplace likelihoods of the field at queries and of the tokens' velocities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pretrain.ode.batches import Batch
from pretrain.run.cost import count_flops
from pretrain.run.losses import absolute, counted, laplace, masked_mean, total, weighted_mean
from skdyn.nn.arbiter import NetworkAnswer
from skdyn.nn.arbitrated import ArbitratedConfig, ArbitratedContext, ArbitratedFIMODE, Case
from skdyn.nn.attention import Block
from skdyn.nn.fim_ode import EncodedContext, make_tokens

TOKEN_WEIGHT = 0.5
NETWORK_WEIGHT = 0.3
HIGH_NOISE = 0.035


@dataclass(frozen=True)
class Prepared:
    """A batch with all that comes before the arbiter.

    Attributes
    ----------
    batch : Batch
    cases : list of Case
        Empty where the network is trained alone.
    encoded, answer : EncodedContext and NetworkAnswer, or None
        What the losses of a network need that is trained too.
    """

    batch: Batch
    cases: list[Case]
    encoded: EncodedContext | None
    answer: NetworkAnswer | None


def encoded_with_fits(network: ArbitratedFIMODE, batch: Batch) -> ArbitratedContext:
    """A batch's contexts as the network reads and fits them, with what is given beside the states if there is any."""
    tokens = batch.tokens
    if batch.outside is None:
        return network.encode_with_fits(tokens, batch.origin)
    return network.encode_driven(tokens.states, tokens.times, tokens.mask, batch.origin, batch.outside)


class FIMODEObjective(nn.Module):
    """The network with its arbiter, and their loss.

    Per context: the mean over queries and active dimensions of ``|f - f_hat| exp(-u) + u`` of the arbiter's verdict,
    with the same of the network's own answer in a share of it so that it stays good; plus half of the same for the
    velocities of the tokens at their clean states, plus the mean of ``|z~ - z_clean|``. Contexts are averaged by
    weight. The network runs in bfloat16 on a GPU; its local linear part, the fits, the arbiter and the loss do not.

    Where the batch hides the network, the arbiter judges the fits to the observed states alone; so it does for more
    variables than the network takes. Where variables are given as inputs, the network has no losses of its own. If only
    the arbiter learns (`train_only`), the network takes no gradients; if only the network does, nothing is fitted and
    its answers count.

    Parameters
    ----------
    config : ArbitratedConfig
    """

    def __init__(self, config: ArbitratedConfig) -> None:
        super().__init__()
        self.network = ArbitratedFIMODE(config)

    def train_only(self, part: Literal["arbiter", "network"]) -> None:
        """Leave all as it is but for the arbiter, or for the network."""
        self.network.requires_grad_(part == "network")
        self.network.arbiter.requires_grad_(part == "arbiter")

    def compile_blocks(self) -> None:
        """Compile the attention blocks, once for all of them and for all shapes."""
        self_attend, cross_attend = (_compiled_for_training(f) for f in (Block.self_attend, Block.cross_attend))
        for block in [*self.network.encoder, *self.network.decoder]:
            block.self_attend = partial(self_attend, block)
            block.cross_attend = partial(cross_attend, block)

    def forward(self, given: Batch | Prepared) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and for each metric a Tensor of its sum and count."""
        prepared = given if isinstance(given, Prepared) else self.prepare(given)
        batch, answer, encoded = prepared.batch, prepared.answer, prepared.encoded
        device = batch.queries.device
        frozen = self._is_frozen
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            if prepared.cases:
                field, log_scale = self.network.conclude(prepared.cases, batch.queries.shape[-1])
                dim = batch.targets.shape[-1]
                field, log_scale = field[..., :dim], log_scale[..., :dim]
            else:
                assert answer is not None
                field, log_scale = answer.field, answer.log_scale

        active = batch.tokens.dim_mask[:, None].float()
        active = active / active.sum(-1, keepdim=True)
        queries = batch.query_mask
        targets = counted(batch.targets, queries, batch.weight)
        query_loss = masked_mean(laplace(targets, field.float(), log_scale.float(), active), queries)
        error = masked_mean(absolute(targets, field.float(), active), queries)
        parts = {"query_loss": query_loss}
        loss = query_loss
        if encoded is not None and answer is not None and not frozen:
            if prepared.cases:
                of_network = laplace(targets, answer.field.float(), answer.log_scale.float(), active)
                parts["network_loss"] = masked_mean(of_network, queries)
                loss = (1 - NETWORK_WEIGHT) * query_loss + NETWORK_WEIGHT * parts["network_loss"]
            parts |= self._token_losses(batch, encoded, active)
            loss = loss + TOKEN_WEIGHT * parts["token_loss"] + parts["state_loss"]
        with torch.no_grad():
            sums = {name: total(part, batch.weight) for name, part in parts.items()}
            sums |= self._errors(batch, error, "hidden" if batch.hide_network else "error")
        return weighted_mean(loss, batch.weight), sums

    @property
    def _is_frozen(self) -> bool:
        return not self.network.head.weight.requires_grad

    @property
    def _is_alone(self) -> bool:
        return not self.network.arbiter.score.weight.requires_grad

    def prepare(self, batch: Batch) -> Prepared:
        """All that comes before the arbiter: without gradients if the network takes none, and then to be used again."""
        device, frozen = batch.queries.device, self._is_frozen
        with (
            torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"),
            torch.set_grad_enabled(torch.is_grad_enabled() and not frozen),
        ):
            if self._is_alone:
                encoded = self.network.encode_tokens(batch.tokens)
                return Prepared(batch, [], encoded, NetworkAnswer(*self.network.answer(encoded, batch.queries)))
            context = encoded_with_fits(self.network, batch)
            answer = self.network.of_network(context, batch.queries)
            judged: tuple[ArbitratedContext, NetworkAnswer | None] = (context, answer)
            if batch.hide_network:
                judged = (context.without_network(), None)
            cases = self.network.cases(judged[0], batch.queries, judged[1])
        if frozen or batch.outside is not None:  # nobody asks how inputs move
            return Prepared(batch, cases, None, None)
        return Prepared(batch, cases, context.network, answer)

    @staticmethod
    def _token_losses(batch: Batch, context: EncodedContext, active: Tensor) -> dict[str, Tensor]:
        points = batch.tokens.mask.flatten(1)
        velocity = counted(batch.clean_velocities.flatten(1, 2), points, batch.weight)
        state = counted(batch.clean_states.flatten(1, 2), points, batch.weight)
        token_loss = masked_mean(laplace(velocity, context.velocity.float(), context.log_scale.float(), active), points)
        return {
            "token_loss": token_loss,
            "state_loss": masked_mean(absolute(state, context.state.float(), active), points),
        }

    def _errors(self, batch: Batch, error: Tensor, name: str) -> dict[str, Tensor]:
        """Mean errors of a batch, also by noise and by the number of paths and of variables."""
        weight, noise = batch.weight, batch.noise
        wide = batch.tokens.states.shape[-1] > self.network.config.max_dim
        if batch.outside is not None:
            return {f"{name}/forced": total(error, weight)}
        if wide:
            return {f"{name}/wide": total(error, weight)}
        return {
            name: total(error, weight),
            f"{name}/{batch.tokens.mask.shape[1]}_paths": total(error, weight),
            f"{name}/clean": total(error, weight * (noise == 0)),
            f"{name}/low_noise": total(error, weight * (noise > 0) * (noise <= HIGH_NOISE)),
            f"{name}/high_noise": total(error, weight * (noise > HIGH_NOISE)),
        } | {
            f"{name}/{dim}d": total(error, weight * (batch.dims == dim))
            for dim in range(1, self.network.config.max_dim + 1)
        }


def _compiled_for_training(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compiled where gradients are recorded; validation, which is rare, is not worth compiling for."""
    compiled = torch.compile(function, dynamic=True)

    def call(*arguments: Any) -> Tensor:
        return (compiled if torch.is_grad_enabled() else function)(*arguments)

    return call


def forward_flops(network: ArbitratedFIMODE, paths: int, points: int, queries: int) -> float:
    """Floating-point operations of the network: encoding one context and decoding its queries."""
    config, device = network.config, network.head.weight.device
    states = torch.zeros(1, paths, points, config.max_dim, device=device)
    times = torch.arange(points, device=device, dtype=torch.float32).expand(1, paths, -1)
    mask = torch.ones(1, paths, points, dtype=torch.bool, device=device)
    tokens = make_tokens(states, times, mask, torch.ones(1, config.max_dim, device=device), config)
    asked = torch.zeros(1, queries, config.max_dim, device=device)
    return count_flops(lambda: network.answer(network.encode_tokens(tokens), asked))
