"""Multiple shooting of a batch of fields: residuals, their cost and their derivatives, at one segmentation.

The unknowns of a field are its coefficients in use and the start of every segment; the residuals are the misfits at the
observed points and the gaps where segments meet.

Letters: K trajectories, W segments of one, S = K W; J steps and O observed points of a segment, D variables; R rows of
a library, C candidate fields, P coefficients in use, Q derivatives of a state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import ActiveCoefficients, Candidates
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.normal_equations import NormalEquations
from skdyn.sparse.prior import PriorTerms
from skdyn.sparse.rollout import roll_out, sensitivities
from skdyn.sparse.scaled_context import ScaledContext
from skdyn.sparse.segments import split

Array = NDArray[np.float64]

_RIDGE = 1e-8


@dataclass(frozen=True)
class Schedule:
    """One stage of a fit.

    Attributes
    ----------
    n_segments : int
        Segments of a trajectory.
    continuity : float
        How stiffly they are joined, in units of the weight of an observed point.
    steps : int
        Levenberg-Marquardt steps.
    """

    n_segments: int
    continuity: float
    steps: int


@dataclass(frozen=True)
class Trial:
    """Unknowns of C fields, with their roll-outs and costs.

    Attributes
    ----------
    coefficients : array of shape (C, R, D)
    starts : array of shape (C, S, D)
    states : array of shape (J + 1, D, C S)
    stages : array of shape (J, 4, R, C S)
    residual : array of shape (O, S, D, C)
    gap : array of shape (C, S, D)
    misfit : array of shape (C,)
        The observed points' share of the cost.
    cost : array of shape (C,)
        Infinite where a field diverged.
    """

    coefficients: Array
    starts: Array
    states: Array
    stages: Array
    residual: Array
    gap: Array
    misfit: Array
    cost: Array


class Shooting:
    """The least squares of one context, library and prior at one segmentation.

    Parameters
    ----------
    context : ScaledContext
    library : TermLibrary
    prior : PriorTerms
    schedule : Schedule
    """

    def __init__(self, context: ScaledContext, library: TermLibrary, prior: PriorTerms, schedule: Schedule) -> None:
        self.library, self.prior = library, prior
        self.segments = segments = split(context, schedule.n_segments)
        self.n_values = int(context.seen.sum())
        self.observed = context.observed[segments.row]  # (O, S, D)
        self.weights = context.weights[segments.row] * segments.used[:, :, None]
        usual = [np.median(own[own > 0]) if own.any() else 0.0 for own in context.weights.T]
        stiffness = schedule.continuity * np.array(usual)
        self.link = segments.linked[:, None] * stiffness  # (S, D)

    def begin(self, batch: Candidates) -> Trial:
        """Try the fields as they stand, from their fitted states."""
        return self.trial(batch.coefficients, batch.states[:, self.segments.start])

    def trial(self, coefficients: Array, starts: Array) -> Trial:
        """Roll fields (C, R, D) out from starts (C, S, D)."""
        (n, _, dim), segments = coefficients.shape, self.segments
        states, stages = roll_out(self.library, *segments.layout(coefficients, starts), keep_stages=True)
        end = states[-1].reshape(dim, n, -1).transpose(1, 2, 0)
        with np.errstate(over="ignore", invalid="ignore"):
            residual = segments.at_points(states) - self.observed[..., None]
            gap = np.where(segments.linked[:, None], end - np.roll(starts, -1, axis=1), 0.0)
            misfit = np.einsum("osdc,osdc,osd->c", residual, residual, self.weights)
            joints = np.einsum("csd,csd,sd->c", gap, gap, self.link)
            ridge = _RIDGE * np.sum(coefficients**2, axis=(1, 2))
            cost = misfit + joints + ridge + self.prior.quadratic(coefficients)
        cost = np.where(np.isfinite(cost), cost, np.inf)
        return Trial(coefficients, starts, states, stages, residual, gap, misfit, cost)

    def merge(self, better: NDArray[np.bool_], trial: Trial, old: Trial) -> Trial:
        """Take the trial of each field (C,) for which it is better."""
        if better.all():
            return trial
        wide = np.repeat(better, self.segments.size)
        return Trial(
            np.where(better[:, None, None], trial.coefficients, old.coefficients),
            np.where(better[:, None, None], trial.starts, old.starts),
            np.where(wide, trial.states, old.states),
            np.where(wide, trial.stages, old.stages),
            np.where(better, trial.residual, old.residual),
            np.where(better[:, None, None], trial.gap, old.gap),
            np.where(better, trial.misfit, old.misfit),
            np.where(better, trial.cost, old.cost),
        )

    def states_at_points(self, trial: Trial, otherwise: Array) -> Array:
        """Return the trial's states (C, M, D) at the context's points; others for fields that diverged."""
        states = otherwise.copy()
        segments, finite = self.segments, np.isfinite(trial.cost)
        at_rows = segments.at_points(trial.states)[segments.used]
        states[np.ix_(finite, segments.row[segments.used])] = at_rows.transpose(2, 0, 1)[finite]
        return states

    def normal_equations(self, trial: Trial, active: ActiveCoefficients) -> NormalEquations:
        """Linearise about a trial."""
        segments = self.segments
        (n, _, dim), size = trial.coefficients.shape, segments.size
        n_traj, width = segments.shape
        component = np.repeat(active.component.T, size, axis=1)
        row = np.repeat(active.row.T, size, axis=1)
        fields, _, steps, _ = segments.layout(trial.coefficients, trial.starts)
        with np.errstate(over="ignore", invalid="ignore"):
            sens = sensitivities(self.library, fields, trial.stages, steps, component, row)
        columns = sens.shape[2]
        table = sens.reshape(*sens.shape[:3], n, size)
        # (O, S, D, Q, C) -> rows of the Jacobian (C, S, Q, O D)
        rows = table[segments.at, :, :, :, np.arange(size)].transpose(4, 1, 3, 0, 2)
        rows = rows.reshape(n, size, columns, -1)
        weights = self.weights.transpose(1, 0, 2).reshape(size, 1, -1)
        residual = trial.residual.transpose(3, 1, 0, 2).reshape(n, size, -1, 1)
        end = table[-1].transpose(2, 3, 0, 1)  # (C, S, D, Q)
        with np.errstate(over="ignore", invalid="ignore"):
            pull = end.transpose(0, 1, 3, 2) * self.link[:, None, :]  # (C, S, Q, D)
            weighted = rows * weights
            hessian = weighted @ rows.transpose(0, 1, 3, 2) + pull @ end
            gradient = (weighted @ residual + pull @ trial.gap[..., None])[..., 0]
        # A candidate that diverged, now or in its derivatives, has no direction to go.
        lost = ~(np.isfinite(hessian).all(axis=(1, 2, 3)) & np.isfinite(trial.cost))
        hessian[lost], gradient[lost], pull[lost] = 0.0, 0.0, 0.0

        grid = (n, n_traj, width)
        blocks = hessian[..., :dim, :dim].reshape(*grid, dim, dim)
        starts = np.zeros((*grid, dim, width, dim))
        mixed = hessian[..., :dim, dim:].reshape(*grid, dim, -1).copy()
        start_gradient = gradient[..., :dim].reshape(*grid, dim).copy()
        pull = pull.reshape(*grid, columns, dim)
        link = self.link.reshape(n_traj, width, dim)
        gap = np.where(lost[:, None, None], 0.0, trial.gap).reshape(*grid, dim)
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
        self._add_prior(trial.coefficients, active, params, param_gradient)
        return NormalEquations.scaled(
            starts.reshape(n, n_traj, width * dim, width * dim),
            mixed.reshape(n, n_traj, width * dim, -1),
            params,
            start_gradient.reshape(n, n_traj, width * dim),
            param_gradient,
        )

    def _add_prior(self, coefficients: Array, active: ActiveCoefficients, params: Array, gradient: Array) -> None:
        """Add the prior's and the ridge's share to the coefficients' block, in place."""
        comp = np.maximum(active.component, 0)
        both = active.used[:, :, None] & active.used[:, None, :] & (comp[:, :, None] == comp[:, None, :])
        gram = self.prior.gram[comp[:, :, None], active.row[:, :, None], active.row[:, None, :]]
        params += np.where(both, gram, 0.0)
        diagonal = np.arange(params.shape[1])
        params[:, diagonal, diagonal] += np.where(active.used, _RIDGE, 0.0)
        slope = np.einsum("dlk,ckd->cld", self.prior.gram, coefficients) - self.prior.linear.T
        slope += _RIDGE * coefficients
        picked = np.take_along_axis(slope.reshape(len(comp), -1), active.position, axis=1)
        gradient += np.where(active.used, picked, 0.0)
