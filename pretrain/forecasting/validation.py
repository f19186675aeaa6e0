"""The frozen validation suite of forecasters: series of the families for training, of parameters of their own.

Held-out families are never part of it: nothing that is decided in training may depend on a benchmark.
"""

from __future__ import annotations

import numpy as np
import torch

from pretrain.forecasting.batches import ForecastBatch, collate
from pretrain.forecasting.corruption import Cut
from skdyn.datasets.families import FAMILIES, IN_DOMAIN
from skdyn.nn.lass_ode import LASSODE

_SEED = 20_332
_RATIOS = (0.3, 0.6, 0.9)
_NOISE = {"clean": 0.0, "noisy": 0.05}
_POINTS = 120


class ForecastSuite:
    """Errors of forecasts after 30%, 60% and 90% of each recording, observed clean and with noise of 5% of the range.

    The error is the mean square of what lies after the prefix, in half-ranges of the whole recording. It is made on
    the CPU from a fixed seed, so that it is the same on every device and for every recipe.

    Parameters
    ----------
    samples : int
        Series of each family.
    device : torch.device
        Where the networks to be judged live.
    """

    def __init__(self, samples: int, device: torch.device) -> None:
        self._cases: list[tuple[str, ForecastBatch]] = []
        rng = np.random.default_rng(_SEED)
        recordings: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        for name in IN_DOMAIN:
            times, values = FAMILIES[name].simulate(samples, rng, _POINTS)
            recordings.setdefault(values.shape[-1], []).extend(zip(times, values, strict=True))
        for noise, size in _NOISE.items():
            for ratio in _RATIOS:
                for group in recordings.values():
                    cuts = [_cut(t, x, ratio, size, rng) for t, x in group]
                    self._cases.append((f"{round(100 * ratio)}%_{noise}", collate(cuts).to(device)))

    @torch.no_grad()
    def errors(self, network: LASSODE) -> dict[str, float]:
        """Mean errors of the medians: ``unseen/30%_clean`` and its like, and their mean ``unseen/mean``."""
        was_training = network.training
        network.eval()
        errors: dict[str, list[torch.Tensor]] = {}
        for name, batch in self._cases:
            quantiles = network.decode(network.encode(batch.prefixes), batch.times)
            median = quantiles[..., network.config.quantiles // 2].float()
            square = ((median - batch.targets) / batch.scale[..., None]).square()
            unseen = batch.unseen[:, None]
            per_series = (square * unseen).sum(-1).mean(-1) / unseen.sum(-1).squeeze(1)
            errors.setdefault(f"unseen/{name}", []).append(per_series)
        network.train(was_training)
        means = {name: torch.cat(parts).mean().item() for name, parts in errors.items()}
        return means | {"unseen/mean": sum(means.values()) / len(means)}


def _cut(times: np.ndarray, values: np.ndarray, ratio: float, noise: float, rng: np.random.Generator) -> Cut:
    count = round(ratio * len(times))
    observed = values[:count] + noise * np.ptp(values[:count], axis=0) * rng.normal(size=values[:count].shape)
    return Cut(times[:count], observed, times, values, np.ptp(values, axis=0) / 2, float(times[-1]))
