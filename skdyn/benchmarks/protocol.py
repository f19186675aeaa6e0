"""The ODEBench protocol as pure functions: cases, corruption, scores, and comparison of methods.

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
    "TASKS",
    "Case",
    "Interval",
    "PairedTest",
    "PublishedScore",
    "Setting",
    "bootstrap_interval",
    "cases",
    "corrupt",
    "corruption_rng",
    "mcnemar",
    "percent_passed",
    "published",
    "sign_test",
    "variance_weighted_r2",
    "wilson_interval",
]

TASKS = ("reconstruction", "generalization")
R2_THRESHOLD = 0.9


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


def variance_weighted_r2(truth: ArrayLike, prediction: ArrayLike) -> float:
    """R2 of a predicted trajectory: ``1 - SS_res / (SS_tot + 1e-15)`` per dimension, weighted by SS_tot.

    Parameters
    ----------
    truth : array-like of shape (L, D)
        Clean trajectory.
    prediction : array-like of shape (L, D)
        Trajectory to score.

    Returns
    -------
    float
        At most 1; minus infinity, never NaN, for a prediction that is not finite or overflows. Where the truth
        is constant in all dimensions, their plain mean.

    Raises
    ------
    ValueError
        If the shapes are not (L, D) and equal, or the truth is not finite.

    Examples
    --------
    >>> variance_weighted_r2([[0.0], [1.0]], [[0.0], [1.0]])
    1.0
    >>> variance_weighted_r2([[0.0], [1.0]], [[0.0], [float("nan")]])
    -inf
    """
    truth = np.asarray(truth, dtype=np.float64)
    prediction = np.asarray(prediction, dtype=np.float64)
    if truth.ndim != 2 or truth.size == 0 or truth.shape != prediction.shape:
        raise ValueError(
            f"truth and prediction: equal shapes (L, D) are needed, got {truth.shape} and {prediction.shape}"
        )
    if not np.isfinite(truth).all():
        raise ValueError("truth: finite states are needed")
    with np.errstate(all="ignore"):
        residual = np.square(truth - prediction).sum(axis=0)
        total = np.square(truth - truth.mean(axis=0)).sum(axis=0)
        r2 = 1.0 - residual / (total + 1e-15)
        score = float(r2 @ total / total.sum() if total.any() else r2.mean())
    # Every dimension must be finite: one of no variance has no weight, yet a NaN there is a failure.
    return score if math.isfinite(score) and np.isfinite(r2).all() else -math.inf


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


class PairedTest(NamedTuple):
    """Cases where only or mainly the first, or the second, of two methods does better; two-sided p-value."""

    first: int
    second: int
    p_value: float


def mcnemar(first: ArrayLike, second: ArrayLike) -> PairedTest:
    """McNemar's exact test of two methods on the same cases.

    Parameters
    ----------
    first, second : array-like of bool of shape (N,)
        Whether each method passes each case. The test takes cases as independent: give it one noise seed at a
        time, not several concatenated.

    Returns
    -------
    PairedTest
        Numbers of cases that only the first, and only the second, method passes, and the two-sided p-value.

    References
    ----------
    Q. McNemar, *Note on the sampling error of the difference between correlated proportions or percentages*,
    Psychometrika 12, 1947.

    Examples
    --------
    >>> mcnemar([True] * 6 + [False], [False] * 6 + [False])
    PairedTest(first=6, second=0, p_value=0.03125)
    """
    a, b = _paired(first, second)
    if a.dtype != bool or b.dtype != bool:
        raise ValueError("first and second: booleans are needed; compare R2 with R2_THRESHOLD, or use sign_test")
    return _binomial(int((a & ~b).sum()), int((b & ~a).sum()))


def sign_test(first: ArrayLike, second: ArrayLike) -> PairedTest:
    """Sign test of two methods' scores on the same cases; ties are left out.

    Parameters
    ----------
    first, second : array-like of shape (N,)
        Scores, for instance R2; minus infinity is allowed, NaN is not. Over several seeds, give each case's
        median over the seeds.

    Returns
    -------
    PairedTest
        Numbers of cases where the first, and the second, method scores higher, and the two-sided p-value.

    Examples
    --------
    >>> sign_test([0.9, 0.8, 0.7], [0.1, 0.8, float("-inf")])
    PairedTest(first=2, second=0, p_value=0.5)
    """
    a, b = _paired(first, second)
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("first and second: scores must not be NaN; a failed case is minus infinity")
    return _binomial(int((a > b).sum()), int((b > a).sum()))


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def wilson_interval(passed: ArrayLike, confidence: float = 0.95) -> Interval:
    """Percentage of passes with Wilson's score interval, for independent cases.

    Parameters
    ----------
    passed : array-like of bool of shape (N,)
        Whether each case passes.
    confidence : float, default=0.95
        Coverage of the interval, in (0, 1).

    Returns
    -------
    Interval
        In percent.

    References
    ----------
    E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of the American
    Statistical Association 22, 1927.

    Examples
    --------
    >>> wilson_interval([True] * 90 + [False] * 10).low.__round__(1)
    82.6
    """
    from scipy.stats import norm  # slow to import, and wanted only at the end of a benchmark

    flags = np.asarray(passed)
    if flags.ndim != 1 or flags.size == 0 or flags.dtype != bool:
        raise ValueError("passed: a vector of at least one boolean is needed")
    _check_confidence(confidence)
    n, p = flags.size, float(flags.mean())
    z = float(norm.ppf(0.5 + confidence / 2))
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(100 * p, 100 * max(0.0, centre - half), 100 * min(1.0, centre + half))


def bootstrap_interval(
    values: ArrayLike,
    systems: ArrayLike,
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
) -> Interval:
    """Mean over cases with a percentile interval from resampling whole systems.

    The trajectories, seeds and settings of one system rise and fall together, so that cases taken one at a time
    would give too narrow an interval.

    Parameters
    ----------
    values : array-like of shape (N,)
        One finite number a case: ``100 * passed`` for a percentage, or for a paired comparison the difference
        ``100 * (passed_first - passed_second)`` in points.
    systems : array-like of shape (N,)
        The system of each case.
    rng : numpy.random.Generator
        Draws the resamples.
    n_resamples : int, default=10000
        Number of resamples.
    confidence : float, default=0.95
        Coverage of the interval, in (0, 1).

    Returns
    -------
    Interval
        In the units of `values`.

    References
    ----------
    B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall, 1993, chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> passed = np.array([1, 1, 1, 0])
    >>> bootstrap_interval(100 * passed, [1, 1, 2, 2], rng=np.random.default_rng(0))
    Interval(estimate=75.0, low=50.0, high=100.0)
    """
    y = np.asarray(values, dtype=np.float64)
    labels = np.asarray(systems)
    if y.ndim != 1 or y.size == 0 or labels.shape != y.shape:
        raise ValueError(f"values and systems: equal lengths are needed, got {y.shape} and {labels.shape}")
    if not np.isfinite(y).all():
        raise ValueError("values: finite numbers are needed")
    if n_resamples < 1:
        raise ValueError(f"n_resamples: at least 1 is needed, got {n_resamples}")
    _check_confidence(confidence)
    _, group = np.unique(labels, return_inverse=True)
    sums, counts = np.bincount(group, weights=y), np.bincount(group)
    draws = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=n_resamples)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(float(y.mean()), float(low), float(high))


def _binomial(first: int, second: int) -> PairedTest:
    from scipy.stats import binomtest  # slow to import, and wanted only at the end of a benchmark

    p_value = float(binomtest(first, first + second, 0.5).pvalue) if first + second else 1.0
    return PairedTest(first, second, p_value)


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[NDArray, NDArray]:
    a, b = np.asarray(first), np.asarray(second)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"first and second: one value a case and method is needed, got {a.shape} and {b.shape}")
    return a, b


def _check_task(task: str) -> None:
    if task not in TASKS:
        raise ValueError(f"task: expected one of {TASKS}, got {task!r}")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: a number in (0, 1) is needed, got {confidence!r}")
