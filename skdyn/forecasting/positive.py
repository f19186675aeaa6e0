"""Positive series through their logarithms.

Letters: L points, D channels, T times, Q quantiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError

_LARGEST = 700.0  # the exponential of more overflows


def logarithms(values: np.ndarray, name: str) -> np.ndarray:
    """Logarithms (L, D) of positive values, NaN where missing.

    Raises
    ------
    TrajectoryError
        Where a value is not positive.
    """
    bad = np.argwhere(values <= 0)
    if len(bad):
        row, column = bad[0]
        raise TrajectoryError(
            f"{name}, row {row}, column {column}: {values[row, column]:g} is not positive, but positive=True forecasts "
            "logarithms: leave the point out, or leave positive=True out"
        )
    return np.log(values)


class PositiveCurve:
    """A curve of logarithms as one of the values.

    Parameters
    ----------
    curve : curve with ``start``, ``end``, ``values`` and ``slopes``
    """

    def __init__(self, curve: Any) -> None:
        self._curve = curve
        self.start, self.end = curve.start, curve.end

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,)."""
        return np.exp(np.minimum(self._curve.values(times), _LARGEST))

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        values = self.values(times)
        return values[..., values.shape[-1] // 2] * self._curve.slopes(times)
