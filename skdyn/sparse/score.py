"""The score of a candidate: roll-out errors, the number of terms, runaway states and the prior's log density.

A score compares fields of different libraries: it belongs to the context, while a problem is of one library.

Letters: M points of the context, D variables; R rows of a library, C candidate fields, S segments.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from skdyn.sparse.candidates import Candidates
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.rollout import roll_out
from skdyn.sparse.scaled_context import FLOOR, ScaledContext
from skdyn.sparse.segments import Segments, split

Array = NDArray[np.float64]

#: Share of the long roll-outs in the fit, the rest being the short ones', ...
LONG_SHARE = 0.6
#: ... and of it what starts at the observed first points: their noise invites terms that only make up for it.
FREE_SHARE = 0.3
NOISY_FREE_SHARE = 0.1
#: Squared errors, in squared states of size one, are cut here: divergence is bad, not infinitely so.
_WORST = 1e3
#: With many variables a good field too loses a long path: what is lost counts little more than what never moved.
_WORST_OF_MANY = 4.0
_MANY = 4
_N_SHORT = 12
#: Starts in the box of the data, widened on each side by this share of its width, ...
_N_STARTS = 16
START_MARGIN = 1.0
#: ... from which a field should not run away further than this many widths of the data, ...
FAR = 4.0
#: ... and what the score charges one that does from all of them.
RUNAWAY_WEIGHT = 20.0
#: ... what it charges, where noise is seen, for each function whose scale is fitted: polynomials that fit nearly as
#: well come first, since almost any smooth curve is a piece of some sine.
FUNCTION_WEIGHT = 14.0
_N_COARSE = 80
#: A field loses a long path from where a start moved by this much has led it ...
_NUDGE = 1e-5
#: ... this far astray: what made the path, a solver too, has erred as much.
_ASTRAY = 0.3
#: Variables and inputs without which no path is chaotic.
_CHAOTIC = 3
#: Correlation of neighbouring residuals that counts as structure, in standard deviations of that of noise.
STRUCTURE = 3.0


class Scorer:
    """Scores candidates of one context against each other.

    Three roll-outs are compared with the observed states: from the fitted starts, from the observed first points
    (a field may not rely on a start moved on to an unstable manifold), and short ones from the smoothed path (which
    rank chaotic fields). Without noise, a long path through a chaotic field is lost where least errors have grown to
    its size: where the field's own path goes from there on counts no more. More of them start in a widened box of the
    data, each over the longest duration: a field is charged for those that run away, as fields that fit the data alike
    may do where the data are silent.

    Parameters
    ----------
    context : ScaledContext
    """

    def __init__(self, context: ScaledContext) -> None:
        self._context = context
        self._whole = split(context, 1)
        self._short = split(context, _N_SHORT)
        self._weights = context.weights / context.weights.mean(axis=0)
        low, high = context.path.min(axis=0), context.path.max(axis=0)
        width = np.where(high > low, high - low, 1.0)
        # States of one sign are amounts: no start has the other.
        lower = np.where(low >= 0, np.maximum(low - START_MARGIN * width, 0.0), low - START_MARGIN * width)
        upper = np.where(high <= 0, np.minimum(high + START_MARGIN * width, 0.0), high + START_MARGIN * width)
        self._around = lower + (upper - lower) * qmc.Sobol(context.n_features, scramble=False).random(_N_STARTS)
        self._center, self._far = (low + high) / 2, FAR * width

    def score(self, problem: ShootingProblem, batch: Candidates) -> Candidates:
        """Return the batch of a problem with its scores."""
        context, library, n = self._context, problem.library, len(batch)
        observed, path = (
            np.broadcast_to(states[own.start], (n, own.size, context.n_features))
            for states, own in ((context.observed, self._whole), (context.path, self._short))
        )
        whole, _, astray = self._long(library, batch)
        start_free, _ = self._rolled(library, batch.coefficients, observed, self._whole)
        pieces, _ = self._rolled(library, batch.coefficients, path, self._short)
        floor = FLOOR**2
        fitted = np.maximum(self._until_lost(whole, astray), floor)
        free = np.maximum(self._until_lost(start_free, astray) - context.noise, fitted)
        short = np.maximum(self._mean(pieces, self._short), floor)
        share = FREE_SHARE if context.clean else NOISY_FREE_SHARE
        if len(context.bounds) > 2:  # no field can fit several trajectories by moving each on to an unstable manifold
            share = 0.0
        fit = (LONG_SHARE - share) * np.log(fitted) + share * np.log(free) + (1 - LONG_SHARE) * np.log(short)
        terms = problem.count(batch.support) * np.log(context.n_points)
        total = (
            context.n_points * context.seen.mean() * fit.sum(axis=1)
            + terms
            + problem.prior_terms.penalty(batch.coefficients)
        )
        total += RUNAWAY_WEIGHT * self.runaway(library, batch.coefficients)
        if not context.clean:
            total += FUNCTION_WEIGHT * functions_in(library, batch.support)
        return replace(batch, score=total)

    def runaway(self, library: TermLibrary, coefficients: Array) -> Array:
        """Return the share (C,) of starts about the data from which fields (C, R, D) run away."""
        n, m = len(coefficients), len(self._around)
        fields = np.repeat(coefficients.transpose(1, 2, 0), m, axis=2)
        steps = np.full((_N_COARSE, n * m), float(self._context.tau.max()) / _N_COARSE)
        typical = self._context.outside.mean(axis=0)[:, None]
        outside = np.broadcast_to(typical, (_N_COARSE, 3, len(typical), n * m))
        states, _ = roll_out(library, fields, np.tile(self._around.T, n), steps, outside)
        with np.errstate(invalid="ignore"):
            inside = (np.abs(states[-1] - self._center[:, None]) < self._far[:, None]).all(axis=0)
        return 1.0 - inside.reshape(n, m).mean(axis=1)

    def missed(self, library: TermLibrary, batch: Candidates) -> Array:
        """Return the share (C,) of the context's variance that the roll-out from the fitted start misses."""
        square, _, astray = self._long(library, batch)
        lost = astray > _ASTRAY
        errors = np.where(lost, 0.0, square).sum(axis=(0, 1)) / (~lost).sum(axis=(0, 1))
        return np.asarray(errors / max(float(self._context.observed.var(axis=0).sum()), FLOOR**2))

    def leaves_structure(self, library: TermLibrary, batch: Candidates) -> bool:
        """Say whether residuals of the first field resemble their neighbours more than noise would."""
        context, whole = self._context, self._whole
        _, points, astray = self._long(library, batch)
        rows = whole.row[whole.used]
        residual = np.empty_like(context.observed)
        errors = points[whole.used][..., 0] - context.observed[rows]
        residual[rows] = np.where(np.abs(errors) <= astray[..., 0], 0.0, errors)
        if not np.isfinite(residual).all():
            return True
        visible = np.mean(residual**2, axis=0) > (2 * FLOOR) ** 2
        residual *= np.sqrt(context.weights)
        within = np.ones(context.n_points - 1, dtype=bool)
        within[context.bounds[1:-1] - 1] = False
        products = (residual[1:] * residual[:-1])[within].sum(axis=0)
        correlation = products / np.maximum(np.sum(residual**2, axis=0), FLOOR**2)
        return bool((visible & (correlation > STRUCTURE / np.sqrt(context.n_points))).any())

    def _long(self, library: TermLibrary, batch: Candidates) -> tuple[Array, Array, Array]:
        """Squared errors (M, D, C) and states (O, K, D, C) from the fitted starts, and how far a nudge leads (M, 1, C).

        Where no path is chaotic nothing is nudged, nor where noise is seen: it loses the path before, and fields of
        many terms even sooner.
        """
        starts = batch.states[:, self._whole.start]
        if not self._context.clean or self._context.n_columns < _CHAOTIC:
            square, points = self._rolled(library, batch.coefficients, starts, self._whole)
            return square, points, np.zeros_like(square[:, :1])
        both = np.concatenate([starts, starts + _NUDGE])
        square, points = self._rolled(library, np.concatenate([batch.coefficients] * 2), both, self._whole)
        plain, moved = np.split(points, 2, axis=-1)
        with np.errstate(over="ignore", invalid="ignore"):
            astray = np.maximum.accumulate(np.abs(moved - plain).max(axis=2, keepdims=True))
        return square[..., : len(batch)], plain, astray[self._whole.used]

    def _rolled(
        self, library: TermLibrary, coefficients: Array, starts: Array, segments: Segments
    ) -> tuple[Array, Array]:
        """Squared errors (M, D, C) of roll-outs from starts (C, S, D), and their states (O, S, D, C)."""
        context = self._context
        states, _ = roll_out(library, *segments.layout(coefficients, starts))
        points = segments.at_points(states)
        with np.errstate(over="ignore", invalid="ignore"):
            square = (points[segments.used] - context.observed[segments.row[segments.used]][:, :, None]) ** 2
        worst = _WORST if context.n_features < _MANY else _WORST_OF_MANY
        return np.where(square < worst, square, worst), points

    def _until_lost(self, square: Array, astray: Array) -> Array:
        """Weighted means (C, D) of squared errors (M, D, C) of long roll-outs that nudges lead astray (M, 1, C).

        Of those that are lost somewhere, errors before count no less than a nudge has made of itself, and what is lost
        counts, by its share, as a path that rests at the mean does: in the geometric mean of both.
        """
        lost = astray > _ASTRAY
        share = lost.mean(axis=0).T
        least = np.minimum(astray, _ASTRAY) ** 2  # not a number beyond divergence, where the square is the worst
        seen = np.where(lost.any(axis=0), np.fmax(square, least), square)
        before = self._mean(np.where(lost, 0.0, seen), self._whole) / (1.0 - share)
        return np.asarray(np.maximum(before, FLOOR**2) ** (1.0 - share) * self._context.observed.var(axis=0) ** share)

    def _mean(self, square: Array, segments: Segments) -> Array:
        """Weighted means (C, D) of squared errors (M, D, C)."""
        weight = self._weights[segments.row[segments.used]][:, :, None]
        return np.asarray((weight * square).mean(axis=0).T)


def functions_in(library: TermLibrary, support: NDArray[np.bool_]) -> NDArray[np.intp]:
    """How many scales of functions are fitted in supports (C, R, D), an array of shape (C,)."""
    own = [support[:, terms].any(axis=(1, 2)) for terms in library.parameters().values()]
    return np.sum(own, axis=0, dtype=np.intp) if own else np.zeros(len(support), dtype=np.intp)
