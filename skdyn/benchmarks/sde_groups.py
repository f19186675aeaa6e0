"""Contexts that are not one long even path: many short ones, irregular steps, measurement noise.

The part of ``python -m skdyn.benchmarks sde`` after the usual protocol. Windows are pieces of independent paths; errors
are taken along an independent path, as fractions of the truth's mean square there. The eight usual systems are joined
by an Ornstein-Uhlenbeck process, whose diffusion is a known constant.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from skdyn.benchmarks.sde_report import is_behind
from skdyn.data.trajectories import Trajectories
from skdyn.datasets.sde_systems import SDESystem, observe, simulate_sde
from skdyn.exceptions import TrajectoryError

DT = 0.002
_BEFORE = 500  # steps before the first point of a window
_REFERENCE, _PATH_STEP = 50_000, 50
_WINDOWS, _LONG, _TIMES, _NOISE = range(10, 14)  # streams of random numbers

ORNSTEIN_UHLENBECK = SDESystem(
    "ornstein-uhlenbeck", ("dx = -x dt + 0.3 dW",), (0.0,), ((-0.6, 0.6),), 61, lambda x: ((-x,), (0.3,))
)


class Setting(NamedTuple):
    """How many windows of how many points, with steps of how many times 0.002, and how noisy."""

    group: str
    paths: int
    points: int
    every: int
    irregular: bool = False
    noise: float = 0.0

    @property
    def label(self) -> str:
        """For tables."""
        noise = f", noise {self.noise:g}" if self.noise else ""
        return f"{self.group} {self.paths} x {self.points}, tau {DT * self.every:g}{noise}"


SETTINGS = (
    Setting("short", 5, 10, 50),
    Setting("short", 40, 10, 50),
    Setting("short", 20, 20, 50),
    Setting("short", 20, 20, 200),
    Setting("irregular", 4, 50, 25, irregular=True),
    Setting("irregular", 10, 100, 25, irregular=True),
    Setting("noise", 10, 100, 25, noise=0.05),
    Setting("noise", 10, 100, 25, noise=0.1),
    Setting("noise", 20, 20, 50, noise=0.1),
)
GROUPS = tuple(dict.fromkeys(setting.group for setting in SETTINGS))


class Windows(NamedTuple):
    """A context of windows, and the states (M, D) at which an estimate from it is judged."""

    system: SDESystem
    setting: Setting
    seed: int
    observed: Trajectories
    path: np.ndarray


class Case(NamedTuple):
    """Relative errors of an estimate along the path; the share of diffusions within two predicted scales, if any."""

    estimator: str
    system: str
    setting: str
    seed: int
    drift: float
    diffusion: float
    covered: float | None


def make_windows(systems: tuple[SDESystem, ...], groups: list[str], seeds: list[int]) -> Iterator[Windows]:
    """Contexts of all systems and of the settings of some groups; each depends on its system, setting and seed only."""
    for system in systems:
        number = zlib.crc32(system.name.encode())
        references = simulate_sde(system, _REFERENCE, dt=DT, seeds=[(seed, number, _LONG) for seed in seeds])
        for setting in SETTINGS:
            if setting.group not in groups:
                continue
            for seed, reference in zip(seeds, references, strict=True):
                yield Windows(system, setting, seed, _observed(system, setting, seed), reference[::_PATH_STEP])


def _observed(system: SDESystem, setting: Setting, seed: int) -> Trajectories:
    key = (seed, zlib.crc32(system.name.encode()), setting.paths, setting.points, setting.every)
    rng = np.random.default_rng((*key, _TIMES))
    shape = (setting.paths, setting.points - 1)
    # Geometric steps, as if points were dropped from a fine recording.
    steps = rng.geometric(1 / setting.every, shape) if setting.irregular else np.full(shape, setting.every)
    index = np.concatenate([np.zeros((setting.paths, 1), dtype=int), steps.cumsum(axis=1)], axis=1)
    seeds = [(*key, _WINDOWS, k) for k in range(setting.paths)]
    paths = simulate_sde(system, _BEFORE + int(index.max()) + 1, dt=DT, seeds=seeds)
    states = np.stack([path[_BEFORE + places] for path, places in zip(paths, index, strict=True)])
    noisy = observe(states.reshape(-1, system.dim), setting.noise, np.random.default_rng((*key, _NOISE)))
    return Trajectories([(DT * t, x) for t, x in zip(index, noisy.reshape(states.shape), strict=True)])


def measure_windows(name: str, estimator: Any, windows: Windows) -> Case:
    """Fit one context and compare with the truth. A context that an estimator refuses is one that it fails."""
    key = (name, windows.system.name, windows.setting.label, windows.seed)
    truth = windows.system.drift_diffusion(windows.path)
    try:
        found = estimator.fit(windows.observed)._coefficients(windows.path)
    except TrajectoryError:
        return Case(*key, float("nan"), float("nan"), None)
    drift, diffusion = (float(np.square(a - b).mean() / np.square(b).mean()) for a, b in zip(found, truth, strict=True))
    covered = None
    if hasattr(estimator, "diffusion"):
        with suppress(ValueError):  # not every estimator predicts the error of its diffusion
            value, scale = estimator.diffusion(windows.path, return_std=True)
            covered = float((np.abs(value - truth[1]) <= 2 * scale).mean())
    return Case(*key, drift, diffusion, covered)


def print_groups(cases: list[Case], names: list[str]) -> None:
    """Medians over systems, coverage, and where the first estimator is behind any other."""
    table: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        for quantity in ("drift", "diffusion"):
            table[quantity, case.setting, case.system][case.estimator].append(getattr(case, quantity))
    print("\nMedian over systems of errors along an independent path, as fractions of the truth's mean square.")
    for quantity in ("drift", "diffusion"):
        print(f"\n{quantity:40}" + "".join(f"{name:>18}" for name in names))
        for setting in dict.fromkeys(case.setting for case in cases):
            rows = [row for (q, s, _), row in table.items() if (q, s) == (quantity, setting)]
            medians = [np.median([np.nan_to_num(np.mean(row[name]), nan=np.inf) for row in rows]) for name in names]
            print(f"{setting:40}" + "".join(f"{median:18.3g}" for median in medians))
    covered = [case for case in cases if case.covered is not None and case.estimator == names[0]]
    if covered:
        print(f"\nShare of the diffusions of {names[0]} within two predicted scales")
        for setting in dict.fromkeys(case.setting for case in covered):
            print(f"{setting:40}{np.mean([case.covered for case in covered if case.setting == setting]):18.2f}")
    first, *others = names
    ahead, behind = 0, defaultdict(list)
    for (quantity, setting, system), row in table.items():
        better = [not is_behind(np.array(row[first]), np.array(row[other])) for other in others]
        means = {name: np.nan_to_num(np.mean(errors), nan=np.inf) for name, errors in row.items()}
        lower = all(means[first] < means[other] for other in others)
        ahead += lower
        if not all(better):
            behind[f"{quantity}, {setting}"].append(system)
    print(f"\n{first} has the least mean error in {ahead} of {len(table)} cells. Behind by more than a standard error:")
    for label, systems in behind.items():
        print(f"  {label}: {', '.join(systems)}")
