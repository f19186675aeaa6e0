"""A pretrained model at work for one fitted estimator: loaded, given the context once, and left out of pickles."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np

from skdyn.data.arrangement import thin
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import WeightsError
from skdyn.models.sharing import SharedLock

if TYPE_CHECKING:
    import torch

    from skdyn.models.context import Context
    from skdyn.models.inference import Engine
    from skdyn.models.leading import LeadingEquations
    from skdyn.models.weights import LoadedModel

Opened = TypeVar("Opened")
_LOCK = SharedLock()
_LOOKED_AT = 256


@dataclass(frozen=True)
class ModelChoice:
    """Which model an estimator uses and how it runs; its own parameters of the same names."""

    model: str | os.PathLike[str]
    adapter: str | os.PathLike[str] | None
    device: str | torch.device
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    query_chunk: int = 512

    @classmethod
    def of(cls, estimator: Any) -> ModelChoice:
        """The choice of an estimator with all these parameters."""
        return cls(estimator.model, estimator.adapter, estimator.device, estimator.precision, estimator.query_chunk)

    def load(self) -> LoadedModel:
        """The model, with its adapter merged in where there is one."""
        from skdyn.models.weights import load_model

        model = load_model(self.model)
        if self.adapter is None:
            return model
        from skdyn.models.adapters import load_adapter

        return load_adapter(self.adapter, model)


class Session(ABC, Generic[Opened]):
    """A model and what it has made of the context.

    What is opened (the network, the encoded context) is no part of a pickle: it is opened anew on first use, if the
    weights are still those of the fit.

    Parameters
    ----------
    choice : ModelChoice
    opened : (LoadedModel, Opened), optional
        The model, and what it has already made of the context.

    Attributes
    ----------
    weights : dict
        ``name``, ``source`` and ``sha256`` of the model; with an adapter, the sha256 is of both together.
    """

    _opened: Opened | None

    def __init__(self, choice: ModelChoice, opened: tuple[LoadedModel, Opened] | None = None) -> None:
        self.choice = choice
        model = choice.load() if opened is None else opened[0]
        self.weights = {"name": model.spec.name, "source": model.source, "sha256": model.sha256}
        self._opened = self._open(model) if opened is None else opened[1]

    @abstractmethod
    def _open(self, model: LoadedModel) -> Opened:
        """Give the model the context."""

    @property
    def opened(self) -> Opened:
        """What the model has made of the context; made anew after unpickling."""
        opened = self._opened
        if opened is None:
            with _LOCK.held():
                opened = self._opened
                if opened is None:
                    model = self.choice.load()
                    if model.sha256 != self.weights["sha256"]:
                        raise WeightsError(
                            f"the weights of {self.choice.model!r} at {model.source} are not those this estimator was "
                            "fitted with (their sha256 differs); fit again"
                        )
                    opened = self._opened = self._open(model)
        return opened

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_opened": None}


class FieldSession(Session["tuple[Engine, Context]"]):
    """A model of a vector field, or of drift and diffusion, with an encoded context.

    Parameters
    ----------
    choice : ModelChoice
    context : Trajectories
    max_context : int, optional
        Most points to encode; longer contexts are thinned evenly.
    stochastic : bool, default=False
        Refuse a model that has no diffusion.
    opened : (Engine, Context), optional
        What an engine has already made of the context.
    """

    def __init__(
        self,
        choice: ModelChoice,
        context: Trajectories,
        max_context: int | None = None,
        stochastic: bool = False,
        opened: tuple[Engine, Context] | None = None,
    ) -> None:
        self._context, self._max_context, self._stochastic = context, max_context, stochastic
        super().__init__(choice, None if opened is None else (opened[0].model, opened))

    def _open(self, model: LoadedModel) -> tuple[Engine, Context]:
        from skdyn.models.inference import Engine

        if self._stochastic and model.spec.kind != "sde":
            raise WeightsError(
                f"the model {model.spec.name!r} at {model.source} has no diffusion: choose a model of SDEs, such as "
                "'fim-sde'"
            )
        engine = Engine(model, self.choice.device, self.choice.precision, self.choice.query_chunk)
        return engine, engine.encode([arranged(engine, self._context, self._max_context)])

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) at points (N, D + G), and the scale of its error (N, D) where the model predicts one."""
        engine, context = self.opened
        if len(points) == 0:
            return np.zeros((0, context.dim)), np.zeros((0, context.dim))
        field, scale = engine.decode(context, points[None])
        return field[0], self._or_none(scale[0])

    def velocity(self, points: np.ndarray, alike: bool = False) -> np.ndarray:
        """Field (N, D) alone."""
        engine, context = self.opened
        if len(points) == 0:
            return np.zeros((0, context.dim))
        field: np.ndarray = engine.field(context, points[None], alike)[0]
        return field

    def leading_equations(self) -> LeadingEquations | None:
        """The sparse fits that carry most of the field on the observed states; see `Engine.leading_equations`."""
        engine, context = self.opened
        return engine.leading_equations(context, thin(self._context, _LOOKED_AT).points)

    def misfit(self) -> np.ndarray | None:
        """How many times more (D,) the field leaves of the context than the best fit does; see `Engine.misfit`."""
        engine, context = self.opened
        return engine.misfit(context, arranged(engine, self._context, self._max_context))

    def sample(self, points: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Sampled fields (S, N, D) at points (N, D + G); the same seed gives the same fields at all points."""
        engine, context = self.opened
        if len(points) == 0:
            return np.zeros((samples, 0, context.dim))
        return engine.sample(context, points[None], samples, np.random.default_rng(seed))

    def drift_and_diffusion(
        self, points: np.ndarray, alike: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Drift and diffusion (N, D) at points (N, D), and the scales of their errors where the model predicts them."""
        engine, context = self.opened
        if len(points) == 0:
            return points.copy(), points.copy(), points.copy(), points.copy()
        drift, diffusion, drift_scale, diffusion_scale = engine.decode_sde(context, points[None], alike)
        return drift[0], diffusion[0], self._or_none(drift_scale[0]), self._or_none(diffusion_scale[0])

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D + G), in double precision where the device has it."""
        engine, context = self.opened
        if len(points) == 0:
            return np.zeros((0, context.dim)), np.zeros((0, context.dim, points.shape[1]))
        field, jacobian = engine.jacobian(context, points[None])
        return field[0], jacobian[0]

    def _or_none(self, scale: np.ndarray) -> np.ndarray | None:
        """The predicted scale of an error; None of a model that predicts none."""
        return None if np.isnan(scale).all() and not self._predicts_errors else scale

    @cached_property
    def _predicts_errors(self) -> bool:
        """Whether the model predicts the scales of its errors: they are not NaN where the context begins."""
        engine, context = self.opened
        decode = engine.decode_sde if self._stochastic else engine.decode
        return not np.isnan(decode(context, self._context.points[None, :1])[-1]).all()


def open_engine(choice: ModelChoice) -> Engine:
    """The chosen model, as it was chosen to run."""
    from skdyn.models.inference import Engine

    return Engine(choice.load(), choice.device, choice.precision, choice.query_chunk)


def arranged(engine: Engine, context: Trajectories, max_context: int | None) -> Trajectories:
    """What is encoded of a context."""
    return engine.arrange(context if max_context is None else thin(context, max_context))
