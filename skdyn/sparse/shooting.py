"""Multiple-shooting least squares: Levenberg-Marquardt for a batch of candidates at once.

The unknowns of a candidate are its active coefficients and the start of every segment. The starts of one
trajectory only meet those of another through the coefficients, so that they are eliminated trajectory by
trajectory (Bock's condensing) and many trajectories stay cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.context import Context
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.rollout import roll_out, sensitivities
from skdyn.sparse.score import PriorTerms, batched, observed_states
from skdyn.sparse.segments import Segments, split

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_RIDGE = 1e-8
_JITTER = 1e-11
_FIRST_DAMPING = 1e-3
#: Up to so many coefficients of a library, all of them are open to selection about a fit.
_MOST_EXPANDED = 128


@dataclass(frozen=True)
class Schedule:
    """One stage of a fit: how many segments, how stiffly they are joined, how many steps."""

    n_segments: int
    continuity: float
    steps: int


@dataclass(frozen=True)
class Quadratic:
    """The cost about a fit: ``x' hessian x - 2 right' x`` and a constant, for the coefficients at some positions.

    Attributes
    ----------
    position : ndarray of int, shape (P,)
        Which coefficients: positions in flattened (T, D).
    hessian : ndarray, shape (P, P)
    right : ndarray, shape (P,)
    """

    position: Index
    hessian: Array
    right: Array


@dataclass(frozen=True)
class _Terms:
    """The active coefficients of each candidate, padded to one length P."""

    monomial: Index  # (C, P)
    component: Index  # (C, P), -1 in the padding
    used: NDArray[np.bool_]  # (C, P)


@dataclass(frozen=True)
class _Point:
    """A trial: its unknowns, roll-out and cost."""

    coefficients: Array  # (C, T, D)
    starts: Array  # (C, S, D)
    states: Array  # (J + 1, D, C S)
    stages: Array  # (J, 4, T, C S)
    residual: Array  # (O, S, D, C)
    gap: Array  # (C, S, D)
    misfit: Array  # (C,), the observations' share of the cost
    cost: Array  # (C,)


@dataclass(frozen=True)
class _Normal:
    """Normal equations in unit-diagonal scaling: starts by trajectory, coefficients, and between them."""

    starts: Array  # (C, K, MD, MD)
    mixed: Array  # (C, K, MD, P)
    params: Array  # (C, P, P)
    start_gradient: Array  # (C, K, MD)
    param_gradient: Array  # (C, P)
    start_size: Array  # (C, K, MD), square root of the unscaled diagonal
    param_size: Array  # (C, P)


def polish(
    context: Context,
    library: TermLibrary,
    batch: Candidates,
    schedule: Schedule,
    substeps: int,
    prior: PriorTerms,
    origin: str,
) -> Candidates:
    """Fit all candidates by Levenberg-Marquardt steps from where they stand.

    Returns
    -------
    Candidates
        With new coefficients, fitted states and costs; not yet scored.
    """
    problem = _Problem(context, library, batch, schedule, substeps, prior)
    return problem.solve(batch, origin)


def standard_errors(
    context: Context, library: TermLibrary, batch: Candidates, schedule: Schedule, substeps: int, prior: PriorTerms
) -> Array:
    """Return standard errors (C, T, D) of the coefficients; infinite where nothing determines one."""
    return _Problem(context, library, batch, schedule, substeps, prior).standard_errors(batch)


def quadratic(
    context: Context, library: TermLibrary, batch: Candidates, schedule: Schedule, substeps: int, prior: PriorTerms
) -> list[Quadratic]:
    """Expand the cost about each candidate, the starts eliminated.

    In all coefficients that the library's terms can have; in a large library, in those of the candidate alone.
    """
    support = batch.support
    if library.n_terms * library.dimension <= _MOST_EXPANDED:
        support = np.zeros_like(support)
        support[:, : library.n_terms] = True
    problem = _Problem(context, library, replace(batch, support=support), schedule, substeps, prior)
    return problem.expand(batch)


class _Problem:
    """One batch, one segmentation."""

    def __init__(
        self,
        context: Context,
        library: TermLibrary,
        batch: Candidates,
        schedule: Schedule,
        substeps: int,
        prior: PriorTerms,
    ) -> None:
        self.library, self.prior, self.schedule = library, prior, schedule
        self.segments: Segments = split(context, schedule.n_segments, substeps)
        self.n_values = context.observed.size
        segments = self.segments
        self.observed = context.observed[segments.row]  # (O, S, D)
        self.weights = context.weights[segments.row] * segments.used[:, :, None]
        stiffness = schedule.continuity * np.median(context.weights, axis=0)
        self.link = segments.linked[:, None] * stiffness  # (S, D)
        self.terms = _active_terms(batch.support)

    def solve(self, batch: Candidates, origin: str) -> Candidates:
        n = len(batch)
        point = self._begin(batch)
        damping = np.full(n, _FIRST_DAMPING)
        better = np.ones(n, dtype=bool)
        for _ in range(self.schedule.steps):
            if better.any():
                normal = self._normal(point)
            coefficients, starts = self._step(point, normal, damping)
            trial = self._evaluate(coefficients, starts)
            better = trial.cost < point.cost
            damping = np.where(better, damping / 5.0, damping * 10.0)
            if better.any():
                point = self._merge(better, trial, point)
        fitted = batch.states.copy()
        at_rows = observed_states(point.states, self.segments, n)[self.segments.used]
        finite = np.isfinite(point.cost)
        fitted[np.ix_(finite, self.segments.row[self.segments.used])] = at_rows.transpose(2, 0, 1)[finite]
        return replace(batch, coefficients=point.coefficients, states=fitted, cost=point.cost, origin=(origin,) * n)

    def expand(self, batch: Candidates) -> list[Quadratic]:
        point = self._begin(batch)
        normal = self._normal(point)
        condensed, inner = _condense(normal, np.zeros(len(batch)))
        gradient = normal.param_gradient - np.einsum("ckip,cki->cp", normal.mixed, inner[..., -1])
        out = []
        for c, (used, position) in enumerate(zip(self.terms.used, self._flat())):
            at, size = position[used], normal.param_size[c, used]
            hessian = condensed[c][np.ix_(used, used)] * np.outer(size, size)
            right = hessian @ batch.coefficients[c].ravel()[at] - gradient[c, used] * size
            # In units of the candidate's own misfit, where that is more than the weights expect.
            unit = max(float(point.misfit[c]) / self.n_values, 1.0)
            out.append(Quadratic(at, hessian / unit, right / unit))
        return out

    def _begin(self, batch: Candidates) -> _Point:
        return self._evaluate(batch.coefficients, batch.states[:, self.segments.start])

    def _evaluate(self, coefficients: Array, starts: Array) -> _Point:
        n, dim, segments = len(coefficients), self.library.dimension, self.segments
        layout = batched(coefficients, starts, segments)
        states, stages = roll_out(self.library, *layout, keep_stages=True)
        end = states[-1].reshape(dim, n, -1).transpose(1, 2, 0)
        with np.errstate(over="ignore", invalid="ignore"):
            residual = observed_states(states, segments, n) - self.observed[..., None]
            gap = np.where(segments.linked[:, None], end - np.roll(starts, -1, axis=1), 0.0)
            misfit = np.einsum("osdc,osdc,osd->c", residual, residual, self.weights)
            joints = np.einsum("csd,csd,sd->c", gap, gap, self.link)
            ridge = _RIDGE * np.sum(coefficients**2, axis=(1, 2))
            cost = misfit + joints + ridge + self.prior.quadratic(coefficients)
        cost = np.where(np.isfinite(cost), cost, np.inf)
        return _Point(coefficients, starts, states, stages, residual, gap, misfit, cost)

    def _merge(self, better: NDArray[np.bool_], trial: _Point, old: _Point) -> _Point:
        """Take the trial where it is better."""
        if better.all():
            return trial
        wide = np.repeat(better, self.segments.size)
        return _Point(
            np.where(better[:, None, None], trial.coefficients, old.coefficients),
            np.where(better[:, None, None], trial.starts, old.starts),
            np.where(wide, trial.states, old.states),
            np.where(wide, trial.stages, old.stages),
            np.where(better, trial.residual, old.residual),
            np.where(better[:, None, None], trial.gap, old.gap),
            np.where(better, trial.misfit, old.misfit),
            np.where(better, trial.cost, old.cost),
        )

    def _normal(self, point: _Point) -> _Normal:
        segments, terms = self.segments, self.terms
        n, dim, size = len(point.cost), self.library.dimension, segments.size
        n_traj, width = segments.shape
        component = np.repeat(terms.component.T, size, axis=1)
        monomial = np.repeat(terms.monomial.T, size, axis=1)
        fields, _, steps = batched(point.coefficients, point.starts, segments)
        with np.errstate(over="ignore", invalid="ignore"):
            sens = sensitivities(self.library, fields, point.stages, steps, component, monomial)
        columns = sens.shape[2]
        table = sens.reshape(*sens.shape[:3], n, size)
        # (O, S, D, Q, C) -> rows of the Jacobian (C, S, Q, O D)
        rows = table[segments.at, :, :, :, np.arange(size)].transpose(4, 1, 3, 0, 2)
        rows = rows.reshape(n, size, columns, -1)
        weights = self.weights.transpose(1, 0, 2).reshape(size, 1, -1)
        residual = point.residual.transpose(3, 1, 0, 2).reshape(n, size, -1, 1)
        end = table[-1].transpose(2, 3, 0, 1)  # (C, S, D, Q)
        with np.errstate(over="ignore", invalid="ignore"):
            pull = end.transpose(0, 1, 3, 2) * self.link[:, None, :]  # (C, S, Q, D)
            weighted = rows * weights
            hessian = weighted @ rows.transpose(0, 1, 3, 2) + pull @ end
            gradient = (weighted @ residual + pull @ point.gap[..., None])[..., 0]
        # A candidate that diverged, now or in its derivatives, has no direction to go.
        lost = ~(np.isfinite(hessian).all(axis=(1, 2, 3)) & np.isfinite(point.cost))
        hessian[lost], gradient[lost], pull[lost] = 0.0, 0.0, 0.0

        grid = (n, n_traj, width)
        blocks = hessian[..., :dim, :dim].reshape(*grid, dim, dim)
        starts = np.zeros((*grid, dim, width, dim))
        mixed = hessian[..., :dim, dim:].reshape(*grid, dim, -1).copy()
        start_gradient = gradient[..., :dim].reshape(*grid, dim).copy()
        pull = pull.reshape(*grid, columns, dim)
        link = self.link.reshape(n_traj, width, dim)
        gap = np.where(lost[:, None, None], 0.0, point.gap).reshape(*grid, dim)
        for m in range(width):
            starts[:, :, m, :, m, :] = blocks[:, :, m]
            if m:
                starts[:, :, m, np.arange(dim), m, np.arange(dim)] += link[:, m - 1]
                back = pull[:, :, m - 1]
                starts[:, :, m - 1, :, m, :] = -back[:, :, :dim]
                starts[:, :, m, :, m - 1, :] = -back[:, :, :dim].transpose(0, 1, 3, 2)
                mixed[:, :, m] -= back[:, :, dim:].transpose(0, 1, 3, 2)
                start_gradient[:, :, m] -= link[:, m - 1] * gap[:, :, m - 1]

        params = hessian[..., dim:, dim:].sum(axis=1)
        param_gradient = gradient[..., dim:].sum(axis=1)
        self._add_prior(point, params, param_gradient)
        return _scaled(
            starts.reshape(n, n_traj, width * dim, width * dim),
            mixed.reshape(n, n_traj, width * dim, -1),
            params,
            start_gradient.reshape(n, n_traj, width * dim),
            param_gradient,
        )

    def _add_prior(self, point: _Point, params: Array, gradient: Array) -> None:
        """Add the prior's and the ridge's share to the coefficients' block, in place."""
        terms = self.terms
        comp = np.maximum(terms.component, 0)
        both = terms.used[:, :, None] & terms.used[:, None, :] & (comp[:, :, None] == comp[:, None, :])
        gram = self.prior.gram[comp[:, :, None], terms.monomial[:, :, None], terms.monomial[:, None, :]]
        params += np.where(both, gram, 0.0)
        diagonal = np.arange(params.shape[1])
        params[:, diagonal, diagonal] += np.where(terms.used, _RIDGE, 0.0)
        slope = np.einsum("dlk,ckd->cld", self.prior.gram, point.coefficients) - self.prior.linear.T
        slope += _RIDGE * point.coefficients
        picked = np.take_along_axis(slope.reshape(len(comp), -1), self._flat(), axis=1)
        gradient += np.where(terms.used, picked, 0.0)

    def _flat(self) -> Index:
        """Return positions (C, P) of the active coefficients in flattened (T, D)."""
        return self.terms.monomial * self.library.dimension + np.maximum(self.terms.component, 0)

    def _step(self, point: _Point, normal: _Normal, damping: Array) -> tuple[Array, Array]:
        """Return new coefficients and starts."""
        condensed, inner = _condense(normal, damping)
        right = normal.param_gradient - np.einsum("ckip,cki->cp", normal.mixed, inner[..., -1])
        change = np.linalg.solve(condensed, right[..., None])[..., 0]
        start_change = inner[..., -1] - np.einsum("ckip,cp->cki", inner[..., :-1], change)
        coefficients = point.coefficients.reshape(len(change), -1).copy()
        update = np.where(self.terms.used, change / normal.param_size, 0.0)
        # The padding repeats position 0: add, do not assign.
        np.subtract.at(coefficients, (np.arange(len(change))[:, None], self._flat()), update)
        starts = point.starts - (start_change / normal.start_size).reshape(point.starts.shape)
        return coefficients.reshape(point.coefficients.shape), starts

    def standard_errors(self, batch: Candidates) -> Array:
        """Return standard errors (C, T, D), infinite where a candidate diverged or a term is not active."""
        point = self._begin(batch)
        normal = self._normal(point)
        condensed, _ = _condense(normal, np.zeros(len(point.cost)))
        variance = np.abs(np.diagonal(np.linalg.inv(condensed), axis1=1, axis2=2)) / normal.param_size**2
        with np.errstate(over="ignore", invalid="ignore"):
            inflation = np.maximum(point.misfit / self.n_values, 1.0)
            error = np.sqrt(variance * inflation[:, None])
        usable = self.terms.used & np.isfinite(point.cost)[:, None] & np.isfinite(error)
        out = np.full((len(error), self.library.size * self.library.dimension), np.inf)
        rows = np.broadcast_to(np.arange(len(error))[:, None], usable.shape)
        out[rows[usable], self._flat()[usable]] = error[usable]
        return out.reshape(point.coefficients.shape)


def _active_terms(support: NDArray[np.bool_]) -> _Terms:
    n, _, dim = support.shape
    flat = support.reshape(n, -1)
    width = max(int(flat.sum(axis=1).max()), 1)
    order = np.argsort(~flat, axis=1, kind="stable")[:, :width]
    used = np.take_along_axis(flat, order, axis=1)
    order = np.where(used, order, 0)
    return _Terms(order // dim, np.where(used, order % dim, -1), used)


def _scaled(starts: Array, mixed: Array, params: Array, start_gradient: Array, param_gradient: Array) -> _Normal:
    """Scale the normal equations to a unit diagonal; an unknown that nothing depends on stands still."""
    start_size = np.sqrt(np.diagonal(starts, axis1=2, axis2=3))
    param_size = np.sqrt(np.diagonal(params, axis1=1, axis2=2))
    start_size = np.where(start_size > 0, start_size, 1.0)
    param_size = np.where(param_size > 0, param_size, 1.0)
    starts = starts / (start_size[..., :, None] * start_size[..., None, :])
    params = params / (param_size[:, :, None] * param_size[:, None, :])
    for matrix in (starts, params):
        index = np.arange(matrix.shape[-1])
        matrix[..., index, index] = 1.0
    return _Normal(
        starts,
        mixed / (start_size[..., None] * param_size[:, None, None, :]),
        params,
        start_gradient / start_size,
        param_gradient / param_size,
        start_size,
        param_size,
    )


def _condense(normal: _Normal, damping: Array) -> tuple[Array, Array]:
    """Eliminate the starts.

    Returns the coefficients' matrix (C, P, P), and the inverse of the starts' block times (mixed | gradient).
    """
    grow = damping + _JITTER
    size, n_params = normal.starts.shape[-1], normal.params.shape[-1]
    starts = normal.starts + grow[:, None, None, None] * np.eye(size)
    right = np.concatenate([normal.mixed, normal.start_gradient[..., None]], axis=-1)
    inner = np.linalg.solve(starts, right)
    condensed = normal.params + grow[:, None, None] * np.eye(n_params)
    condensed = condensed - np.einsum("ckip,ckiq->cpq", normal.mixed, inner[..., :-1])
    return condensed, inner
