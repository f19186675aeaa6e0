"""The weak form for ragged trajectories: averages over windows in place of slopes.

Windows, bumps and integrals are those of pysindy's ``WeakPDELibrary`` (Reinbold, Gurevich and Grigoriev, Phys. Rev. E
101:010203, 2020; Messenger and Bortz, Multiscale Model. Simul. 19:1474, 2021), which cannot be called in threads: it
draws from NumPy's global random state.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skdyn_sindy.regression import library

_SEED = 0
_INTERVALS = 8  # fewest in a window
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(5)  # exact for the bump times a straight line, of degree nine


def weak_rows(t: np.ndarray, x: np.ndarray, degree: int, width: float, windows: int) -> tuple[np.ndarray, np.ndarray]:
    """Averages of a library and of the slopes over windows of one trajectory, weighted by bumps.

    Integration by parts puts the derivative on to the bump ``(1 - s^2)^4``, so that no slope is estimated.

    Parameters
    ----------
    t, x : arrays of shapes (L,) and (L, D)
    degree : int
    width : float
        Of a window, in units of time; at most the whole trajectory is used.
    windows : int
        Number of windows.

    Returns
    -------
    terms : array of shape (windows, P)
    slopes : array of shape (windows, D)
    """
    half = min(width, t[-1] - t[0]) / 2 * (1 - 1e-9)  # the library wants it below, not at, half of the trajectory
    t, x = _refine(t, x, 2 * half / _INTERVALS)
    # The windows that pysindy draws from NumPy's global state, if that was seeded before.
    centres = np.random.RandomState(_SEED).uniform(t[0] + half, t[-1] - half, windows)
    monomials, _ = library(x, degree)
    terms, slopes = np.empty((windows, monomials.shape[1])), np.empty((windows, x.shape[1]))
    for k, centre in enumerate(centres):
        inside = np.flatnonzero((t > centre - half) & (t < centre + half))
        first, last = t[inside[0]], t[inside[-1]]
        s = (2 * t[inside] - first - last) / (last - first)  # the bump ends at the outermost points
        terms[k] = (last - first) / 2 * _weights(s, lambda u: (1 - u**2) ** 4) @ monomials[inside]
        slopes[k] = _weights(s, lambda u: 8 * u * (1 - u**2) ** 3) @ x[inside]
    weight = terms[:, :1]  # the integral of the bump itself
    return terms / weight, slopes / weight


def _weights(s: np.ndarray, factor: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Weights (n,) of values at points (n,) in the integral of the straight lines between them times a factor.

    They are exact for a polynomial of degree eight.
    """
    share = (_NODES + 1) / 2
    step = np.diff(s)[:, None]
    parts = step / 2 * _NODE_WEIGHTS * factor(s[:-1, None] + step * share)
    weights = np.zeros(len(s))
    weights[:-1] += parts @ (1 - share)
    weights[1:] += parts @ share
    return weights


def _refine(t: np.ndarray, x: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide intervals longer than ``step``, on the straight lines that the weak form assumes between points."""
    parts = np.ceil(np.diff(t) / step * (1 - 1e-9)).astype(int)
    fractions = [i + np.arange(n) / n for i, n in enumerate(parts)]
    place = np.append(np.concatenate(fractions), len(t) - 1)
    index = np.arange(len(t))
    columns = [np.interp(place, index, column) for column in x.T]
    return np.interp(place, index, t), np.column_stack(columns)
