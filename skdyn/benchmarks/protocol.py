"""The ODEBench protocol as pure functions: cases, corruption, scores and published numbers.

A case is a system with a context trajectory, which the method sees corrupted, and a target trajectory, which it
must reproduce from the clean initial state. *Reconstruction* takes the same trajectory for both,
*generalization* the system's other one. The headline is the percentage of cases with R2 above 0.9.

The protocol is that of d'Ascoli, Becker, Mathis, Schwaller and Kilbertus (*ODEFormer*, ICLR 2024) as used for
FIM-ODE (arXiv:2602.08733).
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdyn.datasets.odebench import ODEBenchSystem, load_odebench

__all__ = [
    "PUBLISHED",
    "R2_THRESHOLD",
    "SETTINGS",
    "SUBSTEPS",
    "TASKS",
    "Case",
    "PublishedScore",
    "Setting",
    "cases",
    "corrupt",
    "corruption_rng",
    "percent_passed",
    "published",
]

TASKS = ("reconstruction", "generalization")
R2_THRESHOLD = 0.9
SUBSTEPS = 8
"""RK4 steps in each of the 199 intervals; with two, not even the true equations follow four of the 122 paths."""


class Setting(NamedTuple):
    """How a context is corrupted: relative noise `sigma` and the part `rho` of the points that is dropped."""

    sigma: float
    rho: float


SETTINGS = tuple(Setting(sigma, rho) for rho in (0.0, 0.5) for sigma in (0.0, 0.03, 0.05))


class Case(NamedTuple):
    """One test: which of the two trajectories of a system is seen, and which is to be reproduced."""

    system: ODEBenchSystem
    context: int
    target: int


class PublishedScore(NamedTuple):
    """A published percentage of cases with R2 > 0.9, and the paper of the method."""

    method: str
    task: str
    setting: Setting
    percent: float
    source: str


_FIM_ODE = "FIM-ODE, arXiv:2602.08733"
_ODEFORMER = "ODEFormer, d'Ascoli et al., ICLR 2024"

PUBLISHED = (
    PublishedScore("FIM-ODE", "reconstruction", Setting(0.0, 0.0), 84.4, _FIM_ODE),
    PublishedScore("FIM-ODE", "reconstruction", Setting(0.05, 0.0), 75.4, _FIM_ODE),
    PublishedScore("FIM-ODE", "reconstruction", Setting(0.0, 0.5), 82.8, _FIM_ODE),
    PublishedScore("FIM-ODE", "reconstruction", Setting(0.05, 0.5), 72.1, _FIM_ODE),
    PublishedScore("FIM-ODE", "generalization", Setting(0.03, 0.0), 32.8, _FIM_ODE),
    PublishedScore("ODEFormer", "reconstruction", Setting(0.0, 0.0), 63.1, _ODEFORMER),
    PublishedScore("ODEFormer", "reconstruction", Setting(0.05, 0.0), 61.5, _ODEFORMER),
    PublishedScore("ODEFormer", "reconstruction", Setting(0.0, 0.5), 63.9, _ODEFORMER),
    PublishedScore("ODEFormer", "reconstruction", Setting(0.05, 0.5), 61.5, _ODEFORMER),
    PublishedScore("ODEFormer", "generalization", Setting(0.03, 0.0), 27.9, _ODEFORMER),
)


def published(task: str, setting: tuple[float, float]) -> tuple[PublishedScore, ...]:
    """Published rows for one task and setting, to be printed beside one's own.

    Parameters
    ----------
    task : {"reconstruction", "generalization"}
        The task.
    setting : (float, float)
        The corruption (sigma, rho).

    Returns
    -------
    tuple of PublishedScore
        Empty where nothing is published.

    Examples
    --------
    >>> [(row.method, row.percent) for row in published("reconstruction", (0.05, 0.5))]
    [('FIM-ODE', 72.1), ('ODEFormer', 61.5)]
    """
    _check_task(task)
    return tuple(row for row in PUBLISHED if row.task == task and row.setting == tuple(setting))


def cases(task: str = "reconstruction", dims: Iterable[int] = (1, 2, 3)) -> tuple[Case, ...]:
    """List the cases of a task: two for each system, in the published order.

    Parameters
    ----------
    task : {"reconstruction", "generalization"}, default="reconstruction"
        Whether the context is the target's own trajectory or the system's other one.
    dims : iterable of int, default=(1, 2, 3)
        Dimensions of the systems.

    Returns
    -------
    tuple of Case
        122 cases for dimensions 1 to 3.

    Examples
    --------
    >>> [(case.system.id, case.context, case.target) for case in cases("generalization")[:2]]
    [(1, 1, 0), (1, 0, 1)]
    """
    _check_task(task)
    other = int(task == "generalization")
    return tuple(Case(system, target ^ other, target) for system in load_odebench(dims) for target in (0, 1))


def corruption_rng(system_id: int, trajectory: int, setting: tuple[float, float], seed: int) -> np.random.Generator:
    """Random numbers for the corruption of one context: the same whatever the estimator and the task.

    Because every method sees the same corrupted contexts, differences between methods are paired.

    Parameters
    ----------
    system_id : int
        Number of the system.
    trajectory : {0, 1}
        Which of its trajectories is the context.
    setting : (float, float)
        The corruption (sigma, rho); each counts to three decimals.
    seed : int
        Seed of the repetition, at least 0.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> draws = [corruption_rng(55, 1, (0.05, 0.5), seed=0).integers(1000) for method in range(2)]
    >>> bool(draws[0] == draws[1])
    True
    """
    sigma, rho = setting
    entropy = [seed, system_id, trajectory, round(1000 * sigma), round(1000 * rho)]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def corrupt(
    x: ArrayLike, sigma: float, rho: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Corrupt a clean trajectory: multiplicative noise, then points dropped at random.

    Parameters
    ----------
    x : array-like of shape (L, D)
        Clean states.
    sigma : float
        Relative noise: an element becomes ``(1 + sigma * eps)`` times itself, eps standard normal.
    rho : float
        Part of the points to drop, in [0, 1): exactly ``floor((1 - rho) * L)`` stay, chosen at random, the same
        for all dimensions.
    rng : numpy.random.Generator
        See `corruption_rng`.

    Returns
    -------
    kept : ndarray of shape (M,)
        Increasing indices of the points that stay.
    noisy : ndarray of shape (M, D)
        Their noisy states.

    Raises
    ------
    ValueError
        If an argument is out of its range or no point would stay.

    Examples
    --------
    >>> import numpy as np
    >>> kept, noisy = corrupt(np.ones((200, 2)), 0.05, 0.5, np.random.default_rng(0))
    >>> noisy.shape
    (100, 2)
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2:
        raise ValueError(f"x: a trajectory of shape (L, D) is needed, got shape {x.shape}")
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma: a finite number of at least 0 is needed, got {sigma!r}")
    if not 0 <= rho < 1:
        raise ValueError(f"rho: a number in [0, 1) is needed, got {rho!r}")
    # Rounding first: in floating point (1 - 0.9) * 200 falls just short of 20.
    count = math.floor(round((1 - rho) * len(x), 9))
    if count == 0:
        raise ValueError(f"rho: {rho!r} leaves none of {len(x)} points")
    noisy = (1.0 + sigma * rng.standard_normal(x.shape)) * x
    kept = np.sort(rng.permutation(len(x))[:count])
    return kept, noisy[kept]


def percent_passed(r2: ArrayLike) -> float:
    """Percentage of cases with R2 above 0.9.

    Parameters
    ----------
    r2 : array-like
        Scores of any shape; NaN and minus infinity do not pass.

    Returns
    -------
    float

    Examples
    --------
    >>> percent_passed([0.95, 0.9, float("-inf"), 1.0])
    50.0
    """
    r2 = np.asarray(r2, dtype=np.float64)
    if r2.size == 0:
        raise ValueError("r2: at least one score is needed")
    return float(100.0 * np.mean(r2 > R2_THRESHOLD))


def _check_task(task: str) -> None:
    if task not in TASKS:
        raise ValueError(f"task: expected one of {TASKS}, got {task!r}")
