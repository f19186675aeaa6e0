"""The problem that a search solves again and again: fields of one library, fitted to one context under one prior.

Letters: D variables; T terms and R rows of a library, C candidate fields, P coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import ActiveCoefficients, Candidates, propose
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.field import SparseField
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.normal_equations import Directions, Within
from skdyn.sparse.prior import FieldPrior, PriorTerms
from skdyn.sparse.restricted_steps import propose_within, restricted_steps
from skdyn.sparse.restriction import Restriction
from skdyn.sparse.scaled_context import ScaledContext
from skdyn.sparse.shooting import Schedule, Shooting
from skdyn.sparse.stepwise import Quadratic, Steps, plain_steps

Array = NDArray[np.float64]

_FIRST_DAMPING = 1e-3
_MOST_SELECTABLE = 128


@dataclass(frozen=True, eq=False)
class ShootingProblem:
    """What does not change while candidates do, and what can be done with candidates.

    What is observed is the context's, which terms a field may have the library's, what is believed of the field the
    prior's, and which coefficients a search may open is said by `selectable`: each is the one place to add to.

    Parameters
    ----------
    context : ScaledContext
        The observed trajectories, in scaled units.
    library : TermLibrary
        The terms.
    prior : FieldPrior, optional
        Belief about the field, in the context's scaled units.
    known : ReadConstraints, optional
        What is known of the coefficients.
    most_selectable : int
        Up to so many coefficients of the library, all of them are open to selection about a fit.

    Examples
    --------
    A linear decay, proposed from its smoothed slopes, fitted by multiple shooting and chosen by its score:

    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> from skdyn.sparse.library import terms
    >>> from skdyn.sparse.scaled_context import scale_context
    >>> from skdyn.sparse.score import Scorer
    >>> from skdyn.sparse.shooting import Schedule
    >>> t = np.linspace(0.0, 4.0, 60)
    >>> context = scale_context(Trajectories([(t, 3.0 * np.exp(-0.5 * t))]))
    >>> problem = ShootingProblem(context, terms(1, 2))
    >>> schedule = Schedule(n_segments=5, continuity=10.0, steps=8)
    >>> fitted = problem.polish(problem.propose("screening"), schedule, "shooting")
    >>> best = Scorer(context).score(problem, fitted).best(1)
    >>> problem.field(best).equations()
    ['d(x0)/dt = -0.5 x0']
    """

    context: ScaledContext
    library: TermLibrary
    prior: FieldPrior | None = None
    known: ReadConstraints | None = None
    most_selectable: int = _MOST_SELECTABLE

    @cached_property
    def restriction(self) -> Restriction | None:
        """The constraints as this library sees them; None where nothing is known."""
        if self.known is None:
            return None
        return Restriction.of(self.known, self.library, self.context.column_scale, self.context.rate)

    @cached_property
    def prior_terms(self) -> PriorTerms:
        """The prior as this library sees it."""
        return PriorTerms(self.library, self.prior, self.context.n_features)

    def over(self, library: TermLibrary) -> ShootingProblem:
        """Return the same problem over another library."""
        return replace(self, library=library)

    def propose(self, origin: str, context: ScaledContext | None = None) -> Candidates:
        """Return first candidates, by regression of the slopes, or of another context's; neither fitted nor scored."""
        context = self.context if context is None else context
        if self.restriction is None:
            return propose(context, self.library, origin)
        return propose_within(self.restriction, context, self.library, origin)

    @property
    def steps(self) -> Steps:
        """How stepwise selection goes on."""
        return plain_steps if self.restriction is None else partial(restricted_steps, self.restriction)

    def count(self, support: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Number of coefficients (C,) of supports (C, R, D); what constraints tie to others, or fix, does not count."""
        count = np.count_nonzero(support, axis=(1, 2))
        if self.restriction is not None:
            count = np.array([self.restriction.size(own[: self.library.n_terms]) for own in support])
        for own in self.library.parameters().values():
            count = count + support[:, own].any(axis=(1, 2))
        return count

    def polish(self, batch: Candidates, schedule: Schedule, origin: str) -> Candidates:
        """Fit all candidates by Levenberg-Marquardt steps from where they stand.

        Parameters
        ----------
        batch : Candidates
        schedule : Schedule
        origin : str
            Name of the stage.

        Returns
        -------
        Candidates
            With new coefficients, fitted states and costs; not yet scored.
        """
        shooting, active = self._shooting(schedule), ActiveCoefficients.of(self._opened(batch.support))
        point = shooting.begin(batch)
        damping = np.full(len(batch), _FIRST_DAMPING)
        better = np.ones(len(batch), dtype=bool)
        for _ in range(schedule.steps):
            if better.any():
                normal = shooting.normal_equations(point, active)
            change, start_change = normal.step(damping, self._within(active, point.coefficients))
            starts = point.starts - start_change.reshape(point.starts.shape)
            trial = shooting.trial(active.subtract(point.coefficients, change), starts)
            better = trial.cost < point.cost
            damping = np.where(better, damping / 5.0, damping * 10.0)
            if better.any():
                point = shooting.merge(better, trial, point)
        states = shooting.states_at_points(point, batch.states)
        origins = (origin,) * len(batch)
        return replace(batch, coefficients=point.coefficients, states=states, cost=point.cost, origin=origins)

    def expand(self, batch: Candidates, schedule: Schedule) -> list[Quadratic]:
        """Expand the cost about each candidate in the coefficients that are `selectable`, the starts eliminated.

        Parameters
        ----------
        batch : Candidates
        schedule : Schedule

        Returns
        -------
        list of C Quadratic
        """
        shooting, active = self._shooting(schedule), ActiveCoefficients.of(self.selectable(batch))
        point = shooting.begin(batch)
        normal = shooting.normal_equations(point, active)
        condensed, gradient, _ = normal.condense(np.zeros(len(batch)))
        out = []
        for c, used in enumerate(active.used):
            at, size = active.position[c, used], normal.param_size[c, used]
            hessian = condensed[c][np.ix_(used, used)] * np.outer(size, size)
            right = hessian @ batch.coefficients[c].ravel()[at] - gradient[c, used] * size
            # In units of the candidate's own misfit, where that is more than the weights expect.
            unit = max(float(point.misfit[c]) / shooting.n_values, 1.0)
            out.append(Quadratic(at, hessian / unit, right / unit))
        return out

    def selectable(self, batch: Candidates) -> NDArray[np.bool_]:
        """Return the coefficients (C, R, D) that a selection about each candidate may use.

        All that the library's terms can have; in a large library, those of the candidate alone.
        """
        if self.library.n_terms * self.context.n_features > self.most_selectable:
            return self._opened(batch.support)
        support = np.zeros_like(batch.support)
        support[:, : self.library.n_terms] = True
        return self._opened(support)

    def _opened(self, support: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Supports (C, R, D) without what constraints fix or forbid."""
        if self.restriction is None:
            return support
        out = np.zeros_like(support)
        out[:, : self.library.n_terms] = support[:, : self.library.n_terms] & self.restriction.opened
        return out

    def _within(self, active: ActiveCoefficients, coefficients: Array) -> Within | None:
        """Keep steps from coefficients (C, R, D) within the constraints."""
        if (known := self.restriction) is None:
            return None

        def step(c: int, matrix: Array, gradient: Array, size: Array) -> Array:
            used = active.used[c]
            at, own = active.position[c, used], np.ix_(used, used)
            out = np.zeros(len(used))
            value = coefficients[c].ravel()[at]
            out[used] = known.step(matrix[own], gradient[used], at, value, size[used]) * size[used]
            return out

        return step

    def _directions(self, active: ActiveCoefficients, coefficients: Array) -> Directions | None:
        """In which directions coefficients (C, R, D) may move."""
        if (known := self.restriction) is None:
            return None

        def along(c: int) -> Array:
            used = active.used[c]
            inside = known.directions(active.position[c, used], coefficients[c].ravel()[active.position[c, used]])
            out = np.zeros((len(used), inside.shape[1]))
            out[used] = inside
            return out

        return along

    def errors(self, batch: Candidates, schedule: Schedule) -> Array:
        """Return standard errors of the coefficients.

        Parameters
        ----------
        batch : Candidates
        schedule : Schedule

        Returns
        -------
        array of shape (C, R, D)
            Infinite where nothing determines one, where a candidate diverged and outside its support.
        """
        shooting, active = self._shooting(schedule), ActiveCoefficients.of(self._opened(batch.support))
        point = shooting.begin(batch)
        directions = self._directions(active, batch.coefficients)
        variance = shooting.normal_equations(point, active).variances(directions)
        with np.errstate(over="ignore", invalid="ignore"):
            inflation = np.maximum(point.misfit / shooting.n_values, 1.0)
            error = np.sqrt(variance * inflation[:, None])
        usable = active.used & np.isfinite(point.cost)[:, None] & np.isfinite(error)
        out = np.full((len(error), batch.support[0].size), np.inf)
        rows = np.broadcast_to(np.arange(len(error))[:, None], usable.shape)
        out[rows[usable], active.position[usable]] = error[usable]
        out = out.reshape(batch.support.shape)
        if self.restriction is not None:
            out[:, : self.library.n_terms][:, self.restriction.fixed] = 0.0
        return out

    def covariance(self, batch: Candidates, schedule: Schedule) -> Array:
        """Return the covariance (P, P) of the coefficients in use of the first candidate, in the order of (R, D).

        As `errors`, but zero where nothing determines one or the candidate diverged.
        """
        batch = batch.take([0])
        shooting, active = self._shooting(schedule), ActiveCoefficients.of(self._opened(batch.support))
        point = shooting.begin(batch)
        directions = self._directions(active, batch.coefficients)
        covariance = shooting.normal_equations(point, active).covariances(directions)[0]
        with np.errstate(over="ignore", invalid="ignore"):
            covariance = covariance * max(float(point.misfit[0]) / shooting.n_values, 1.0)
        known = np.isfinite(covariance).all(axis=1) & np.isfinite(point.cost[0])
        covariance = np.where(known[:, None] & known, covariance, 0.0)
        used = active.used[0]
        inside = np.flatnonzero(batch.support[0].ravel())
        at = np.searchsorted(inside, active.position[0, used])
        out = np.zeros((len(inside), len(inside)))  # zero for what constraints fix
        out[np.ix_(at, at)] = covariance[np.ix_(used, used)]
        return out

    def field(self, batch: Candidates, row: int = 0) -> SparseField:
        """Return one field of a batch in the user's units."""
        context, library = self.context, self.library
        support, value = batch.support[row, : library.n_terms], batch.coefficients[row, : library.n_terms]
        found = np.where(
            support, value * library.unit_factors(context.column_scale, context.rate)[:, : context.n_features], 0.0
        )
        given = library.with_functions(
            [function.in_units(1.0 / context.column_scale) for function in library.functions]
        )
        if self.known is not None:
            # What holds in scaled units holds in the user's up to rounding: there it is to hold too.
            found = Restriction.of(self.known, given, np.ones(context.n_columns), 1.0).settle(found)
        return SparseField(
            exponents=library.exponents,
            functions=given.functions,
            function_of=library.function_of,
            coefficients=found,
            center=context.column_center,
            score=float(batch.score[row]),
        )

    def _shooting(self, schedule: Schedule) -> Shooting:
        return Shooting(self.context, self.library, self.prior_terms, schedule)
