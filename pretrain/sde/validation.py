"""The frozen validation suite of FIM-SDE: prior samples, the same in every run.

The systems of the benchmark are never part of it: nothing that is decided in training may depend on them.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from pretrain.priors import PRIORS, Mixture
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import Regime, SDESimulator
from pretrain.run.losses import relative_error
from pretrain.sde.batches import Examples, observe
from pretrain.sde.corruption import Noise, Observation
from skdyn.nn.arbitrated_sde import ArbitratedFIMSDE, ArbitratedSDEConfig

_SEED = 50_219
_QUERIES = 96
_FEW = Regime(paths=20, points=12, substeps=40, weight=1.0, duration=(1.0, 8.0))
_REGIME = Regime(paths=2, points=1024, substeps=4, weight=1.0, duration=(5.0, 100.0))
_WAYS = (
    ("clean", Observation(paths=1, points=1024, weight=1.0), Noise(clean=1.0, irregular=0.0)),
    ("noisy", Observation(paths=1, points=1024, weight=1.0), Noise(clean=0.0, irregular=0.0)),
    ("short", Observation(paths=1, points=128, weight=1.0), Noise(clean=1.0, irregular=0.0)),
)
_FEW_WAYS = (("few", Observation(paths=20, points=10, weight=1.0, largest_stride=1), Noise(clean=0.5, irregular=0.5)),)


class SDEValidationSuite:
    """Median relative errors of a network's drift and diffusion, ``sum |f - f_hat| / sum |f|`` per context.

    Contexts are one path of 1,024 points, clean and with up to 10% additive noise, and of 128 points, and 20 paths of
    10 points at coarse steps. It is made on the
    CPU from a fixed seed, so that it is the same on every device and for every recipe.

    Parameters
    ----------
    systems : int
        Systems drawn, of each dimension.
    network : ArbitratedSDEConfig
    device : torch.device
        Where the networks to be judged live.
    """

    def __init__(self, systems: int, network: ArbitratedSDEConfig, device: torch.device) -> None:
        simulator = SDESimulator(Mixture(PRIORS["noisy"]), DIFFUSIONS["mixture"])
        generator = torch.Generator().manual_seed(_SEED)
        cases: dict[tuple[str, int, int], list[Examples]] = defaultdict(list)
        for dim in (1, 2, 3):
            for regime, ways in ((_REGIME, _WAYS), (_FEW, _FEW_WAYS)):
                for recordings in simulator.draw(systems, dim, regime, generator):
                    for name, observation, noise in ways:
                        made = observe(recordings, observation, len(recordings), _QUERIES, noise, network, generator)
                        cases[name, dim, made.tokens.mask.shape[1]].append(made.select(made.weight > 0))
        self._cases = [
            (name, Examples.concatenate(parts).fitted(network).to(device)) for (name, *_), parts in cases.items()
        ]

    @torch.no_grad()
    def errors(self, network: ArbitratedFIMSDE) -> dict[str, float]:
        """Medians by group.

        ``prior/drift_context_clean`` and its like say what of and where (on the context's states, on other states of
        the recording, in the box) and how it was observed; ``prior/1d/...`` split by dimension; ``prior/mean`` is the
        mean of all medians over all dimensions.
        """
        groups: dict[str, list[Tensor]] = defaultdict(list)
        for way, batch in self._cases:
            answer = network.answer(network.encode_tokens(batch.tokens), batch.queries)
            assert batch.fits is not None
            verdict, of_diffusion = network.arbitrate(batch.fits, batch.queries, answer)
            active = batch.tokens.dim_mask[:, None]
            floor = network.config.diffusion_floor
            drift, diffusion = verdict.value * active, (of_diffusion.value.exp() - floor).clamp(min=0) * active
            third = _QUERIES // 3
            for place, part in (
                ("context", slice(0, third)),
                ("others", slice(third, 2 * third)),
                ("box", slice(2 * third, None)),
            ):
                for what, found, truth in (("drift", drift, batch.drift), ("diffusion", diffusion, batch.diffusion)):
                    errors = relative_error(found[:, part], truth[:, part], batch.query_mask[:, part]).cpu()
                    groups[f"prior/{what}_{place}_{way}"].append(errors)
                    groups[f"prior/{int(batch.dims[0])}d/{what}_{place}_{way}"].append(errors)
        medians = {name: torch.cat(parts).median().item() for name, parts in groups.items()}
        overall = [value for name, value in medians.items() if name.count("/") == 1]
        return medians | {"prior/mean": sum(overall) / len(overall)}
