"""What the network says of windows of time, in the user's units; windows of equal shapes are answered together.

Letters: L points of a prefix, D channels, T times, Q quantiles, B windows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from skdyn.forecasting.channels import last_observed, split_channels
from skdyn.models.threads import at_most_threads, side_by_side
from skdyn.nn.lass_ode import EncodedPrefixes
from skdyn.nn.plain_torch import plain_torch
from skdyn.nn.prefixes import PrefixScaling, make_prefixes

Part: TypeAlias = tuple[EncodedPrefixes, PrefixScaling]
"""What the network has made of a group of channels in one window."""

_MOST_TIMES = 8192  # that the network decodes at once
_LEAST_TOGETHER, _MOST_TOGETHER = 8, 64
"""Windows that the network encodes at once; half of those that there are, where that is in between."""

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


@dataclass(frozen=True)
class Window:
    """The network's answer for one window of time.

    Attributes
    ----------
    network : LASSODE
        In evaluation mode.
    parts : list of Part
        One for every group of channels that the network has codes for.
    start, end : float
        Of the window.
    last : array of shape (D,)
        Times of the channels' last observations.
    offset : array of shape (D,)
        What the observations there are above the network's medians.
    spread : array of shape (D, Q) or 0
        As in the `Request`.
    """

    network: Any
    parts: list[Part]
    start: float
    end: float
    last: np.ndarray
    offset: np.ndarray
    spread: Any

    def values(self, times: np.ndarray) -> np.ndarray:
        """Quantiles (T, D, Q) at times (T,); after the last observation they are joined to it."""
        return values_of([(self, times)])[0]

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Time derivative (T, D) of the median."""
        (slopes,) = _restored(self.network, [(self.parts, times)], slopes=True)
        return slopes - self._correction(times) / self._fade

    def joined(self, answer: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The network's quantiles (T, D, Q) at times (T,), joined to the last observation after it."""
        answer = answer + self._correction(times)[..., None]
        middle = answer.shape[-1] // 2
        median = answer[..., middle : middle + 1]
        # Errors of this window and of those before it are taken to be independent.
        width = np.hypot(answer - median, np.broadcast_to(self.spread, answer.shape))
        return median + np.sign(np.arange(answer.shape[-1]) - middle) * width

    @property
    def _fade(self) -> float:
        return JOIN * (self.end - self.start)

    def _correction(self, times: np.ndarray) -> np.ndarray:
        """What is added after the last observation (T, D), so that the forecast starts there."""
        elapsed = times[:, None] - self.last
        return np.where(elapsed > 0, self.offset * np.exp(-np.maximum(elapsed, 0) / self._fade), 0.0)


def windows_of(network: Any, requests: Sequence[Request]) -> list[Window]:
    """The network's answers to some requests."""
    encoded = _encoded(network, requests)
    last = [last_observed(request.times, request.values) for request in requests]
    # Each channel at its own last time, of which the diagonal is wanted.
    there = _restored(network, [(parts, times) for parts, (times, _) in zip(encoded, last, strict=True)])
    middle = network.config.quantiles // 2
    return [
        Window(
            network, parts, request.times[0], request.end, times, value - np.diagonal(answer[..., middle]),
            request.spread,
        )
        for request, parts, (times, value), answer in zip(requests, encoded, last, there, strict=True)
    ]  # fmt: skip


def values_of(asked: Sequence[tuple[Window, np.ndarray]]) -> list[np.ndarray]:
    """Quantiles (T, D, Q) of windows of one network, each at times (T,) of its own."""
    if not asked:
        return []
    answers = _restored(asked[0][0].network, [(window.parts, times) for window, times in asked])
    return [window.joined(answer, times) for answer, (window, times) in zip(answers, asked, strict=True)]


def _encoded(network: Any, requests: Sequence[Request]) -> list[list[Part]]:
    """What the network makes of windows; parts of equal shapes are encoded together, on all threads."""
    size = network.config.max_dim
    by_shape: dict[tuple[int, ...], list[tuple[int, int, tuple[np.ndarray, ...]]]] = {}
    parts: list[list[Any]] = []
    for k, request in enumerate(requests):
        groups = range(0, request.values.shape[1], size)
        parts.append([None] * len(groups))
        for place, start in enumerate(groups):
            arrays = split_channels(request.times, request.values[:, start : start + size])
            by_shape.setdefault(arrays[0].shape, []).append((k, place, arrays))
    batches = []
    for alike in by_shape.values():
        together = min(max(_LEAST_TOGETHER, -(-len(alike) // 2)), _MOST_TOGETHER)
        batches += [alike[start : start + together] for start in range(0, len(alike), together)]

    def encode(batch: list[tuple[int, int, tuple[np.ndarray, ...]]]) -> list[Part]:
        arrays = [np.stack(own) for own in zip(*(arrays for *_, arrays in batch), strict=True)]
        return _encode(network, arrays, [requests[k].end for k, *_ in batch])

    threads = torch.get_num_threads() if next(network.parameters()).device.type == "cpu" else 1
    for batch, encoded in zip(batches, side_by_side(encode, batches, threads), strict=True):
        for (k, place, _), part in zip(batch, encoded, strict=True):
            parts[k][place] = part
    return parts


@plain_torch()
def _encode(network: Any, arrays: list[np.ndarray], ends: list[float]) -> list[Part]:
    """What the network makes of prefixes (B, D, N), each by itself."""
    parameter = next(network.parameters())
    x, t, mask = map(torch.from_numpy, arrays)
    prefixes, scaling = make_prefixes(x, t, mask, torch.tensor(ends, dtype=torch.float64), parameter.dtype)
    moved = {f.name: getattr(prefixes, f.name).to(parameter.device) for f in dataclasses.fields(prefixes)}
    with torch.inference_mode():
        encoded = network.encode(dataclasses.replace(prefixes, **moved))
        return [(encoded.row(b), scaling.row(b)) for b in range(len(ends))]


def _restored(network: Any, asked: Sequence[tuple[list[Part], np.ndarray]], slopes: bool = False) -> list[np.ndarray]:
    """The network's quantiles (T, D, Q) at times (T,), or the slopes of its median (T, D), of each window's parts."""
    alike: dict[tuple[int, int], list[tuple[int, int]]] = {}
    found: list[list[Any]] = [[None] * len(parts) for parts, _ in asked]
    for k, (parts, times) in enumerate(asked):
        for place, (_, scaling) in enumerate(parts):
            alike.setdefault((scaling.center.shape[1], len(times)), []).append((k, place))
    for (_, count), places in alike.items():
        together = max(1, _MOST_TIMES // max(count, 1))
        for some in (places[start : start + together] for start in range(0, len(places), together)):
            parts = [asked[k][0][place] for k, place in some]
            answers = _decoded(network, parts, np.stack([asked[k][1] for k, _ in some]), slopes)
            for (k, place), answer in zip(some, answers, strict=True):
                found[k][place] = answer
    return [own[0] if len(own) == 1 else np.concatenate(own, axis=1) for own in found]


@plain_torch()
def _decoded(network: Any, parts: Sequence[Part], times: np.ndarray, slopes: bool) -> np.ndarray:
    """Quantiles (B, T, D, Q), or slopes (B, T, D), of parts of equal shapes at times (B, T)."""
    encoded = EncodedPrefixes.joined([part for part, _ in parts])
    scaling = PrefixScaling.joined([part for _, part in parts])
    tau = scaling.normalise_times(torch.from_numpy(times)).to(encoded.polynomials)
    answers = []
    with at_most_threads(1), torch.inference_mode():
        for piece in tau.split(_MOST_TIMES, dim=1):
            if slopes:
                answers.append(scaling.restore_slopes(network.derivative(encoded, piece).cpu()))
            else:
                answers.append(scaling.restore(network.decode(encoded, piece).cpu()))
    return torch.cat(answers, dim=2).transpose(1, 2).numpy()
