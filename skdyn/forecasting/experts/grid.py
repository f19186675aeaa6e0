"""Series at any times as evenly spaced ones and back, for forecasters that count steps.

Letters: N observed points, D channels, H times ahead.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Forecast = Callable[[Array], Array]
"""Maps later times (H,), increasing, to values (H, D)."""
Fit = Callable[..., Forecast]
"""Maps times (N,) and complete values (N, D), and ``season=`` where an expert reads it, to a forecast."""
StepForecast = Callable[[int], Array]
"""Maps a number of steps to so many values (H, D)."""

MOST_STEPS = 100_000
"""Of an even grid over the prefix, where most of its points lie close together."""
_MOST_AHEAD = 200_000
_SAME = 1e-6
"""Times closer than so many steps are one."""
ROUNDING = 1e-9
"""Of a duration: what times of even steps, in whatever unit, may be apart where they are the same."""


def on_grid(fit: Callable[..., StepForecast]) -> Fit:
    """Make what is fitted to evenly spaced values (N, D) fit values at any times.

    The grid has the median step and ends at the last observation; both ways the values are interpolated linearly. What
    is known besides, the season, is handed on.
    """

    def expert(times: Array, values: Array, **known: int) -> Forecast:
        step, even = resampled(times, values)
        ahead_of = fit(even, **known)

        def forecast(future: Array) -> Array:
            count = int(np.ceil((future[-1] - times[-1]) / step - _SAME))
            if count > _MOST_AHEAD:
                raise ValueError(f"{count} steps ahead are more than {_MOST_AHEAD}")
            ahead = np.concatenate([even[-1:], ahead_of(count)])
            at = times[-1] + step * np.arange(count + 1)
            return np.column_stack([np.interp(future, at, channel) for channel in ahead.T])

        return forecast

    return expert


def resampled(times: Array, values: Array) -> tuple[float, Array]:
    """The median step of a series, and its values at such steps before and at the last observation.

    Where a step falls on an observation but for rounding its value is the observed one: a zero stays a zero.
    """
    step = max(float(np.median(np.diff(times))), (times[-1] - times[0]) / MOST_STEPS)
    grid = times[-1] - step * np.arange(int((times[-1] - times[0]) / step + _SAME), -1, -1)
    after = np.searchsorted(times, grid - _SAME * step)
    grid = np.where(np.abs(times[after] - grid) <= _SAME * step, times[after], grid)
    return step, np.column_stack([np.interp(grid, times, channel) for channel in values.T])


def require(enough: bool, reason: str) -> None:
    """Refuse a series that an expert has nothing to say about."""
    if not enough:
        raise ValueError(reason)
