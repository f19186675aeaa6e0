"""The search for a sparse field: candidates, shooting, pruning, a last polish, escalation."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates, join, propose
from skdyn.sparse.context import MAX_POINTS, Context, build_context
from skdyn.sparse.library import MonomialLibrary, monomials
from skdyn.sparse.model import SparseODE, Stage
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.prune import thinned
from skdyn.sparse.score import PriorTerms, Scorer
from skdyn.sparse.shooting import Schedule, polish

Array = NDArray[np.float64]

_POOL = 6
_FINALISTS = 2
_PARENTS = 3
_PRUNING_ROUNDS = 6
_PATIENCE = 3
_WIDE = (Schedule(12, 0.3, 4), Schedule(5, 10.0, 4))
_PRUNED = (Schedule(5, 10.0, 4),)
_FINAL = (Schedule(2, 1e4, 4),)
_ERRORS = Schedule(2, 1e4, 0)
_ESCALATED_DEGREE = 5
_QUADRATIC_DIMENSION = 8


def fit_sparse(
    trajectories: Sequence[tuple[Array, Array]],
    prior: FieldPrior | None = None,
    max_degree: int | None = None,
    max_points: int = MAX_POINTS,
    verbose: bool = False,
) -> SparseODE:
    """Fit a sparse polynomial field to trajectories.

    Supports proposed by backward elimination on smoothed slopes are fitted by multiple-shooting least
    squares, pruned by Wald statistics and selected by a score of roll-out errors, the number of terms (as
    in Schwarz's criterion) and, where given, the prior's log density. The search is deterministic. Rescaling
    states or time, and reordering trajectories, changes the field only as it should.

    Parameters
    ----------
    trajectories : sequence of (t, x)
        Times (L_k,), strictly increasing, and states (L_k, D), float64, in the user's units; L_k >= 2.
        Lengths, times and spacings may differ from one to another.
    prior : FieldPrior, optional
        Belief about the field away from the data.
    max_degree : int, optional
        Largest total degree of the monomials. Where omitted: 5 in one dimension; 3 in two (5 if 3 leaves
        structure unexplained) and three; 2 in four to eight; 1 in more.
    max_points : int
        Most observations that enter the fit; more are thinned evenly, which the result records.
    verbose : bool
        Report each stage on standard error.

    Returns
    -------
    SparseODE

    Raises
    ------
    TrajectoryError
        No trajectory, one with a single point, more than 64 state variables, or states that cannot be
        squared.
    ValueError
        The prior has another dimension, or a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0.0, 6.0, 80)
    >>> x = np.column_stack([np.cos(2.0 * t), -2.0 * np.sin(2.0 * t)])
    >>> fit_sparse([(t, x)]).equations(names=["q", "v"])
    ['d(q)/dt = v', 'd(v)/dt = -4 q']
    """
    if max_degree is not None and not 1 <= max_degree <= 9:
        raise ValueError(f"max_degree must be from 1 to 9, not {max_degree}.")
    if max_points < 2:
        raise ValueError(f"max_points must be at least 2, not {max_points}.")
    context = build_context(trajectories, max_points)
    dim = context.dimension
    if prior is not None and prior.points.shape[1] != dim:
        raise ValueError(f"The prior has {prior.points.shape[1]} state variables and the trajectories {dim}.")
    scaled_prior = None if prior is None else prior.in_units(context.center, context.scale, context.rate)
    degree = max_degree or {1: 5, 2: 3, 3: 3}.get(dim, 2 if dim <= _QUADRATIC_DIMENSION else 1)

    search = _Search(context, scaled_prior, verbose)
    library = monomials(dim, degree)
    search.run(library, range(1, degree + 1), "")
    if max_degree is None and dim == 2 and search.leaves_structure(library):
        library = monomials(dim, _ESCALATED_DEGREE)
        search.run(library, range(1, _ESCALATED_DEGREE + 1), "degree 5: ")
    return search.result(library)


class _Search:
    """The state of one search: the best of everything scored so far, and how it came about."""

    def __init__(self, context: Context, prior: FieldPrior | None, verbose: bool) -> None:
        self._context, self._prior, self._verbose = context, prior, verbose
        self._substeps = 2 if context.clean else 1
        self._scorer = Scorer(context, self._substeps)
        self._best: Candidates | None = None
        self._path: list[Stage] = []

    def run(self, library: MonomialLibrary, degrees: Sequence[int], label: str) -> None:
        """Search one library."""
        terms = PriorTerms(library, self._prior)
        proposed = propose(self._context, library, degrees, label + "screening")
        pool = self._scored(library, proposed, terms).best(_POOL)
        pool = self._fitted(library, pool, _WIDE, terms, label + "shooting").best(_POOL)
        seen = {support.tobytes() for support in pool.support}
        parents, idle = pool.best(_PARENTS), 0
        for _ in range(_PRUNING_ROUNDS):
            children = thinned(parents, seen, label + "pruning")
            if children is None or idle == _PATIENCE:
                break
            before = pool.score[0]
            fitted = self._fitted(library, children, _PRUNED, terms, label + "pruning")
            pool = join([pool, fitted]).best(_POOL)
            idle = 0 if pool.score[0] < before else idle + 1
            # The best child goes on even where it is worse: far sparser fields lie behind a few such steps.
            parents = join([pool.best(_PARENTS - 1), fitted.best(1)])
        self._fitted(library, pool.best(_FINALISTS), _FINAL, terms, label + "final polish")

    def leaves_structure(self, library: MonomialLibrary) -> bool:
        """Say whether the best field misses more than four times the noise, or one percent."""
        assert self._best is not None
        noise = self._context.noise.sum() / max(float(self._context.observed.var(axis=0).sum()), 1e-300)
        return bool(self._scorer.missed(library, self._best)[0] > max(4.0 * noise, 0.01))

    def result(self, library: MonomialLibrary) -> SparseODE:
        """Return the best field in the user's units."""
        assert self._best is not None
        context = self._context
        best = self._best.extended(library.size)
        terms = PriorTerms(library, self._prior)
        last = polish(context, library, best, _ERRORS, self._substeps, terms, "errors")
        factors = library.unit_factors(context.scale, context.rate)
        support = best.support[0]
        value = best.coefficients[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(support, np.abs(value) / last.wald[0], 0.0)
        n_terms = int(support.sum())
        return SparseODE(
            exponents=library.exponents.copy(),
            coefficients=np.where(support, value * factors, 0.0),
            standard_errors=np.where(support, error * factors, 0.0),
            center=context.center,
            start_states=best.states[0, context.bounds[:-1]] * context.scale + context.center,
            noise=np.sqrt(context.noise) * context.scale,
            score=float(best.score[0]),
            origin=best.origin[0],
            path=(*self._path, Stage("result", float(best.score[0]), n_terms)),
            n_points_given=context.n_given,
            n_points_used=context.n_points,
        )

    def _fitted(
        self,
        library: MonomialLibrary,
        batch: Candidates,
        schedules: Sequence[Schedule],
        terms: PriorTerms,
        origin: str,
    ) -> Candidates:
        for schedule in schedules:
            batch = polish(self._context, library, batch, schedule, self._substeps, terms, origin)
        return self._scored(library, batch, terms)

    def _scored(self, library: MonomialLibrary, batch: Candidates, terms: PriorTerms) -> Candidates:
        """Score a batch and remember the best of it."""
        batch = self._scorer.score(library, batch, terms)
        leader = batch.best(1)
        if self._best is None or leader.score[0] < self._best.score[0]:
            self._best = leader
        n_terms = int(self._best.support.sum())
        self._path.append(Stage(batch.origin[0], float(self._best.score[0]), n_terms))
        if self._verbose:
            stage = self._path[-1]
            print(f"{stage.name}: score {stage.score:.2f}, {stage.n_terms} terms", file=sys.stderr)
        return batch
