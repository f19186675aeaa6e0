"""How long a season is, of evenly spaced values of one channel."""

from __future__ import annotations

import numpy as np

from skdyn.forecasting.experts.grid import Array

_LEAST_CORRELATION = 0.3
_MOST_POINTS = 4096
_NEAR_BEST = 0.9


def season_of(values: Array, known: int | None = None) -> int:
    """Steps of the season of values (N,), 1 where there is none; what is known of it is not looked for.

    The lag of the first high peak of the autocorrelation of what is left of a straight line, at least two of which fit
    into the series.
    """
    if known is not None:
        return known
    values = values[-_MOST_POINTS:]
    n = len(values)
    if n < 8:
        return 1
    clock = np.arange(n) - (n - 1) / 2
    left = values - values.mean() - clock * (clock @ values) / (clock @ clock)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(left, size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)[:n]
    if not correlation[0] > 1e-24 * max(float(values @ values), 1e-300):
        return 1
    correlation = correlation / correlation[0] * n / (n - np.arange(n))
    lags = np.arange(2, n // 2 + 1)
    inner = correlation[lags]
    peak = (inner > correlation[lags - 1]) & (inner >= correlation[np.minimum(lags + 1, n - 1)])
    # A slow wave has no peak before its first trough.
    below = np.flatnonzero(correlation[: n // 2 + 1] < inner.max(initial=0) / 2)
    peak &= lags > (below[0] if len(below) else n)
    threshold = max(_LEAST_CORRELATION, 2 / np.sqrt(n))
    good = lags[peak & (inner > threshold)]
    if not len(good):
        return 1
    return int(good[correlation[good] >= _NEAR_BEST * correlation[good].max()][0])
