"""A sparse field with its trust region: what `SparseODERegressor` and the refinement of FIM-ODE share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.simulate import name_rows
from skdyn.dynamics.units import state_units, widened_box
from skdyn.exceptions import warn
from skdyn.sparse import FieldPrior, SparseODE, fit_sparse

#: Distance from the observed states, in standard deviations, from which they say nothing more.
_FAR = 2.0
#: Singular values of the data, relative to the largest, that are nothing but rounding.
_DEPENDENT = 1e-10


@dataclass(frozen=True)
class SymbolicField:
    """A sparse field, trusted in the data's box widened by a quarter on each side.

    Attributes
    ----------
    ode : SparseODE
    low, high : arrays of shape (D,)
        Corners of the widened box.
    typical : array of shape (D,)
        Root mean square of the field on the data.
    names : tuple of D str
    units : array of shape (D,)
        Standard deviation of each variable; of the most variable one where one is constant.
    observed : cKDTree
        The observed states in these units.
    """

    ode: SparseODE
    low: np.ndarray
    high: np.ndarray
    typical: np.ndarray
    names: tuple[str, ...]
    units: np.ndarray
    observed: cKDTree

    @classmethod
    def fit(cls, context: Trajectories, prior: FieldPrior | None = None, **options: Any) -> SymbolicField:
        """Fit to a context; see `skdyn.sparse.fit_sparse` for the options."""
        ode = fit_sparse(context, prior, **options)
        if ode.n_points_used < ode.n_points_given:
            warn(f"the sparse fit used {ode.n_points_used} of {ode.n_points_given} points, thinned evenly")
        data = np.concatenate(context.states)
        _, units = state_units(data)
        units = np.where(units > 0, units, 1.0)
        scaled = data / units
        _warn_where_dependent(scaled)
        low, high = widened_box(data)
        typical = np.sqrt(np.mean(ode.field(data) ** 2, axis=0))
        names = context.feature_names or tuple(f"x{d}" for d in range(context.n_features))
        return cls(ode, low, high, typical, names, units, cKDTree(scaled))

    def field(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.ode.field(points)

    def scale(self, points: np.ndarray, elsewhere: np.ndarray | None = None) -> np.ndarray:
        """Laplace scale (N, D) of the field's error.

        The sum of four: what follows from the standard errors of the coefficients, taken as independent; the mean
        difference to the other fields that fit nearly as well; ``elsewhere``, in full from two standard deviations away
        from the observed states, and less nearer to them; and, outside the trusted box, the field's typical size for
        every width of the box.

        Parameters
        ----------
        points : array of shape (N, D)
        elsewhere : array of shape (N, D), optional
            Scale of the error of a field from another source.
        """
        with np.errstate(over="ignore"):
            errors = np.where(self.ode.coefficients != 0, self.ode.standard_errors, 0.0)
            scale = np.sqrt(self.ode.terms_at(points) ** 2 @ errors**2 / 2) + self.ode.spread(points)
            outside = np.maximum(self.low - points, points - self.high).clip(min=0.0)
            outside /= np.where(self.high > self.low, self.high - self.low, self.units)
            scale += outside.max(axis=1, keepdims=True) * self.typical
            if elsewhere is not None and len(points):
                distance, _ = self.observed.query(points / self.units)
                scale += np.minimum(distance / _FAR, 1.0)[:, None] * elsewhere
            return scale

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and analytic Jacobian (N, D, D)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.ode.field(points), self.ode.jacobian(points)

    def warn_where_left(self, paths: np.ndarray) -> None:
        """Warn once if simulated paths (N, L, D) leave the trusted box."""
        with np.errstate(invalid="ignore"):
            left = ((paths < self.low) | (paths > self.high)).any(axis=(1, 2))
        if left.any():
            rows = np.flatnonzero(left)
            warn(
                f"{len(rows)} of {len(paths)} simulations leave the box of the data (widened by a quarter), where the "
                f"fitted equations are an extrapolation: rows {name_rows(rows)}"
            )

    def equations(self, precision: int = 3) -> list[str]:
        """Return one readable equation a variable, in the user's names and units."""
        return self.ode.equations(precision, self.names)

    def to_sympy(self) -> list[Any]:
        """Return one sympy expression a variable, the right-hand sides of the equations.

        Raises
        ------
        ImportError
            Without sympy: ``pip install "skdyn[symbolic]"``.
        """
        try:
            import sympy
        except ImportError:
            raise ImportError('to_sympy needs sympy: pip install "skdyn[symbolic]"') from None
        variables: Sequence[Any] = [
            sympy.Symbol(name) - sympy.Float(float(c)) if c else sympy.Symbol(name)
            for name, c in zip(self.names, self.ode.center, strict=True)
        ]
        terms = [sympy.Mul(*(v ** int(p) for v, p in zip(variables, row, strict=True))) for row in self.ode.exponents]
        functions = [sympy.Integer(1), *(function.to_sympy(variables) for function in self.ode.functions)]
        terms = [term * functions[f + 1] for term, f in zip(terms, self.ode.function_of, strict=True)]
        return [
            sympy.Add(*(sympy.Float(float(value)) * term for value, term in zip(column, terms, strict=True) if value))
            for column in self.ode.coefficients.T
        ]


def _warn_where_dependent(data: np.ndarray) -> None:
    """Warn if a variable is a linear combination of the others, to rounding: equations are then not unique."""
    deviations = data - data.mean(axis=0)
    deviations = deviations[:, np.abs(deviations).max(axis=0) > 1e-12 * np.abs(data).max(axis=0)]
    if 1 < deviations.shape[1] < len(data):
        strengths = np.linalg.svd(deviations, compute_uv=False)
        if strengths[-1] < _DEPENDENT * strengths[0]:
            warn(
                "the variables are linearly dependent (a conserved total?): many equations fit them alike, and these "
                "are one choice; leave out a variable"
            )
