"""The network and classical experts of one series, blended by how well each forecasts the end of the prefix.

Letters: L observed points, D channels, T times, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm

from skdyn.forecasting.asking import answered, fitted
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import LEAST_POINTS, NETWORK
from skdyn.forecasting.experts.grid import Fit, Forecast

HELD_OUT = 0.3
"""Share of a prefix that forecasters are tested on."""

_FLOOR = 1e-4
_REACH = 2.0


class Ensemble:
    """Forecasters of one series with their weights.

    Each is fitted to the first 70% of the prefix and forecasts the rest; its weight is one over the mean square error,
    in half-ranges of the prefix and with 1e-4 added, of that forecast. Then it is fitted to the whole prefix. The
    network's quantiles move to the blended median, narrow as the blend's error on the rest is below the network's, and
    widen by the mean difference of the forecasts, by weight, from the median. Forecasts are kept within two half-ranges
    from the middle of the prefix. The network alone is left where fewer than twelve rows are complete.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode.
    times, values : arrays of shape (L,) and (L, D)
        The prefix, NaN where missing; the experts use complete rows.
    fits : mapping of str to callable
        The experts, as `skdyn.forecasting.experts.Expert.fit`.

    Attributes
    ----------
    weights : dict of str to float
        They sum to one.
    width : float
        Factor, at most one, of the distances of the network's quantiles from its median, before they widen.
    """

    def __init__(self, network: Any, times: np.ndarray, values: np.ndarray, fits: Mapping[str, Fit]) -> None:
        complete = ~np.isnan(values).any(axis=1)
        times, values = times[complete], values[complete]
        self.weights, self.width = {NETWORK: 1.0}, 1.0
        self._experts: dict[str, Forecast] = {}
        self._levels = norm.ppf(network.config.levels)
        if len(times) < LEAST_POINTS:
            return
        low, high = values.min(axis=0), values.max(axis=0)
        self._last, self._low, self._high, half = times[-1], low, high, (high - low) / 2
        unit = np.where(half > 0, half, np.maximum(1e-3 * np.abs(high), 1e-150))

        count = round((1 - HELD_OUT) * len(times))
        held_out, truth = times[count:], values[count:]
        curve = Curve(network, times[:count], values[:count], float(times[-1]), float(times[0]))
        forecasts = {NETWORK: _median(curve.values(held_out))}
        for name, fit in fits.items():
            ahead = answered(name, fitted(name, fit, times[:count], values[:count]), held_out, values.shape[1])
            whole = None if ahead is None else fitted(name, fit, times, values)
            if ahead is not None and whole is not None:
                forecasts[name], self._experts[name] = ahead, whole
        forecasts = {name: self._bounded(forecast) for name, forecast in forecasts.items()}
        errors = {name: float(np.mean(((f - truth) / unit) ** 2)) for name, f in forecasts.items()}
        self.weights = weights_by(errors)
        blended = self._mean(forecasts)
        error = float(np.mean(((blended - truth) / unit) ** 2))
        self.width = min(1.0, float(np.sqrt((error + _FLOOR) / (errors[NETWORK] + _FLOOR))))

    def values(self, times: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """The blend's quantiles (T, D, Q) from the network's; up to the last observation they stay as they are."""
        later = self._later(times)
        if not later.any():
            return quantiles
        median = _median(quantiles[later])
        forecasts = {NETWORK: self._bounded(median), **self._forecasts(times[later])}
        blended = self._mean(forecasts)
        difference = self._mean({name: np.abs(forecast - blended) for name, forecast in forecasts.items()})
        answer = quantiles.copy()
        answer[later] = blended[..., None] + self.width * (quantiles[later] - median[..., None])
        answer[later] += difference[..., None] * self._levels / max(np.abs(self._levels).max(), 1e-300)
        return answer

    def over(self, curve: Curve) -> EnsembleCurve:
        """The network's curve with the experts after the last observation."""
        return EnsembleCurve(curve, self)

    def slopes(self, times: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """The time derivative (T, D) of the blend's median from that of the network's."""
        later = self._later(times)
        if not later.any():
            return slopes
        at = times[later]
        step = 1e-4 * (times[-1] - self._last)
        before, after = np.maximum(at - step, self._last), at + step
        order = np.argsort(np.concatenate([before, after]), kind="stable")
        place = np.argsort(order, kind="stable")
        blended = self.weights[NETWORK] * slopes[later]
        for name, forecast in self._forecasts(np.concatenate([before, after])[order]).items():
            first, second = np.split(forecast[place], 2)
            blended = blended + self.weights[name] * (second - first) / (after - before)[:, None]
        answer = slopes.copy()
        answer[later] = blended
        return answer

    def _later(self, times: np.ndarray) -> np.ndarray:
        """Which times lie after the last observation; none where the network is alone."""
        return times > self._last if self._experts else np.zeros(len(times), dtype=bool)

    def _forecasts(self, times: np.ndarray) -> dict[str, np.ndarray]:
        """The experts' forecasts (T, D)."""
        forecasts = {}
        for name, expert in self._experts.items():
            answer = answered(name, expert, times, len(self._low))
            forecasts[name] = self._bounded(np.full((len(times), len(self._low)), np.nan) if answer is None else answer)
        return forecasts

    def _mean(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """What the forecasters say, by weight."""
        return np.sum([self.weights[name] * part for name, part in parts.items()], axis=0)

    def _bounded(self, forecast: np.ndarray) -> np.ndarray:
        return kept_near(forecast, self._low, self._high)


class EnsembleCurve:
    """A curve of the network, with the experts after the last observation."""

    def __init__(self, curve: Curve, ensemble: Ensemble) -> None:
        self._curve, self._ensemble = curve, ensemble
        self.start, self.end = curve.start, curve.end

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,) up to the last time of interest."""
        return self._ensemble.values(times, self._curve.values(times))

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        return self._ensemble.slopes(times, self._curve.slopes(times))


def weights_by(errors: Mapping[str, float]) -> dict[str, float]:
    """Weights that sum to one, inverse to the mean square errors of forecasts of the end of the prefix."""
    total = sum(1 / (error + _FLOOR) for error in errors.values())
    return {name: 1 / (error + _FLOOR) / total for name, error in errors.items()}


def kept_near(forecast: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A forecast (..., D) within two half-ranges from the middle of the prefix, and there where it is not finite."""
    middle, reach = (low + high) / 2, _REACH * (high - low) / 2
    return np.clip(np.where(np.isfinite(forecast), forecast, middle), middle - reach, middle + reach)


def _median(quantiles: np.ndarray) -> np.ndarray:
    return quantiles[..., quantiles.shape[-1] // 2]
