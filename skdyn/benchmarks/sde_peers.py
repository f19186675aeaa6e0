"""Established estimators of drift and diffusion, to stand beside FIM-SDE: Kramers-Moyal averages, Gaussian processes.

Each has ``fit(observed)`` and ``_coefficients(points)``, as `skdyn.plugins.BaseStochasticEstimator` does, and reads
its data as transitions: where each starts, how far it moves, how long it takes. None corrects for measurement noise or
for the length of the time step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.spatial import cKDTree

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.units import state_units

Coefficients = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_FOLDS = 5
_FEWEST = 3  # transitions in a bin that counts
_LEAST_VARIANCE = 1e-4  # of the mean over all transitions: a bin of fewer moves alike by accident


class Transitions(NamedTuple):
    """Starts and moves (M, D) in standard deviations of the data, and durations (M, 1)."""

    start: np.ndarray
    moved: np.ndarray
    h: np.ndarray

    def part(self, chosen: np.ndarray) -> Transitions:
        """The transitions at ``chosen``."""
        return Transitions(self.start[chosen], self.moved[chosen], self.h[chosen])


class Peer(ABC):
    """An estimator that works on standardised transitions."""

    def fit(self, observed: Trajectories) -> Self:
        """Learn from trajectories."""
        self._center, self._scale = state_units(np.concatenate(observed.states))
        start = np.concatenate([(x[:-1] - self._center) / self._scale for x in observed.states])
        moved = np.concatenate([np.diff(x, axis=0) / self._scale for x in observed.states])
        h = np.concatenate([np.diff(t) for t in observed.times])[:, None]
        self._estimate = self._learn(Transitions(start, moved, h))
        return self

    def _coefficients(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        drift, diffusion = self._estimate((points - self._center) / self._scale)
        return drift * self._scale, diffusion * self._scale

    @abstractmethod
    def _learn(self, data: Transitions) -> Coefficients:
        """Drift and diffusion as a function of standardised states."""


class KramersMoyal(Peer):
    """Mean and deviation of the moves that start in one bin; the nearest filled bin answers where there is none.

    The bins' number along each axis is the one whose averages predict left-out fifths of the data best.
    """

    _sizes = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96)

    def _learn(self, data: Transitions) -> Coefficients:
        sizes = [bins for bins in self._sizes if _FEWEST * bins ** data.start.shape[1] <= len(data.h)]
        order = np.arange(len(data.h))
        blocks = [block for block in np.array_split(order, _FOLDS) if 0 < len(block) < len(order)]

        def likelihood(bins: int) -> float:
            folds = ((data.part(np.setdiff1d(order, block)), data.part(block)) for block in blocks)
            return sum(_log_likelihood(_binned(kept, bins), left_out) for kept, left_out in folds)

        return _binned(data, max(sizes, key=likelihood) if sizes else 1)


class NystroemGaussianProcess(Peer):
    """Gaussian-process regression of the moves, and of their squared residuals, on the state.

    The process is approximated by random Nyström features and solved as a Bayesian ridge regression, so that all
    transitions are used; the variances, and the length scale among candidates, maximise the evidence.
    """

    _length_scales = (0.25, 0.5, 1.0, 2.0)  # in standard deviations of the data
    _n_features = 64

    def _learn(self, data: Transitions) -> Coefficients:
        from sklearn.kernel_approximation import Nystroem

        maps = [
            Nystroem(gamma=0.5 / length**2, n_components=min(self._n_features, len(data.h)), random_state=0)
            for length in self._length_scales
        ]
        features = [each.fit_transform(data.start) for each in maps]
        rates = data.moved / data.h
        dims = range(rates.shape[1])
        drift = [_most_evident(features, rates[:, i]) for i in dims]
        residual = np.stack([rates[:, i] - drift[i][1].predict(features[drift[i][0]]) for i in dims], axis=1)
        squares = residual**2 * data.h
        variance = [_most_evident(features, squares[:, i]) for i in dims]
        used = {which for which, _ in drift + variance}

        def estimate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            mapped = {which: maps[which].transform(points) for which in used}
            mean, square = (
                np.stack([ridge.predict(mapped[which]) for which, ridge in both], axis=1) for both in (drift, variance)
            )
            return mean, np.sqrt(np.maximum(square, 0.0))

        return estimate


def _most_evident(features: list[np.ndarray], target: np.ndarray) -> tuple[int, Any]:
    """Which features explain a target (M,) with the largest evidence, and the regression."""
    from sklearn.linear_model import BayesianRidge

    scale = target.std() or 1.0
    ridges = [BayesianRidge(compute_score=True, max_iter=100).fit(each, target / scale) for each in features]
    best = int(np.argmax([ridge.scores_[-1] for ridge in ridges]))
    ridge = ridges[best]
    ridge.coef_, ridge.intercept_ = ridge.coef_ * scale, ridge.intercept_ * scale
    return best, ridge


def _log_likelihood(estimate: Coefficients, data: Transitions) -> float:
    drift, diffusion = estimate(data.start)
    std = diffusion * np.sqrt(data.h)
    return float(-(0.5 * ((data.moved - drift * data.h) / std) ** 2 + np.log(std)).sum())


def _binned(data: Transitions, bins: int) -> Coefficients:
    """Averages over ``bins`` equal bins along each axis."""
    low, high = data.start.min(axis=0), data.start.max(axis=0)
    width = np.maximum(high - low, np.finfo(float).tiny) / bins
    index = ((data.start - low) / width).astype(int).clip(0, bins - 1)
    cells, cell, count = np.unique(index, axis=0, return_inverse=True, return_counts=True)
    filled = count >= min(_FEWEST, count.max())

    def mean(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(cell, weights=column) for column in values.T], axis=1) / count[:, None]

    rates = data.moved / data.h
    drift = mean(rates)
    squares = (rates - drift[cell]) ** 2 * data.h
    variance = mean(squares) * (count / np.maximum(count - 1, 1))[:, None]  # the mean took one freedom
    diffusion = np.sqrt(np.maximum(variance, _LEAST_VARIANCE * squares.mean(axis=0)))
    drift, diffusion = drift[filled], diffusion[filled]
    tree = cKDTree(low + (cells[filled] + 0.5) * width)

    def estimate(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nearest = tree.query(points)[1]
        return drift[nearest], diffusion[nearest]

    return estimate


PEERS: dict[str, type[Peer]] = {"kramers-moyal": KramersMoyal, "nystroem-gp": NystroemGaussianProcess}
