"""The candidates that a library offers, and the best of them by simulating the context."""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np

from skdyn import Trajectories
from skdyn_sindy.regression import Regression

THRESHOLDS = (0.01, 0.05, 0.1, 0.15, 0.5)


class Candidate(NamedTuple):
    """A field: its degree, its threshold and its coefficients (P, D) on the whole library."""

    degree: int
    threshold: float
    coefficients: np.ndarray


def affordable_degree(max_degree: int, context: Trajectories) -> int:
    """Highest degree up to ``max_degree`` with no more terms than the context has points, at least 1."""
    degree = int(max_degree)
    columns = context.n_features + len(context.given)
    while degree > 1 and comb(columns + degree, degree) > context.n_points:
        degree -= 1
    return degree


def candidates(regression: Regression, exponents: np.ndarray) -> list[Candidate]:
    """Solutions of all degrees of the library (P, C) and all thresholds, each different one of a degree once."""
    found = []
    for degree in range(1, int(exponents.max()) + 1):
        n_terms = int((exponents.sum(axis=1) <= degree).sum())
        unchanged_to = -np.inf
        for threshold in THRESHOLDS:
            if threshold > unchanged_to:
                coefficients, unchanged_to = regression.solve(threshold, n_terms)
                found.append(
                    Candidate(degree, threshold, np.pad(coefficients, ((0, len(exponents) - n_terms), (0, 0))))
                )
    return found
