"""The forecast of one series as a curve that can be evaluated at any time, in the user's units.

The network sees a window of time, of which the observed prefix is between 0.3 and 0.9. Forecasts further ahead are made
of several windows: each continues the median of the one before it. What is asked of the past has no influence on them:
where it needs older observations, it has a window of its own. Letters: L observed points, D channels, T times, Q
quantiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from skdyn.forecasting.channels import MAX_POINTS
from skdyn.forecasting.experts.grid import ROUNDING
from skdyn.forecasting.window import Request, Window, values_of, windows_of

LEAST_RATIO, LARGEST_RATIO = 0.3, 0.9
"""Shares of a window that its prefix had in training."""

MOST_WINDOWS = 200
"""Windows that one forecast may take."""

_NEXT_RATIO = 0.6  # of the windows after the first
_RECENT_POINTS = 100  # are kept where older ones are left out


class Curve:
    """The forecast of one series.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode.
    times, values : arrays of shape (L,) and (L, D)
        The observed series, NaN where missing.
    until : float
        The last time of interest.
    since : float, optional
        The first time of interest; observations before it may be left out. The last observation by default.

    Raises
    ------
    ValueError
        If the last time of interest is further than `MOST_WINDOWS` windows ahead.
    """

    def __init__(
        self, network: Any, times: np.ndarray, values: np.ndarray, until: float, since: float | None = None
    ) -> None:
        self._begin()
        _complete(network, [(self, self._requests(network, times, values, until, since))])

    @classmethod
    def of_many(cls, network: Any, series: Sequence[tuple[np.ndarray, np.ndarray, float, float | None]]) -> list[Curve]:
        """Curves of several series, each with what a curve is made of; windows of equal shapes are encoded together."""
        curves = [cls.__new__(cls) for _ in series]
        for curve in curves:
            curve._begin()
        _complete(network, [(curve, curve._requests(network, *own)) for curve, own in zip(curves, series, strict=True)])
        return curves

    def _begin(self) -> None:
        self.windows: list[Window] = []
        self._ends: list[float] = []  # of what each window answers

    def _requests(
        self, network: Any, times: np.ndarray, values: np.ndarray, until: float, since: float | None
    ) -> Iterator[Request]:
        """One window after the other, each once the one before it has been answered."""
        until = max(until, float(times[-1]))
        if not until <= (furthest := _furthest(times)):
            raise ValueError(
                f"t = {until:g} is too far ahead: observations from {times[0]:g} to {times[-1]:g} can be forecast to "
                f"{furthest:g} ({MOST_WINDOWS} windows of the network); ask for earlier times, or check their unit"
            )
        past, (times, values) = (_recent(times, values, until, asked) for asked in (since, None))
        self.start = float(past[0][0])
        if self.start < times[0]:
            yield Request(*past, _end(past[0], until))
            self._ends.append(float(times[-1]))
            if until == times[-1]:
                return
        yield Request(times, values, _end(times, until))
        self._ends.append(self.windows[-1].end)
        length = self.windows[-1].end - times[0]
        middle = network.config.quantiles // 2
        step = max(float(np.median(np.diff(times))), length / MAX_POINTS)
        while self.windows[-1].end < until:
            window = self.windows[-1]
            ahead = np.arange(times[-1] + step, window.end + step / 2, step)
            ahead[-1] = window.end
            median = window.values(ahead)[..., middle]
            times, values = np.append(times, ahead), np.concatenate([values, median])
            keep = times >= window.end - (_NEXT_RATIO + ROUNDING) * length
            times, values = times[keep], values[keep]
            end = float(max(min(until, times[0] + length), times[0] + _NEXT_RATIO * length / LARGEST_RATIO))
            spread = window.values(times[-1:])[0]
            yield Request(times, values, end, spread - spread[:, [middle]])
            self._ends.append(self.windows[-1].end)

    @property
    def end(self) -> float:
        """Where the last window ends."""
        return float(self.windows[-1].end)

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,) up to the last time of interest."""
        return values_at([self], [times])[0]

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        used = self.used(times)
        return _put_together([places for _, places in used], [window.slopes(times[places]) for window, places in used])

    def used(self, times: np.ndarray) -> list[tuple[Window, np.ndarray]]:
        """Windows that times (T,) lie in, with the places of those times."""
        index = np.searchsorted(self._ends[:-1], times)
        return [(self.windows[w], np.flatnonzero(index == w)) for w in np.unique(index)]


def values_at(curves: Sequence[Any], asked: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Quantiles (T, D, Q) of curves, each at times (T,) of its own; those of one network are decoded together."""
    if not all(isinstance(curve, Curve) for curve in curves):
        return [curve.values(times) for curve, times in zip(curves, asked, strict=True)]
    used = [curve.used(times) for curve, times in zip(curves, asked, strict=True)]
    pairs = [(window, times[places]) for own, times in zip(used, asked, strict=True) for window, places in own]
    answers = iter(values_of(pairs))
    return [_put_together([places for _, places in own], [next(answers) for _ in own]) for own in used]


def _put_together(places: list[np.ndarray], parts: list[np.ndarray]) -> np.ndarray:
    """One array of parts that have each some places on the first axis."""
    if len(parts) == 1:
        return parts[0]
    answer = np.empty((sum(map(len, places)), *parts[0].shape[1:]))
    for where, part in zip(places, parts, strict=True):
        answer[where] = part
    return answer


def _complete(network: Any, growing: Sequence[tuple[Curve, Iterator[Request]]]) -> None:
    """Add windows to curves until none asks for another."""
    waiting = [(curve, requests, request) for curve, requests in growing if (request := next(requests, None))]
    while waiting:
        windows = windows_of(network, [request for *_, request in waiting])
        for (curve, *_), window in zip(waiting, windows, strict=True):
            curve.windows.append(window)
        waiting = [(curve, requests, request) for curve, requests, _ in waiting if (request := next(requests, None))]


def _end(times: np.ndarray, until: float) -> float:
    """End of the first window: the last time of interest, unless the prefix were too large or too small a share."""
    start, span = times[0], times[-1] - times[0]
    return float(np.clip(until, start + span / LARGEST_RATIO, start + span / LEAST_RATIO))


def _furthest(times: np.ndarray) -> float:
    """The last time that can be forecast from observations at these times."""
    length = (times[-1] - times[0]) / LEAST_RATIO
    return float(times[0] + length * (1 + (MOST_WINDOWS - 1) * (1 - _NEXT_RATIO)))


def _recent(times: np.ndarray, values: np.ndarray, until: float, since: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Leave out what is older than the network can use for a short forecast, but keep some points of every channel."""
    share = LARGEST_RATIO / (1 - LARGEST_RATIO)
    oldest = times[-1] - share * (until - times[-1]) + ROUNDING * (times[-1] - times[0])
    if since is not None:
        oldest = min(oldest, since)
    observed = ~np.isnan(values)
    enough = observed[::-1].cumsum(axis=0)[::-1] >= np.minimum(_RECENT_POINTS, observed.sum(axis=0))
    keep = np.flatnonzero(enough.all(axis=1) & (times <= oldest))
    first = int(keep[-1]) if len(keep) else 0
    return times[first:], values[first:]
