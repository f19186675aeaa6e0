"""A pretrained forecaster at work: its network, fine-tuned where that was asked for, and the fitted series' curves."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from skdyn.data.trajectories import Trajectories
from skdyn.estimators._session import ModelChoice, Session
from skdyn.exceptions import WeightsError

if TYPE_CHECKING:
    from skdyn.adaptation.settings import CutSettings
    from skdyn.forecasting.blending import Blend, BlendOf
    from skdyn.models.weights import LoadedModel

_AT_ONCE = 256
"""Series whose curves are held at once."""


@dataclass(frozen=True)
class ForecastSettings:
    """How series are forecast: the estimator's own parameters of the same names.

    Attributes
    ----------
    ensemble : {"auto", "backtest"} or None
    experts : tuple of str
    season : int or None
    positive : bool
    n_jobs : int or None
    progress : bool
    """

    ensemble: str | None
    experts: tuple[str, ...]
    season: int | None
    positive: bool
    n_jobs: int | None
    progress: bool

    def blend(self) -> BlendOf:
        """How to blend the forecasts of a series, with an ensemble."""
        from skdyn.forecasting.blending import blend_of

        assert self.ensemble is not None
        return blend_of(self.ensemble, self.experts, self.season)


@dataclass(frozen=True)
class Forecasts:
    """What a network has made of K series.

    Attributes
    ----------
    network : torch.nn.Module
        With the fine-tuned factors, on the device.
    settings : ForecastSettings
    series : sequence of K pairs of arrays (L,) and (L, D)
        What was observed.
    blends : list of K Blend, or None
        What the forecasts are blended of; None where the network is alone.
    """

    network: Any
    settings: ForecastSettings
    series: Sequence[tuple[np.ndarray, np.ndarray]]
    blends: list[Blend] | None

    @cached_property
    def curves(self) -> list[Any]:
        """Curves of the network alone, where no times are requested; in the user's units."""
        from skdyn.forecasting.backtest import nominal_curves
        from skdyn.forecasting.positive import PositiveCurve, logarithms

        if not self.settings.positive:
            return list(nominal_curves(self.network, self.series))
        logs, moved = zip(*(logarithms(x, "the series") for _, x in self.series), strict=True)
        series = zip((times for times, _ in self.series), logs, strict=True)
        return list(map(PositiveCurve, nominal_curves(self.network, series), moved))

    def reconstruction_errors(self) -> np.ndarray:
        """Errors (K,) of the network's own curves at the points that they were made from."""
        return np.array(self._by_parts("reconstruct", _errors_of))

    def values(self, asked: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Quantiles (T, D, Q) of every fitted series at times of its own; see `curve`."""
        return self._by_parts("forecast", _values_of, asked)

    def _by_parts(self, what: str, work: Callable[..., list[Any]], *given: Sequence[Any]) -> list[Any]:
        """What work makes of each series, with what else is given for it; workers are sent some series at a time."""
        parts = [slice(start, start + _AT_ONCE) for start in range(0, len(self.series), _AT_ONCE)]
        jobs = ((self._part(part), *(every[part] for every in given)) for part in parts)
        if self.settings.n_jobs in (None, 1) or len(parts) == 1:
            results = (work(*job) for job in jobs)
        else:
            results = Parallel(self.settings.n_jobs, return_as="generator")(delayed(work)(*job) for job in jobs)
        found: list[Any] = []
        with tqdm(total=len(self.series), desc=what, unit="series", disable=not self.settings.progress) as bar:
            for some in results:
                found += some
                bar.update(len(some))
        return found

    def _part(self, where: slice) -> Forecasts:
        blends = None if self.blends is None else self.blends[where]
        return replace(self, series=self.series[where], blends=blends)

    def curve(self, times: np.ndarray, values: np.ndarray, until: float, since: float, k: int | None = None) -> Any:
        """The forecast of a series (L,), (L, D) as a curve: of a fitted one, or of another.

        Raises
        ------
        ValueError
            If ``until`` is too far ahead.
        TrajectoryError
            If a value is not positive and should be.
        """
        return self.curves_of([(times, values, until, since)], [k])[0]

    def curves_of(
        self, series: Sequence[tuple[np.ndarray, np.ndarray, float, float]], numbers: Sequence[int | None]
    ) -> list[Any]:
        """The forecasts of several series, each with its number among the fitted ones if it is one; see `curve`."""
        from skdyn.forecasting.curve import Curve
        from skdyn.forecasting.positive import PositiveCurve, logarithms

        settings = self.settings
        moved: Sequence[np.ndarray] = ()
        if settings.positive:
            logs, moved = zip(*(logarithms(values, "the series") for _, values, *_ in series), strict=True)
            series = [(times, x, until, since) for x, (times, _, until, since) in zip(logs, series, strict=True)]
        curves: list[Any] = list(Curve.of_many(self.network, series))
        if self.blends is not None and settings.ensemble is not None:
            for place, (k, (times, values, *_)) in enumerate(zip(numbers, series, strict=True)):
                blend = self.blends[k] if k is not None else settings.blend()(self.network, times, values)
                curves[place] = blend.over(curves[place])
        return list(map(PositiveCurve, curves, moved)) if settings.positive else curves


class ForecastSession(Session[Forecasts]):
    """A forecaster with the observed series; fine-tuned factors are part of a pickle, the network is not.

    Parameters
    ----------
    choice : ModelChoice
    context : Trajectories
        The observed prefixes.
    tuning : CutSettings, optional
        How to fine-tune the network on the prefixes; not at all by default.
    settings : ForecastSettings

    Attributes
    ----------
    fine_tuning : dict or None
        The record of the fine-tuning.
    """

    def __init__(
        self,
        choice: ModelChoice,
        context: Trajectories,
        tuning: CutSettings | None,
        settings: ForecastSettings,
    ) -> None:
        self._context, self._settings = context, settings
        self._tuning = tuning
        self._factors: dict[str, np.ndarray] | None = None
        self.fine_tuning: dict[str, Any] | None = None
        super().__init__(choice)

    def _open(self, model: LoadedModel) -> Forecasts:
        if model.spec.kind != "forecast":
            raise WeightsError(f"{model.source} is a model of a vector field, not a forecaster: use FIMODERegressor")
        series = self._series()
        network = self._placed(self._tuned(model.network, series))
        return Forecasts(network, self._settings, list(self._context), self._blended(network, series))

    def _series(self) -> Trajectories:
        """What is forecast: the observed series, or their logarithms."""
        if not self._settings.positive:
            return self._context
        from skdyn.forecasting.positive import logarithms

        logs = [logarithms(x, f"trajectory {k}")[0] for k, x in enumerate(self._context.states)]
        return Trajectories.with_gaps(list(zip(self._context.times, logs, strict=True)))

    def _blended(self, network: Any, series: Trajectories) -> list[Blend] | None:
        settings = self._settings
        if settings.ensemble is None:
            return None
        bar = tqdm(series, desc="experts", unit="series", disable=not settings.progress)
        if settings.n_jobs in (None, 1):
            blend = settings.blend()
            return [blend(network, times, values) for times, values in bar]
        return Parallel(settings.n_jobs)(delayed(_blend)(settings, network, times, values) for times, values in bar)

    def _tuned(self, network: Any, series: Trajectories) -> Any:
        """The network with fine-tuned factors; they are trained once."""
        if self._tuning is None:
            return network
        import torch

        from skdyn.adaptation.cuts import train_on_cuts, with_factors

        if self._factors is None:
            state, self.fine_tuning = train_on_cuts(network, series, self._tuning)
            self._factors = {name: factor.numpy() for name, factor in state.items()}
        return with_factors(network, {name: torch.from_numpy(part) for name, part in self._factors.items()})

    def _placed(self, network: Any) -> Any:
        from skdyn.models.devices import resolve_device

        device = resolve_device(self.choice.device)
        return network if device.type == "cpu" else copy.deepcopy(network).to(device)


def _errors_of(forecasts: Forecasts) -> list[float]:
    from skdyn.forecasting.backtest import reconstruction_error
    from skdyn.forecasting.curve import values_at

    answers = values_at(forecasts.curves, [times for times, _ in forecasts.series])
    return [reconstruction_error(answer, x) for answer, (_, x) in zip(answers, forecasts.series, strict=True)]


def _values_of(forecasts: Forecasts, asked: Sequence[np.ndarray]) -> list[np.ndarray]:
    from skdyn.forecasting.curve import values_at

    series = [(t, x, float(own[-1]), float(own[0])) for (t, x), own in zip(forecasts.series, asked, strict=True)]
    return values_at(forecasts.curves_of(series, range(len(series))), asked)


def _blend(settings: ForecastSettings, network: Any, times: np.ndarray, values: np.ndarray) -> Blend:
    """The blend of one series in a worker."""
    return settings.blend()(network, times, values)
