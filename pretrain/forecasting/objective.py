"""The training objective of LASS-ODE."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pretrain.forecasting.batches import ForecastBatch
from pretrain.run.cost import count_flops
from pretrain.run.losses import once, total
from skdyn.nn.forecast_loss import forecast_loss
from skdyn.nn.lass_ode import LASSODE, LASSODEConfig, make_prefixes

KL_WEIGHT = 1e-3
BALANCE_WEIGHT = 0.01
ROUTER_WEIGHT = 1e-3


class LASSODEObjective(nn.Module):
    """The network and its loss.

    `skdyn.nn.forecast_loss.forecast_loss` in units of half the range of the whole recording, which the network never
    sees: an error there weighs as it does in a benchmark, and a future far outside the prefix does not dominate. Added
    are ``1e-3 / Z`` of the initial state's divergence from a standard Gaussian, 0.01 of the experts' balance and 1e-3
    of the router's z-loss.

    Parameters
    ----------
    config : LASSODEConfig
    """

    def __init__(self, config: LASSODEConfig) -> None:
        super().__init__()
        self.network = LASSODE(config)

    def forward(self, batch: ForecastBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and for each metric a Tensor of its sum and count."""
        config = self.network.config
        device = batch.times.device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            encoded = self.network.encode(batch.prefixes)
        quantiles = self.network.decode(encoded, batch.times).float() / batch.scale[..., None, None]
        targets = batch.targets / batch.scale[..., None]
        unseen = batch.unseen[:, None].expand_as(targets)
        forecast = forecast_loss(quantiles, targets, ~unseen, unseen, config.levels).mean()
        divergence = encoded.kl.mean()
        loss = (
            forecast
            + KL_WEIGHT / config.latent * divergence
            + BALANCE_WEIGHT * encoded.balance
            + ROUTER_WEIGHT * encoded.router_z
        )
        with torch.no_grad():
            square = (quantiles[..., config.quantiles // 2] - targets).square()
            sums = {
                "forecast_loss": once(forecast),
                "divergence": once(divergence),
                "balance": once(encoded.balance),
                "largest_load": once(encoded.load.max()),
                "error/seen": total(square, ~unseen),
                "error/unseen": total(square, unseen),
            }
        return loss, sums


def forward_flops(network: LASSODE, dim: int, points: int) -> float:
    """Floating-point operations of encoding and decoding one series."""
    device = network.output.weight.device
    times = torch.linspace(0.0, 0.5, points, dtype=torch.float64, device=device).expand(1, dim, -1)
    mask = torch.ones(1, dim, points, dtype=torch.bool, device=device)
    prefixes, _ = make_prefixes(times, times, mask, torch.ones(1, dtype=torch.float64, device=device))
    asked = times[:, 0].float()
    return count_flops(lambda: network.decode(network.encode(prefixes), asked))
