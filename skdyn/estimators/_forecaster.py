"""What a forecaster does with a pretrained network: load it, fine-tune it, and leave it out of pickles."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import WeightsError

if TYPE_CHECKING:
    import torch

    from skdyn.adaptation.settings import CutSettings
    from skdyn.forecasting.curve import Curve
    from skdyn.forecasting.ensemble import Ensemble

_session_lock = Lock()


class ForecasterMixin:
    """Keep the network of a forecaster with the parameters ``model``, ``device``, ``adapter``, ``fine_tune`` and
    ``ensemble``.

    The network is no part of a pickle, which holds the identity of the weights and the fine-tuned factors instead.
    """

    model: str | os.PathLike[str]
    device: str | torch.device
    adapter: str | os.PathLike[str] | None
    fine_tune: Mapping[str, Any] | None
    ensemble: Literal["auto"] | None
    random_state: int
    context_: Trajectories
    weights_: dict[str, str]
    fine_tuning_: dict[str, Any]

    def _start(self, context: Trajectories) -> None:
        """Load the network for `fit`, and fine-tune it where that was asked for."""
        settings = None if self.fine_tune is None else _parsed(self.fine_tune)
        network, self.weights_ = self._pretrained()
        for name in ("fine_tuning_", "_factors"):
            self.__dict__.pop(name, None)
        if settings is not None:
            seed = self.random_state
            if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
                raise ValueError(f"random_state must be an integer of at least 0, got {seed!r}")
            from skdyn.adaptation.cuts import train_on_cuts

            settings = dataclasses.replace(settings, seed=int(seed))
            state, self.fine_tuning_ = train_on_cuts(network, context, settings)
            self._factors = {name: factor.numpy() for name, factor in state.items()}
        network = self._placed(network)
        self._session = self._new_session(network, context)

    def _pretrained(self) -> tuple[Any, dict[str, str]]:
        """The model's network, and which weights it has."""
        from skdyn.models.weights import load_model

        model = load_model(self.model)
        if model.spec.scaling is not None:
            raise WeightsError(f"{model.source} is a model of a vector field, not a forecaster: use FIMODERegressor")
        if self.adapter is not None:
            from skdyn.models.adapters import load_adapter

            model = load_adapter(self.adapter, model)
        return model.network, {"name": model.spec.name, "source": model.source, "sha256": model.sha256}

    def _placed(self, network: Any) -> Any:
        """The network with the fine-tuned factors, where there are any, on the device."""
        import torch

        from skdyn.models.inference import resolve_device

        if "_factors" in self.__dict__:
            from skdyn.adaptation.cuts import with_factors

            network = with_factors(network, {name: torch.from_numpy(part) for name, part in self._factors.items()})
        device = resolve_device(self.device)
        return network if device.type == "cpu" else copy.deepcopy(network).to(device)

    def _open(self) -> Any:
        """The network."""
        return self._opened()[0]

    def _nominal_curves(self) -> list[Curve]:
        """Curves of the fitted series where no times are requested."""
        return self._opened()[1]

    def _ensembles(self) -> list[Ensemble] | None:
        """What the forecasts of the fitted series are blended of; None where the network is alone."""
        return self._opened()[2]

    def _opened(self) -> tuple[Any, list[Curve], list[Ensemble] | None]:
        """The network, nominal curves and ensembles; made anew after unpickling."""
        session = self.__dict__.get("_session")
        if session is None:
            with _session_lock:
                session = self.__dict__.get("_session")
                if session is None:
                    network, weights = self._pretrained()
                    if weights["sha256"] != self.weights_["sha256"]:
                        raise WeightsError(
                            f"the weights of {self.model!r} at {weights['source']} are not those this estimator was "
                            "fitted with (their sha256 differs); fit again"
                        )
                    network = self._placed(network)
                    self._session = session = self._new_session(network, self.context_)
        return session

    def _new_session(self, network: Any, context: Trajectories) -> tuple[Any, list[Curve], list[Ensemble] | None]:
        from skdyn.forecasting.backtest import nominal_curve
        from skdyn.forecasting.ensemble import Ensemble

        curves = [nominal_curve(network, times, values) for times, values in context]
        if self.ensemble is None:
            return network, curves, None
        return network, curves, [Ensemble(network, times, values) for times, values in context]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name != "_session"}


def _parsed(values: Any) -> CutSettings:
    """The settings of a user's dict; their seed is the estimator's."""
    from skdyn.adaptation.settings import CutSettings

    names = [field.name for field in dataclasses.fields(CutSettings) if field.name != "seed"]
    if not isinstance(values, Mapping) or not set(values) <= set(names):
        raise ValueError(f"fine_tune must be None or a dict with any of {', '.join(names)}; got {values!r}")
    try:
        return CutSettings(**values)
    except ValueError as error:
        raise ValueError(f"fine_tune: {error}") from None
