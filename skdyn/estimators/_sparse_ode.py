"""A sparse ODE by multiple shooting, without any pretrained model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from skdyn.data.trajectories import Trajectories
from skdyn.estimators._solution import SolvedODEEstimator, SymbolicSolution
from skdyn.estimators._symbolic import SymbolicField
from skdyn.sparse import Constraints, Library, SparseODE
from skdyn.sparse.smoothing import completed


class SparseODERegressor(SolvedODEEstimator):
    """Equations of an ODE from trajectories: a few terms fitted by multiple shooting.

    Terms are proposed by backward elimination on smoothed slopes, fitted by multiple-shooting least squares, changed by
    stepwise selection and selected by a score of roll-out errors and of the number of terms (`skdyn.sparse`).

    Parameters
    ----------
    library : Library, mapping of its fields, "polynomial" or terms separated by commas, optional
        Which terms the equations may have, such as ``Library(degree=2, functions=False)`` or ``"x0, x0*x1, sin(x2)"``.
    constraints : Constraints or mapping of its fields, optional
        What is known of the equations: fixed, forbidden and required terms, bounds, conserved sums, positive states.
        Every field that the search considers satisfies it.
    max_degree : int, optional
        The same as ``Library(degree=max_degree, functions=False)``. By default 5 for one variable, 3 for two (5 if 3
        misses much) and three (under noise 2, and 3 if 2 misses much), 2 and 3 for four to eleven, 2 for more; and for
        up to twelve variables (of three only if these leave nothing) sines, cosines and Hill functions where
        polynomials leave structure unexplained or need many terms.
    max_points : int, default=1200
        Most points that enter the fit; more are thinned evenly, with a warning.
    missing : {"raise", "drop", "keep"}, default="raise"
        What to do with rows that hold a NaN. With ``"keep"`` single values may be missing: what was observed is
        compared with the equations' solution, point by point and variable by variable, and terms are proposed where
        all variables were observed, or are interpolated in gaps in which they move by less than half a standard
        deviation. ``context_`` is then completed by smoothing splines.

    Attributes
    ----------
    equations_ : SparseODE
        Terms, coefficients, standard errors, score path and origin of the result.
    n_features_in_ : int
    feature_names_in_ : array of shape (D,)
        Only where the context came with names.
    context_ : Trajectories

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import SparseODERegressor
    >>> t = np.linspace(0, 6, 80)
    >>> est = SparseODERegressor().fit([(t, np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)]))])
    >>> est.equations()
    ['d(x0)/dt = x1', 'd(x1)/dt = -4 x0']
    """

    takes_inputs = True
    keeps_missing = True
    equations_: SparseODE

    def __init__(
        self,
        *,
        library: Library | str | Mapping[str, Any] | None = None,
        constraints: Constraints | Mapping[str, Any] | None = None,
        max_degree: int | None = None,
        max_points: int = 1200,
        missing: Literal["raise", "drop", "keep"] = "raise",
    ) -> None:
        self.library = library
        self.constraints = constraints
        self.max_degree = max_degree
        self.max_points = max_points
        self.missing = missing

    @property
    def symmetries(self) -> frozenset[str]:
        """Affine maps of time; sparsity depends on the origin of the states."""
        return frozenset({"time"})

    def _fit(self, context: Trajectories) -> None:
        symbolic = SymbolicField.fit(
            context,
            max_degree=self.max_degree,
            max_points=self.max_points,
            library=self.library,
            constraints=self.constraints,
        )
        self._solution = SymbolicSolution(symbolic)
        self.equations_ = symbolic.ode
        self._filled = completed(context)
