"""LASS-ODE as a forecaster."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.parameters import RandomState, check_number, check_size, read_generator
from skdyn.data.reading import is_dataframe
from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.equilibria import Equilibrium, find_equilibria
from skdyn.dynamics.units import state_units, widened_box
from skdyn.estimators._base import BaseTrajectoryEstimator
from skdyn.estimators._forecast_session import ForecastSession
from skdyn.estimators._session import ModelChoice
from skdyn.exceptions import ForecastWarning, TrajectoryError, warn
from skdyn.forecasting.request import (
    arranged,
    at_levels,
    check_values,
    checked_levels,
    is_listed,
    requested_times,
)

if TYPE_CHECKING:
    import torch

    from skdyn.adaptation.settings import CutSettings
    from skdyn.forecasting.curve import Curve
    from skdyn.forecasting.ensemble import EnsembleCurve
    from skdyn.forecasting.local_field import LocalLinearField

_FEW_POINTS = 10
_POOR_RECONSTRUCTION = 0.05


class LASSODEForecaster(BaseTrajectoryEstimator):
    """Forecast series from their observed prefixes with a pretrained network, without training.

    The network reads a prefix and answers with a linear ODE for each of 20 equal pieces of time, before and after the
    last observation; the forecast is their exact solution. Series may be irregular in time and of different lengths,
    and each is forecast on its own: neither the other series nor anything after a series' last observation has any
    influence on it. A forecast is equivariant under ``x -> a x`` with ``a > 0`` (for each variable) and ``t -> c t +
    e``; it may depend on where zero lies, which matters to populations and concentrations.

    The forecast depends on the last requested time, which tells the network how far it has to see: two requests that
    share it agree at the times that they share. The prefix should be between 0.3 and 0.9 of the time up to there.
    Further ahead, the network continues its own median window by window; for a short look ahead, it uses recent points.

    Parameters
    ----------
    model : str or path, default="lass-ode"
        A registered name (`skdyn.list_models`), a folder, or ``hf://owner/repo[/sub/folder][@revision]``.
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU.
    missing : {"raise", "drop", "keep"}, default="raise"
        What to do with rows that hold a NaN: raise an error, drop them, or use what else they hold.
    adapter : str or path, optional
        Folder of a low-rank adapter that ``skdyn adapt --model lass-ode`` trained on this model.
    fine_tune : dict, optional
        Adapt the attention to the fitted series by low-rank updates, trained on cuts of the series themselves until
        their held-out ends are forecast no better: any of ``rank`` (8), ``epochs`` (30) and ``lr`` (5e-3). ``{}`` takes
        these values.
    ensemble : {None, "auto"}, default=None
        ``"auto"`` blends the network's forecast with those of context parroting and of a sparse ODE (`skdyn.sparse`),
        fitted to each prefix, by how well each forecasts the last 30% of it. Far better on clean and long prefixes, and
        some seconds a series slower. `vector_field` and `equilibria` stay the network's.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the fine-tuning; without it nothing is random.

    Attributes
    ----------
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the series came with names.
    context_ : Trajectories
        What was given to `fit`.
    reconstruction_error_ : array of shape (K,)
        Mean square error of the network's own curve at the observed points of each series, in half ranges of its
        variables. A large one means that the network has not understood the series.
    levels_ : tuple of float
        Levels of the quantiles that the model predicts.
    weights_ : dict
        ``name``, ``source`` and ``sha256`` of the model that was used; with an adapter, the sha256 is of both together.
    expert_weights_ : list of K dicts
        Only with ``ensemble``: the weight of each forecaster of each series.
    fine_tuning_ : dict
        Only with ``fine_tune``: epochs, losses and settings.

    References
    ----------
    LASS-ODE: arXiv 2602.01009. LoRA: arXiv 2106.09685.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import LASSODEForecaster
    >>> t = np.linspace(0, 10, 101)
    >>> observed = np.column_stack([np.cos(2 * t), np.sin(2 * t)])
    >>> est = LASSODEForecaster().fit([(t, observed)])
    >>> est.predict(np.linspace(10.1, 14, 40)).shape
    (40, 2)
    >>> est.predict(horizon=20, quantiles=(0.1, 0.5, 0.9)).shape
    (20, 2, 3)
    """

    weights_: dict[str, str]
    levels_: tuple[float, ...]
    reconstruction_error_: np.ndarray
    expert_weights_: list[dict[str, float]]
    fine_tuning_: dict[str, Any]
    _session: ForecastSession

    def __init__(
        self,
        model: str | os.PathLike[str] = "lass-ode",
        *,
        device: str | torch.device = "auto",
        missing: Literal["raise", "drop", "keep"] = "raise",
        adapter: str | os.PathLike[str] | None = None,
        fine_tune: Mapping[str, Any] | None = None,
        ensemble: Literal["auto"] | None = None,
        random_state: RandomState = 0,
    ) -> None:
        self.model = model
        self.device = device
        self.missing = missing
        self.adapter = adapter
        self.fine_tune = fine_tune
        self.ensemble = ensemble
        self.random_state = random_state

    def _read(self, X: Any, t: Any) -> Trajectories:
        if not (isinstance(self.missing, str) and self.missing in ("raise", "drop", "keep")):
            raise TrajectoryError(f"missing must be 'raise', 'drop' or 'keep', got {self.missing!r}")
        return Trajectories.with_gaps(X, t) if self.missing == "keep" else super()._read(X, t)

    def _fit(self, context: Trajectories) -> None:
        from skdyn.forecasting.backtest import reconstruction_error

        counts = np.array([(~np.isnan(x)).sum(axis=0) for x in context.states])
        check_values(context, counts)
        if self.ensemble not in (None, "auto"):
            raise ValueError(f"ensemble must be None or 'auto', got {self.ensemble!r}")
        session = ForecastSession(
            ModelChoice(self.model, self.adapter, self.device),
            context,
            self._tuning(),
            self.ensemble == "auto",
        )
        self._session, self.weights_ = session, session.weights
        forecasts = session.opened
        self.levels_ = forecasts.network.config.levels
        self.reconstruction_error_ = np.array(
            [reconstruction_error(curve, t, x) for curve, (t, x) in zip(forecasts.curves, context, strict=True)]
        )
        if session.fine_tuning is not None:
            self.fine_tuning_ = session.fine_tuning
        if forecasts.ensembles is not None:
            self.expert_weights_ = [ensemble.weights for ensemble in forecasts.ensembles]
        self._warn_of_little_support(counts)

    def _seed(self) -> int:
        """An integer as it is; of other sources of randomness, a new number."""
        if isinstance(self.random_state, Integral):
            check_number("random_state", self.random_state, whole=True, include_low=True)
            return int(self.random_state)
        return int(read_generator(self.random_state).integers(2**31))

    def _tuning(self) -> CutSettings | None:
        """The settings of the fine-tuning, checked."""
        if self.fine_tune is None:
            return None
        from skdyn.adaptation.settings import CutSettings

        names = [field.name for field in dataclasses.fields(CutSettings) if field.name != "seed"]
        if not isinstance(self.fine_tune, Mapping) or not set(self.fine_tune) <= set(names):
            raise ValueError(f"fine_tune must be None or a dict with any of {', '.join(names)}; got {self.fine_tune!r}")
        try:
            return CutSettings(**self.fine_tune, seed=self._seed())
        except ValueError as error:
            raise ValueError(f"fine_tune: {error}") from None

    def predict(self, X: Any = None, *, horizon: int | None = None, quantiles: Sequence[float] | None = None) -> Any:
        """Forecast the fitted series.

        Parameters
        ----------
        X : array of shape (T,), or list of arrays of shape (T_k,), optional
            Increasing times, shared by all series or one array for each, in the units (or dates) of those of `fit`.
            Times before a series' last observation give the network's reconstruction. An array of shape (N, D) holds
            states instead, as scikit-learn has it, and gives the `vector_field` there.
        horizon : int, optional
            In place of times: so many steps after each series' last observation, each the median step of the series.
        quantiles : sequence of Q floats, optional
            Levels of quantiles in place of the median, between the least and the largest of ``levels_``.

        Returns
        -------
        array of shape (T, D), (K, T, D) or list of K arrays of shape (T_k, D)
            For one series, for K series with shared times or a horizon, and for a list of times. With ``quantiles``
            each shape has a last axis of length Q more.

        Raises
        ------
        ValueError
            If neither times nor a horizon or both are given, times do not increase, precede a series or are more than
            two hundred of the network's windows ahead of it, or a level is not one that the model predicts.
        """
        check_is_fitted(self)
        if is_dataframe(X) or not (is_listed(X) or np.ndim(X) < 2):
            if horizon is not None or quantiles is not None:
                raise ValueError("horizon and quantiles belong to times, but X is an array of states")
            return self.vector_field(self._check_rows(X))
        levels = None if quantiles is None else checked_levels(quantiles, self.levels_)
        answers = []
        for k, t in enumerate(requested_times(X, horizon, self.context_)):
            check_size(f"the forecast of series {k}", len(t), self.n_features_in_, len(self.levels_))
            values = self._curve(k, t).values(t)
            middle = values.shape[-1] // 2
            answers.append(values[..., middle] if levels is None else at_levels(values, self.levels_, levels))
        return arranged(answers, X)

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
        return arranged([self._curve(k, part).slopes(part) for k, part in enumerate(times)], t)

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
        local = self._local_field()
        data = local.states * local.half + local.center
        found = find_equilibria(
            lambda x: local(x)[0], local, data, widened_box(data), *state_units(data), tolerance=tolerance
        )
        return [point for point in found if not local.is_far(point.state[None])[0]]

    def score(self, X: Any, y: Any = None, *, t: Any = None) -> float:
        """Negative error of forecasts of other trajectories from their first 60%.

        The first 60% of each trajectory's duration are the prefix, the rest is forecast and compared: the mean square
        error in half ranges of the whole trajectory's variables, where an error above five counts as five. The series
        given to `fit` have no influence, except by ``fine_tune``.

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
            If the first 60% of a trajectory hold too little to forecast it, or its end is more than two hundred of the
            network's windows ahead of them.
        """
        from skdyn.forecasting.backtest import unseen_error
        from skdyn.forecasting.curve import Curve
        from skdyn.forecasting.ensemble import blended_curve

        held_out = self._check_held_out(X, t)
        forecasts = self._session.opened
        curve = partial(Curve if forecasts.ensembles is None else blended_curve, forecasts.network)
        errors = [unseen_error(curve, times, x, f"trajectory {k}") for k, (times, x) in enumerate(held_out)]
        return -float(np.mean(errors))

    def _curve(self, k: int, times: np.ndarray) -> Curve | EnsembleCurve:
        from skdyn.forecasting.curve import Curve
        from skdyn.forecasting.ensemble import EnsembleCurve

        forecasts = self._session.opened
        observed, values = self.context_[k]
        try:
            curve = Curve(forecasts.network, observed, values, float(times[-1]), float(times[0]))
        except ValueError as error:
            raise ValueError(f"series {k}: {error}") from None
        return curve if forecasts.ensembles is None else EnsembleCurve(curve, forecasts.ensembles[k])

    def _warn_of_little_support(self, counts: np.ndarray) -> None:
        poor = np.flatnonzero(~(self.reconstruction_error_ <= _POOR_RECONSTRUCTION))
        few = np.flatnonzero((counts < _FEW_POINTS).any(axis=1))
        if len(poor):
            warn(
                f"the network reconstructs {len(poor)} of {len(counts)} series poorly (the first is {poor[0]}, with an "
                f"error of {self.reconstruction_error_[poor[0]]:.2g}; see reconstruction_error_): do not trust its "
                "forecast",
                ForecastWarning,
            )
        if len(few):
            warn(
                f"{len(few)} of {len(counts)} series have fewer than {_FEW_POINTS} values of a variable (the first is "
                f"{few[0]}): the forecast is mostly the model's expectation",
                ForecastWarning,
            )

    def _local_field(self) -> LocalLinearField:
        from skdyn.forecasting.local_field import LocalLinearField

        return LocalLinearField.near(self._session.opened.curves)
