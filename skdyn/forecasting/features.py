"""What the arbiter sees of the evidence: numbers for each forecaster at each time and channel.

Everything is in half-ranges of the prefix and in durations of the prefix, so that the units of neither matter.
Letters: N observed points, D channels, E forecasters, T times ahead, R points of a backtest, P features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.evidence import ORIGINS, Backtest
from skdyn.forecasting.experts.grid import ROUNDING, Array

OF_FORECASTERS = 7 * len(ORIGINS) + 5
OF_TIMES = 9 + len(ORIGINS)
_FLOOR, _WORST = 1e-4, 5.0
_SHORTEST_LEAD = 0.02
_REACH = 2.0
_TRUSTED = 2.0
_ERROR_FLOOR = 1e-2


def log_errors(backtest: Backtest, half: Array, leads: Array) -> tuple[Array, Array]:
    """Log of the root mean square errors (E, T, D) of each channel, and (E, T, 1) of all, up to leads (T,).

    NaN for forecasters that had nothing to say. Beyond the backtest the whole of it counts.
    """
    error = np.clip((backtest.forecasts - backtest.truth) / half, -_WORST, _WORST) ** 2
    count = np.arange(1, error.shape[1] + 1)[:, None]
    # Leads of even steps are equal but for rounding, which must not decide.
    until = np.searchsorted(backtest.leads, np.maximum(leads, _SHORTEST_LEAD) * (1 + ROUNDING), side="right")
    rows = np.clip(until, min(3, len(backtest.leads)), len(backtest.leads)) - 1
    own = (np.cumsum(error, axis=1) / count)[:, rows]
    joint = own.mean(axis=2, keepdims=True)
    return 0.5 * np.log(own + _FLOOR**2), 0.5 * np.log(joint + _FLOOR**2)


def bounded(forecasts: Array, errors: Array, middle: Array, half: Array, lawful: NDArray[np.bool_]) -> Array:
    """Forecasts (E, T, D) held where two that did well in backtests would go, or one that is lawful, or else within two
    half-ranges.

    A forecaster did well if its error (E, D) in backtests is within twice the best one's, or a hundredth of the
    half-range: what grows for a reason is not cut, and what runs away on its own is. Who is lawful (E,) says how it
    goes on only where it has checked that a curve of growth is the likeliest.
    """
    known = np.where(np.isfinite(errors), errors, np.inf)
    trusted = known <= np.maximum(_TRUSTED * known.min(axis=0), _ERROR_FLOOR)
    away = np.abs(forecasts - middle) / half
    justified = np.where(trusted[:, None] & np.isfinite(away), away, 0.0)
    alone = np.where(lawful[:, None, None], justified, 0.0).max(axis=0)
    second = np.sort(justified, axis=0)[-2:][0]
    reach = np.maximum(np.maximum(second, alone), _REACH) * half
    return np.clip(forecasts, middle - reach, middle + reach)


def features(
    forecasts: Array,
    spread: Array,
    leads: Array,
    values: Array,
    backtests: Sequence[Backtest | None],
    middle: Array,
    half: Array,
) -> tuple[Array, Array]:
    """Numbers for the arbiter.

    Parameters
    ----------
    forecasts : array of shape (E, T, D)
        Bounded; the network's is the last. NaN where a forecaster has nothing to say.
    spread : array of shape (T, D)
        Between the network's outer quantiles.
    leads : array of shape (T,)
        In durations of the prefix.
    values : array of shape (N, D)
        The prefix.
    backtests : sequence of Backtest or None
        One for each of `skdyn.forecasting.evidence.ORIGINS`.
    middle, half : array of shape (D,)
        Of the prefix.

    Returns
    -------
    array of shape (T, D, E, P) and array of shape (T, D, P)
        Finite.
    """
    shape = forecasts.shape
    network = np.where(np.isfinite(forecasts[-1]), forecasts[-1], middle)
    typical = np.nanmedian(np.concatenate([forecasts, network[None]]), axis=0)
    columns: list[Array] = []
    least: list[Array] = []
    for backtest in backtests:
        if backtest is None:
            columns += [np.zeros(shape)] * 7
            least.append(np.zeros(shape[1:]))
            continue
        own, joint = (np.broadcast_to(part, shape) for part in log_errors(backtest, half, leads))
        there = np.isfinite(own)
        lowest = np.where(there, own, np.inf).min(axis=0)
        lowest = np.where(np.isfinite(lowest), lowest, 0.0)
        lowest_joint = np.where(there, joint, np.inf).min(axis=0)
        of_network = np.where(there[-1], own[-1], 0.0)
        for part in (own, joint, own - lowest, joint - lowest_joint, own - of_network):
            columns.append(np.where(there, part, 0.0) / 3)
        columns += [there.astype(float), np.exp(np.where(there, lowest - own, -9.0))]
        least.append(lowest / 3)
    apart = np.abs(forecasts - network) / half
    columns += [
        np.log(apart + 1e-3) / 3,
        np.log(np.abs(forecasts - typical) / half + 1e-3) / 3,
        np.arcsinh((forecasts - middle) / half),
        np.log1p(np.maximum(np.abs(forecasts - middle) / half - 1, 0.0)),
        np.log(apart / (spread / half + 1e-3) + 1e-2) / 3,
    ]
    of_forecasters = np.nan_to_num(np.stack(columns, axis=-1)).transpose(1, 2, 0, 3)
    there = np.isfinite(forecasts)
    scatter = np.nanmedian(np.abs(np.where(there, forecasts, np.nan) - typical), axis=0) / half
    z = (values - middle) / half
    crossings = (np.diff(np.sign(values - values.mean(axis=0)), axis=0) != 0).sum(axis=0)
    rough = np.sqrt(np.mean(np.diff(z, 2, axis=0) ** 2, axis=0)) if len(z) > 3 else np.ones(z.shape[1])
    trend = np.abs(z[-max(1, len(z) // 4) :].mean(axis=0) - z[: max(1, len(z) // 4)].mean(axis=0))
    ones = np.ones(shape[1:])
    of_times = [
        np.log(leads + 0.01)[:, None] / 3 * ones,
        np.log(leads * len(values) + 1)[:, None] / 3 * ones,
        np.log(len(values)) / 5 * ones,
        np.log(spread / half + 1e-3) / 3,
        np.log(scatter + 1e-3) / 3,
        np.log(rough + 1e-4) / 5 * ones,
        np.log1p(crossings) / 3 * ones,
        trend * ones,
        np.log(shape[2]) * ones,
        *least,
    ]
    return of_forecasters, np.nan_to_num(np.stack(of_times, axis=-1))
