"""The score of a candidate: roll-out errors, the number of terms, runaway states and the prior's log density."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.context import FLOOR, Context
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.rollout import roll_out
from skdyn.sparse.segments import Segments, split

Array = NDArray[np.float64]

#: Scores count as independent evidence from this many points of the prior, ...
PRIOR_WEIGHT = 8.0
#: ... and pulls the least squares with this many.
PRIOR_PULL = 4.0
_LAPLACE_CAP = 20.0
#: Share of the long roll-outs in the fit, the rest being the short ones', ...
LONG_SHARE = 0.6
#: ... and of it what starts at the observed first points: their noise invites terms that only make up for it.
FREE_SHARE = 0.3
NOISY_FREE_SHARE = 0.1
#: Squared errors, in squared states of size one, are cut here: divergence is bad, not infinitely so.
_WORST = 1e3
_N_SHORT = 12
#: Starts in the box of the data, widened on each side by this share of its width, ...
_N_STARTS = 16
START_MARGIN = 1.0
#: ... from which a field should not run away further than this many widths of the data, ...
FAR = 4.0
#: ... and what the score charges one that does from all of them.
RUNAWAY_WEIGHT = 20.0
_N_COARSE = 80
#: Correlation of neighbouring residuals that counts as structure, in standard deviations of that of noise.
STRUCTURE = 3.0


class PriorTerms:
    """The prior in the engine's units, as a score and as a quadratic form of the coefficients.

    Parameters
    ----------
    library : TermLibrary
        The monomials of the field.
    prior : FieldPrior or None
        Belief in scaled units; None weighs nothing.
    """

    def __init__(self, library: TermLibrary, prior: FieldPrior | None) -> None:
        size, dim = library.size, library.dimension
        self.gram = np.zeros((dim, size, size))
        self.linear = np.zeros((dim, size))
        self.constant = 0.0
        self._prior = prior
        if prior is None:
            return
        self._design = library.design(prior.points)
        precision = PRIOR_PULL / (len(prior.points) * prior.scale**2)
        self.gram = np.einsum("ml,md,mk->dlk", self._design, precision, self._design)
        self.linear = np.einsum("ml,md->dl", self._design, precision * prior.field)
        self.constant = float(np.sum(precision * prior.field**2))

    def penalty(self, coefficients: Array) -> Array:
        """Return the score's share (C,) of fields (C, T, D)."""
        if self._prior is None:
            return np.zeros(len(coefficients))
        miss = np.abs(self._design @ coefficients - self._prior.field) / self._prior.scale
        return 2.0 * PRIOR_WEIGHT * np.minimum(miss, _LAPLACE_CAP).mean(axis=1).sum(axis=1)

    def quadratic(self, coefficients: Array) -> Array:
        """Return the least squares' share (C,) of fields (C, T, D)."""
        if self._prior is None:
            return np.zeros(len(coefficients))
        pulled = np.einsum("dlk,ckd->cld", self.gram, coefficients) - 2.0 * self.linear.T
        return np.sum(coefficients * pulled, axis=(1, 2)) + self.constant


class Scorer:
    """Scores candidates of one context against each other.

    Three roll-outs are compared with the observations: from the fitted starts, from the observed first points
    (a field may not rely on a start moved on to an unstable manifold), and short ones from the smoothed path
    (which rank chaotic fields). More of them start in a widened box of the data, each over the longest duration: a
    field is charged for those that run away, as fields that fit the data alike may do where the data are silent.

    Parameters
    ----------
    context : Context
        The observations.
    substeps : int
        Runge-Kutta steps an interval.
    """

    def __init__(self, context: Context, substeps: int) -> None:
        self._context = context
        self._whole = split(context, 1, substeps)
        self._short = split(context, _N_SHORT, substeps)
        self._weights = context.weights / context.weights.mean(axis=0)
        low, high = context.path.min(axis=0), context.path.max(axis=0)
        width = np.where(high > low, high - low, 1.0)
        # States of one sign are amounts: no start has the other.
        lower = np.where(low >= 0, np.maximum(low - START_MARGIN * width, 0.0), low - START_MARGIN * width)
        upper = np.where(high <= 0, np.minimum(high + START_MARGIN * width, 0.0), high + START_MARGIN * width)
        self._around = lower + (upper - lower) * qmc.Sobol(context.dimension, scramble=False).random(_N_STARTS)
        self._center, self._far = (low + high) / 2, FAR * width

    def score(self, library: TermLibrary, batch: Candidates, prior: PriorTerms) -> Candidates:
        """Return the batch with its scores."""
        context, n = self._context, len(batch)
        first = self._whole.start
        observed = np.broadcast_to(context.observed[first], (n, len(first), context.dimension))
        starts = np.concatenate([batch.states[:, first], observed])
        long = self._errors(library, np.concatenate([batch.coefficients] * 2), starts, self._whole)
        path = np.broadcast_to(context.path[self._short.start], (n, self._short.size, context.dimension))
        floor = FLOOR**2
        fitted = np.maximum(long[:n], floor)
        free = np.maximum(long[n:] - context.noise, fitted)
        short = np.maximum(self._errors(library, batch.coefficients, path, self._short), floor)
        share = FREE_SHARE if context.clean else NOISY_FREE_SHARE
        if len(context.bounds) > 2:  # no field can fit several trajectories by moving each on to an unstable manifold
            share = 0.0
        fit = (LONG_SHARE - share) * np.log(fitted) + share * np.log(free) + (1 - LONG_SHARE) * np.log(short)
        count = np.count_nonzero(batch.support, axis=(1, 2))
        for own in library.parameters().values():
            count += batch.support[:, own].any(axis=(1, 2))
        terms = count * np.log(context.n_points)
        total = context.n_points * fit.sum(axis=1) + terms + prior.penalty(batch.coefficients)
        total += RUNAWAY_WEIGHT * self.runaway(library, batch.coefficients)
        return replace(batch, score=total)

    def runaway(self, library: TermLibrary, coefficients: Array) -> Array:
        """Return the share (C,) of starts about the data from which fields (C, T, D) run away."""
        n, m = len(coefficients), len(self._around)
        fields = np.repeat(coefficients.transpose(1, 2, 0), m, axis=2)
        steps = np.full((_N_COARSE, n * m), float(self._context.tau.max()) / _N_COARSE)
        states, _ = roll_out(library, fields, np.tile(self._around.T, n), steps)
        with np.errstate(invalid="ignore"):
            inside = (np.abs(states[-1] - self._center[:, None]) < self._far[:, None]).all(axis=0)
        return 1.0 - inside.reshape(n, m).mean(axis=1)

    def missed(self, library: TermLibrary, batch: Candidates) -> Array:
        """Return the share (C,) of the context's variance that the roll-out from the fitted start misses."""
        context = self._context
        starts = batch.states[:, self._whole.start]
        errors = self._errors(library, batch.coefficients, starts, self._whole, weighted=False)
        return errors.sum(axis=1) / max(float(context.observed.var(axis=0).sum()), FLOOR**2)

    def leaves_structure(self, library: TermLibrary, batch: Candidates) -> bool:
        """Say whether residuals of the first field resemble their neighbours more than noise would."""
        context, whole = self._context, self._whole
        starts = batch.states[:1, whole.start]
        states, _ = roll_out(library, *batched(batch.coefficients[:1], starts, whole))
        residual = np.empty_like(context.observed)
        residual[whole.row[whole.used]] = observed_states(states, whole, 1)[whole.used][..., 0]
        residual -= context.observed
        if not np.isfinite(residual).all():
            return True
        visible = np.mean(residual**2, axis=0) > (2 * FLOOR) ** 2
        residual *= np.sqrt(context.weights)
        within = np.ones(context.n_points - 1, dtype=bool)
        within[context.bounds[1:-1] - 1] = False
        products = (residual[1:] * residual[:-1])[within].sum(axis=0)
        correlation = products / np.maximum(np.sum(residual**2, axis=0), FLOOR**2)
        return bool((visible & (correlation > STRUCTURE / np.sqrt(context.n_points))).any())

    def _errors(
        self,
        library: TermLibrary,
        coefficients: Array,
        starts: Array,
        segments: Segments,
        weighted: bool = True,
    ) -> Array:
        """Return mean-square errors (C, D) of roll-outs from starts (C, S, D)."""
        context, n = self._context, len(coefficients)
        states, _ = roll_out(library, *batched(coefficients, starts, segments))
        at_rows = observed_states(states, segments, n)[segments.used]  # (N, D, C)
        rows = segments.row[segments.used]
        with np.errstate(over="ignore", invalid="ignore"):
            square = (at_rows - context.observed[rows][:, :, None]) ** 2
        square = np.where(square < _WORST, square, _WORST)
        weight = self._weights[rows][:, :, None] if weighted else 1.0
        return (weight * square).mean(axis=0).T


def batched(coefficients: Array, starts: Array, segments: Segments) -> tuple[Array, Array, Array]:
    """Lay C fields (C, T, D) and their starts (C, S, D) out as one batch of C S roll-outs."""
    n, _, dim = coefficients.shape
    fields = np.repeat(coefficients.transpose(1, 2, 0), segments.size, axis=2)
    return fields, np.ascontiguousarray(starts.transpose(2, 0, 1)).reshape(dim, -1), np.tile(segments.steps, n)


def observed_states(states: Array, segments: Segments, n: int) -> Array:
    """Return states (O, S, D, C) at the observations from roll-outs (J + 1, D, C S)."""
    table = states.reshape(*states.shape[:2], n, segments.size)
    return table[segments.at, :, :, np.arange(segments.size)]
