"""LASS-ODE as a forecaster."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skdyn.data.parameters import RandomState, check_number
from skdyn.data.trajectories import Trajectories
from skdyn.estimators._forecast_session import ForecastSession, ForecastSettings
from skdyn.estimators._forecaster import BaseForecaster
from skdyn.estimators._session import ModelChoice
from skdyn.exceptions import ForecastWarning, TrajectoryError, warn
from skdyn.forecasting.evidence import NETWORK
from skdyn.forecasting.request import check_values

if TYPE_CHECKING:
    import torch

    from skdyn.adaptation.settings import CutSettings

_FEW_POINTS = 10
_POOR_RECONSTRUCTION = 0.05


class LASSODEForecaster(BaseForecaster):
    """Forecast series from their observed prefixes with a pretrained network and classical experts, without training.

    The network reads a prefix and answers with a linear ODE for each of 20 equal pieces of time, before and after the
    last observation; the forecast is their exact solution. Series may be irregular in time and of different lengths,
    and each is forecast on its own: neither the other series nor anything after a series' last observation has any
    influence on it. A forecast is equivariant under ``x -> a x`` with ``a > 0`` (for each variable) and ``t -> c t +
    e``; it may depend on where zero lies, which matters to populations and concentrations.

    The forecast depends on the last requested time, which tells the network how far it has to see: two requests that
    share it agree at the later times that they share. What is said of the past also depends on the first one, from
    which on the network reads. The prefix should be between 0.3 and 0.9 of the time up to there.
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
    ensemble : {"auto", "backtest", None}, default="auto"
        Who forecasts beside the network. ``"auto"``: some quick classical experts, fitted to each prefix; a small
        trained network weighs all of them at every time by how well each forecast the end of the prefix, and says how
        wide the interval is; about half a second a series. ``"backtest"``: context parroting and a sparse ODE
        (`skdyn.sparse`), with one weight each by their errors on the last 30% of the prefix; takes seconds. None: the
        network alone, some milliseconds a series. `vector_field` and `equilibria` are the network's in any case.
    experts : sequence of str, default=()
        Further experts for the ensemble, such as ``"sparse-ode"`` or those of plugins; see
        `skdyn.forecasting.experts.registry.list_experts`.
    season : int, optional
        Steps of a season where it is known, such as 12 of monthly values, for the experts of the ensemble; they look
        for one otherwise. 1 says that there is none.
    positive : bool, default=False
        Forecast the logarithms of series that cannot be zero or less; quantiles are then positive too.
    n_jobs : int, optional
        Workers (joblib) that share the series, 256 at a time, and their experts.
    progress : bool, default=False
        Show a progress bar over the series, and over their experts.
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
    seed_ : int
        Only with ``fine_tune``: the seed of the fine-tuning. What is saved has it as its ``random_state``.

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
        ensemble: Literal["auto", "backtest"] | None = "auto",
        experts: Sequence[str] = (),
        season: int | None = None,
        positive: bool = False,
        n_jobs: int | None = None,
        progress: bool = False,
        random_state: RandomState = 0,
    ) -> None:
        self.model = model
        self.device = device
        self.missing = missing
        self.adapter = adapter
        self.fine_tune = fine_tune
        self.ensemble = ensemble
        self.experts = experts
        self.season = season
        self.positive = positive
        self.n_jobs = n_jobs
        self.progress = progress
        self.random_state = random_state

    def _trajectories(self, X: Any, t: Any) -> Trajectories:
        if not (isinstance(self.missing, str) and self.missing in ("raise", "drop", "keep")):
            raise TrajectoryError(f"missing must be 'raise', 'drop' or 'keep', got {self.missing!r}")
        return Trajectories.with_gaps(X, t) if self.missing == "keep" else super()._trajectories(X, t)

    def _fit(self, context: Trajectories) -> None:
        counts = np.array([(~np.isnan(x)).sum(axis=0) for x in context.states])
        check_values(context, counts)
        session = ForecastSession(
            ModelChoice(self.model, self.adapter, self.device), context, self._tuning(), self._settings()
        )
        self._session, self.weights_ = session, session.weights
        forecasts = session.opened
        self.levels_ = forecasts.network.config.levels
        self.reconstruction_error_ = forecasts.reconstruction_errors()
        if session.fine_tuning is not None:
            self.fine_tuning_ = session.fine_tuning
        if forecasts.blends is not None:
            self.expert_weights_ = [blend.weights for blend in forecasts.blends]
        self._warn_of_little_support(counts)

    def _settings(self) -> ForecastSettings:
        """How to forecast, checked."""
        if self.ensemble not in (None, "auto", "backtest"):
            raise ValueError(f"ensemble must be None, 'auto' or 'backtest', got {self.ensemble!r}")
        listed = isinstance(self.experts, Iterable) and not isinstance(self.experts, str)
        if not (listed and all(isinstance(name, str) for name in self.experts)):
            raise ValueError(f"experts must be a list of names such as ['sparse-ode'], got {self.experts!r}")
        if self.experts and self.ensemble is None:
            raise ValueError("experts belong to an ensemble, but ensemble is None: choose ensemble='auto'")
        if self.season is not None:
            check_number("season", self.season, low=1, whole=True, include_low=True)
            if self.ensemble is None:
                raise ValueError("season is for the experts of an ensemble, but ensemble is None: choose 'auto'")
        for name in ("positive", "progress"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        return ForecastSettings(
            self.ensemble,
            tuple(self.experts),
            None if self.season is None else int(self.season),
            bool(self.positive),
            self.n_jobs,
            bool(self.progress),
        )

    def _tuning(self) -> CutSettings | None:
        """The settings of the fine-tuning, checked."""
        if self.fine_tune is None:
            return None
        from skdyn.adaptation.settings import CutSettings

        names = [field.name for field in dataclasses.fields(CutSettings) if field.name != "seed"]
        if not isinstance(self.fine_tune, Mapping) or not set(self.fine_tune) <= set(names):
            raise ValueError(f"fine_tune must be None or a dict with any of {', '.join(names)}; got {self.fine_tune!r}")
        try:
            return CutSettings(**self.fine_tune, seed=self._draw_seed())
        except ValueError as error:
            raise ValueError(f"fine_tune: {error}") from None

    def _warn_of_little_support(self, counts: np.ndarray) -> None:
        poor = np.flatnonzero(self._mostly_network(len(counts)) & ~(self.reconstruction_error_ <= _POOR_RECONSTRUCTION))
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

    def _mostly_network(self, series: int) -> np.ndarray:
        """Which (K,) forecasts are the network's by half or more."""
        if self.ensemble is None:
            return np.ones(series, dtype=bool)
        return np.array([weights[NETWORK] >= 0.5 for weights in self.expert_weights_])

    def _forecast(self, times: np.ndarray, values: np.ndarray, until: float, since: float, k: int | None) -> Any:
        return self._session.opened.curve(times, values, until, since, k)

    def _curves(self, asked: Sequence[np.ndarray]) -> Iterable[Any]:
        series = [(t, x, float(own[-1]), float(own[0])) for (t, x), own in zip(self._even, asked, strict=True)]
        try:
            return self._session.opened.curves_of(series, range(len(series)))
        except ValueError:  # one by one, for an error that names the series
            return super()._curves(asked)

    def _values(self, asked: Sequence[np.ndarray]) -> Iterable[np.ndarray]:
        try:
            return self._session.opened.values(asked)
        except ValueError:  # one by one, for an error that names the series
            return super()._values(asked)

    def _reference_curves(self) -> list[Any]:
        return self._session.opened.curves
