"""A sparse field with its trust region: what `SparseODERegressor` and the refinement of FIM-ODE share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.evidence import PlausibleFields, wavy_fields
from skdyn.dynamics.paths import name_rows
from skdyn.dynamics.units import state_units, widened_box
from skdyn.estimators._equations import NamedEquations
from skdyn.exceptions import ModelWarning, warn
from skdyn.sparse import FieldPrior, SparseODE, fit_sparse
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.contradictions import contradictions
from skdyn.sparse.evidence import EquationEvidence
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.resampling import Resampling
from skdyn.sparse.scaled_context import MAX_POINTS
from skdyn.sparse.smoothing import completed

#: Distance from the observed states, in standard deviations, from which they say nothing more.
_FAR = 2.0
#: Deviation of what equations may miss there, as a share of the field's size on the data.
_MISSED = 0.3
#: Twice the log-odds, by the data alone, from which on a field found without a prior replaces one found with it: where
#: evidence begins to be strong (Kass and Raftery, JASA 90:773, 1995).
_STRONG = 6.0
#: Singular values of the data, relative to the largest, that are nothing but rounding.
_DEPENDENT = 1e-10
#: Digits by which functions in terms are told apart, whatever the rounding of their units.
_PRECISE = 12


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
    prior : FieldPrior or None
        As the search was given it; None too where the data contradict it.
    max_points : int
    constraints : Constraints or mapping of its fields or None
        What the search was given beside the context.
    """

    ode: SparseODE
    low: np.ndarray
    high: np.ndarray
    typical: np.ndarray
    names: tuple[str, ...]
    units: np.ndarray
    observed: cKDTree
    prior: FieldPrior | None
    max_points: int
    constraints: Any

    @classmethod
    def fit(
        cls,
        context: Trajectories,
        prior: FieldPrior | None = None,
        max_degree: int | None = None,
        max_points: int = MAX_POINTS,
        library: Any = None,
        constraints: Any = None,
        velocity: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> SymbolicField:
        """Fit to a context; see `skdyn.sparse.fit_sparse`.

        With a prior the search is made without it too, and what that finds is kept where the data speak for it
        strongly: a prior may be wrong where they are silent.
        """
        options = {"library": library, "constraints": constraints, "velocity": velocity}
        ode = fit_sparse(context, prior, max_degree, max_points, **options)
        if prior is not None:
            free = fit_sparse(context, None, max_degree, max_points, **options)
            if ode.score - prior.penalty(ode.field(prior.points)) > free.score + _STRONG:
                ode, prior = free, None
        if ode.n_points_used < ode.n_points_given:
            warn(f"the sparse fit used {ode.n_points_used} of {ode.n_points_given} points, thinned evenly")
        known = ReadConstraints.in_context(constraints, context)
        _warn_where_zero(ode, known, context.column_names)
        for contradiction in contradictions(known, context, ode.noise):
            warn(contradiction, ModelWarning)
        data = completed(context).points
        _, units = state_units(data)
        units = np.where(units > 0, units, 1.0)
        scaled = data / units
        _warn_where_dependent(scaled[:, : context.n_features])
        low, high = widened_box(data)
        typical = np.sqrt(np.mean(ode.field(data) ** 2, axis=0))
        names = context.column_names
        return cls(ode, low, high, typical, names, units, cKDTree(scaled), prior, max_points, constraints)

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
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.where(self.ode.coefficients != 0, self.ode.standard_errors, 0.0)
            scale = np.sqrt(self.ode.terms_at(points) ** 2 @ errors**2 / 2) + self.ode.spread(points)
            scale += self._outside(points) * self.typical
            if elsewhere is not None:
                scale += self.distance(points)[:, None] * elsewhere
            return scale

    @np.errstate(over="ignore", invalid="ignore")
    def sample(
        self,
        points: np.ndarray,
        scale: np.ndarray,
        samples: int,
        seed: int,
        elsewhere: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Fields (S, N, D) that leave this one along what the data leave open, by the deviation that ``scale`` says.

        These are the coefficients' standard errors, the other fields that fit nearly as well and, away from the
        observed states, ``elsewhere``: how sampled fields (S, N, D) of another source leave their mean, and their
        scale (N, D).
        """
        field, rng = self.field(points), np.random.default_rng(seed)
        terms = self.ode.terms_at(points)
        errors = np.where(self.ode.coefficients != 0, self.ode.standard_errors, 0.0)
        errors = np.where(np.isfinite(errors), errors, 0.0)
        raw = terms @ (errors * rng.standard_normal((samples, *errors.shape)))
        variance = terms**2 @ errors**2
        apart = [np.sqrt(w) * (other.field(points) - field)
                 for w, other in zip(self.ode.weights, self.ode.alternatives, strict=True)]  # fmt: skip
        apart.append(self._outside(points) * self.typical)
        for direction in apart:
            raw = raw + direction * rng.standard_normal((samples, 1, self.ode.n_features))
            variance = variance + direction**2
        if elsewhere is not None:
            near = self.distance(points)[:, None]
            raw, variance = raw + near * elsewhere[0], variance + 2 * (near * elsewhere[1]) ** 2
        unit = np.where(variance > 0, np.sqrt(variance), 1.0)
        return field + raw * (np.sqrt(2.0) * scale / unit)

    def plausible(self, samples: int, seed: int) -> PlausibleFields:
        """Other equations that fit nearly as well, and these with other coefficients; see `SparseODE.draws`.

        Away from the observed states, smooth random functions are added: what the terms may miss there.
        """
        fields = self.ode.draws(samples, seed)
        missed = wavy_fields(self._missed, self.units, self.ode.n_features, samples, seed)

        def at(points: np.ndarray) -> np.ndarray:
            own = np.broadcast_to(points, (samples, *points.shape[1:]))
            with np.errstate(over="ignore", invalid="ignore"):
                drawn = [field.field(states) for field, states in zip(fields, own, strict=True)]
                return np.asarray(np.stack(drawn) + missed(points))

        return at

    def _missed(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and Laplace scale (N, D) of what the terms may miss."""
        deviation = _MISSED * self.distance(points)[:, None] * self.typical
        return np.zeros_like(deviation), deviation / np.sqrt(2.0)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """How far (N,) states are from the observed ones: zero there, one from two standard deviations away."""
        if not len(points):
            return np.zeros(0)
        distance, _ = self.observed.query(points / self.units)
        return np.minimum(distance / _FAR, 1.0)

    def _outside(self, points: np.ndarray) -> np.ndarray:
        """How many widths (N, 1) of the trusted box states are outside of it."""
        outside = np.maximum(self.low - points, points - self.high).clip(min=0.0)
        outside /= np.where(self.high > self.low, self.high - self.low, self.units)
        return outside.max(axis=1, keepdims=True)

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and analytic Jacobian (N, D, D)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.ode.field(points), self.ode.jacobian(points)

    def warn_where_left(self, paths: np.ndarray) -> None:
        """Warn once if simulated paths (N, L, D) leave the trusted box."""
        with np.errstate(invalid="ignore"):
            dim = self.ode.n_features
            left = ((paths < self.low[:dim]) | (paths > self.high[:dim])).any(axis=(1, 2))
        if left.any():
            rows = np.flatnonzero(left)
            warn(
                f"{len(rows)} of {len(paths)} simulations leave the box of the data (widened by a quarter), where the "
                f"fitted equations are an extrapolation: rows {name_rows(rows)}"
            )

    @property
    def named(self) -> NamedEquations:
        """The equations in the user's names."""
        states = np.asarray(self.observed.data) * self.units
        return NamedEquations(self.ode, self.names, np.ones(self.ode.n_features), states)

    def evidence(self, context: Trajectories, n_fits: int, n_jobs: int | None, seed: int) -> EquationEvidence:
        """Fit again to resampled data, from what was found."""
        resampling = Resampling.of(self.ode, context, self.prior, self.max_points, self.constraints)
        return EquationEvidence.of(self.ode, self.names, resampling.supports(n_fits, n_jobs, seed))


def _warn_where_zero(ode: SparseODE, known: ReadConstraints, names: Sequence[str]) -> None:
    """Warn of required terms that came out as zero: the equations do not show them."""
    terms = np.array(ode.library.names(names, _PRECISE))
    for variable, term, source in known.required:
        (name,) = TermLibrary.of_keys([(term.exponents, term.function)]).names(names, _PRECISE)
        if name not in terms[ode.coefficients[:, variable] != 0]:
            warn(
                f"{source}: {name} is required, but the best coefficient that its bounds and the other constraints "
                "allow is zero, and the equations do not show it",
                ModelWarning,
            )


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
