"""The period of an oscillation, from how often it crosses its mean."""

from __future__ import annotations

import numpy as np


def mean_period(t: np.ndarray, x: np.ndarray) -> float:
    """Mean time between upward crossings of the mean, averaged over the variables.

    Parameters
    ----------
    t : array of shape (L,)
        Increasing times.
    x : array of shape (L, D)

    Returns
    -------
    float
        In the unit of ``t``; NaN where no variable crosses its mean upwards twice.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 10, 501)
    >>> round(mean_period(t, np.sin(2 * np.pi * t / 2.5)[:, None]), 6)
    2.5
    """
    periods = []
    for values in (x - x.mean(axis=0)).T:
        up = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
        crossings = t[up] - values[up] * (t[up + 1] - t[up]) / (values[up + 1] - values[up])
        if len(crossings) > 1:
            periods.append(np.diff(crossings).mean())
    return float(np.mean(periods)) if periods else float("nan")
