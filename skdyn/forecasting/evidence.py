"""What the experts and the network say about a series, and how well each forecast the end of its prefix.

Letters: N observed points, D channels, E forecasters, T times ahead, R points of a backtest, O origins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from skdyn.forecasting.asking import answered, fitted
from skdyn.forecasting.experts.grid import Array, Fit, Forecast

NETWORK = "network"

ORIGINS = (0.6, 0.8, 0.9)
"""Shares of the prefix after which every forecaster is tested."""

MOST_TESTED = 1000
"""Points that follow an origin and are forecast from it."""

LAWFUL = frozenset({"growth"})
"""Experts that need no second to go far from what was seen."""

LEAST_POINTS = 12
"""Complete rows that experts need."""


@dataclass(frozen=True)
class Backtest:
    """Forecasts from an earlier origin, and what came.

    Attributes
    ----------
    leads : array of shape (R,)
        Times after the origin's last observation, in units of the duration up to there.
    truth : array of shape (R, D)
    forecasts : array of shape (E, R, D)
        NaN where a forecaster had nothing to say.
    spread : array of shape (R, D)
        Between the network's outer quantiles.
    """

    leads: Array
    truth: Array
    forecasts: Array
    spread: Array

    def until(self, count: int) -> Backtest:
        """What was known of it when the first ``count`` of its points had come."""
        return Backtest(self.leads[:count], self.truth[:count], self.forecasts[:, :count], self.spread[:count])


class Experts:
    """Classical experts of one series, fitted to all of it and up to each origin.

    Parameters
    ----------
    times, values : arrays of shape (N,) and (N, D)
        Complete.
    fits : mapping of str to callable
        As `skdyn.forecasting.experts.Expert.fit`.
    """

    def __init__(self, times: Array, values: Array, fits: Mapping[str, Fit]) -> None:
        self.names = tuple(fits)
        self.times, self.values = times, values
        self._fits = fits
        self._whole = {name: fitted(name, fit, times, values) for name, fit in fits.items()}

    def ahead(self, times: Array) -> Array:
        """Forecasts (E, T, D) at later times (T,)."""
        return self._said(self._whole, times)

    def origins(self) -> list[int]:
        """Numbers of points up to each origin; an origin too early to say anything is left out."""
        counts = [round(share * len(self.times)) for share in ORIGINS]
        return [count for count in counts if count >= LEAST_POINTS // 2]

    def after(self, count: int) -> slice:
        """The points on which forecasts from the first ``count`` are tested."""
        return slice(count, count + MOST_TESTED)

    def tested(self, count: int) -> Array:
        """Forecasts (E, R, D) of what follows the first ``count`` points."""
        times, values, asked = self.times[:count], self.values[:count], self.times[self.after(count)]
        fits = {name: fitted(name, self._fits[name], times, values) for name in self.names}
        return self._said(fits, asked)

    def _said(self, fits: Mapping[str, Forecast | None], times: Array) -> Array:
        """Forecasts (E, T, D) at times (T,), NaN of who has nothing to say."""
        dim = self.values.shape[1]
        answers = [answered(name, fit, times, dim) for name, fit in fits.items()]
        return np.stack([np.full((len(times), dim), np.nan) if answer is None else answer for answer in answers])
