"""The forecast of one series by all its forecasters, weighed by the arbiter and calibrated on the prefix.

Letters: N observed points, D channels, E forecasters with the network last, T times ahead, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skdyn.forecasting.arbitrated import Evidence, Questions, median
from skdyn.forecasting.curve import Curve
from skdyn.forecasting.evidence import LEAST_POINTS, MOST_TESTED, NETWORK
from skdyn.forecasting.experts.grid import Array, Fit

if TYPE_CHECKING:
    from skdyn.nn.forecast_arbiter import ForecastArbiter

LEVEL = 0.8
"""Of the interval whose half width the arbiter calls the scale."""
_TRUST = 0.5
"""How far the widths follow what the prefix says of them, in logarithms."""
_MOST = np.log(3.0)
_SAME = 0.02


class Arbitration:
    """All forecasters of one series.

    Fewer than twelve complete rows leave the network alone.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode.
    arbiter : ForecastArbiter
    known : mapping of str to int
        The arbiter's numbers of the forecasters that it was trained with.
    times, values : arrays of shape (N,) and (N, D)
        The prefix, NaN where missing; the experts use complete rows.
    fits : mapping of str to callable
        The experts, as `skdyn.forecasting.experts.Expert.fit`.

    Attributes
    ----------
    weights : dict of str to float
        Means over the channels and a continuation of a quarter of the prefix, or of a thousand steps; they sum to one.
    widening : float
        Factor of the arbiter's intervals by what they would have held of the end of the prefix.
    """

    def __init__(
        self,
        network: Any,
        arbiter: ForecastArbiter,
        known: Mapping[str, int],
        times: Array,
        values: Array,
        fits: Mapping[str, Fit],
    ) -> None:
        complete = ~np.isnan(values).any(axis=1)
        times, values = times[complete], values[complete]
        self._arbiter = arbiter
        self._evidence: Evidence | None = None
        self.weights, self.widening = {NETWORK: 1.0}, 1.0
        if len(times) < LEAST_POINTS or not (np.ptp(values, axis=0) > 0).any():
            return
        self._evidence = evidence = Evidence(network, times, values, fits)
        self._who = np.array([known.get(name, 0) for name in evidence.names])
        self.last = times[-1]
        span = min(times[-1] - times[0], 4 * MOST_TESTED * np.median(np.diff(times)))
        ahead = times[-1] + span * np.linspace(0.01, 0.25, 25)
        _, _, weights = self._answer(ahead, Curve(network, times, values, float(ahead[-1])).values(ahead))
        means = weights.mean(axis=(0, 1))
        self.weights = {name: float(share) for name, share in zip(evidence.names, means, strict=True)}
        self.widening = self._calibrated()

    def values(self, times: Array, quantiles: Array) -> Array:
        """The quantiles (T, D, Q) from the network's; up to the last observation they stay as they are."""
        later = self.later(times)
        if not later.any():
            return quantiles
        middle, scale, _ = self._answer(times[later], quantiles[later])
        levels = quantiles.shape[-1]
        place = norm.ppf((np.arange(levels) + 1) / (levels + 1)) / norm.ppf((1 + LEVEL) / 2)
        answer = quantiles.copy()
        answer[later] = middle[..., None] + self.widening * scale[..., None] * self._profile(place)
        return answer

    def over(self, curve: Curve) -> ArbitratedCurve:
        """The network's curve with all forecasters after the last observation."""
        return ArbitratedCurve(curve, self)

    def later(self, times: Array) -> Array:
        """Which times lie after the last observation; none where the network is alone."""
        return times > self.last if self._evidence is not None else np.zeros(len(times), dtype=bool)

    def _profile(self, place: Array) -> Array:
        """Distances of quantiles, given as multiples of the outer one's Gaussian place, by the arbiter's own shape."""
        knots = norm.ppf([0.5, 0.6, 0.7, 0.8, 0.9]) / norm.ppf(0.9)
        shares = np.concatenate([[0.0], self._arbiter.shares().numpy()])
        return np.sign(place) * np.interp(np.abs(place), knots, shares)

    def _answer(self, times: Array, quantiles: Array) -> tuple[Array, Array, Array]:
        """Median and scale (T, D), and weights (T, D, E)."""
        assert self._evidence is not None
        return self._judged(self._evidence.questions(times, quantiles))

    def _judged(self, asked: Questions) -> tuple[Array, Array, Array]:
        import torch

        from skdyn.nn.plain_torch import plain_torch

        shape = asked.spread.shape
        rows = asked.forecasts.transpose(1, 2, 0).reshape(-1, asked.forecasts.shape[0])
        arrays = (
            asked.of_forecasters.reshape(-1, *asked.of_forecasters.shape[2:]),
            asked.of_times.reshape(-1, asked.of_times.shape[-1]),
            np.nan_to_num(rows),
            asked.spread.reshape(-1),
        )
        tensors = [torch.from_numpy(np.ascontiguousarray(array)).float() for array in arrays]
        who = torch.from_numpy(self._who).expand(len(rows), -1)
        with plain_torch(), torch.inference_mode():
            _, scale, weights = self._arbiter(*tensors, who, torch.from_numpy(np.isfinite(rows)))
        # In double precision, so that a float32 network does not round the forecasts.
        shares = weights.double().numpy() + 1e-12 * np.isfinite(rows)
        shares = np.where(_agreed(rows, asked.proven)[:, None] & ~asked.proven, 0.0, shares)
        alone = np.broadcast_to(asked.alone, (*shape, len(self._who))).reshape(shares.shape)
        shares = np.where(alone.any(axis=1, keepdims=True) & ~alone, 0.0, shares)
        shares /= shares.sum(axis=-1, keepdims=True)
        middle = (shares * np.nan_to_num(rows)).sum(axis=-1).reshape(shape)
        widths = scale.double().numpy().reshape(shape)
        return asked.middle + middle * asked.half, widths * asked.half, shares.reshape(*shape, -1)

    def _calibrated(self) -> float:
        """By how much the intervals should be wider for the end of the prefix, as if it had to be forecast."""
        assert self._evidence is not None
        ratios, ahead = [], []
        for asked, truth, leads in self._evidence.earlier():
            middle, scale, _ = self._judged(asked)
            ratios.append((np.abs(truth - middle) / np.maximum(scale, 1e-300)).ravel())
            ahead.append(np.repeat(leads, truth.shape[1]))
        return widening(np.concatenate(ratios), np.concatenate(ahead)) if ratios else 1.0


def widening(ratio: Array, leads: Array) -> float:
    """By how much intervals should be wider, from errors over half widths (M,) in a backtest, at leads (M,).

    By a part, in logarithms, of the factor that the backtest itself would have needed.
    """
    # Points far ahead tell of more than one close by.
    weight = leads + leads.max() / 4
    order = np.argsort(ratio)
    share = np.cumsum(weight[order])
    found = ratio[order][int(np.searchsorted(share, LEVEL * share[-1]))]
    return float(np.exp(_TRUST * np.clip(np.log(max(found, 1e-9)), -_MOST, _MOST)))


def _agreed(rows: Array, proven: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where (M,) at least two who have always been right say the same, of answers (M, E) in half-ranges."""
    if proven.sum() < 2:
        return np.zeros(len(rows), dtype=bool)
    right = rows[:, proven]
    return np.ptp(right, axis=1) < _SAME * np.maximum(np.abs(right).max(axis=1), 1.0)


class ArbitratedCurve:
    """A curve of the network, with all forecasters after the last observation."""

    def __init__(self, curve: Curve, arbitration: Arbitration) -> None:
        self._curve, self._arbitration = curve, arbitration
        self.start, self.end = curve.start, curve.end

    def values(self, times: Array) -> Array:
        """Quantiles (T, D, Q) at times (T,) up to the last time of interest."""
        return self._arbitration.values(times, self._curve.values(times))

    def slopes(self, times: Array) -> Array:
        """Time derivative (T, D) of the median."""
        slopes = self._curve.slopes(times)
        later = self._arbitration.later(times)
        if not later.any():
            return slopes
        at, last = times[later], self._arbitration.last
        step = 1e-4 * (at[-1] - last)
        before, after = np.maximum(at - step, last + step / 2), np.minimum(at + step, at[-1])
        asked, places = np.unique(np.concatenate([before, after, at[-1:]]), return_inverse=True)
        path = median(self.values(asked))
        first, second = np.split(path[places[:-1]], 2)
        answer = slopes.copy()
        answer[later] = (second - first) / (after - before)[:, None]
        return answer
