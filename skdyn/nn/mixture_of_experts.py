"""A feed-forward layer made of experts of which each token uses two.

Sources: the two best experts with their own weights, renormalised, as in Mixtral (arXiv 2401.04088); the balancing loss
of the Switch Transformer (arXiv 2101.03961) over both choices, as in GShard (arXiv 2006.16668); the router's z-loss of
ST-MoE (arXiv 2202.08906). No token is dropped. Letters: M tokens, W width, E experts, H hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHOSEN = 2
"""Experts that a token uses."""


@dataclass(frozen=True)
class Routing:
    """How the tokens of one call were shared out.

    Attributes
    ----------
    balance : Tensor of shape ()
        E times the sum over experts of their share of the choices times their mean probability: 1 if both are uniform.
    z : Tensor of shape ()
        Mean square of the log-sum-exp of the router's logits.
    load : Tensor of shape (E,)
        Share of the choices that each expert got.
    """

    balance: Tensor
    z: Tensor
    load: Tensor


class MixtureOfExperts(nn.Module):
    """E experts, each a two-layer perceptron with GELU, and a linear router without a bias.

    Parameters
    ----------
    width, hidden, experts : int
        W, H and E.
    """

    def __init__(self, width: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.inner = nn.Parameter(torch.empty(experts, width, hidden))
        self.inner_bias = nn.Parameter(torch.zeros(experts, hidden))
        self.outer = nn.Parameter(torch.empty(experts, hidden, width))
        self.outer_bias = nn.Parameter(torch.zeros(experts, width))
        for weight in (self.inner, self.outer):
            nn.init.uniform_(weight, -(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Routing]:
        """Map tokens of shape (M, W) to (M, W), gathering for each expert the tokens that use it."""
        weights, chosen, routing = self.route(x)
        order = chosen.flatten().argsort(stable=True)  # choices 2 m and 2 m + 1 belong to token m
        counts = chosen.flatten().bincount(minlength=len(self.inner)).tolist()
        tokens = order // CHOSEN
        gathered = x[tokens].split(counts)
        parts = [self.expert(e, part) for e, part in enumerate(gathered) if len(part)]
        scaled = torch.cat(parts) * weights.flatten()[order][:, None].to(x.dtype)
        return torch.zeros_like(x).index_add(0, tokens, scaled.to(x.dtype)), routing

    def expert(self, index: int, x: Tensor) -> Tensor:
        """Map tokens (M, W) by one expert."""
        hidden = F.gelu(torch.addmm(self.inner_bias[index], x, self.inner[index]))
        return torch.addmm(self.outer_bias[index], hidden, self.outer[index])

    def route(self, x: Tensor) -> tuple[Tensor, Tensor, Routing]:
        """Weights (M, 2) that sum to one, the experts (M, 2) that they belong to, and the statistics of the call."""
        with torch.autocast(x.device.type, enabled=False):
            logits = F.linear(x.float() if x.dtype != torch.float64 else x, self.router.weight)
            best, chosen = logits.topk(CHOSEN, dim=-1)
            experts = logits.shape[-1]
            load = chosen.flatten().bincount(minlength=experts).float() / chosen.numel()
            balance = experts * (load * logits.softmax(-1).mean(0)).sum()
            return best.softmax(-1), chosen, Routing(balance, logits.logsumexp(-1).square().mean(), load)
