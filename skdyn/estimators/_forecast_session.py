"""A pretrained forecaster at work: its network, fine-tuned where that was asked for, and the fitted series' curves."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skdyn.data.trajectories import Trajectories
from skdyn.estimators._session import ModelChoice, Session
from skdyn.exceptions import WeightsError

if TYPE_CHECKING:
    import numpy as np

    from skdyn.adaptation.settings import CutSettings
    from skdyn.forecasting.curve import Curve
    from skdyn.forecasting.ensemble import Ensemble
    from skdyn.models.weights import LoadedModel


@dataclass(frozen=True)
class Forecasts:
    """What a network has made of K series.

    Attributes
    ----------
    network : torch.nn.Module
        With the fine-tuned factors, on the device.
    curves : list of K Curve
        Of the series where no times are requested.
    ensembles : list of K Ensemble, or None
        What the forecasts are blended of; None where the network is alone.
    """

    network: Any
    curves: list[Curve]
    ensembles: list[Ensemble] | None


class ForecastSession(Session[Forecasts]):
    """A forecaster with the observed series; fine-tuned factors are part of a pickle, the network is not.

    Parameters
    ----------
    choice : ModelChoice
    context : Trajectories
        The observed prefixes.
    tuning : CutSettings, optional
        How to fine-tune the network on the prefixes; not at all by default.
    blended : bool
        Put classical experts beside the network.

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
        blended: bool,
    ) -> None:
        self._context, self._blended = context, blended
        self._tuning = tuning
        self._factors: dict[str, np.ndarray] | None = None
        self.fine_tuning: dict[str, Any] | None = None
        super().__init__(choice)

    def _open(self, model: LoadedModel) -> Forecasts:
        from skdyn.forecasting.backtest import nominal_curve
        from skdyn.forecasting.ensemble import Ensemble

        if model.spec.kind != "forecast":
            raise WeightsError(f"{model.source} is a model of a vector field, not a forecaster: use FIMODERegressor")
        network = self._placed(self._tuned(model.network))
        curves = [nominal_curve(network, times, values) for times, values in self._context]
        ensembles = [Ensemble(network, t, x) for t, x in self._context] if self._blended else None
        return Forecasts(network, curves, ensembles)

    def _tuned(self, network: Any) -> Any:
        """The network with fine-tuned factors; they are trained once."""
        if self._tuning is None:
            return network
        import torch

        from skdyn.adaptation.cuts import train_on_cuts, with_factors

        if self._factors is None:
            state, self.fine_tuning = train_on_cuts(network, self._context, self._tuning)
            self._factors = {name: factor.numpy() for name, factor in state.items()}
        return with_factors(network, {name: torch.from_numpy(part) for name, part in self._factors.items()})

    def _placed(self, network: Any) -> Any:
        from skdyn.models.inference import resolve_device

        device = resolve_device(self.choice.device)
        return network if device.type == "cpu" else copy.deepcopy(network).to(device)
