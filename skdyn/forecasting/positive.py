"""Positive series through their logarithms.

Letters: L points, D channels, T times, Q quantiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skdyn.exceptions import TrajectoryError

_LARGEST = 700.0  # the exponential of more overflows


_ABOVE_ZERO = 6.0


def logarithms(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms (L, D) of positive values, NaN where missing, and what is to be added to them (D,).

    Where zero lies matters to a forecast, and logarithms have it where the unit puts it. So they are moved: the middle
    of what was observed of a channel is six half-ranges above zero, in any unit.

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
    found = np.log(values)
    low, high = np.nanmin(found, axis=0), np.nanmax(found, axis=0)
    half = np.where(high > low, (high - low) / 2, 1.0)
    moved = (low + high) / 2 - _ABOVE_ZERO * half
    return found - moved, moved


class PositiveCurve:
    """A curve of logarithms as one of the values.

    Parameters
    ----------
    curve : curve with ``start``, ``end``, ``values`` and ``slopes``
    moved : array of shape (D,)
        As of `logarithms`.
    """

    def __init__(self, curve: Any, moved: np.ndarray) -> None:
        self._curve, self._moved = curve, moved[:, None]
        self.start, self.end = curve.start, curve.end

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,)."""
        return np.exp(np.minimum(self._curve.values(times) + self._moved, _LARGEST))

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        values = self.values(times)
        return values[..., values.shape[-1] // 2] * self._curve.slopes(times)
