"""The frozen validation suite: prior samples and held-out textbook systems, the same in every run.

ODEBench is never part of it: nothing that is decided in training may depend on a benchmark.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pretrain.ode.batches import Batch, BatchShape, Pool, QueryMix, make_batch, share
from pretrain.ode.corruption import CorruptionConfig
from pretrain.ode.objective import encoded_with_fits
from pretrain.priors import PRIORS, Mixture
from pretrain.priors.classics import CLASSICS
from pretrain.priors.simulate import SimulationConfig, Simulator
from pretrain.run.losses import relative_error
from skdyn.nn.arbitrated import ArbitratedConfig, ArbitratedFIMODE

_SEED = 20_331
_DIMS = {1: 0.25, 2: 0.42, 3: 0.33}
_QUERIES = QueryMix(count=192)
_CLEAN = CorruptionConfig(clean=1.0, window=0.0)
_NOISY = CorruptionConfig(
    clean=0.0, multiplicative=(0.05, 0.05), random_origin=0.0, additive_probability=0.0, window=0.0
)
_SHORT = CorruptionConfig(
    clean=0.0, multiplicative=(0.0, 0.0), additive=0.2, strong=0.2, strong_probability=1.0, window=0.0, fewest=0.4
)
_SIMULATION = SimulationConfig()
_WIDE = (4, 6, 8, 12)
_SHAPES = ((1, 100, 0.5), (4, 100, 0.3), (8, 100, 0.2))
"""Trajectories per context, points, and share of the samples."""


@dataclass(frozen=True)
class _Case:
    group: str
    noise: str
    batch: Batch


class ValidationSuite:
    """Median relative errors of a network's field, ``sum |f - f_hat| / sum |f|`` per context.

    Every context is observed twice, clean and with 5% multiplicative noise. It is made on the CPU from a fixed seed,
    so that it is the same on every device and for every recipe.

    Parameters
    ----------
    samples : int
        Contexts from the mixture prior.
    network : ArbitratedConfig
    device : torch.device
        Where the networks to be judged live.
    brief : bool
        These contexts and the textbook systems alone.
    """

    def __init__(self, samples: int, network: ArbitratedConfig, device: torch.device, brief: bool = False) -> None:
        self._cases: list[_Case] = []
        counts = [max(len(_DIMS), round(samples * weight)) for *_, weight in _SHAPES]
        generator = torch.Generator().manual_seed(_SEED)
        simulator = Simulator(Mixture(PRIORS["mixture"]), _SIMULATION)
        need = {dim: sum(share(count, _DIMS)[dim] for count in counts) for dim in _DIMS}
        pools = {dim: Pool.of(simulator.draw_exactly(n, dim, generator)) for dim, n in need.items()}
        for (paths, points, _), count in zip(_SHAPES, counts, strict=True):
            shape = BatchShape(paths, points, count, 1.0)
            for noise, corruption in (("clean", _CLEAN), ("noisy", _NOISY)):
                same = torch.Generator().manual_seed(_SEED + paths)
                batch = make_batch(pools, _DIMS, shape, _QUERIES, corruption, network, same, ragged=False)
                self._cases.append(_Case("prior", noise, batch.to(device)))
        self._add_classics(network, device)
        if brief:
            return
        self._add_few(network, device, max(len(_DIMS), samples // 2))
        self._add_short(pools, network, device, max(len(_DIMS), samples // 2))
        self._add_many("wide", 60, network, device, max(2, samples // 12))
        self._add_many("responses", 120, network, device, max(2, samples // 24))
        self._add_forced(network, device, max(4, samples // 6))

    def _add_few(self, network: ArbitratedConfig, device: torch.device, count: int) -> None:
        """Systems whose equations have few terms."""
        simulator = Simulator(Mixture(PRIORS["few"]), _SIMULATION)
        generator = torch.Generator().manual_seed(_SEED + 40)
        pools = {dim: Pool.of(simulator.draw_exactly(n, dim, generator)) for dim, n in share(count, _DIMS).items()}
        shape = BatchShape(1, 100, count, 1.0)
        for noise, corruption in (("clean", _CLEAN), ("noisy", _NOISY)):
            same = torch.Generator().manual_seed(_SEED + 41)
            batch = make_batch(pools, _DIMS, shape, _QUERIES, corruption, network, same, ragged=False)
            self._cases.append(_Case("few", noise, batch.to(device)))

    def _add_short(self, pools: dict[int, Pool], network: ArbitratedConfig, device: torch.device, count: int) -> None:
        """Contexts of 20 to 50 points with up to 20% noise, on the systems of the prior samples."""
        generator = torch.Generator().manual_seed(_SEED + 50)
        shape = BatchShape(1, 50, count, 1.0)
        batch = make_batch(pools, _DIMS, shape, _QUERIES, _SHORT, network, generator, ragged=True)
        self._cases.append(_Case("short", "noisy", batch.to(device)))

    def _add_many(self, prior: str, seed: int, network: ArbitratedConfig, device: torch.device, count: int) -> None:
        """Systems of more variables than the network takes, so many of each dimension, named by their prior."""
        simulator = Simulator(Mixture(PRIORS[prior]), replace(_SIMULATION, paths=3))
        for dim in _WIDE:
            generator = torch.Generator().manual_seed(_SEED + seed + dim)
            pool = {dim: Pool.of(simulator.draw_exactly(count, dim, generator, at_once=4 * count))}
            for noise, corruption in (("clean", _CLEAN), ("noisy", _NOISY)):
                same = torch.Generator().manual_seed(_SEED + dim)
                shape = BatchShape(1, 200, count, 1.0)
                batch = make_batch(pool, {dim: 1.0}, shape, _QUERIES, corruption, network, same, ragged=False)
                self._cases.append(_Case(prior, noise, batch.to(device)))

    def _add_forced(self, network: ArbitratedConfig, device: torch.device, count: int) -> None:
        """Systems of the mixture of which one variable is given as an input to the others, so many of two and three."""
        simulator = Simulator(Mixture(PRIORS["mixture"]), _SIMULATION)
        for dim in (2, 3):
            generator = torch.Generator().manual_seed(_SEED + 80 + dim)
            pool = {dim: Pool.of(simulator.draw_exactly(count, dim, generator))}
            for noise, corruption in (("clean", _CLEAN), ("noisy", _NOISY)):
                same = torch.Generator().manual_seed(_SEED + 90 + dim)
                shape = BatchShape(1, 100, count, 1.0)
                batch = make_batch(pool, {dim: 1.0}, shape, _QUERIES, corruption, network, same, ragged=False, given=1)
                self._cases.append(_Case("forced", noise, batch.to(device)))

    def _add_classics(self, network: ArbitratedConfig, device: torch.device, copies: int = 4) -> None:
        for number, (name, textbook) in enumerate(CLASSICS.items()):
            config = replace(
                _SIMULATION,
                horizon=(textbook.horizon, textbook.horizon),
                duration=None,
                tolerance=float("inf"),
                max_step=float("inf"),
            )
            simulator = Simulator(Mixture(PRIORS["mixture"]), config)
            generator = torch.Generator().manual_seed(_SEED + 100 + number)
            field = textbook.field(name, copies)
            systems, _ = simulator.simulate(field, generator, torch.zeros(copies, dtype=torch.int64))
            shape = BatchShape(1, 200, copies, 1.0)
            for noise, corruption in (("clean", _CLEAN), ("noisy", _NOISY)):
                same = torch.Generator().manual_seed(_SEED + 200 + number)
                batch = make_batch(
                    {field.dim: Pool.of(systems)},
                    {field.dim: 1.0},
                    shape,
                    _QUERIES,
                    corruption,
                    network,
                    same,
                    ragged=True,
                )
                self._cases.append(_Case(f"classics/{name}", noise, batch.to(device)))

    @torch.no_grad()
    def errors(self, network: ArbitratedFIMODE) -> dict[str, float]:
        """Medians by group.

        ``prior/context_clean`` and its like say where the queries were (on the context's trajectories, on others of the
        system, in its box) and how it was observed; ``prior/1d/...`` and ``prior/1_paths/...`` split by dimension and
        by number of trajectories; ``short/...`` have 20 to 50 points and up to 20% noise; ``wide/...`` have 4 to 12
        variables and are polynomials, ``responses/...`` have functions too; in ``forced/...`` one variable is given as
        an input to the others; ``classics/NAME/...`` are the textbook systems; ``prior/mean`` is the mean of the six
        medians over all prior samples.
        """
        groups: dict[str, list[Tensor]] = defaultdict(list)
        for case in self._cases:
            batch = case.batch
            field = field_at_queries(network, batch)
            paths = batch.tokens.mask.shape[1]
            first = 0
            for place, count in zip(("context", "others", "box"), _QUERIES.counts, strict=True):
                part = slice(first, first + count)
                first += count
                errors = relative_error(field[:, part], batch.targets[:, part], batch.query_mask[:, part]).cpu()
                groups[f"{case.group}/{place}_{case.noise}"].append(errors)
                if case.group == "prior":
                    groups[f"prior/{paths}_paths/{place}_{case.noise}"].append(errors)
                    for dim in _DIMS:
                        groups[f"prior/{dim}d/{place}_{case.noise}"].append(errors[(batch.dims == dim).cpu()])
        medians = {name: torch.cat(parts).median().item() for name, parts in groups.items()}
        overall = [value for name, value in medians.items() if name.startswith("prior/") and name.count("/") == 1]
        return medians | {"prior/mean": sum(overall) / len(overall)}


def field_at_queries(network: ArbitratedFIMODE, batch: Batch) -> Tensor:
    """The field (B, Q, D) at the batch's queries."""
    return network.decode(encoded_with_fits(network, batch), batch.queries)[0][..., : batch.targets.shape[-1]]
