"""Contexts that an autonomous ODE can have made, and contexts that none can: what the thresholds of adequacy stand on.

All come from the priors of pretraining; none is taken from a benchmark or from a real series.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pretrain.priors import FAMILIES, PRIORS, Mixture
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate import SimulationConfig, Simulator
from pretrain.priors.simulate_sde import Regime, SDESimulator

POINTS = 200
ALIASED = 2.0  # deviations between two points; in training such contexts have no weight
FORCED_STEPS = 8
NOISE = 0.1


@dataclass(frozen=True)
class Context:
    """What an observer sees.

    Attributes
    ----------
    kind : str
    pairs : list of (t, x)
    noise : float
        Deviation of the noise, in deviations of the clean states.
    contradicts : bool
        Whether the clean data show contradictory velocities at one state.
    """

    kind: str
    pairs: list[tuple[np.ndarray, np.ndarray]]
    noise: float
    contradicts: bool = True


def observed(rng: np.random.Generator, t: np.ndarray, paths: np.ndarray, kind: str, contradicts: bool = True):
    """50 to 200 points of each clean path (K, L, D), evenly or at random, with noise up to a tenth of a deviation."""
    count, even = int(rng.integers(50, len(t) + 1)), rng.random() < 0.75
    std = paths.reshape(-1, paths.shape[-1]).std(axis=0)
    level = 0.0 if rng.random() < 0.2 else rng.uniform(0, NOISE)
    pairs = []
    for path in paths:
        if even:
            rows = np.linspace(0, len(t) - 1, count).round().astype(int)
        else:
            rows = np.sort(rng.choice(len(t), count, replace=False))
        x = path[rows]
        if (np.abs(np.diff(x, axis=0)) > ALIASED * std).any():
            return None
        pairs.append((t[rows], x + level * std * rng.normal(size=x.shape)))
    return Context(kind, pairs, level, contradicts)


def honest(n: int, seed: int) -> Iterator[Context]:
    """Autonomous ODEs of one to three variables, all of which are observed; one or four trajectories."""
    rng = np.random.default_rng([seed, 0])
    for dim in (1, 2, 3):
        made = 0
        for t, paths in _systems(dim, "mixture", n, [seed, 1, dim]):
            k = 1 if rng.random() < 0.6 else min(4, len(paths))
            context = observed(rng, t, paths[:k], f"honest, {dim} variable{'s'[: dim > 1]}", False)
            if context is not None:
                yield context
                made += 1
            if made == n:
                break


def hidden(n: int, seed: int) -> Iterator[Context]:
    """One variable of systems of two or three, in which it rises through its mean at least twice."""
    rng = np.random.default_rng([seed, 10])
    for dim in (2, 3):
        made = 0
        for t, paths in _systems(dim, "mixture", 4 * n, [seed, 11, dim]):
            path = paths[0][:, [int(rng.integers(dim))]]
            above = path[:, 0] > path[:, 0].mean()
            if (above[1:] & ~above[:-1]).sum() < 2:
                continue
            context = observed(rng, t, path[None], f"hidden variable, 1 of {dim}")
            if context is not None:
                yield context
                made += 1
            if made == n:
                break


def forced(n: int, seed: int) -> Iterator[Context]:
    """Systems of one and two variables with a periodic or a step input that nobody recorded."""
    rng = np.random.default_rng([seed, 20])
    for dim in (1, 2):
        for shape in ("periodic", "step"):
            made = 0
            for t, path in _forced_paths(dim, shape, 8 * n, [seed, 21, dim, int(shape == "step")]):
                contradicts = _contradicts(t, path)
                context = observed(rng, t, path[None], f"{shape} input, {dim} variable{'s'[: dim > 1]}", contradicts)
                if context is not None:
                    yield context
                    made += 1
                if made == n:
                    break


def maps(n: int, seed: int) -> Iterator[Context]:
    """Iterated logistic and Henon maps that neither escape nor repeat themselves."""
    rng = np.random.default_rng([seed, 30])
    for dim in (1, 2):
        made = 0
        while made < n:
            count = int(rng.integers(50, POINTS + 1))
            if dim == 1:
                path = _iterate(_logistic(rng.uniform(3.6, 4.0)), rng.uniform(0.2, 0.8, 1), count)
            else:
                path = _iterate(_henon(rng.uniform(1.1, 1.4), rng.uniform(0.1, 0.3)), rng.uniform(-0.1, 0.1, 2), count)
            if path is None:
                continue
            level = 0.0 if rng.random() < 0.2 else rng.uniform(0, NOISE)
            x = path + level * path.std(axis=0) * rng.normal(size=path.shape)
            yield Context(f"map, {dim} variable{'s'[: dim > 1]}", [(np.arange(float(count)), x)], level)
            made += 1


def stochastic(n: int, seed: int) -> Iterator[Context]:
    """SDEs of one to three variables."""
    rng = np.random.default_rng([seed, 40])
    for dim in (1, 2, 3):
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 41, dim]).generate_state(1)[0]))
        simulator = SDESimulator(Mixture(PRIORS["noisy"]), DIFFUSIONS["mixture"])
        regime = Regime(paths=1, points=POINTS, substeps=8, weight=1.0, duration=(5.0, 50.0))
        made = 0
        while made < n:
            for recordings in simulator.draw(4 * n, dim, regime, generator):
                for i in torch.randperm(len(recordings), generator=generator)[: max(1, n // 3)].tolist():
                    if made == n:
                        break
                    count = int(rng.integers(50, POINTS + 1))
                    t = float(recordings.step[i]) * np.arange(POINTS)
                    rows = np.linspace(0, POINTS - 1, count).round().astype(int)
                    x = recordings.states[i, 0].double().numpy()[rows]
                    yield Context(f"SDE, {dim} variable{'s'[: dim > 1]}", [(t[rows], x)], 0.0)
                    made += 1


def _systems(dim: int, prior: str, n: int, seed: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Times (L,) and usable clean paths (K, L, D) of systems of a prior."""
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    simulator = Simulator(Mixture(PRIORS[prior]), SimulationConfig(points=POINTS, paths=4))
    while True:
        systems = simulator.draw_exactly(n, dim, generator)
        for i, horizon in enumerate(systems.horizon.tolist()):
            yield np.linspace(0, horizon, POINTS), systems.states[i][systems.valid[i]].double().numpy()


def _forced_paths(dim: int, shape: str, n: int, seed: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Times (L,) and clean paths (L, D) of systems whose rates an input adds to.

    The input pushes one variable with 0.7 to 2 times its root mean square rate along the free path; periodic ones
    turn 1.5 to 6 times, steps come between 0.3 and 0.6 of the time.
    """
    state = np.random.SeedSequence(seed)
    generator = torch.Generator().manual_seed(int(state.generate_state(1)[0]))
    rng = np.random.default_rng(state)
    simulator = Simulator(Mixture(PRIORS["mixture"]), SimulationConfig(points=POINTS, paths=1))
    order = list(FAMILIES)
    while True:
        for batch, names in simulator.prior.sample(n, dim, generator):
            family = torch.tensor([order.index(name) for name in names])
            systems, kept = simulator.simulate(batch, generator, family)
            if len(systems) == 0:
                continue
            fields, count = batch.select(kept).to(torch.float64), len(systems)
            horizon = systems.horizon.double()
            size = systems.fields[:, 0].double().square().mean(1).sqrt()
            push = torch.zeros_like(size)
            push[torch.arange(count), torch.from_numpy(rng.integers(dim, size=count))] = 1.0
            push = push * size * torch.from_numpy(np.exp(rng.uniform(math.log(0.7), math.log(2.0), (count, 1))))
            turns, phase = (torch.from_numpy(rng.uniform(*ends, count)) for ends in ((1.5, 6.0), (0.0, 2 * math.pi)))
            jump = torch.from_numpy(rng.uniform(0.3, 0.6, count))

            def rates(x, time, fields=fields, push=push, turns=turns, phase=phase, jump=jump):
                u = torch.sin(2 * math.pi * turns * time + phase) if shape == "periodic" else (time > jump).double()
                return fields(x[:, None])[:, 0] + push * u[:, None]

            states = _rk4(rates, systems.states[:, 0, 0].double(), horizon)
            free = systems.states[:, 0].double()
            room = 6 * (free - free.mean(1, keepdim=True)).abs().amax((1, 2)) + 1e-3
            good = ((states - free.mean(1, keepdim=True)).abs().amax((1, 2)) < room) & states.isfinite().all(-1).all(-1)
            for i in torch.randperm(count, generator=generator).tolist():
                if good[i]:
                    yield np.linspace(0, float(horizon[i]), POINTS), states[i].numpy()


def _rk4(rates, x, horizon):
    """States (S, L, D) from states (S, D), at times that are shares of the horizon (S,)."""
    out, h = [x], 1.0 / ((POINTS - 1) * FORCED_STEPS)
    step = horizon[:, None] * h
    for i in range((POINTS - 1) * FORCED_STEPS):
        time = torch.full_like(horizon, i * h)
        k1 = rates(x, time)
        k2 = rates(x + step / 2 * k1, time + h / 2)
        k3 = rates(x + step / 2 * k2, time + h / 2)
        k4 = rates(x + step * k3, time + h)
        x = x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if (i + 1) % FORCED_STEPS == 0:
            out.append(x)
    return torch.stack(out, dim=1)


def _contradicts(t: np.ndarray, x: np.ndarray) -> bool:
    """Whether, somewhere, states within a twentieth of a deviation move on with velocities half a typical one apart."""
    z = x / x.std(axis=0)
    v = np.gradient(z, t, axis=0)
    apart = np.abs(np.subtract.outer(np.arange(len(t)), np.arange(len(t)))) > 3
    near = (np.abs(z[:, None] - z[None]).max(axis=-1) < 0.05) & apart
    differ = np.linalg.norm(v[:, None] - v[None], axis=-1) > 0.5 * np.sqrt((v**2).sum(axis=-1).mean())
    return bool((near & differ).any(axis=1).mean() > 0.03)


def _logistic(r: float):
    return lambda x: r * x * (1 - x)


def _henon(a: float, b: float):
    return lambda x: np.array([1 - a * x[0] ** 2 + x[1], b * x[0]])


def _iterate(step, x: np.ndarray, count: int) -> np.ndarray | None:
    """A path (count, D) after a run-in; None where it escapes, stands still or repeats itself within eight steps."""
    out = [x]
    for _ in range(count + 100):
        x = step(x)
        if not np.isfinite(x).all() or np.abs(x).max() > 10:
            return None
        out.append(x)
    path = np.array(out[-count:])
    spread = path.std(axis=0).min()
    if spread < 1e-3 or any(np.abs(path[k:] - path[:-k]).max() < 1e-3 * spread for k in range(1, 9)):
        return None
    return path


KINDS = {"honest": honest, "hidden": hidden, "forced": forced, "map": maps, "sde": stochastic}
