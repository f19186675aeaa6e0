"""The models as forecasters: each variable on its own, on an even grid, with pchip curves between its points."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from skdyn import ForecastWarning, Trajectories
from skdyn.plugins import BaseForecaster, check_number, resampled, season_of, warn
from skdyn_statsforecast.models import Array, quantiles_ahead

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_MOST_AHEAD = 20_000
_PAST = 0.6
"""Share of the prefix in a curve where no times are requested."""


class GridCurve:
    """Quantiles of a series after its last observation, and its own values before.

    Parameters
    ----------
    name : str
        One of `skdyn_statsforecast.models.MODELS`.
    season : int or None
        None to find it.
    times, values : arrays of shape (L,) and (L, D)
    until : float
        The last time of interest.

    Attributes
    ----------
    notes : dict of str to list of int
        Why a variable is not forecast as asked for, with the numbers of these variables.
    """

    def __init__(self, name: str, season: int | None, times: Array, values: Array, until: float) -> None:
        step, even = resampled(times, values)
        count = max(1, int(np.ceil((until - times[-1]) / step - 1e-6)))
        if count > _MOST_AHEAD:
            raise ValueError(
                f"t = {until:g} is too far ahead: it is {count} steps of {step:g} after the last observation, and "
                f"{_MOST_AHEAD} can be forecast; ask for earlier times, or check their unit"
            )
        self.notes: dict[str, list[int]] = {}
        parts = []
        for d, channel in enumerate(even.T):
            tell = partial(self._note, d)
            parts.append(quantiles_ahead(name, channel, season_of(channel, season), count, LEVELS, tell))
        ahead = np.stack(parts, axis=1)
        past = np.repeat(values[:, :, None], len(LEVELS), axis=2)
        self.start, self.end = float(times[0]), float(times[-1] + step * count)
        knots = np.concatenate([times, times[-1] + step * np.arange(1, count + 1)])
        # Counted from the last observation, so that a late epoch keeps its digits.
        self._last = times[-1]
        self._curve = PchipInterpolator(knots - self._last, np.concatenate([past, ahead]), axis=0)
        self._slope = self._curve.derivative()

    def _note(self, variable: int, reason: str) -> None:
        self.notes.setdefault(reason, []).append(variable)

    def values(self, times: Array) -> Array:
        """Quantiles (T, D, Q) at times (T,)."""
        middle = len(LEVELS) // 2
        answer = self._curve(times - self._last)
        median = answer[..., middle : middle + 1]
        # Between the points the curves of neighbouring quantiles may touch, but not cross.
        below = np.minimum.accumulate(np.minimum(answer[..., :middle], median)[..., ::-1], axis=-1)[..., ::-1]
        above = np.maximum.accumulate(np.maximum(answer[..., middle + 1 :], median), axis=-1)
        return np.concatenate([below, median, above], axis=-1)

    def slopes(self, times: Array) -> Array:
        """Time derivative (T, D) of the median."""
        return self._slope(times - self._last)[..., len(LEVELS) // 2]


class StatisticalForecaster(BaseForecaster):
    """Base class of the three forecasters: all but the name of the model."""

    _model: str

    def __init__(self, season: int | None = None, missing: Literal["raise", "drop"] = "raise") -> None:
        self.season = season
        self.missing = missing

    def _fit(self, context: Trajectories) -> None:
        if self.season is not None:
            check_number("season", self.season, whole=True)
        self._season = None if self.season is None else int(self.season)
        self.levels_ = LEVELS
        self._series = context

    def _forecast(self, times: Array, values: Array, until: float, since: float, k: int | None) -> GridCurve:
        season = vars(self).get("_season", self.season)  # pickles of earlier versions have none
        curve = GridCurve(self._model, season, times, values, until)
        for reason, variables in curve.notes.items():
            place = "a held-out series" if k is None else f"series {k}"
            warn(f"{place}, {', '.join(self._names[d] for d in variables)}: {reason}", ForecastWarning)
        return curve

    def _reference_curves(self) -> list[Any]:
        return [
            self._forecast(t, x, float(t[0] + (t[-1] - t[0]) / _PAST), float(t[0]), k)
            for k, (t, x) in enumerate(self._series)
        ]


_PARAMETERS = """

    Each variable on its own; uneven times are interpolated to the median step. Past times give the observed values.
    Where the model cannot be fitted, a random walk stands in for it, with a warning.

    Parameters
    ----------
    season : int, optional
        Steps of a season; found in the autocorrelation by default. One that a series does not hold twice is left out,
        with a warning.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.

    Attributes
    ----------
    levels_ : tuple of float
        Levels of the quantiles that the model predicts.
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the series came with names.
    context_ : Trajectories
        What was given to `fit`.
"""


class AutoARIMAForecaster(StatisticalForecaster):
    """Seasonal ARIMA, its orders chosen by a stepwise search with an information criterion."""

    _model = "AutoARIMA"


class AutoETSForecaster(StatisticalForecaster):
    """Exponential smoothing in state space form, its kind chosen by an information criterion."""

    _model = "AutoETS"


class AutoThetaForecaster(StatisticalForecaster):
    """The likeliest of four theta models."""

    _model = "AutoTheta"


for _class in (AutoARIMAForecaster, AutoETSForecaster, AutoThetaForecaster):
    _class.__doc__ = f"{_class.__doc__}{_PARAMETERS}"
