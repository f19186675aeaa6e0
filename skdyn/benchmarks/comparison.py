"""Confidence intervals of percentages, and paired comparison of two methods on the same cases."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: a number in (0, 1) is needed, got {confidence!r}")
