"""The door of every estimator: trajectories in, names and widths checked, fitted at once or not at all, saved."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, check_is_fitted

from skdyn.data.cleaning import check_increasing
from skdyn.data.misread import warn_where_misread
from skdyn.data.names import named_states
from skdyn.data.numbers import read_numbers
from skdyn.data.parameters import check_number, read_generator
from skdyn.data.times import read_times
from skdyn.data.torn import warn_where_torn
from skdyn.data.trajectories import Trajectories
from skdyn.estimators import _persistence
from skdyn.exceptions import TrajectoryError

if TYPE_CHECKING:

    class BaseEstimator:
        """What a checker sees of scikit-learn's, which has no types: without it every estimator would be Any."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def set_fit_request(self, *, t: bool | str | None = ...) -> Self: ...
        def set_score_request(self, *, t: bool | str | None = ...) -> Self: ...
        def get_metadata_routing(self) -> Any: ...

else:
    from sklearn.base import BaseEstimator


class BaseTrajectoryEstimator(BaseEstimator, ABC):
    """Base class of everything that is fitted to trajectories.

    A subclass stores its parameters in ``__init__`` (``missing`` among them) and implements `_fit`. If that draws
    random numbers, it asks `_draw_seed` for their seed, which is saved, so that `load` fits the same. Letters: K
    trajectories, L points, D variables, N queries.
    """

    takes_inputs: ClassVar[bool] = False
    """Whether the trajectories may have inputs and parameters."""
    keeps_missing: ClassVar[bool] = False
    """Whether ``missing="keep"`` is allowed: single missing values."""

    missing: Any
    random_state: Any
    context_: Trajectories
    seed_: int
    _times_told: bool = False
    n_features_in_: int
    feature_names_in_: np.ndarray

    @abstractmethod
    def _fit(self, context: Trajectories) -> None:
        """Learn from validated trajectories, on an object that nothing was fitted to before."""

    def fit(self, X: Any, y: Any = None, *, t: Any = None) -> Self:
        """Infer from a context of trajectories; if that fails, what was fitted before is left as it was.

        Parameters
        ----------
        X : list of (t, x) pairs, list of arrays (L_k, D), array (K, L, D) or (L, D), DataFrame or Trajectories
            See `skdyn.Trajectories`. Inputs are never modified.
        y : ignored
            Present for scikit-learn's conventions; the targets are in ``X``.
        t : float, timedelta, array of shape (L,) or list of arrays (L_k,), optional
            Times for inputs that carry none; unit steps by default.

        Returns
        -------
        self

        Raises
        ------
        TrajectoryError
            If ``X`` cannot be read as trajectories, shows no motion or has more variables than the model takes.
        WeightsError
            If a pretrained model is needed and cannot be found or trusted.
        """
        return self._fit_by(self._read(X, t), lambda fitted, context: fitted._fit(context), t)

    def _fit_by(self, context: Trajectories, learn: Callable[[Self, Trajectories], None], t: Any = None) -> Self:
        """Learn from trajectories that were read, ``t`` being the times that they came without, and take it over."""
        check_motion(context)
        fitted = self._unfitted()
        learn(fitted, context)
        fitted._remember(context)
        fitted._times_told = not (t is None or _are_unit_steps(t, context))
        fitted._warn_where_hopeless()
        self._become(fitted)
        return self

    def _warn_where_hopeless(self) -> None:
        """Warn of data that are hardly meant as they are read; a subclass adds what no model of its kind describes."""
        warn_where_misread(self._context_as_given)

    def _read(self, X: Any, t: Any) -> Trajectories:
        """Trajectories of any accepted input, with a warning where cross-validation has torn them apart."""
        context = self._checked_for_inputs(self._trajectories(X, t))
        warn_where_torn(X, context)
        return context

    def _trajectories(self, X: Any, t: Any) -> Trajectories:
        """Trajectories of any accepted input; to be overridden by an estimator that reads other forms, or NaN."""
        kept = self.keeps_missing and isinstance(self.missing, str) and self.missing == "keep"
        return Trajectories.with_gaps(X, t) if kept else Trajectories(X, t, missing=self.missing)

    def _checked_for_inputs(self, context: Trajectories) -> Trajectories:
        """The same; inputs and parameters are refused, if the estimator takes none."""
        if context.given and not self.takes_inputs:
            raise TrajectoryError(
                f"{type(self).__name__} takes no inputs nor parameters, but X has {', '.join(context.given.names)}: "
                "choose an estimator that does, such as FIMODERegressor, or leave them out: [(t, x) for t, x in X]"
            )
        return context

    def _unfitted(self) -> Self:
        """The estimator without what an earlier fit has set."""
        bare = object.__new__(type(self))
        earlier = vars(self).get("_fitted", ())
        bare.__dict__.update({name: value for name, value in vars(self).items() if name not in earlier})
        return bare

    def _become(self, fitted: Self) -> None:
        """Take over what was set on an `_unfitted` copy, all at once, and the parameters that it was set with."""
        state = vars(fitted) | {"_params_then": fitted.get_params(deep=False)}
        self.__dict__ = state | {
            "_fitted": (*(name for name in state if name not in vars(self._unfitted())), "_fitted")
        }

    def _draw_seed(self) -> int:
        """The seed of what a fit draws, kept as ``seed_``: ``random_state``, or a new number where that is no integer.

        Raises
        ------
        ValueError
            If ``random_state`` is nothing of the kind.
        """
        if isinstance(self.random_state, Integral):
            check_number("random_state", self.random_state, whole=True, include_low=True)
            self.seed_ = int(self.random_state)
        else:
            self.seed_ = int(read_generator(self.random_state).integers(2**31))
        return self.seed_

    @property
    def _fit_params(self) -> dict[str, Any]:
        """Parameters that the fit was made with; `set_params` may have changed them since."""
        return vars(self).get("_params_then", self.get_params(deep=False))

    @property
    def _context_as_given(self) -> Trajectories:
        """What `fit` was given; `context_` may have missing values filled in."""
        return self.context_

    def _remember(self, context: Trajectories) -> None:
        """Set what every fitted estimator has."""
        self.context_ = context
        self._remember_features(context.n_features, context.feature_names)

    def _remember_features(self, count: int, names: Any) -> None:
        self.n_features_in_ = count
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)

    @property
    def _given_names(self) -> tuple[str, ...] | None:
        """Names that the context came with."""
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else tuple(names)

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the variables; ``x0``, ``x1`` and so on where the context came without."""
        names = getattr(self, "feature_names_in_", [f"x{d}" for d in range(self.n_features_in_)])
        return tuple(map(str, names))

    def _said_per_unit(self, equations: list[str]) -> list[str]:
        """Equations that say in which unit time is counted, where that is known."""
        unit = self.context_.time_unit
        return equations if unit is None else [line.replace("/dt = ", f"/dt [per {unit}] = ", 1) for line in equations]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write parameters and context to a folder, as JSON and NumPy arrays without pickles and without weights.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist; what an earlier `save` wrote there is replaced, all of it or nothing.

        Raises
        ------
        SkdynError
            If a parameter cannot be written as JSON or is not the one of the fit, or (`FileError`) the folder cannot be
            written; what was saved there before is then as it was.
        """
        check_is_fitted(self)
        _persistence.save(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Fit anew from a folder that `save` wrote.

        Raises
        ------
        FileError
            If the folder is not one of this class, is damaged, or its model's weights have changed since.
        """
        return _persistence.load(cls, folder)

    def _check_held_out(self, X: Any, t: Any, *, states_only: bool = False, with_gaps: bool = False) -> Trajectories:
        """Trajectories of the variables of the fit, in their order and with times of the same kind and unit.

        Where only states are asked for, times are left as they are. With ``missing="keep"`` rows that hold a NaN stay
        only where asked for.
        """
        check_is_fitted(self)
        held_out = self._read(X, t)
        if self.keeps_missing and self.missing == "keep" and not with_gaps:
            held_out = Trajectories(held_out, missing="drop")
        self._check_width(held_out.n_features)
        if self._times_told and not (held_out.times_given or states_only):
            raise TrajectoryError(
                "X comes without times, and its points would be unit steps apart, but those of the fit are not: `fit` "
                "was told their times by t=. Pass t= here too, or give both what has its times with it: "
                "Trajectories(X, t=...). Cross-validation of scikit-learn hands t to `fit` alone, unless it routes "
                "metadata and set_score_request(t=True) asks for it"
            )
        if self._given_names is not None:
            held_out = held_out.in_order_of(self._given_names)
        held_out = held_out.given_as(self.context_.given)
        if states_only:
            return held_out
        self.context_.axis.refuse_other(held_out.axis, "the times of X")
        return held_out.counted_in(self.context_.time_unit)

    def _check_width(self, count: int) -> None:
        if count != self.n_features_in_:
            raise TrajectoryError(
                f"X has {count} features, but {type(self).__name__} is expecting {self.n_features_in_} features as "
                "input"
            )

    def _check_points(self, points: Any, name: str = "points") -> np.ndarray:
        """States (..., D) as finite float64 numbers."""
        check_is_fitted(self)
        array = read_numbers(named_states(points, self._given_names, name), name, "expected real numbers", ValueError)
        dim = self.n_features_in_
        if array.ndim == 0 or array.shape[-1] != dim:
            raise ValueError(
                f"{name} has shape {array.shape}, but {type(self).__name__} was fitted on {dim} variables: expected "
                f"(..., {dim})"
            )
        if not np.isfinite(array).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}{list(place)} is {array[place]}, not finite (NaN or infinity)")
        return array

    def _check_rows(self, X: Any) -> np.ndarray:
        """States (N, D), at least one, with the words that scikit-learn expects of an estimator."""
        X = named_states(X, self._given_names, "X")
        array = check_array(X if issparse(X) else read_numbers(X, "X"), dtype=np.float64, estimator=self)
        self._check_width(array.shape[1])
        return array

    def _check_times(self, t: Any) -> np.ndarray:
        """Increasing times (L,) in the unit of the context."""
        if np.ndim(t) != 1 or len(t) == 0:
            raise ValueError(f"t has shape {np.shape(t)}: expected the times (L,) of at least one point")
        try:
            (times,), _ = read_times([t], [len(t)], axis=self.context_.axis)
            check_increasing(times, lambda row: f"row {row}")
        except TrajectoryError as error:
            raise ValueError(f"t: {error}") from None
        return times


def _are_unit_steps(t: Any, context: Trajectories) -> bool:
    """Whether times that a user gave are those of points that are counted."""
    if isinstance(t, Real):
        return bool(t == 1)
    return all(np.array_equal(times, np.arange(len(times))) for times in context.times)


def check_motion(context: Trajectories) -> None:
    """Refuse data that say nothing of the dynamics, whatever the estimator would make of them."""
    # Not max and min, which warn of a variable that was never observed.
    if not any((np.fmax.reduce(x, axis=0) > np.fmin.reduce(x, axis=0)).any() for x in context.states):
        raise TrajectoryError(
            "every state is the same as the first of its trajectory: constant trajectories show no dynamics"
        )
