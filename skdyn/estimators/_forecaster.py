"""The door of every forecaster: series in, quantiles at any later times out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.calendar import Calendar, calendars_of, even_times, evenly
from skdyn.data.parameters import check_number, check_size
from skdyn.data.reading import is_dataframe
from skdyn.dynamics.equilibria import Equilibrium, beside_data, find_equilibria
from skdyn.dynamics.units import state_units, widened_box
from skdyn.estimators._base import BaseTrajectoryEstimator
from skdyn.exceptions import ForecastWarning, SkdynError, warn
from skdyn.forecasting.request import arranged, at_levels, checked_levels, is_listed, requested_times
from skdyn.forecasting.tables import TableLabels, forecast_table, table_library, table_of

if TYPE_CHECKING:
    from skdyn.data.trajectories import Trajectories
    from skdyn.forecasting.local_field import LocalLinearField


class BaseForecaster(BaseTrajectoryEstimator):
    """Base class of forecasters.

    A subclass sets ``levels_`` in `_fit`, an odd number of increasing levels with the median in the middle, and
    implements `_forecast` and `_reference_curves`. A curve is an object with the attributes ``start`` and ``end`` and
    the methods ``values(times) -> (T, D, Q)`` and ``slopes(times) -> (T, D)``, of the median. Letters: K series, L
    points, T times, D variables, Q quantiles, N queries.

    Dates a calendar month, a quarter or a year apart and working days are even steps: `_forecast` and `_fit` see times
    as if every step were as long as the mean one.
    """

    levels_: tuple[float, ...]
    _library: str | None
    _labels: TableLabels
    _calendars: list[Calendar | None]
    _even: Trajectories

    @abstractmethod
    def _forecast(self, times: np.ndarray, values: np.ndarray, until: float, since: float, k: int | None) -> Any:
        """The curve of a series (L,), (L, D) for times between two: of the k-th fitted one, or of another.

        Raises
        ------
        ValueError
            If it cannot be forecast that far, with the reason.
        """

    @abstractmethod
    def _reference_curves(self) -> list[Any]:
        """Curves of the fitted series where no times are requested, for the vector field beside them."""

    def fit(self, X: Any, y: Any = None, *, t: Any = None) -> Self:
        """Take series to forecast; if that fails, what was fitted before is left as it was.

        Parameters
        ----------
        X : list of (t, x) pairs, list of arrays (L_k, D), array (K, L, D) or (L, D), DataFrame or Trajectories
            See `skdyn.Trajectories`. After a DataFrame or a Series of pandas, ``predict(horizon=)`` answers with a
            DataFrame.
        y : ignored
        t : float, timedelta, array of shape (L,) or list of arrays (L_k,), optional
            Times for inputs that carry none; unit steps by default.

        Returns
        -------
        self

        Raises
        ------
        TrajectoryError
            If ``X`` cannot be read as trajectories, shows no motion, or is not positive and should be.
        WeightsError
            If the model cannot be found or trusted.
        PluginError
            If there is no such expert.
        """
        super().fit(X, y, t=t)
        table = table_of(X)
        self._library, self._labels = table_library(table), TableLabels.of(table, self.context_)
        return self

    def _fit_by(self, context: Trajectories, learn: Callable[[Self, Trajectories], None], t: Any = None) -> Self:
        def learn_evenly(fitted: Self, series: Trajectories) -> None:
            fitted._calendars = calendars_of(series)
            fitted._even = evenly(series, fitted._calendars)
            learn(fitted, fitted._even)

        return super()._fit_by(context, learn_evenly, t)

    def predict(self, X: Any = None, *, horizon: int | None = None, quantiles: Sequence[float] | None = None) -> Any:
        """Forecast the fitted series.

        Parameters
        ----------
        X : array of shape (T,), or list of arrays of shape (T_k,), optional
            Increasing times, shared by all series or one array for each, in the units (or dates) of those of `fit`.
            Times before a series' last observation give the model's reconstruction. An array of shape (N, D) holds
            states instead, as scikit-learn has it, and gives the `vector_field` there.
        horizon : int, optional
            In place of times: so many steps after each series' last observation, each the median step of the series;
            of dates that are calendar months, quarters or years apart, or working days, the next ones.
        quantiles : sequence of Q floats, optional
            Levels of quantiles in place of the median, between the least and the largest of ``levels_``.

        Returns
        -------
        array of shape (T, D), (K, T, D) or list of K arrays of shape (T_k, D)
            For one series, for K series with shared times or a horizon, and for a list of times. With ``quantiles``
            each shape has a last axis of length Q more. With a horizon, and after a `fit` to a DataFrame, or to a
            Series of pandas, a DataFrame of the same library: a row a time, with the time (a date, where there were
            dates), the variables by their names (with ``quantiles`` as ``name_0.1``) and, for several series, the
            identity. Times and identities are columns or the index, of the names that they came with, ``t`` where the
            table had no times.

        Raises
        ------
        ValueError
            If neither times nor a horizon or both are given, times do not increase, precede a series or are too
            far ahead, or a level is not one that the model predicts.
        """
        check_is_fitted(self)
        if is_dataframe(X) or not (is_listed(X) or np.ndim(X) < 2):
            if horizon is not None or quantiles is not None:
                raise ValueError("horizon and quantiles belong to times, but X is an array of states")
            return self.vector_field(self._check_rows(X))
        levels = None if quantiles is None else checked_levels(quantiles, self.levels_)
        asked = requested_times(X, horizon, self.context_)
        for k, t in enumerate(asked):
            check_size(f"the forecast of series {k}", len(t), self.n_features_in_, len(self.levels_))
        answers = []
        for values in self._values(even_times(asked, self._calendars)):
            middle = values.shape[-1] // 2
            answers.append(values[..., middle] if levels is None else at_levels(values, self.levels_, levels))
        self._warn_below_zero(asked, answers)
        if X is None and self._library is not None:
            return forecast_table(self._library, self._labels, self.context_, asked, answers, self._names, quantiles)
        return arranged(answers, X)

    def _warn_below_zero(self, asked: list[np.ndarray], answers: list[np.ndarray]) -> None:
        for k, (t, answer) in enumerate(zip(asked, answers, strict=True)):
            observed, values = self.context_[k]
            later = answer[t > observed[-1]]
            if not len(later):
                continue
            below = (later.reshape(len(later), self.n_features_in_, -1) < 0).any(axis=(0, 2))
            below &= np.nanmin(values, axis=0) > 0
            if below.any():
                name = self._names[int(below.argmax())]
                warn(
                    f"the forecast of series {k} goes below zero in {name!r}, of which all values are positive: "
                    "positive=True forecasts logarithms",
                    ForecastWarning,
                )
                return

    def derivative(self, t: Any) -> Any:
        """Time derivative of the forecast.

        Parameters
        ----------
        t : array of shape (T,), or list of arrays of shape (T_k,)
            As for `predict`.

        Returns
        -------
        array of shape (T, D), (K, T, D) or list of K arrays of shape (T_k, D)
            In units of state per unit of time; as `predict` returns the median.
        """
        check_is_fitted(self)
        times = requested_times(t, None, self.context_)
        even = even_times(times, self._calendars)
        slopes = [curve.slopes(part) for curve, part in zip(self._curves(even), even, strict=True)]
        for k, (calendar, part) in enumerate(zip(self._calendars, times, strict=True)):
            if calendar is not None:
                slopes[k] = slopes[k] * calendar.rate(part)[:, None]
        return arranged(slopes, t)

    def vector_field(self, points: Any) -> np.ndarray:
        """Vector field near the forecast.

        The model is a forecaster: its linear dynamics depend on time, so it has no vector field of its own. What is
        returned is the linear model of velocity against state that fits the forecast curves (reconstruction and a
        forecast of two thirds of the prefix) best around each point. All series are taken to be of one system. Between
        and beside the curves it is an extrapolation.

        Parameters
        ----------
        points : array of shape (..., D)

        Returns
        -------
        array of shape (..., D)
            NaN, with a ForecastWarning, for points further from all curves than a quarter of half their extent.
        """
        points = self._check_points(points)
        flat = points.reshape(-1, self.n_features_in_)
        local = self._local_field()
        (field, _), far = local(flat), local.is_far(flat)
        if far.any():
            warn(
                f"{int(far.sum())} of {len(flat)} points are far from the forecast, where the field is not known: NaN",
                ForecastWarning,
            )
            field = np.where(far[:, None], np.nan, field)
        return field.reshape(points.shape)

    def equilibria(self, *, tolerance: float = 1e-3) -> list[Equilibrium]:
        """Find where the `vector_field` vanishes near the forecast.

        Parameters
        ----------
        tolerance : float, default=1e-3
            A real part of an eigenvalue below this fraction of the largest modulus counts as zero.

        Returns
        -------
        list of skdyn.dynamics.equilibria.Equilibrium
            Read the caveat of `vector_field`: a limit cycle's inner equilibrium, for one, is out of sight.
        """
        check_is_fitted(self)
        check_number("tolerance", tolerance, include_low=True, high=1.0)
        local = self._local_field()
        data = local.states * local.half + local.center
        found = find_equilibria(
            lambda x: local(x)[0], local, data, widened_box(data), *state_units(data), tolerance=tolerance
        )
        observed = np.concatenate(self.context_.states)
        box = widened_box(np.stack([np.nanmin(observed, axis=0), np.nanmax(observed, axis=0)]))
        near = [point for point in found if not local.is_far(point.state[None])[0]]
        return beside_data(near, box, self.context_.time_unit)

    def score(self, X: Any, y: Any = None, *, t: Any = None) -> float:
        """Negative error of forecasts of other trajectories from their first 60%.

        The first 60% of each trajectory's duration are the prefix, the rest is forecast and compared: the mean square
        error in half ranges of the whole trajectory's variables, where an error above five counts as five. The series
        given to `fit` have no influence unless the model was tuned on them.

        Parameters
        ----------
        X : trajectories in any accepted form
        y : ignored
        t : see `fit`

        Returns
        -------
        float
            Between -25 and 0, never NaN.

        Raises
        ------
        TrajectoryError
            If the first 60% of a trajectory hold too little to forecast it, or its end is too far ahead.
        """
        from skdyn.forecasting.backtest import unseen_error

        held_out = self._check_held_out(X, t)

        def curve(times: np.ndarray, values: np.ndarray, until: float, since: float) -> Any:
            return self._forecast(times, values, until, since, None)

        even = evenly(held_out, calendars_of(held_out))
        errors = [unseen_error(curve, times, x, f"trajectory {k}") for k, (times, x) in enumerate(even)]
        return -float(np.mean(errors))

    def _values(self, asked: Sequence[np.ndarray]) -> Iterable[np.ndarray]:
        """Quantiles (T, D, Q) of all fitted series at the times asked for."""
        return (curve.values(times) for curve, times in zip(self._curves(asked), asked, strict=True))

    def _curves(self, asked: Sequence[np.ndarray]) -> Iterable[Any]:
        """The forecasts of all fitted series as curves that reach the times asked for."""
        return (self._curve(k, times) for k, times in enumerate(asked))

    def _curve(self, k: int, times: np.ndarray) -> Any:
        observed, values = self._even[k]
        try:
            return self._forecast(observed, values, float(times[-1]), float(times[0]), k)
        except SkdynError:
            raise
        except ValueError as error:
            raise ValueError(f"series {k}: {error}") from None

    def _local_field(self) -> LocalLinearField:
        from skdyn.forecasting.local_field import LocalLinearField

        return LocalLinearField.near(self._reference_curves())
