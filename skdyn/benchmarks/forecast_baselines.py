"""Forecasters to compare with: trivial ones, the experts of `skdyn.forecasting`, and libraries where installed.

Each maps ``times (N,), values (N, D), future (H,)`` to ``(H, D)``; those for evenly spaced values map ``values (N,
D)``, the step and the number of points to ``(count, D)``, and `on_grid` makes them the former.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.experts.equations import integrated_inside
from skdyn.forecasting.experts.grid import Fit, resampled
from skdyn.forecasting.experts.registry import CATALOGUE, get_expert

_MOST_CALLS = 5000

Array = NDArray[np.float64]
Forecast = Callable[[Array, Array, Array], Array]
StepForecast = Callable[[Array, float, int], Array]


class Baseline(NamedTuple):
    """A forecaster and the package that it needs, if any."""

    forecast: Forecast
    package: str | None = None

    @property
    def installed(self) -> bool:
        """Whether the package is there."""
        return self.package is None or importlib.util.find_spec(self.package) is not None


def last_value(times: Array, values: Array, future: Array) -> Array:
    """The last observation for ever."""
    return np.repeat(values[-1:], len(future), axis=0)


def fitted_once(fit: Fit) -> Forecast:
    """An expert, fitted to a prefix for one forecast."""
    return lambda times, values, future: fit(times, values)(future)


def on_grid(step_forecast: StepForecast) -> Forecast:
    """A forecaster of evenly spaced values for any: interpolated to the median step, and back at the end."""

    def forecast(times: Array, values: Array, future: Array) -> Array:
        step, even = resampled(times, values)
        count = int(np.ceil((future[-1] - times[-1]) / step - 1e-6))
        ahead = np.concatenate([even[-1:], step_forecast(even, step, count)])
        at = times[-1] + step * np.arange(count + 1)
        return np.column_stack([np.interp(future, at, channel) for channel in ahead.T])

    return forecast


def hankel_dmd(values: Array, step: float, count: int) -> Array:
    """Dynamic mode decomposition of half the prefix's delays, of rank eight (PyDMD)."""
    from pydmd import HankelDMD

    center = values.mean(axis=0)
    model = HankelDMD(svd_rank=8, d=max(2, len(values) // 2))
    model.fit((values - center).T)
    model.dmd_time["tend"] = len(values) - 1 + count
    return np.real(model.reconstructed_data.T[len(values) : len(values) + count]) + center


def echo_state(values: Array, step: float, count: int) -> Array:
    """Echo state network of 200 units with ridge readout (reservoirpy), its own input after the prefix."""
    from reservoirpy.nodes import Reservoir, Ridge

    center, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-12)
    series = (values - center) / scale
    model = Reservoir(200, lr=0.5, sr=0.9, seed=0) >> Ridge(ridge=1e-4)
    model.fit(series[:-1], series[1:], warmup=min(10, len(series) // 4))
    model.run(series[:-1])
    ahead, point = np.empty((count, values.shape[1])), series[-1]
    for row in range(count):
        point = np.clip(np.ravel(model.step(point)), -10.0, 10.0)
        ahead[row] = point
    return ahead * scale + center


def sindy(times: Array, values: Array, future: Array) -> Array:
    """Sparse polynomial ODE of degree three (pysindy), integrated from the last observation."""
    from pysindy import STLSQ, PolynomialLibrary, SINDy

    center, scale, span = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-12), times[-1] - times[0]
    series, clock = (values - center) / scale, (times - times[0]) / span
    model = SINDy(optimizer=STLSQ(threshold=0.05, alpha=1e-3), feature_library=PolynomialLibrary(3))
    model.fit(series, t=clock)

    ahead = (future - times[0]) / span
    coefficients, powers = np.asarray(model.coefficients()), model.feature_library.powers_

    def rates(x: Array) -> Array:
        return coefficients @ np.prod(x**powers, axis=1)  # much faster than the model's own prediction

    reached = integrated_inside(
        rates, series[-1], clock[-1], ahead, lambda x: 10.0 - float(np.abs(x).max()), _MOST_CALLS
    )
    stays = reached[-1] if len(reached) else series[-1]
    path = np.concatenate([reached, np.repeat(stays[None], len(future) - len(reached), axis=0)])
    return path * scale + center


def _statistical(name: str) -> Forecast:
    """A model of statsforecast for each channel on its own."""

    def step_forecast(values: Array, step: float, count: int) -> Array:
        from statsforecast import models

        model = getattr(models, name)()
        return np.column_stack([model.forecast(y=np.ascontiguousarray(v), h=count)["mean"] for v in values.T])

    return on_grid(step_forecast)


BASELINES: dict[str, Baseline] = {
    **{name: Baseline(fitted_once(get_expert(name).fit)) for name in CATALOGUE.names() if CATALOGUE.is_builtin(name)},
    "pydmd": Baseline(on_grid(hankel_dmd), "pydmd"),
    "esn": Baseline(on_grid(echo_state), "reservoirpy"),
    "sindy": Baseline(sindy, "pysindy"),
    "auto_theta": Baseline(_statistical("AutoTheta"), "statsforecast"),
    "auto_ets": Baseline(_statistical("AutoETS"), "statsforecast"),
    "auto_arima": Baseline(_statistical("AutoARIMA"), "statsforecast"),
}
"""Every baseline by its name, the quick ones first."""


def quietly(forecast: Forecast, times: Array, values: Array, future: Array) -> Array:
    """Run a baseline without its messages; where it fails, the last value stands for its forecast."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return np.asarray(forecast(times, values, future), dtype=np.float64)
    except (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError, IndexError):
        return last_value(times, values, future)
    finally:
        logging.disable(logging.NOTSET)
