"""What estimators with a pretrained model share: load it, encode the context once, and leave the weights unpickled."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import WeightsError
from skdyn.models.registry import ModelSpec

if TYPE_CHECKING:
    import torch

    from skdyn.models.inference import Context, Engine

_session_lock = Lock()


class PretrainedMixin:
    """Keep the engine and the encoded context of an estimator with the parameters ``model``, ``device`` and so on.

    The session is no part of a pickle, which holds the context and the identity of the weights instead.
    """

    model: str | os.PathLike[str]
    device: str | torch.device
    precision: Literal["float32", "float64", "bfloat16"]
    query_chunk: int
    adapter: str | os.PathLike[str] | None
    context_: Trajectories
    weights_: dict[str, str]

    def _start(self, context: Trajectories) -> None:
        """Load the model and encode the context, for `fit`."""
        engine, encoded = self._encode(context)
        self.weights_ = {
            "name": engine.model.spec.name,
            "source": engine.model.source,
            "sha256": engine.model.sha256,
        }
        self._session = (engine, encoded)

    def _shorten(self, context: Trajectories) -> Trajectories:
        """Leave out points of a context that is too long for the model."""
        return context

    def _encode(self, context: Trajectories) -> tuple[Engine, Context]:
        from skdyn.models.inference import Engine
        from skdyn.models.weights import load_model

        model = load_model(self.model)
        if self.adapter is not None:
            from skdyn.models.adapters import load_adapter

            model = load_adapter(self.adapter, model)
        engine = Engine(model, self.device, self.precision, self.query_chunk)
        return engine, engine.encode([engine.arrange(self._shorten(context))])

    def _open(self) -> tuple[Engine, Context]:
        """The engine and the encoded context; encoded anew after unpickling."""
        session = self.__dict__.get("_session")
        if session is None:
            with _session_lock:
                session = self.__dict__.get("_session")
                if session is None:
                    session = self._encode(self.context_)
                    if session[0].model.sha256 != self.weights_["sha256"]:
                        raise WeightsError(
                            f"the weights of {self.model!r} at {session[0].model.source} are not those this estimator "
                            "was fitted with (their sha256 differs); fit again"
                        )
                    self._session = session
        return session

    def _model_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The model's field (N, D) and Jacobian (N, D, D), in double precision where the device has it."""
        engine, context = self._open()
        if len(points) == 0:
            return points.copy(), np.zeros((0, points.shape[1], points.shape[1]))
        if engine.device.type != "mps":
            engine = engine.with_precision("float64")
            context = engine.convert(context)
        field, jacobian = engine.jacobian(context, points[None])
        return field[0], jacobian[0]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name != "_session"}


def bundled_model(
    name: str, summary: str, module: str, config: str, network: str, scaling: Any, trained_points: int | None = None
) -> ModelSpec:
    """Specification of a model of this package, whose network is imported when it is first needed.

    Parameters
    ----------
    name, summary : str
        The name is also the ``model_type`` of its configurations and its folder in the bundle.
    module, config, network : str
        Module of `skdyn.nn`, and the names of the classes in it.
    scaling, trained_points
        See `skdyn.models.registry.ModelSpec`.
    """

    def part(attribute: str) -> Any:
        return getattr(import_module(f"skdyn.nn.{module}"), attribute)

    return ModelSpec(
        name=name,
        summary=summary,
        location=Path(__file__).parents[1] / "bundle" / name,
        recognises=lambda values: values.get("model_type") == name,
        configure=lambda values: part(config).from_dict(values),
        network=lambda configuration: part(network)(configuration),
        scaling=scaling,
        trained_points=trained_points,
    )


def or_none(scale: np.ndarray) -> np.ndarray | None:
    """Return the predicted scale of an error; None for a model that predicts none, which gives NaN throughout."""
    return None if np.isnan(scale).all() else scale
