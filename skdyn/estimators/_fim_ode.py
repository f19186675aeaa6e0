"""FIM-ODE as an estimator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.stats import qmc

from skdyn.data.arrangement import sample, thin
from skdyn.data.parameters import check_number
from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.units import widened_box
from skdyn.estimators._equations import NamedEquations
from skdyn.estimators._far_from_zero import simplest_alike
from skdyn.estimators._gaps import filled_along
from skdyn.estimators._session import FieldSession, ModelChoice
from skdyn.estimators._solution import PretrainedSolution, SolvedODEEstimator, SymbolicSolution
from skdyn.estimators._symbolic import SymbolicField
from skdyn.exceptions import TrajectoryError, warn
from skdyn.sparse import Constraints, FieldPrior, Library, SparseODE
from skdyn.sparse.field import SparseField
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.smoothing import completed, has_gaps, smoothed

if TYPE_CHECKING:
    import torch

_PRIOR_POINTS = 64
_LOOKED_AT = 256
"""Observed states at which predicted errors are compared."""
_EXPECTED_MISFIT = 2.0
"""How many times more of the path than the best fit a pretrained field leaves without being doubted."""
_LEAST_SHARE = 0.5
"""Of the field, from which a sparse fit counts as its equation."""


class FIMODERegressor(SolvedODEEstimator):
    """Vector field of an ODE from trajectories, in one forward pass of a pretrained in-context model.

    `fit` encodes the trajectories once and trains nothing: a network reads them, polynomials, sines and Hill functions
    are fitted to them in closed form, and an arbiter weighs all answers at every query. With more than three variables
    polynomials answer alone, and where the trajectories have inputs or parameters the fits do.
    The field is equivariant under ``x -> a x`` with ``a > 0`` (for each variable; the fits look for sparse equations
    about the true origin) and ``t -> c t + e``, and it does not depend on the order of the trajectories or of the
    queries.

    Parameters
    ----------
    model : str or path, default="fim-ode"
        A registered name (`skdyn.list_models`), a folder, or ``hf://owner/repo[/sub/folder][@revision]``.
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
    query_chunk : int, default=512
        Most queries decoded at once; fewer take less memory. How queries are grouped changes results by rounding only.
    max_context : int, default=8192
        Most points to encode, because the cost grows with their square. Longer contexts are thinned evenly, with a
        warning.
    missing : {"raise", "drop", "keep"}, default="raise"
        What to do with rows that hold a NaN. With ``"keep"`` single values may be missing: they are filled in by
        smoothing splines, then along the field that follows from these, and the trajectories are encoded again. With
        ``refine`` what was observed, and nothing else, is compared with the equations' solution.
    adapter : str or path, optional
        Folder of a low-rank adapter that ``skdyn adapt`` trained on this model for the data at hand.
    refine : {None, "sparse", "auto"}, default=None
        ``"sparse"`` fits sparse equations to the context, with the pretrained field as the prior away from the data
        and once without it, and takes the latter where the data speak strongly for them (20 to 1);
        field, Jacobian, equilibria and simulations are then those of the equations found. ``"auto"`` keeps whichever of
        the two, network or equations, predicts the smaller error of itself, on the data and around them.
    library : Library, mapping of its fields, "polynomial" or terms separated by commas, optional
        With ``refine``: which terms the equations may have; see `SparseODERegressor`.
    constraints : Constraints or mapping of its fields, optional
        With ``refine="sparse"``: what is known of the coefficients; see `SparseODERegressor`. The pretrained field
        keeps none of them, and is still what the equations are drawn to away from the data.

    Attributes
    ----------
    n_features_in_ : int
        Number of variables, D.
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories
        What was given to `fit`, with what was missing filled in.
    weights_ : dict
        ``name``, ``source`` and ``sha256`` of the model that was used; with an adapter, the sha256 is of both together.

    refinement_ : skdyn.sparse.SparseODE
        Only with ``refine``: the equations found, whether or not they are used.
    refined_ : bool
        Only with ``refine``: whether they are used.

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

    keeps_missing = True
    weights_: dict[str, str]
    refinement_: SparseODE
    refined_: bool
    _session: FieldSession

    def __init__(
        self,
        model: str | os.PathLike[str] = "fim-ode",
        *,
        device: str | torch.device = "auto",
        precision: Literal["float32", "float64", "bfloat16"] = "float32",
        query_chunk: int = 512,
        max_context: int = 8192,
        missing: Literal["raise", "drop", "keep"] = "raise",
        adapter: str | os.PathLike[str] | None = None,
        refine: Literal["sparse", "auto"] | None = None,
        library: Library | str | Mapping[str, Any] | None = None,
        constraints: Constraints | Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.device = device
        self.precision = precision
        self.query_chunk = query_chunk
        self.max_context = max_context
        self.missing = missing
        self.adapter = adapter
        self.refine = refine
        self.library = library
        self.constraints = constraints

    @property
    def takes_inputs(self) -> bool:  # type: ignore[override]
        """Whether the model takes inputs and parameters: those with closed-form fits do."""
        return ModelChoice.of(self).load().takes_outside

    def _checked_for_inputs(self, context: Trajectories) -> Trajectories:
        if context.given and not self.takes_inputs:
            raise TrajectoryError(
                f"the model {str(self.model)!r} takes no inputs nor parameters, but X has "
                f"{', '.join(context.given.names)}: choose one that does, such as model='fim-ode', or leave them out: "
                "[(t, x) for t, x in X]"
            )
        return context

    @property
    def symmetries(self) -> frozenset[str]:
        """Maps of time; of the states all affine ones, or those that keep the origin where sparse fits count.

        With ``refine`` the equations' thresholds depend on the units too.
        """
        if self.refine is not None:
            return frozenset({"time"})
        return frozenset({"time", "scale" if ModelChoice.of(self).load().sees_origin else "affine"})

    def _fit(self, context: Trajectories) -> None:
        paths = smoothed(context) if has_gaps(context) else None
        sampled = self._encodable(completed(context, paths))
        session = self._encoded(sampled)
        if paths is not None:
            self._filled = filled_along(context, paths, session.velocity)
            sampled = sample(self._filled, int(self.max_context))
            session = self._encoded(sampled)
        self._settle(context, sampled, session)

    def _encoded(self, sampled: Trajectories) -> FieldSession:
        return FieldSession(ModelChoice.of(self), sampled, int(self.max_context))

    def _encodable(self, context: Trajectories) -> Trajectories:
        """The trajectories that are encoded, all of them unless there are too many; parameters are checked first."""
        if self.refine not in (None, "sparse", "auto"):
            raise ValueError(f"refine must be None, 'sparse' or 'auto', got {self.refine!r}")
        if self.library is not None and self.refine is None:
            raise ValueError(
                "library is of the equations that are searched for: give it with refine='sparse' or 'auto'"
            )
        if self.constraints is not None and self.refine != "sparse":
            raise ValueError("constraints are kept by equations alone: give them with refine='sparse'")
        check_number("max_context", self.max_context, whole=True, low=2, include_low=True)
        limit = int(self.max_context)
        sampled = sample(context, limit)
        if len(sampled) < len(context):
            warn(
                f"{len(sampled)} of {len(context)} trajectories, evenly, are encoded: all of them would leave fewer "
                f"than two points for each (max_context={limit})"
            )
        return sampled

    def _settle(self, context: Trajectories, sampled: Trajectories, session: FieldSession) -> None:
        """Answer by a session that has encoded the sampled trajectories of a context, or refine what it says."""
        kept = thin(sampled, int(self.max_context)).n_points
        if kept < sampled.n_points:
            warn(
                f"the context of {sampled.n_points} points was thinned evenly to {kept} "
                f"(max_context={self.max_context})"
            )
        self._session, self.weights_ = session, session.weights
        self._solution = PretrainedSolution(session)
        if self.refine is not None:
            self._refine(context)

    def _refine(self, context: Trajectories) -> None:
        """Fit sparse equations with the pretrained field as its prior, and decide which of the two to use."""
        filled = vars(self).get("_filled", context)
        data = filled.points
        low, high = widened_box(data)
        span = np.where(high > low, high - low, 1.0)
        around = low + span * qmc.Sobol(data.shape[1], scramble=False).random(_PRIOR_POINTS)
        points = np.concatenate([around, thin(filled, _LOOKED_AT).points])
        field, scale = self._session.field(points)
        prior = None
        if scale is not None:
            own = slice(len(around))
            prior = FieldPrior(around, field[own], scale[own] * self._doubt())
        symbolic = SymbolicField.fit(
            context, prior, library=self.library, constraints=self.constraints, velocity=self._session.velocity
        )
        self.refinement_ = symbolic.ode
        refined = SymbolicSolution(symbolic, self._session)
        self.refined_ = self.refine == "sparse" or self._is_surer(symbolic, points, field, scale)
        if self.refined_:
            self._solution = refined

    def _doubt(self) -> np.ndarray:
        """By how much (D,) the predicted error is widened, because the data contradict the pretrained field."""
        misfit = self._session.misfit()
        return np.ones(1) if misfit is None else np.maximum(misfit / _EXPECTED_MISFIT, 1.0)

    def _is_surer(self, found: SymbolicField, points: np.ndarray, field: np.ndarray, scale: np.ndarray | None) -> bool:
        """Whether found equations predict a smaller error of themselves at points than the model does of its field."""
        if scale is None:  # a model that predicts no error
            return True
        unit = np.maximum(np.abs(field).mean(axis=0), np.finfo(float).tiny)
        return bool((found.scale(points) / unit).sum() <= (scale / unit).sum())

    def _equations_in_one_pass(self) -> NamedEquations:
        names = self._names
        advice = (
            "use refine='sparse' to search for one"
            if self.refine is None
            else "the one that was searched for predicts the larger error of itself, is not used, and is `refinement_`"
        )
        found = self._session.leading_equations()
        if found is None:
            raise ValueError(
                f"the model {self.weights_['name']!r} weighs no sparse fits and has no equation of its own: {advice}"
            )
        if (weak := found.shares < _LEAST_SHARE).any():
            first = int(weak.argmax())
            raise ValueError(
                f"no sparse equation carries the field of {names[first]!r} "
                f"(the best is {found.shares[first]:.0%} of it): {advice}"
            )
        field = SparseField(
            exponents=found.exponents,
            functions=tuple(ScalarFunction(*function) for function in found.functions),
            function_of=found.function_of,
            coefficients=found.coefficients,
            center=np.zeros(found.exponents.shape[1]),
            score=0.0,
        )
        states = thin(self.context_, _LOOKED_AT).points
        values, errors = self._session.field(states)
        assert errors is not None  # whatever weighs fits predicts its error
        field, unclear = simplest_alike(field, self.context_, states, values, errors)
        if unclear.any():
            raise ValueError(
                f"the terms of the equation of {names[int(unclear.argmax())]!r} cannot be told apart, because its "
                f"variables hardly move beside their distance from zero: {advice}"
            )
        return NamedEquations(field, names + self.context_.given.names, found.shares, self.context_.points)

    def pretrained_field(self, points: Any, *, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """Field of the pretrained model, also where a refinement is in use.

        Parameters
        ----------
        points : array of shape (..., D)
        inputs, parameters : see `vector_field`

        Returns
        -------
        array of shape (..., D)
        """
        points = self._check_points(points)
        return self._session.velocity(self._flat(points, inputs, parameters)).reshape(points.shape)
