"""The weak form of pysindy for ragged trajectories: averages over windows in place of slopes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
from pysindy import PolynomialLibrary, WeakPDELibrary

_SEED = 0
_RANDOM = Lock()
_INTERVALS = 8  # fewest in a window


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
    with _repeatable_windows():
        averages = WeakPDELibrary(
            function_library=PolynomialLibrary(degree=degree, include_bias=False),
            spatiotemporal_grid=t,
            include_bias=True,
            K=windows,
            H_xt=half,
        )
    with warnings.catch_warnings():
        # The library shows its inner library one state, whose axes pysindy then mislabels.
        warnings.filterwarnings("ignore", "2 axes labeled for array with 1 axes", Warning)
        terms = np.asarray(averages.fit_transform(x))
    weight = terms[:, :1]  # the integral of the bump itself
    return terms / weight, averages.convert_u_dot_integral(x) / weight


def _refine(t: np.ndarray, x: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide intervals longer than ``step``, on the straight lines that the weak form assumes between points."""
    parts = np.ceil(np.diff(t) / step * (1 - 1e-9)).astype(int)
    fractions = [i + np.arange(n) / n for i, n in enumerate(parts)]
    place = np.append(np.concatenate(fractions), len(t) - 1)
    index = np.arange(len(t))
    columns = [np.interp(place, index, column) for column in x.T]
    return np.interp(place, index, t), np.column_stack(columns)


@contextmanager
def _repeatable_windows() -> Iterator[None]:
    """Lend pysindy, which draws windows from NumPy's global state only, a seeded one, and put the user's back."""
    with _RANDOM:
        state = np.random.get_state()  # noqa: NPY002
        np.random.seed(_SEED)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
