"""The models of statsforecast on evenly spaced values of one variable.

Letters: N points, H values ahead, Q levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MODELS = ("AutoARIMA", "AutoETS", "AutoTheta")
_MOST_POINTS = 2000
_LEAST_POINTS = 4
_HIGHEST = 100.0
"""Deviations above zero at which positive series are fitted at most.

In simulated walks, trends and seasons, AutoTheta's errors and intervals hardly change with the level up to 100
deviations and begin to be off between 300 and 10,000; the noise of AutoETS vanishes from 10^8 on.
"""


def quantiles_ahead(
    name: str,
    values: Array,
    season: int,
    count: int,
    levels: Sequence[float],
    tell: Callable[[str], None] | None = None,
) -> Array:
    """Quantiles (H, Q) of the values after ``values`` (N,), of one of `MODELS`; levels are symmetric about one half.

    Values are counted from their mean in their own deviations, so that neither their unit nor their level matters.
    Positive ones stay where they are for AutoETS and AutoTheta, which know errors, trends and seasons in proportion to
    the level; only a level above a hundred deviations, beside which no proportion shows, is lowered to these. A season
    that they do not hold twice is left out, and a model that cannot be fitted to them gives a random walk; ``tell`` is
    called with the reason.
    """
    from scipy.stats import norm
    from statsforecast import models

    values = values[-_MOST_POINTS:]
    center, unit = float(values.mean()), float(values.std())
    if not unit > 1e-12 * np.abs(values).max():
        return np.repeat(np.full((count, 1), values[-1]), len(levels), axis=1)
    proportional = name != "AutoARIMA" and bool((values > 0).all())
    shift = max(0.0, center - _HIGHEST * unit) if proportional else center
    scaled = (values - shift) / unit
    reasons = []
    if season > max(1, len(values) // 2):
        reasons.append(
            f"a season of {season} steps is not seen twice in the last {len(values)}, and is left out: give two rounds "
            f"of it, within {_MOST_POINTS} steps, or another season"
        )
        season = 1
    model = getattr(models, name)(season_length=season)
    try:
        found = _fitted_quantiles(model, scaled, count, levels)
    except Exception as error:  # statsforecast raises this class itself
        reasons.append(
            f"{name} cannot be fitted to the last {len(values)} steps ({str(error) or type(error).__name__}), and a "
            "random walk stands in for it: give a longer series, or choose another forecaster"
        )
        spread = np.sqrt(np.mean(np.diff(scaled) ** 2) * np.arange(1, count + 1))[:, None]
        found = scaled[-1] + spread * norm.ppf(levels)
    if tell is not None:
        for reason in reasons:
            tell(reason)
    return found * unit + shift


def _fitted_quantiles(model: Any, scaled: Array, count: int, levels: Sequence[float]) -> Array:
    """Quantiles (H, Q) of a model; any exception says that it cannot be fitted."""
    if len(scaled) < _LEAST_POINTS:
        raise ValueError("too few")
    middle = len(levels) // 2
    widths = [round(100 * (levels[-1 - k] - levels[k]), 6) for k in range(middle)]
    with np.errstate(all="ignore"):
        answer = model.forecast(y=np.ascontiguousarray(scaled), h=count, level=widths)
    median = np.asarray(answer["mean"], dtype=float)
    low = [np.asarray(answer[f"lo-{width}"], dtype=float) for width in widths]
    high = [np.asarray(answer[f"hi-{width}"], dtype=float) for width in widths]
    found = np.sort(np.stack([*low, median, *high[::-1]], axis=1), axis=1)
    if not np.isfinite(found).all():
        raise ValueError("its forecast is not finite")
    # The median stays where it is, whatever a bound that is not monotone does.
    return np.concatenate(
        [np.minimum(found[:, :middle], median[:, None]), median[:, None],
         np.maximum(found[:, middle + 1 :], median[:, None])], axis=1
    )  # fmt: skip
