"""The network and classical experts of one series, weighed at every time by a trained arbiter.

Letters: N observed points, D channels, E forecasters with the network last, T times ahead, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import LAWFUL, NETWORK, ORIGINS, Backtest, Experts
from skdyn.forecasting.experts.grid import Array, Fit
from skdyn.forecasting.features import bounded, features

_RIGHT = 1e-3
"""Root mean square error in backtests, in half-ranges, of who counts as always right."""
_ALONE = 8.0
"""Logarithm of the likelihood, of normal errors in backtests, by which who is lawful must be ahead to count alone."""
_LEAST = 1e-6
"""Errors in backtests, in half-ranges, below which one is as good as another."""


@dataclass(frozen=True)
class Questions:
    """What an arbiter is asked of a series: see `skdyn.nn.forecast_arbiter.ForecastArbiter.forward`.

    Attributes
    ----------
    of_forecasters, of_times : array of shape (T, D, E, P) and (T, D, P)
    forecasts : array of shape (E, T, D)
        In half-ranges of the prefix from its middle; NaN where absent.
    spread : array of shape (T, D)
        In half-ranges.
    middle, half : array of shape (D,)
        Of the prefix.
    proven : boolean array of shape (E,)
        Who has always been right and speaks of every time: where two of them agree, nobody else counts.
    alone : boolean array of shape (D, E)
        Who is lawful, speaks of every time and is far ahead of everyone else in the backtests: nobody else counts.
    """

    of_forecasters: Array
    of_times: Array
    forecasts: Array
    spread: Array
    middle: Array
    half: Array
    proven: NDArray[np.bool_]
    alone: NDArray[np.bool_]


class Evidence:
    """Experts of one series with the network beside them, tested on the end of the prefix.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode.
    times, values : arrays of shape (N,) and (N, D)
        Complete, at least `skdyn.forecasting.evidence.LEAST_POINTS` of them.
    fits : mapping of str to callable
        As `skdyn.forecasting.experts.Expert.fit`.
    """

    def __init__(self, network: Any, times: Array, values: Array, fits: Mapping[str, Fit]) -> None:
        self.experts = Experts(times, values, fits)
        self.names = (*self.experts.names, NETWORK)
        self.lawful = np.array([name in LAWFUL for name in self.names])
        self.times, self.values = times, values
        self._origins = self.experts.origins()
        tested = [self._test(network, count) for count in self._origins]
        self.backtests = (*[None] * (len(ORIGINS) - len(tested)), *tested)

    def _test(self, network: Any, count: int) -> Backtest:
        times, values, after = self.times[:count], self.values[:count], self.experts.after(count)
        asked = self.times[after]
        quantiles = Curve(network, times, values, float(asked[-1])).values(asked)
        forecasts = np.concatenate([self.experts.tested(count), median(quantiles)[None]])
        leads = (asked - times[-1]) / (times[-1] - times[0])
        return Backtest(leads, self.values[after], forecasts, quantiles[..., -1] - quantiles[..., 0])

    def questions(self, times: Array, quantiles: Array) -> Questions:
        """What to ask about later times (T,), given the network's quantiles (T, D, Q) there."""
        forecasts = np.concatenate([self.experts.ahead(times), median(quantiles)[None]])
        leads = (times - self.times[-1]) / (self.times[-1] - self.times[0])
        spread = quantiles[..., -1] - quantiles[..., 0]
        return ask(forecasts, spread, leads, self.values, self.backtests, self.lawful)

    def earlier(self) -> list[tuple[Questions, Array, Array]]:
        """What is asked at every origin but the first, what came (R, D), and leads (R,)."""
        tested = [backtest for backtest in self.backtests if backtest is not None]
        asked = []
        for place in range(1, len(tested)):
            count, then = self._origins[place], tested[place]
            known = [tested[was].until(count - self._origins[was]) for was in range(place)]
            backtests = (*[None] * (len(ORIGINS) - place), *known)
            questions = ask(then.forecasts, then.spread, then.leads, self.values[:count], backtests, self.lawful)
            asked.append((questions, then.truth, then.leads))
        return asked


def ask(
    forecasts: Array,
    spread: Array,
    leads: Array,
    values: Array,
    backtests: Sequence[Backtest | None],
    lawful: NDArray[np.bool_],
) -> Questions:
    """Questions from forecasts (E, T, D), the network's spread (T, D), leads (T,) and the prefix (N, D).

    Who is lawful (E,) needs no second to go far.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    half = (high - low) / 2
    half = np.where(half > 0, half, np.maximum(1e-3 * np.abs(high), 1e-150))
    middle = low + (high - low) / 2
    errors = [np.sqrt(np.mean(((b.forecasts - b.truth) / half) ** 2, axis=1)) for b in backtests if b is not None]
    error = np.mean(errors, axis=0) if errors else np.full((len(forecasts), len(half)), np.inf)
    held = bounded(forecasts, error, middle, half, lawful)
    of_forecasters, of_times = features(held, spread, leads, values, backtests, middle, half)
    speaks = np.asarray(np.isfinite(held).all(axis=1)) & (len(errors) == len(backtests))
    proven = np.asarray((error < _RIGHT).all(axis=1) & speaks.all(axis=1))
    alone = np.asarray((lawful[:, None] & speaks & _far_ahead(errors, backtests, lawful)).T)
    return Questions(of_forecasters, of_times, (held - middle) / half, spread / half, middle, half, proven, alone)


def _far_ahead(
    errors: Sequence[Array], backtests: Sequence[Backtest | None], lawful: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whose errors (E, D) of the backtests leave all who are not lawful behind, by the points after the first origin.

    Of the backtests, which share these points, the mean of the logarithms counts.
    """
    if backtests[0] is None:
        return np.zeros((len(lawful), 1), dtype=bool)
    typical = np.mean([np.log(np.where(np.isfinite(error), error, np.inf) + _LEAST) for error in errors], axis=0)
    others = typical[~lawful].min(axis=0)
    return np.asarray(len(backtests[0].truth) * (others - typical) >= _ALONE)


def median(quantiles: Array) -> Array:
    """The middle one of quantiles (..., Q)."""
    return quantiles[..., quantiles.shape[-1] // 2]
