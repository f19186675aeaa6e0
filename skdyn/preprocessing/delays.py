"""Delay coordinates: the past of what was measured in place of what was not.

Letters: K trajectories, L points, D variables, M delays, N = K L points together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from scipy.spatial import cKDTree
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdyn.data.given import default_names
from skdyn.data.names import named_states
from skdyn.data.numbers import read_numbers
from skdyn.data.parameters import check_number
from skdyn.data.time_axis import TimeAxis
from skdyn.data.torn import warn_where_torn
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError
from skdyn.preprocessing.names import FittedNames

_EVEN = 0.05  # of the median step, by which others may differ from it
_MOST_DELAYS = 6
_FALSE = 15.0  # growth of the distance to a neighbour from which it is false (Kennel, Brown and Abarbanel 1992)
_NOTICED = 0.1  # of a deviation of the data, below which growth may be noise
_FEW_FALSE = 0.02
_MOST_POINTS = 2000
_LEFT = 1 - math.exp(-1)
_LONGEST_LAG = 0.2  # of the shortest trajectory


class TimeDelayEmbedding(FittedNames, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """States ``(x(t), x(t - lag), x(t - 2 lag), ...)``, for systems of which not all variables were measured.

    By Takens' theorem so many delays of one variable carry as much as the hidden ones, and obey an autonomous law of
    their own. Points without a complete past are left out; times, inputs, parameters and identities stay as they are.
    What follows in a pipeline lives in delay coordinates; `inverse_transform` returns what was measured, such as the
    first variables of a simulation, and `OriginalVariables` simulates on from measured pasts. Smooth noisy data first:
    every delay brings its noise again.

    Parameters
    ----------
    n_delays : int or "auto", default="auto"
        Number of delays M beside the present; by false nearest neighbours (at most 6).
    lag : int or "auto", default="auto"
        Points from one delay to the next; the first at which the autocorrelation is below 1 - 1/e.

    Attributes
    ----------
    n_delays_, lag_ : int
        What is used.
    step_ : float
        Time from one point to the next.
    axis_ : TimeAxis
        What the times of the fit mean, and in which unit ``step_`` is.
    n_features_in_ : int
        Number of variables, D.

    References
    ----------
    F. Takens (1981), Lecture Notes in Mathematics 898:366. Lag: M. Rosenstein, J. Collins and C. De Luca (1994),
    Physica D 73:82. Number: M. Kennel, R. Brown and H. Abarbanel (1992), Phys. Rev. A 45:3403.

    Examples
    --------
    The position of an oscillator, without its speed:

    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdyn import FIMODERegressor, Trajectories
    >>> from skdyn.preprocessing import TimeDelayEmbedding
    >>> t = np.linspace(0, 20, 200)
    >>> position = Trajectories([(t, np.cos(t))])
    >>> embedding = TimeDelayEmbedding(n_delays=1).fit(position)
    >>> embedding.transform(position)
    Trajectories(1 trajectory, 191 points, 2 variables)
    >>> pipeline = make_pipeline(TimeDelayEmbedding(n_delays=1), FIMODERegressor()).fit(position)
    >>> pipeline.score(position) > 0.9
    True
    """

    n_delays_: int
    lag_: int
    step_: float
    axis_: TimeAxis

    def __init__(self, n_delays: int | Literal["auto"] = "auto", lag: int | Literal["auto"] = "auto") -> None:
        self.n_delays = n_delays
        self.lag = lag

    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose lag and number of delays, where they are not given.

        Parameters
        ----------
        X : trajectories in any accepted form
            Of even steps; see `skdyn.Trajectories`.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        TrajectoryError
            If steps are uneven, or no trajectory is long enough for the delays.
        """
        context = Trajectories(X)
        for name, value, low in (("n_delays", self.n_delays, 1), ("lag", self.lag, 1)):
            if not (isinstance(value, str) and value == "auto"):
                check_number(name, value, whole=True, low=low, include_low=True)
        step = _even_step(context)
        lag = choose_lag(context.states) if self.lag == "auto" else int(self.lag)
        delays = choose_delays(context.states, lag) if self.n_delays == "auto" else int(self.n_delays)
        _embedded(context, lag, delays)  # long enough, or an error before anything is set
        self.lag_, self.n_delays_, self.step_, self.axis_ = lag, delays, step, context.axis
        self._remember(context)
        return self

    def transform(self, X: Any) -> Trajectories:
        """Embed trajectories; those that are shorter than the delays are refused.

        Parameters
        ----------
        X : trajectories in any accepted form
            With the steps of the fit, in whatever unit they are counted.

        Returns
        -------
        Trajectories
            Of ``D (M + 1)`` variables, the present ones first.

        Raises
        ------
        TrajectoryError
        """
        check_is_fitted(self)
        context = Trajectories(X)
        warn_where_torn(X, context)
        if context.n_features != self.n_features_in_:
            raise TrajectoryError(
                f"X has {context.n_features} features, but TimeDelayEmbedding is expecting {self.n_features_in_}"
            )
        if self._names_in is not None:
            context = context.in_order_of(self._names_in)
        self.axis_.refuse_other(context.axis, "the times of X")
        step = _even_step(context.counted_in(self.axis_.unit))
        if abs(step - self.step_) > _EVEN * self.step_:
            unit = "" if self.axis_.unit is None else f" {self.axis_.unit}s"
            raise TrajectoryError(
                f"X has steps of {step:g}{unit}, but the delays were chosen for steps of {self.step_:g}{unit}"
            )
        return _embedded(context, self.lag_, self.n_delays_)

    def inverse_transform(self, X: Any) -> Any:
        """Return what was measured: the present variables of trajectories or states.

        Parameters
        ----------
        X : Trajectories, array of shape (..., D (M + 1)) or DataFrame of shape (N, D (M + 1))

        Returns
        -------
        Trajectories or array of shape (..., D)

        Raises
        ------
        TrajectoryError
            If there are more or fewer delay coordinates, or their names are others.
        """
        check_is_fitted(self)
        width, embedded = self.n_features_in_, self.n_features_in_ * (self.n_delays_ + 1)
        names = None if self._names_in is None else _delayed_names(self._names_in, self.lag_, self.n_delays_)
        if isinstance(X, Trajectories):
            if X.n_features != embedded:
                raise TrajectoryError(f"X has {X.n_features} variables: expected {embedded} delay coordinates")
            ordered = X if names is None else X.in_order_of(names)
            return ordered.with_states([x[:, :width] for x in ordered.states], self._names_in)
        states = read_numbers(named_states(X, names, "X"), "X")
        if states.ndim == 0 or states.shape[-1] != embedded:
            raise TrajectoryError(f"X has shape {states.shape}: expected (..., {embedded})")
        return states[..., :width]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the delay coordinates, such as ``x``, ``x_lag7`` and ``x_lag14``; lags are in points.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        array of str of shape (D (M + 1),)
        """
        check_is_fitted(self)
        names = self._names_in or default_names("x", self.n_features_in_)
        return np.array(_delayed_names(names, self.lag_, self.n_delays_), dtype=object)


def choose_lag(states: Sequence[np.ndarray]) -> int:
    """First lag at which the autocorrelation of all variables is below 1 - 1/e; at most a fifth of a trajectory.

    Parameters
    ----------
    states : K arrays of shape (L_k, D)
    """
    most = max(1, int(_LONGEST_LAG * min(len(x) for x in states)))
    centred = _standardised(states)
    variance = np.mean(np.concatenate(centred) ** 2)
    for lag in range(1, most):
        if np.mean(np.concatenate([x[lag:] * x[:-lag] for x in centred])) < _LEFT * variance:
            return lag
    return most


def choose_delays(states: Sequence[np.ndarray], lag: int) -> int:
    """Fewest delays with which few nearest neighbours are false, whatever the units of the variables; see the class.

    Parameters
    ----------
    states : K arrays of shape (L_k, D)
    lag : int
    """
    states = _standardised(states)
    for delays in range(1, _MOST_DELAYS):
        if any(len(x) < (delays + 1) * lag + 10 for x in states):
            return delays
        rows = np.concatenate([_delay(x[lag:], lag, delays) for x in states])
        further = np.concatenate([x[: len(x) - (delays + 1) * lag] for x in states])
        every = -(-len(rows) // _MOST_POINTS)
        rows, further = rows[::every], further[::every]
        distance, place = cKDTree(rows).query(rows, k=2)
        apart, near = distance[:, 1], place[:, 1]
        growth = np.abs(further - further[near]).max(axis=1)
        false = (growth > _FALSE * apart) & (growth > _NOTICED)
        if false.mean() < _FEW_FALSE:
            return delays
    return _MOST_DELAYS


def _standardised(states: Sequence[np.ndarray]) -> list[np.ndarray]:
    """States (L_k, D) with mean zero and deviation one of each variable over all of them."""
    whole = np.concatenate(states)
    deviation = whole.std(axis=0)
    return [(x - whole.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0) for x in states]


def _delay(x: np.ndarray, lag: int, delays: int) -> np.ndarray:
    """Delay coordinates (L - M lag, D (M + 1)) of states (L, D), the present first."""
    first = delays * lag
    return np.hstack([x[first - k * lag : len(x) - k * lag] for k in range(delays + 1)])


def _embedded(context: Trajectories, lag: int, delays: int) -> Trajectories:
    first = delays * lag
    for k, x in enumerate(context.states):
        if len(x) < first + 2:
            raise TrajectoryError(
                f"trajectory {k} has {len(x)} points, but {delays} delays of {lag} points take {first} before the "
                "first state: choose fewer delays or a shorter lag"
            )
    late = context.parts([(k, slice(first, None)) for k in range(len(context))])
    names = None if context.feature_names is None else _delayed_names(context.feature_names, lag, delays)
    return late.with_states([_delay(x, lag, delays) for x in context.states], names)


def _delayed_names(names: Sequence[str], lag: int, delays: int) -> list[str]:
    return [name if k == 0 else f"{name}_lag{k * lag}" for k in range(delays + 1) for name in names]


def _even_step(context: Trajectories) -> float:
    """The step of all trajectories.

    Raises
    ------
    TrajectoryError
        If they are uneven, or not the same in all.
    """
    steps = [np.diff(t) for t in context.times]
    step = float(np.median(np.concatenate(steps)))
    if max(np.abs(own - step).max() for own in steps) <= _EVEN * step:
        return step
    medians = np.array([np.median(own) for own in steps])
    for k, own in enumerate(steps):
        if np.abs(own - medians[k]).max() > _EVEN * medians[k]:
            raise TrajectoryError(
                f"trajectory {k} has uneven steps, from {own.min():g} to {own.max():g}: delays need even ones; "
                "interpolate to even times first, or cut the recording at its gaps"
            )
    k = int(np.abs(medians - medians[0]).argmax())
    raise TrajectoryError(
        f"trajectory {k} has steps of {medians[k]:g}, but trajectory 0 of {medians[0]:g}: delays need the same "
        "steps in all; interpolate to these first"
    )
