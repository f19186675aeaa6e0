"""The search for a sparse field: candidates, shooting, stepwise selection, a last polish, wider libraries."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skdyn.sparse.candidates import Candidates, join, propose
from skdyn.sparse.context import MAX_POINTS, Context, build_context
from skdyn.sparse.field import SparseField
from skdyn.sparse.function_choice import DEGREE as FUNCTION_DEGREE
from skdyn.sparse.function_choice import choose_functions
from skdyn.sparse.functions import ScalarFunction, stretched
from skdyn.sparse.library import TermLibrary, terms
from skdyn.sparse.model import SparseODE, Stage
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.score import PriorTerms, Scorer
from skdyn.sparse.shooting import Schedule, polish, quadratic, standard_errors
from skdyn.sparse.stepwise import neighbours

Array = NDArray[np.float64]

_POOL = 8
_FINALISTS = 8
_PARENTS = 6
_ROUNDS = 6
_PATIENCE = 3
_PATIENCE_WITH_FUNCTIONS = 2
#: Costs of a term in the stepwise selections, in units of the score's.
_STRICTNESS = (4.0, 2.0, 1.0, 0.5)
_WIDE = (Schedule(12, 0.3, 4), Schedule(5, 10.0, 4))
_STEPPED = Schedule(5, 10.0, 4)
_FINAL = Schedule(12, 1e4, 4)
_ORDINARY_DEGREE = 3
_FEW_TERMS = 3
_QUADRATIC_DIMENSION = 8
#: Functions are tried in so many dimensions, so many sets of them, ...
_FUNCTION_DIMENSION = 2
_FUNCTION_SETS = {1: 3, 2: 2}
#: ... and the scale of each is fitted within this factor of its guess.
_STRETCH = 1.25
_TRIALS = 6
#: Fields whose score is this much worse are a thousand times less likely; they and all beyond so many are forgotten.
_NEARLY_AS_GOOD = 14.0
_ALTERNATIVES = 8


def fit_sparse(
    trajectories: Sequence[tuple[Array, Array]],
    prior: FieldPrior | None = None,
    max_degree: int | None = None,
    max_points: int = MAX_POINTS,
    verbose: bool = False,
) -> SparseODE:
    """Fit a sparse field to trajectories.

    Supports proposed by backward elimination on smoothed slopes are fitted by multiple-shooting least
    squares, changed by stepwise selection on the quadratic about each fit, and selected by a score of roll-out
    errors, the number of terms (as in Schwarz's criterion), runaway states and, where given, the prior's log
    density. The search is deterministic. Rescaling
    states or time, and reordering trajectories, changes the field only as it should.

    Parameters
    ----------
    trajectories : sequence of (t, x)
        Times (L_k,), strictly increasing, and states (L_k, D), float64, in the user's units; L_k >= 2.
        Lengths, times and spacings may differ from one to another.
    prior : FieldPrior, optional
        Belief about the field away from the data.
    max_degree : int, optional
        Largest total degree of the monomials, without any other functions. Where omitted: 5 in one dimension; 3 in
        two (5 if 3 misses much) and three (under noise 2, and 3 if 2 misses much or needs many terms); 2 in four to
        eight; 1 in more; and in one and two dimensions sines, cosines and Hill functions where polynomials leave
        structure unexplained.
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
    search = _Search(context, scaled_prior, verbose)
    for degree in _degrees(context) if max_degree is None else (max_degree,):
        search.run(terms(dim, degree), f"degree {degree}: ")
        if not search.misses_much() and (degree >= _ORDINARY_DEGREE or not search.is_dense()):
            break
    if max_degree is None and dim <= _FUNCTION_DIMENSION and not context.center.any() and search.leaves_structure():
        search.run_functions(choose_functions(context, _FUNCTION_SETS[dim]))
    return search.result()


def _degrees(context: Context) -> tuple[int, ...]:
    """Degrees of the polynomials to try: the next one where one misses much, or needs many terms below the third."""
    if context.dimension == 3:  # cubic terms are twice as many as all lower ones: under noise they need a reason
        return (3,) if context.clean else (2, 3)
    return {1: (5,), 2: (3, 5)}.get(context.dimension, (2,) if context.dimension <= _QUADRATIC_DIMENSION else (1,))


class _Search:
    """The state of one search: the best of everything scored so far, and how it came about."""

    def __init__(self, context: Context, prior: FieldPrior | None, verbose: bool) -> None:
        self._context, self._prior, self._verbose = context, prior, verbose
        self._substeps = 2 if context.clean else 1
        self._scorer = Scorer(context, self._substeps)
        self._best: Candidates
        self._least = np.inf
        self._path: list[Stage] = []
        self._polished: list[tuple[TermLibrary, Candidates]] = []
        self.library: TermLibrary  # of the best

    def run(self, library: TermLibrary, label: str) -> None:
        """Search one library."""
        prior = PriorTerms(library, self._prior)
        proposed = propose(self._context, library, range(1, library.degree + 1), label + "screening")
        pool = self._scored(library, proposed, prior).best(_POOL)
        pool = self._fitted(library, pool, _WIDE, prior, label + "shooting").best(_POOL)
        seen = {support.tobytes() for support in pool.support}
        strictness = [factor * np.log(self._context.n_points) for factor in _STRICTNESS]
        parents, idle = pool.best(_PARENTS), 0
        patience = _PATIENCE_WITH_FUNCTIONS if library.functions else _PATIENCE
        for _ in range(_ROUNDS):
            surfaces = quadratic(self._context, library, parents, _STEPPED, self._substeps, prior)
            children = neighbours(parents, surfaces, strictness, seen, label + "stepping")
            if children is None or idle == patience:
                break
            before = pool.score[0]
            fitted = self._fitted(library, children, (_STEPPED,), prior, label + "stepping")
            pool = join([pool, fitted]).best(_POOL)
            idle = 0 if pool.score[0] < before else idle + 1
            # The best child goes on even where it is worse: far sparser fields lie behind a few such steps.
            parents = join([pool.best(_PARENTS - 1), fitted.best(1)])
        last = self._fitted(library, pool.best(_FINALISTS), (_FINAL,), prior, label + "final polish")
        self._polished.append((library, last))

    def run_functions(self, sets: Sequence[tuple[ScalarFunction, ...]]) -> None:
        """Search libraries with functions, then again with the scales of the best fitted."""
        for functions in sets:
            self.run(terms(self._context.dimension, FUNCTION_DEGREE, functions), f"{_kinds(functions)}: ")
            if self.library.functions == functions and not self.leaves_structure():
                break
        if self.library.functions in sets:
            before = self._least
            self._stretch_all()
            if self._least < before:
                self.run(self.library, f"{_kinds(self.library.functions)}, fitted: ")

    def _stretch_all(self) -> None:
        """Fit the scale of each function of the best field, its frequency or half-saturation."""
        for direction, own in self.library.parameters().items():
            if self._best.support[0, own].any():
                self._stretch(direction)

    def _stretch(self, direction: tuple[float, ...]) -> None:
        library, field = self.library, self._best

        @cache
        def fitted(log_factor: float) -> tuple[TermLibrary, Candidates, PriorTerms]:
            functions = stretched(library.functions, direction, float(np.exp(log_factor)))
            other = terms(library.dimension, library.degree, functions)
            prior = PriorTerms(other, self._prior)
            batch = polish(self._context, other, field, _STEPPED, self._substeps, prior, "function's scale")
            return other, batch, prior

        reach, options = np.log(_STRETCH), {"maxiter": _TRIALS, "xatol": 1e-4}
        found = minimize_scalar(
            lambda x: fitted(x)[1].cost[0], bounds=(-reach, reach), method="bounded", options=options
        )
        self._scored(*fitted(found.x))

    def misses_much(self) -> bool:
        """Say whether the best field misses more than four times the noise, or one percent."""
        noise = self._context.noise.sum() / max(float(self._context.observed.var(axis=0).sum()), 1e-300)
        return bool(self._scorer.missed(self.library, self._best)[0] > max(4.0 * noise, 0.01))

    def is_dense(self) -> bool:
        """Say whether the best field has more than three terms a variable."""
        return bool(self._best.support.sum() > _FEW_TERMS * self.library.dimension)

    def leaves_structure(self) -> bool:
        """Say whether the best field's residuals resemble their neighbours, or it takes powers above the third."""
        high = self._best.support[0, : self.library.n_terms][self.library.degrees > _ORDINARY_DEGREE].any()
        return bool(high) or self._scorer.leaves_structure(self.library, self._best)

    def result(self) -> SparseODE:
        """Return the best field in the user's units."""
        context, library, best = self._context, self.library, self._best
        prior = PriorTerms(library, self._prior)
        error = standard_errors(context, library, best, _FINAL, self._substeps, prior)[0, : library.n_terms]
        support = best.support[0, : library.n_terms]
        return SparseODE(
            **vars(self._in_units(library, best)),
            standard_errors=np.where(support, error * library.unit_factors(context.scale, context.rate), 0.0),
            alternatives=self._alternatives(),
            start_states=best.states[0, context.bounds[:-1]] * context.scale + context.center,
            end_states=best.states[0, context.bounds[1:] - 1] * context.scale + context.center,
            noise=np.sqrt(context.noise) * context.scale,
            origin=best.origin[0],
            path=(*self._path, Stage("result", float(best.score[0]), int(support.sum()))),
            n_points_given=context.n_given,
            n_points_used=context.n_points,
        )

    def _in_units(self, library: TermLibrary, batch: Candidates, row: int = 0) -> SparseField:
        """Return one field of a batch in the user's units."""
        context = self._context
        support, value = batch.support[row, : library.n_terms], batch.coefficients[row, : library.n_terms]
        return SparseField(
            exponents=library.exponents.copy(),
            functions=tuple(function.in_units(1.0 / context.scale) for function in library.functions),
            function_of=library.function_of.copy(),
            coefficients=np.where(support, value * library.unit_factors(context.scale, context.rate), 0.0),
            center=context.center,
            score=float(batch.score[row]),
        )

    def _alternatives(self) -> tuple[SparseField, ...]:
        """Return polished fields nearly as good as the best, without it and without repetitions."""
        taken = {_key(self.library, self._best, 0)}
        out: list[SparseField] = []
        entries = [(float(batch.score[row]), library, batch, row)
                   for library, batch in self._polished for row in range(len(batch))]  # fmt: skip
        for score, library, batch, row in sorted(entries, key=lambda entry: entry[0]):
            key = _key(library, batch, row)
            if score < self._least + _NEARLY_AS_GOOD and key not in taken and len(out) < _ALTERNATIVES:
                taken.add(key)
                out.append(self._in_units(library, batch, row))
        return tuple(out)

    def _fitted(
        self, library: TermLibrary, batch: Candidates, schedules: Sequence[Schedule], prior: PriorTerms, origin: str
    ) -> Candidates:
        for schedule in schedules:
            batch = polish(self._context, library, batch, schedule, self._substeps, prior, origin)
        return self._scored(library, batch, prior)

    def _scored(self, library: TermLibrary, batch: Candidates, prior: PriorTerms) -> Candidates:
        """Score a batch and remember the best of it."""
        batch = self._scorer.score(library, batch, prior)
        leader = batch.best(1)
        if leader.score[0] < self._least or not self._path:
            self._best, self._least, self.library = leader, float(leader.score[0]), library
        self._path.append(Stage(batch.origin[0], self._least, int(self._best.support.sum())))
        if self._verbose:
            stage = self._path[-1]
            print(f"{stage.name}: score {stage.score:.2f}, {stage.n_terms} terms", file=sys.stderr)
        return batch


def _key(library: TermLibrary, batch: Candidates, row: int) -> tuple[object, ...]:
    """What tells one field's form from another's: its terms, whatever the library that they come from."""
    used = np.argwhere(batch.support[row, : library.n_terms])
    return tuple(
        (*library.exponents[term], library.functions[f] if (f := library.function_of[term]) >= 0 else None, d)
        for term, d in used.tolist()
    )


def _kinds(functions: Sequence[ScalarFunction]) -> str:
    return " and ".join(dict.fromkeys(function.kind for function in functions))
