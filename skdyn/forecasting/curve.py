"""The forecast of one series as a curve that can be evaluated at any time, in the user's units.

The network sees a window of time, of which the observed prefix is between 0.3 and 0.9. Forecasts further ahead are made
of several windows: each continues the median of the one before it. Letters: L observed points, D channels, T times, Q
quantiles.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from skdyn.forecasting.channels import MAX_POINTS, last_observed, split_channels
from skdyn.models.threads import at_most_threads
from skdyn.nn.prefixes import PrefixScaling, make_prefixes

LEAST_RATIO, LARGEST_RATIO = 0.3, 0.9
"""Shares of a window that its prefix had in training."""

MOST_WINDOWS = 200
"""Windows that one forecast may take."""

_NEXT_RATIO = 0.6  # of the windows after the first
_MOST_TIMES = 8192  # that the network decodes at once
_RECENT_POINTS = 100  # are kept where older ones are left out

_TOGETHER = 64
"""Windows that the network encodes at once."""

JOIN = 0.1
"""How fast the correction at the last observation fades, as a share of a window; see docs/design/lass-ode.md."""


@dataclass(frozen=True)
class Request:
    """What the network is asked for one window of time.

    Attributes
    ----------
    times, values : arrays of shape (L,) and (L, D)
        The prefix, NaN where missing, with at least one value in every channel.
    end : float
        Where the window ends.
    spread : array of shape (D, Q) or 0
        Quantiles of the error at the end of the prefix, relative to its median: zero for observations.
    """

    times: np.ndarray
    values: np.ndarray
    end: float
    spread: Any = 0.0


class Window:
    """The network's answer for one window of time.

    Parameters
    ----------
    network : LASSODE
        In evaluation mode.
    request : Request
    parts : list of (EncodedPrefixes, PrefixScaling)
        What the network has made of it; see `encode`.
    """

    def __init__(self, network: Any, request: Request, parts: list[tuple[Any, PrefixScaling]]) -> None:
        self.network, self.parts = network, parts
        self.end, self.spread = request.end, request.spread
        times, values, end = request.times, request.values, request.end
        self.last, value = last_observed(times, values)
        # Each channel at its own last time, of which the diagonal is wanted.
        joined = self._restored(self.last, slopes=False)[..., network.config.quantiles // 2]
        self.offset = value - np.diagonal(joined)
        self.fade = JOIN * (end - times[0])

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,); after the last observation they are joined to it."""
        answer = self._restored(times, slopes=False) + self._correction(times)[..., None]
        middle = answer.shape[-1] // 2
        median = answer[..., middle : middle + 1]
        # Errors of this window and of those before it are taken to be independent.
        width = np.hypot(answer - median, np.broadcast_to(self.spread, answer.shape))
        return median + np.sign(np.arange(answer.shape[-1]) - middle) * width

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        return self._restored(times, slopes=True) - self._correction(times) / self.fade

    def _correction(self, times: np.ndarray) -> np.ndarray:
        """What is added after the last observation (T, D), so that the forecast starts there."""
        elapsed = times[:, None] - self.last
        return np.where(elapsed > 0, self.offset * np.exp(-np.maximum(elapsed, 0) / self.fade), 0.0)

    def _restored(self, times: np.ndarray, slopes: bool) -> np.ndarray:
        """The network's quantiles (T, D, Q), or the slopes of its median (T, D), in the user's units."""
        if len(times) > _MOST_TIMES:
            pieces = np.split(times, range(_MOST_TIMES, len(times), _MOST_TIMES))
            return np.concatenate([self._restored(piece, slopes) for piece in pieces])
        answers = []
        for encoded, scaling in self.parts:
            tau = scaling.normalise_times(torch.from_numpy(np.ascontiguousarray(times))[None])
            tau = tau.to(encoded.polynomials)
            with at_most_threads(1), torch.inference_mode():
                if slopes:
                    normalised = self.network.derivative(encoded, tau).cpu()
                    answers.append(scaling.restore_slopes(normalised)[0].transpose(0, 1))
                else:
                    normalised = self.network.decode(encoded, tau).cpu()
                    answers.append(scaling.restore(normalised)[0].transpose(0, 1))
        return torch.cat(answers, dim=1).numpy()


def encode(network: Any, requests: Sequence[Request]) -> list[list[tuple[Any, PrefixScaling]]]:
    """What the network makes of some windows: for each, a part for every group of channels that it has codes for.

    Parts of equal shapes are encoded together.
    """
    size = network.config.max_dim
    by_shape: dict[tuple[int, ...], list[tuple[int, int, tuple[np.ndarray, ...]]]] = {}
    parts: list[list[Any]] = []
    for k, request in enumerate(requests):
        groups = range(0, request.values.shape[1], size)
        parts.append([None] * len(groups))
        for place, start in enumerate(groups):
            arrays = split_channels(request.times, request.values[:, start : start + size])
            by_shape.setdefault(arrays[0].shape, []).append((k, place, arrays))
    for alike in by_shape.values():
        for some in (alike[start : start + _TOGETHER] for start in range(0, len(alike), _TOGETHER)):
            ends = [requests[k].end for k, _, _ in some]
            encoded = _encode(network, [np.stack(arrays) for arrays in zip(*(own for _, _, own in some))], ends)
            for (k, place, _), part in zip(some, encoded, strict=True):
                parts[k][place] = part
    return parts


def _encode(network: Any, arrays: list[np.ndarray], ends: list[float]) -> list[tuple[Any, PrefixScaling]]:
    """What the network makes of prefixes (B, D, N), each by itself."""
    parameter = next(network.parameters())
    x, t, mask = map(torch.from_numpy, arrays)
    prefixes, scaling = make_prefixes(x, t, mask, torch.tensor(ends, dtype=torch.float64), parameter.dtype)
    moved = {f.name: getattr(prefixes, f.name).to(parameter.device) for f in dataclasses.fields(prefixes)}
    with at_most_threads(1), torch.inference_mode():
        encoded = network.encode(dataclasses.replace(prefixes, **moved))
        return [(encoded.row(b), scaling.row(b)) for b in range(len(ends))]


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
        The first time of interest, for which older observations may be left out; the last observation by default.

    Raises
    ------
    ValueError
        If the last time of interest is further than `MOST_WINDOWS` windows ahead.
    """

    def __init__(
        self, network: Any, times: np.ndarray, values: np.ndarray, until: float, since: float | None = None
    ) -> None:
        self.windows: list[Window] = []
        _complete(network, [(self, self._requests(network, times, values, until, since))])

    @classmethod
    def of_many(cls, network: Any, series: Sequence[tuple[np.ndarray, np.ndarray, float, float | None]]) -> list[Curve]:
        """Curves of several series, each with what a curve is made of; windows of equal shapes are encoded together."""
        curves = [cls.__new__(cls) for _ in series]
        for curve in curves:
            curve.windows = []
        _complete(network, [(curve, curve._requests(network, *own)) for curve, own in zip(curves, series, strict=True)])
        return curves

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
        times, values = _recent(times, values, until, since)
        self.start = float(times[0])
        span = times[-1] - times[0]
        yield Request(times, values, _end(times[0], span, until))
        length = self.windows[0].end - times[0]
        middle = network.config.quantiles // 2
        step = max(float(np.median(np.diff(times))), length / MAX_POINTS)
        while self.windows[-1].end < until:
            window = self.windows[-1]
            ahead = np.arange(times[-1] + step, window.end + step / 2, step)
            ahead[-1] = window.end
            median = window.values(ahead)[..., middle]
            times, values = np.append(times, ahead), np.concatenate([values, median])
            keep = times >= window.end - _NEXT_RATIO * length
            times, values = times[keep], values[keep]
            end = float(max(min(until, times[0] + length), times[0] + _NEXT_RATIO * length / LARGEST_RATIO))
            spread = window.values(times[-1:])[0]
            yield Request(times, values, end, spread - spread[:, [middle]])

    @property
    def end(self) -> float:
        """Where the last window ends."""
        return float(self.windows[-1].end)

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,) up to the last time of interest."""
        return self._evaluate(times, "values")

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        return self._evaluate(times, "slopes")

    def _evaluate(self, times: np.ndarray, what: str) -> np.ndarray:
        index = np.searchsorted([window.end for window in self.windows[:-1]], times)
        used = [(w, index == w) for w in np.unique(index)]
        parts = [(chosen, getattr(self.windows[w], what)(times[chosen])) for w, chosen in used]
        answer = np.empty((len(times), *parts[0][1].shape[1:]))
        for chosen, part in parts:
            answer[chosen] = part
        return answer


def _complete(network: Any, growing: Sequence[tuple[Curve, Iterator[Request]]]) -> None:
    """Add windows to curves until none asks for another."""
    waiting = [(curve, requests, request) for curve, requests in growing if (request := next(requests, None))]
    while waiting:
        encoded = encode(network, [request for *_, request in waiting])
        for (curve, _, request), parts in zip(waiting, encoded, strict=True):
            curve.windows.append(Window(network, request, parts))
        waiting = [(curve, requests, request) for curve, requests, _ in waiting if (request := next(requests, None))]


def _end(start: float, span: float, until: float) -> float:
    """End of the first window: the last time of interest, unless the prefix were too large or too small a share."""
    return float(np.clip(until, start + span / LARGEST_RATIO, start + span / LEAST_RATIO))


def _furthest(times: np.ndarray) -> float:
    """The last time that can be forecast from observations at these times."""
    length = (times[-1] - times[0]) / LEAST_RATIO
    return float(times[0] + length * (1 + (MOST_WINDOWS - 1) * (1 - _NEXT_RATIO)))


def _recent(times: np.ndarray, values: np.ndarray, until: float, since: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Leave out what is older than the network can use for a short forecast, but keep some points of every channel."""
    share = LARGEST_RATIO / (1 - LARGEST_RATIO)
    oldest = times[-1] - share * (until - times[-1])
    if since is not None:
        oldest = min(oldest, since)
    observed = ~np.isnan(values)
    enough = observed[::-1].cumsum(axis=0)[::-1] >= np.minimum(_RECENT_POINTS, observed.sum(axis=0))
    keep = np.flatnonzero(enough.all(axis=1) & (times <= oldest))
    first = int(keep[-1]) if len(keep) else 0
    return times[first:], values[first:]
