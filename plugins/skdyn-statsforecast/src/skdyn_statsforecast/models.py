"""The models of statsforecast on evenly spaced values of one variable.

Letters: N points, H values ahead, Q levels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MODELS = ("AutoARIMA", "AutoETS", "AutoTheta")
_MOST_POINTS = 2000
_LEAST_POINTS = 4


def quantiles_ahead(name: str, values: Array, season: int, count: int, levels: Sequence[float]) -> Array:
    """Quantiles (H, Q) of the values after ``values`` (N,), of one of `MODELS`; levels are symmetric about one half.

    Values are forecast in their own deviations, so that their unit does not matter. A model that cannot be fitted to
    them gives a random walk.
    """
    from scipy.stats import norm
    from statsforecast import models

    values = values[-_MOST_POINTS:]
    center, unit = float(values.mean()), float(values.std())
    middle = len(levels) // 2
    if len(values) < _LEAST_POINTS or not unit > 1e-12 * np.abs(values).max():
        return np.repeat(np.full((count, 1), values[-1]), len(levels), axis=1)
    positive = bool((values > 0).all())
    shift = 0.0 if positive else center
    scaled = (values - shift) / unit
    season = season if 1 < season <= len(values) // 2 else 1
    widths = [round(100 * (levels[-1 - k] - levels[k]), 6) for k in range(middle)]
    try:
        with np.errstate(all="ignore"):
            answer = getattr(models, name)(season_length=season).forecast(
                y=np.ascontiguousarray(scaled), h=count, level=widths
            )
        median = np.asarray(answer["mean"], dtype=float)
        low = [np.asarray(answer[f"lo-{width}"], dtype=float) for width in widths]
        high = [np.asarray(answer[f"hi-{width}"], dtype=float) for width in widths]
        found = np.sort(np.stack([*low, median, *high[::-1]], axis=1), axis=1)
        # The median stays where it is, whatever a bound that is not monotone does.
        found = np.concatenate(
            [np.minimum(found[:, :middle], median[:, None]), median[:, None],
             np.maximum(found[:, middle + 1 :], median[:, None])], axis=1
        )  # fmt: skip
    except (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError, IndexError, KeyError, Exception):
        found = np.full((count, len(levels)), np.nan)
    if not np.isfinite(found).all():
        spread = np.std(np.diff(scaled)) * np.sqrt(np.arange(1, count + 1))[:, None]
        found = scaled[-1] + spread * norm.ppf(levels)
    return found * unit + shift
