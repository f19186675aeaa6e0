"""FIM-ODE as an estimator."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.stats import qmc
from sklearn.utils.validation import check_is_fitted

from skdyn.data.arrangement import thin
from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.units import state_units, widened_box
from skdyn.estimators._field import BaseDynamicsEstimator
from skdyn.estimators._session import PretrainedMixin, bundled_model, or_none
from skdyn.exceptions import ConvergenceWarning
from skdyn.models.normalization import fim_ode_scaling

if TYPE_CHECKING:
    import torch

    from skdyn.estimators._symbolic import SymbolicField

_PRIOR_POINTS = 64


class FIMODERegressor(PretrainedMixin, BaseDynamicsEstimator):
    """Vector field of an ODE from trajectories, in one forward pass of a pretrained in-context model.

    `fit` encodes the trajectories once and trains nothing; every query is then one pass of the decoder. The field is
    equivariant under ``x -> a x + b`` with ``a > 0`` (for each variable) and ``t -> c t + e``, and it does not depend
    on the order of the trajectories or of the queries.

    Parameters
    ----------
    model : str or path, default="fim-ode"
        A registered name (`skdyn.list_models`), a folder, or ``hf://owner/repo[/sub/folder][@revision]``.
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
    query_chunk : int, default=128
        Queries decoded at once. Results do not depend on how queries are grouped.
    max_context : int, default=8192
        Most points to encode, because the cost grows with their square. Longer contexts are thinned evenly, with a
        warning.
    missing : {"raise", "drop"}, default="raise"
        What to do with rows that hold a NaN.
    adapter : str or path, optional
        Folder of a low-rank adapter that ``skdyn adapt`` trained on this model for the data at hand.
    refine : {None, "sparse", "auto"}, default=None
        ``"sparse"`` fits sparse equations to the context, with the pretrained field as the prior away from the data;
        field, Jacobian, equilibria and simulations are then those of the equations found. ``"auto"`` keeps whichever of
        the two reproduces the context better when simulated.

    Attributes
    ----------
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`.
    weights_ : dict
        ``name``, ``source`` and ``sha256`` of the model that was used; with an adapter, the sha256 is of both together.

    References
    ----------
    FIM-ODE: arXiv 2602.08733. FIM-SDE: arXiv 2502.19049.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import FIMODERegressor
    >>> t = np.linspace(0, 10, 100)
    >>> circle = np.column_stack([np.cos(t), -np.sin(t)])
    >>> est = FIMODERegressor().fit([(t, circle)])
    >>> est.predict([[1.0, 0.0]]).round(1) + 0.0
    array([[ 0., -1.]])
    >>> est.simulate([1.0, 0.0], t).shape
    (100, 2)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "fim-ode",
        *,
        device: str | torch.device = "auto",
        precision: Literal["float32", "float64", "bfloat16"] = "float32",
        query_chunk: int = 128,
        max_context: int = 8192,
        missing: Literal["raise", "drop"] = "raise",
        adapter: str | os.PathLike[str] | None = None,
        refine: Literal["sparse", "auto"] | None = None,
    ) -> None:
        self.model = model
        self.device = device
        self.precision = precision
        self.query_chunk = query_chunk
        self.max_context = max_context
        self.missing = missing
        self.adapter = adapter
        self.refine = refine

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of the states and of time; of time alone with ``refine``, as sparsity depends on the origin."""
        return frozenset({"affine", "time"} if self.refine is None else {"time"})

    def _fit(self, context: Trajectories) -> None:
        if self.refine not in (None, "sparse", "auto"):
            raise ValueError(f"refine must be None, 'sparse' or 'auto', got {self.refine!r}")
        if isinstance(self.max_context, bool) or not isinstance(self.max_context, (int, np.integer)):
            raise ValueError(f"max_context must be an integer, got {self.max_context!r}")
        if self.max_context < 2 * len(context):
            raise ValueError(
                f"max_context={self.max_context} is below two points for each of {len(context)} trajectories"
            )
        self._start(context)
        kept = self._shorten(context).n_points
        if kept < context.n_points:
            warnings.warn(
                f"the context of {context.n_points} points was thinned evenly to {kept} "
                f"(max_context={self.max_context})",
                UserWarning,
                stacklevel=3,
            )
        for name in ("refinement_", "refined_", "_symbolic"):
            self.__dict__.pop(name, None)
        if self.refine is not None:
            self._refine(context)

    def _refine(self, context: Trajectories) -> None:
        """Fit sparse equations with the pretrained field as its prior, and decide which of the two to use."""
        from skdyn.dynamics.rollout import rollout_scores
        from skdyn.estimators._symbolic import SymbolicField
        from skdyn.sparse import FieldPrior

        data = np.concatenate(context.states)
        low, high = widened_box(data)
        span = np.where(high > low, high - low, 1.0)
        points = low + span * qmc.Sobol(data.shape[1], scramble=False).random(_PRIOR_POINTS)
        field, scale = self._pretrained(points)
        prior = None if scale is None else FieldPrior(points, field, scale)
        self._symbolic = SymbolicField.fit(context, prior)
        self.refinement_ = self._symbolic.ode
        self.refined_ = True
        if self.refine == "auto":
            units = state_units(data)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                raw = rollout_scores(lambda x: self._pretrained(x)[0], context, *units).mean()
                refined = rollout_scores(self._symbolic.field, context, *units).mean()
            self.refined_ = bool(refined >= raw)

    def _shorten(self, context: Trajectories) -> Trajectories:
        return thin(context, int(self.max_context))

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        field, scale = self._pretrained(points)
        if self.__dict__.get("refined_"):
            return self._symbolic.field(points), self._symbolic.scale(points, scale)
        return field, scale

    def _velocity(self, points: np.ndarray) -> np.ndarray:
        if self.__dict__.get("refined_"):
            return self._symbolic.field(points)
        return super()._velocity(points)

    def _pretrained(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        engine, context = self._open()
        if len(points) == 0:
            return points.copy(), points.copy()
        field, scale = engine.decode(context, points[None])
        return field[0], or_none(scale[0])

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.__dict__.get("refined_"):
            return self._symbolic.field_jacobian(points)
        return self._model_jacobian(points)

    def _check_paths(self, paths: np.ndarray) -> None:
        if self.__dict__.get("refined_"):
            self._symbolic.warn_where_left(paths)

    def pretrained_field(self, points: Any) -> np.ndarray:
        """Field of the pretrained model, also where a refinement is in use.

        Parameters
        ----------
        points : array of shape (..., D)

        Returns
        -------
        array of shape (..., D)
        """
        points = self._check_points(points)
        return self._pretrained(points.reshape(-1, points.shape[-1]))[0].reshape(points.shape)

    def equations(self, precision: int = 3) -> list[str]:
        """Return the equations that the refinement found, one a variable, in the user's names and units.

        Parameters
        ----------
        precision : int, default=3
            Significant digits of the coefficients.

        Raises
        ------
        ValueError
            If the estimator was fitted without ``refine``.
        """
        return self._refinement().equations(precision)

    def to_sympy(self) -> list[Any]:
        """Return the right-hand sides that the refinement found as sympy expressions; needs the extra ``symbolic``."""
        return self._refinement().to_sympy()

    def _refinement(self) -> SymbolicField:
        check_is_fitted(self)
        if not hasattr(self, "_symbolic"):
            raise ValueError("there are no equations: this estimator was fitted with refine=None; use refine='sparse'")
        return self._symbolic


MODEL = bundled_model(
    "fim-ode",
    "vector fields of ODEs of up to 3 variables",
    "fim_ode",
    "FIMODEConfig",
    "FIMODE",
    fim_ode_scaling,
    trained_points=200,
)
