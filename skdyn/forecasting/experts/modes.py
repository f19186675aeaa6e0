"""Sums of decaying oscillations: dynamic mode decomposition of delays, made stable.

Letters: N points of an even grid, D channels, M delays, R modes.
"""

from __future__ import annotations

import numpy as np

from skdyn.forecasting.experts.grid import Array, StepForecast, on_grid, require
from skdyn.forecasting.experts.registry import Expert

_RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
_MOST_POINTS, _MOST_DELAYS = 1000, 100
_FEWEST_DELAYS, _MOST_COLUMNS = 10, 400
"""Many channels need fewer delays."""
_TESTED = 0.25
_RETAINED = 1e-9


def _hankel_dmd(even: Array) -> StepForecast:
    even = even[-_MOST_POINTS:]
    require(len(even) >= 8, "too short for modes")
    count = len(even) - max(2, round(_TESTED * len(even)))
    errors = []
    if count >= 8:
        truth, unit = even[count:], np.maximum(even.std(axis=0), 1e-300)
        basis = _Delays(even[:count])
        for rank in _RANKS:
            errors.append(np.mean(np.clip((basis.ahead(rank, len(truth)) - truth) / unit, -5, 5) ** 2))
            if rank >= basis.most:
                break
    rank = _RANKS[int(np.argmin(errors))] if errors else 2
    basis = _Delays(even)
    return lambda ahead: basis.ahead(min(rank, basis.most), ahead)


HANKEL_DMD = Expert("hankel-dmd", on_grid(_hankel_dmd), "sums of decaying waves, from 8 points")
"""Modes of the delays of the prefix, their number by a forecast of its last quarter, none of them growing.

Hankel DMD (H. Arbabi and I. Mezic, *SIAM J. Appl. Dyn. Syst.* 16, 2096, 2017): the linear map of half the prefix's
delays on their leading singular vectors. Eigenvalues outside the unit disc are moved onto its rim.
"""


def _full_rank_dmd(even: Array) -> StepForecast:
    even = even[-_MOST_POINTS:]
    require(len(even) >= 24, "too short for sixteen modes")
    basis = _Delays(even)
    return lambda ahead: basis.ahead(min(16, basis.most), ahead)


DMD_16 = Expert("dmd-16", on_grid(_full_rank_dmd), "clean sums of many waves, from 24 points")
"""The same with sixteen modes, for clean series of many frequencies."""


class _Delays:
    """The delays of a series on their singular vectors."""

    def __init__(self, even: Array) -> None:
        self.center = even.mean(axis=0)
        self.unit = np.maximum(even.std(axis=0), 1e-12 * np.abs(even).max() + 1e-300)
        scaled = (even - self.center) / self.unit
        most = max(_FEWEST_DELAYS, min(_MOST_DELAYS, _MOST_COLUMNS // even.shape[1]))
        delays = int(np.clip(len(even) // 2, 2, most))
        windows = np.lib.stride_tricks.sliding_window_view(scaled, delays, axis=0)  # (N - M + 1, D, M)
        self.dim = even.shape[1]
        self.hankel = windows.transpose(0, 2, 1).reshape(len(windows), -1).T  # (M D, N - M + 1)
        before = self.hankel[:, :-1]
        self.left, self.values, self.right = np.linalg.svd(before, full_matrices=False)
        self.most = max(1, int((self.values > _RETAINED * self.values[0]).sum()))

    def ahead(self, rank: int, count: int) -> Array:
        """So many values (count, D) after the last."""
        rank = min(rank, self.most)
        left, values, right = self.left[:, :rank], self.values[:rank], self.right[:rank]
        operator = left.T @ self.hankel[:, 1:] @ right.T / values
        rates, modes = np.linalg.eig(operator)
        rates = rates / np.maximum(np.abs(rates), 1.0)
        # Amplitudes fit the recent windows, each seen from the last one.
        recent = min(self.hankel.shape[1], max(1, rank))
        seen = left.T @ self.hankel[:, -recent:]
        backward = rates[:, None] ** np.arange(recent)
        amplitudes, *_ = np.linalg.lstsq(
            np.concatenate([modes * backward[:, k] for k in range(recent)]),
            seen.T.reshape(-1).astype(complex),
            rcond=1e-10,
        )
        powers = rates[:, None] ** (np.arange(1, count + 1) + recent - 1)
        newest = (left[-self.dim :] @ modes) @ (powers * amplitudes[:, None])
        return newest.real.T * self.unit + self.center
