"""Integral matching: what least squares needs to fit each equation by itself to the observed states.

The states are to be the integral of the field along the path, from a free start in each window. Nothing is
differentiated, and a term's errors average out along a window (H. Miao, C. Dattner and others call it direct integral).

Letters: M points, D variables, L columns, T terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.library import TermLibrary
from skdyn.sparse.scaled_context import ScaledContext

Array = NDArray[np.float64]

#: Points of a window, about.
WINDOW = 20


@dataclass(frozen=True)
class Integrals:
    """Integrals of all terms along a path, from the start of each window.

    Attributes
    ----------
    design : array of shape (M, T)
    window : int array of shape (M,)
        Which window each point is in.
    trusted : boolean array of shape (M,)
        False behind a gap in the path.
    """

    design: Array
    window: NDArray[np.intp]
    trusted: NDArray[np.bool_]

    @classmethod
    def along(cls, context: ScaledContext, library: TermLibrary, window: int = WINDOW) -> Integrals:
        """Integrate the terms of a library."""
        return cls.of(context, lambda columns: library.design(columns)[:, : library.n_terms], window)

    @classmethod
    def of(cls, context: ScaledContext, terms: Callable[[Array], Array], window: int = WINDOW) -> Integrals:
        """Integrate terms (N, T) of columns (N, L) along the cubics through a path, by Simpson's rule."""
        columns, slopes, tau = context.columns, context.slopes, context.tau
        steps = np.diff(tau)[:, None]
        middle, end = (columns[1:] + columns[:-1]) / 2, columns[1:].copy()
        middle[:, : slopes.shape[1]] += steps / 8 * (slopes[:-1] - slopes[1:])
        at_points = terms(columns)
        at_end = at_points[1:]
        if context.holds:
            for part in (middle, end):
                part[:, slopes.shape[1] :] = context.outside[:-1]
            at_end = terms(end)
        parts = steps / 6 * (at_points[:-1] + 4 * terms(middle) + at_end)
        known = np.asarray(context.usable.all(axis=1))
        design, number = np.zeros_like(at_points), np.zeros(len(tau), dtype=np.intp)
        trusted = np.zeros(len(tau), dtype=bool)
        count = 0
        for first, end in pairwise(context.bounds):
            pieces = max(1, round((end - first) / window))
            for a, b in pairwise(np.linspace(first, end, pieces + 1).round().astype(int)):
                design[a + 1 : b] = np.cumsum(parts[a : b - 1], axis=0)
                trusted[a:b] = np.logical_and.accumulate(known[a:b])
                number[a:b] = count
                count += 1
        return cls(design, number, trusted)

    def counted(self, weights: Array) -> Array:
        """Weights (M,) of what can be fitted: zero behind a gap, and where nothing was observed."""
        return np.where(self.trusted & (weights > 0), weights, 0.0)

    def rooted(self, values: Array, weights: Array) -> Array:
        """Values (M, ...) less their weighted means in each window, times the roots of the weights (M,).

        Their products are those of `moments`.
        """
        weights = self.counted(weights)
        flat = values.reshape(len(values), -1)
        share = np.bincount(self.window, weights)
        sums = np.zeros((len(share), flat.shape[1]))
        np.add.at(sums, self.window, flat * weights[:, None])
        means = sums / np.where(share > 0, share, 1.0)[:, None]
        rooted = (flat - means[self.window]) * np.sqrt(weights)[:, None]
        return rooted.reshape(values.shape)

    def moments(self, observed: Array, weights: Array) -> tuple[Array, Array, float, float]:
        """Return the normal equations of one variable, observed as (M,) with weights (M,), the starts eliminated.

        Returns
        -------
        gram : array of shape (T, T)
        cross : array of shape (T,)
        square : float
            Of the observations with themselves.
        count : float
            Observations less windows.
        """
        weights = self.counted(weights)
        windows = int(self.window[-1]) + 1
        share = np.bincount(self.window, weights, windows)
        inverse = np.where(share > 0, 1.0 / np.where(share > 0, share, 1.0), 0.0)
        level = np.bincount(self.window, weights * observed, windows) * inverse
        centred = observed - level[self.window]
        weighted = self.design * weights[:, None]
        sums = np.zeros((windows, self.design.shape[1]))
        np.add.at(sums, self.window, weighted)
        gram = weighted.T @ self.design - (sums * inverse[:, None]).T @ sums
        cross = weighted.T @ centred
        count = float(np.count_nonzero(weights) - np.count_nonzero(share))
        return gram, cross, float(weights @ centred**2), count
