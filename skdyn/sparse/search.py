"""The search for a sparse field: candidates, shooting, stepwise selection, a last polish, wider libraries.

Letters: K trajectories, D variables, T terms of a field.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skdyn.data.parameters import check_number
from skdyn.data.trajectories import Trajectories
from skdyn.sparse.candidates import Candidates, join
from skdyn.sparse.constraints import Constraints, ReadConstraints
from skdyn.sparse.field import SparseField
from skdyn.sparse.function_choice import DEGREE as FUNCTION_DEGREE
from skdyn.sparse.function_choice import choose_functions
from skdyn.sparse.function_screening import beside, rescaled, screen_functions
from skdyn.sparse.functions import ScalarFunction, TermFunction, stretched
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.model import SparseODE, Stage
from skdyn.sparse.node_wise import compact, propose_node_wise
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.scaled_context import MAX_POINTS, ScaledContext, names_of, scale_context
from skdyn.sparse.score import Scorer
from skdyn.sparse.shooting import Schedule
from skdyn.sparse.stepwise import neighbours
from skdyn.sparse.term_choice import Library, TermChoice

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
_QUADRATIC_FEATURES = 8
#: From so many variables on, terms are chosen equation by equation, ...
_MANY = 4
#: ... among cubic ones too, if all are no more than this.
_MOST_CUBIC = 500
#: Up to so many they are then chosen together too.
_TOGETHER = 5
#: Up to so many quadratic coefficients all are open to stepwise selection.
_MOST_OPENED = 360
_RESELECTIONS = 3
_PATIENCE_WITH_MANY = 1
#: Products of points, squared variables and unknowns for which fields are fitted at once.
_BUDGET = 6e6
#: Sets of functions that are tried, by the number of variables, ...
_FUNCTION_SETS = {1: 3, 2: 2}
#: ... of many variables up to so many at once, for up to so many variables, ...
_MOST_FUNCTIONS, _MOST_WITH_FUNCTIONS = 6, 12
#: ... and the scale of each is fitted within this factor of its guess.
_STRETCH = 1.25
#: Share of the variance below which nothing is left to explain.
_EXACT = 1e-12
_TRIALS = 6
#: Fields whose score is this much worse are a thousand times less likely; they and all beyond so many are forgotten.
_NEARLY_AS_GOOD = 14.0
_ALTERNATIVES = 8


def fit_sparse(
    context: Trajectories,
    prior: FieldPrior | None = None,
    max_degree: int | None = None,
    max_points: int = MAX_POINTS,
    verbose: bool = False,
    library: Library | str | Mapping[str, Any] | None = None,
    constraints: Constraints | Mapping[str, Any] | None = None,
) -> SparseODE:
    """Fit a sparse field to a context of trajectories.

    Supports proposed by backward elimination on smoothed slopes are fitted by multiple-shooting least squares, changed
    by stepwise selection on the quadratic about each fit, and selected by a score of roll-out errors, the number of
    terms (as in Schwarz's criterion), runaway states and, where given, the prior's log density. The search is
    deterministic. Rescaling states or time, and reordering trajectories, changes the field only as it should.

    Parameters
    ----------
    context : Trajectories
        Lengths, times and spacings may differ from one trajectory to another.
    prior : FieldPrior, optional
        Belief about the field away from the data.
    max_degree : int, optional
        Largest total degree of the monomials, without any other functions. Where omitted: 5 for one variable; 3 for
        two (5 if 3 misses much) and three (under noise 2, and 3 if 2 misses much or needs many terms); 2 and 3 for
        four to eleven; 2 for more; and for one and two variables sines, cosines and Hill functions where polynomials
        leave structure unexplained. Under constraints 2 for four to eight, and 1 for more.
    max_points : int, default=1200
        Most points that enter the fit; more are thinned evenly, which the result records.
    verbose : bool, default=False
        Report each stage on standard error.
    library : Library, mapping of its fields, "polynomial" or terms separated by commas, optional
        Which terms a field may have; not with ``max_degree``.
    constraints : Constraints or mapping of its fields, optional
        What is known of the equations. Every variable is then measured from zero.

    Returns
    -------
    SparseODE

    Raises
    ------
    TrajectoryError
        More than 64 variables, or states or times whose powers would not be finite.
    ValueError
        The prior has another number of variables, or a parameter is out of its range, such as a degree of more than
        1000 terms.

    Examples
    --------
    >>> import numpy as np
    >>> from skdyn import Trajectories
    >>> t = np.linspace(0.0, 6.0, 80)
    >>> x = np.column_stack([np.cos(2.0 * t), -2.0 * np.sin(2.0 * t)])
    >>> fit_sparse(Trajectories([(t, x)])).equations(names=["q", "v"])
    ['d(q)/dt = v', 'd(v)/dt = -4 q']
    """
    if max_degree is not None:
        check_number("max_degree", max_degree, whole=True, low=1, include_low=True, high=9)
        if library is not None:
            raise ValueError("max_degree and library exclude each other: use Library(degree=...)")
    chosen = Library(degree=int(max_degree), functions=False) if max_degree is not None else Library.read(library)
    check_number("max_points", max_points, whole=True, low=2, include_low=True)
    width = context.n_features + len(context.given)
    if prior is not None and (prior.points.shape[1], prior.field.shape[1]) != (width, context.n_features):
        raise ValueError(f"the prior has {prior.points.shape[1]} variables and the trajectories {width}")
    names = names_of(context)
    known = ReadConstraints.of(Constraints.read(constraints), names, context.n_features)
    scaled = scale_context(context, max_points, true_origin=known.any or bool(chosen.terms or chosen.extra))
    choice = TermChoice.of(chosen, names, context.n_features, scaled.column_scale, known)
    search = _Search(
        scaled, prior and prior.in_units(scaled.column_center, scaled.column_scale, scaled.rate), choice, known, verbose
    )
    if choice.is_listed:
        search.run(choice.polynomials(0), "listed terms: ")
        return search.result()
    if scaled.n_features >= _MANY and not known.any:
        search.run_node_wise([choice.polynomials(degree) for degree in _node_wise_degrees(scaled, chosen.degree)])
        asked = chosen.kinds if chosen.functions is not None else ()
        if asked and scaled.n_features <= _MOST_WITH_FUNCTIONS and not scaled.center.any():
            search.run_functions_node_wise(asked)
        if scaled.n_features > _TOGETHER:
            return search.result()
    for degree in _degrees(scaled) if chosen.degree is None else (chosen.degree,):
        search.run(choice.polynomials(degree), f"degree {degree}: ")
        if not search.misses_much() and (degree >= _ORDINARY_DEGREE or not search.is_dense()):
            break
    sets = _FUNCTION_SETS.get(scaled.n_features, 2 if chosen.functions is not None and scaled.n_features < _MANY else 0)
    if chosen.kinds and sets and not scaled.center.any() and search.leaves_structure():
        search.run_functions(choose_functions(scaled, sets, chosen.kinds))
    return search.result()


def _degrees(context: ScaledContext) -> tuple[int, ...]:
    """Degrees of the polynomials to try: the next one where one misses much, or needs many terms below the third."""
    if context.n_columns == 3:  # cubic terms are twice as many as all lower ones: under noise they need a reason
        return (3,) if context.clean else (2, 3)
    return {1: (5,), 2: (3, 5)}.get(context.n_columns, (2,) if context.n_columns <= _QUADRATIC_FEATURES else (1,))


def _node_wise_degrees(context: ScaledContext, given: int | None) -> tuple[int, ...]:
    """Degrees of the polynomials among which terms are chosen equation by equation."""
    if given is not None:
        return (given,)
    cubic = math.comb(context.n_columns + _ORDINARY_DEGREE, _ORDINARY_DEGREE)
    return (2, _ORDINARY_DEGREE) if cubic <= _MOST_CUBIC else (2,)


class _Search:
    """The state of one search: the best of everything scored so far, and how it came about."""

    def __init__(
        self,
        context: ScaledContext,
        prior: FieldPrior | None,
        choice: TermChoice,
        known: ReadConstraints,
        verbose: bool,
    ) -> None:
        self._context, self._prior, self._choice, self._verbose = context, prior, choice, verbose
        self._known = known if known.any else None
        self._scorer = Scorer(context)
        self._problem: ShootingProblem  # of the best
        self._best: Candidates
        self._least = np.inf
        self._path: list[Stage] = []
        self._polished: list[tuple[ShootingProblem, Candidates]] = []

    def run(self, library: TermLibrary, label: str) -> None:
        """Search one library."""
        problem = ShootingProblem(self._context, library, self._prior, self._known)
        pool = self._scored(problem, problem.propose(label + "screening")).best(_POOL)
        pool = self._fitted(problem, pool, _WIDE, label + "shooting").best(_POOL)
        seen = {support.tobytes() for support in pool.support}
        strictness = [factor * np.log(self._context.n_points) for factor in _STRICTNESS]
        parents, idle = pool.best(_PARENTS), 0
        patience = _PATIENCE_WITH_FUNCTIONS if library.functions else _PATIENCE
        for _ in range(_ROUNDS):
            surfaces = problem.expand(parents, _STEPPED)
            children = neighbours(parents, surfaces, strictness, seen, label + "stepping", problem.steps)
            if children is None or idle == patience:
                break
            before = pool.score[0]
            fitted = self._fitted(problem, children, (_STEPPED,), label + "stepping")
            pool = join([pool, fitted]).best(_POOL)
            idle = 0 if pool.score[0] < before else idle + 1
            # The best child goes on even where it is worse: far sparser fields lie behind a few such steps.
            parents = join([pool.best(_PARENTS - 1), fitted.best(1)])
        last = self._fitted(problem, pool.best(_FINALISTS), (_FINAL,), label + "final polish")
        self._polished.append((problem, last))

    def run_node_wise(self, libraries: Sequence[TermLibrary]) -> None:
        """Choose terms equation by equation, fit, and choose again along the fitted paths while that helps."""
        context, path = self._context, self._context
        held: tuple[ShootingProblem, Candidates] | None = None
        most = _POOL
        for stage in ("integral matching", *["along fitted paths"] * _RESELECTIONS):
            proposed = [(library, propose_node_wise(path, library, stage)) for library in libraries]
            problem, earlier, fresh = self._compacted(held, proposed, libraries[0])
            most = self._affordable(fresh.support.sum(axis=(1, 2)).mean(), _POOL)
            fitted = self._fitted(problem, fresh.best(most), (_WIDE[0] if earlier is None else _STEPPED,), stage)
            pool = (fitted if earlier is None else join([earlier, fitted])).best(most)
            held = problem, pool
            if earlier is not None and pool.score[0] >= earlier.score[0]:
                break
            path = _along(context, problem.library, pool)
            if problem.library.degrees[pool.support[0].any(axis=1)[: problem.library.n_terms]].max(initial=0) < 3:
                libraries = libraries[:1]
        assert held is not None  # there is a first stage
        problem, pool = held
        seen = {support.tobytes() for support in pool.support}
        strictness = [factor * np.log(context.n_points) for factor in _STRICTNESS]
        idle = 0
        for _ in range(_ROUNDS):
            parents = pool.best(self._affordable(problem.selectable(pool).sum(axis=(1, 2)).mean(), _PARENTS))
            children = neighbours(parents, problem.expand(parents, _STEPPED), strictness, seen, "stepping")
            if children is None or idle == _PATIENCE_WITH_MANY:
                break
            before = pool.score[0]
            pool = join([pool, self._fitted(problem, children, (_STEPPED,), "stepping")]).best(most)
            idle = 0 if pool.score[0] < before else idle + 1
        last = self._fitted(problem, pool.best(max(most // 2, 1)), (_FINAL,), "final polish")
        self._polished.append((problem, last))

    def _compacted(
        self,
        held: tuple[ShootingProblem, Candidates] | None,
        fresh: Sequence[tuple[TermLibrary, Candidates]],
        opened: TermLibrary,
    ) -> tuple[ShootingProblem, Candidates | None, Candidates]:
        """The pool of a problem and others, now scored, in one library: of the terms that they use.

        And of those that are open to stepwise selection, where these are few.
        """
        earlier = [] if held is None else [(held[0].library, held[1])]
        few = opened.n_terms * self._context.n_features <= _MOST_OPENED
        library, parts = compact([*earlier, *fresh], opened if few else None)
        new = ShootingProblem(self._context, library, self._prior, most_selectable=2 * _MOST_OPENED if few else 0)
        return new, parts[0] if earlier else None, self._scored(new, join(parts[len(earlier) :]))

    def _affordable(self, unknowns: float, most: int) -> int:
        """How many fields are linearised at once: fewer where each has more unknown coefficients."""
        dim = self._context.n_features
        return int(np.clip(_BUDGET / (self._context.n_points * dim**2 * (dim + unknowns)), 1, most))

    def run_functions(self, sets: Sequence[tuple[ScalarFunction, ...]]) -> None:
        """Search libraries with functions, then again with the scales of the best fitted."""
        for functions in sets:
            library = self._choice.with_functions(self._choice.library.degree or FUNCTION_DEGREE, functions)
            self.run(library, f"{_kinds(functions)}: ")
            if self._problem.library is library and not self.leaves_structure():
                break
        if self._problem.library.parameters():
            before = self._least
            self._stretch_all()
            if self._least < before:
                library = self._problem.library
                self.run(library, f"{_kinds(library.functions)}, fitted: ")

    def run_functions_node_wise(self, kinds: Sequence[str]) -> None:
        """Search with the functions of a kind that the equations lack most; then with others, if much is left."""
        path = _along(self._context, self._problem.library, self._best)
        screened = [(*screen_functions(path, kind, _MOST_FUNCTIONS), kind) for kind in kinds if self.wants_functions()]
        for _, terms, kind in sorted(screened, key=lambda entry: entry[0]):
            for _ in range(_RESELECTIONS if terms and self.wants_functions() else 0):
                before = self._least
                self.run_node_wise([self._choice.with_terms(FUNCTION_DEGREE, terms)])
                if self._least >= before or not self.wants_functions():
                    break
                library = self._problem.library
                path = _along(self._context, library, self._best)
                used = rescaled(path, library, self._best.support[0])
                terms = beside(used, screen_functions(path, kind, _MOST_FUNCTIONS)[1])

    def _stretch_all(self) -> None:
        """Fit the scale of each function of the best field, its frequency or half-saturation."""
        for direction, own in self._problem.library.parameters().items():
            if self._best.support[0, own].any():
                self._stretch(direction)

    def _stretch(self, direction: tuple[float, ...]) -> None:
        problem, field = self._problem, self._best
        library = problem.library

        @cache
        def fitted(log_factor: float) -> tuple[ShootingProblem, Candidates]:
            functions = stretched(library.functions, direction, float(np.exp(log_factor)))
            other = problem.over(library.with_functions(functions))
            return other, other.polish(field, _STEPPED, "function's scale")

        reach, options = np.log(_STRETCH), {"maxiter": _TRIALS, "xatol": 1e-4}
        found = minimize_scalar(
            lambda x: fitted(x)[1].cost[0], bounds=(-reach, reach), method="bounded", options=options
        )
        self._scored(*fitted(found.x))

    def misses_much(self) -> bool:
        """Say whether the best field misses more than four times the noise, or one percent."""
        noise = self._context.noise.sum() / max(float(self._context.observed.var(axis=0).sum()), 1e-300)
        return bool(self._scorer.missed(self._problem.library, self._best)[0] > max(4.0 * noise, 0.01))

    def wants_functions(self) -> bool:
        """Say whether the best field of many variables misses something, and leaves structure or has many terms."""
        exact = self._scorer.missed(self._problem.library, self._best)[0] < _EXACT
        return not exact and (self.leaves_structure() or self.is_dense())

    def is_dense(self) -> bool:
        """Say whether the best field has more than three terms a variable."""
        return bool(self._best.support.sum() > _FEW_TERMS * self._context.n_features)

    def leaves_structure(self) -> bool:
        """Say whether the best field's residuals resemble their neighbours, or it takes powers above the third."""
        library = self._problem.library
        high = self._best.support[0, : library.n_terms][library.degrees > _ORDINARY_DEGREE].any()
        return bool(high) or self._scorer.leaves_structure(library, self._best)

    def result(self) -> SparseODE:
        """Return the best field in the user's units."""
        context, problem, best = self._context, self._problem, self._best
        library = problem.library
        error = problem.errors(best, _FINAL)[0, : library.n_terms]
        field = problem.field(best)
        support = best.support[0, : library.n_terms]
        factors = library.unit_factors(context.column_scale, context.rate)[:, : context.n_features]
        covariance = problem.covariance(best, _FINAL) * np.outer(factors[support], factors[support])
        used = field.coefficients[support] != 0  # a required term may be zero
        return SparseODE(
            **vars(field),
            standard_errors=np.where(field.coefficients != 0, error * factors, 0.0),
            covariance=covariance[np.ix_(used, used)],
            alternatives=self._alternatives(),
            start_states=best.states[0, context.bounds[:-1]] * context.scale + context.center,
            end_states=best.states[0, context.bounds[1:] - 1] * context.scale + context.center,
            noise=np.sqrt(context.noise) * context.scale,
            origin=best.origin[0],
            path=(*self._path, Stage("result", float(best.score[0]), field.n_terms)),
            n_points_given=context.n_given,
            n_points_used=context.n_points,
        )

    def _alternatives(self) -> tuple[SparseField, ...]:
        """Return polished fields nearly as good as the best, without it and without repetitions."""
        taken = {_form(self._problem.library, self._best.support[0])}
        out: list[SparseField] = []
        entries = [(float(batch.score[row]), problem, batch, row)
                   for problem, batch in self._polished for row in range(len(batch))]  # fmt: skip
        for score, problem, batch, row in sorted(entries, key=lambda entry: entry[0]):
            form = _form(problem.library, batch.support[row])
            if score < self._least + _NEARLY_AS_GOOD and form not in taken and len(out) < _ALTERNATIVES:
                taken.add(form)
                out.append(problem.field(batch, row))
        return tuple(out)

    def _fitted(
        self, problem: ShootingProblem, batch: Candidates, schedules: Sequence[Schedule], origin: str
    ) -> Candidates:
        for schedule in schedules:
            batch = problem.polish(batch, schedule, origin)
        return self._scored(problem, batch)

    def _scored(self, problem: ShootingProblem, batch: Candidates) -> Candidates:
        """Score a batch and remember the best of it."""
        batch = self._scorer.score(problem, batch)
        leader = batch.best(1)
        if leader.score[0] < self._least or not self._path:
            self._problem, self._best, self._least = problem, leader, float(leader.score[0])
        self._path.append(Stage(batch.origin[0], self._least, int(self._best.support.sum())))
        if self._verbose:
            stage = self._path[-1]
            print(f"{stage.name}: score {stage.score:.2f}, {stage.n_terms} terms", file=sys.stderr)
        return batch


def _along(context: ScaledContext, library: TermLibrary, batch: Candidates) -> ScaledContext:
    """The context with the fitted path of the first field of a batch."""
    path = replace(context, path=batch.states[0])
    return replace(path, slopes=library.field(path.columns, batch.coefficients[0]))


def _form(library: TermLibrary, support: NDArray[np.bool_]) -> tuple[object, ...]:
    """What tells one field's form from another's: its terms, whatever the library that they come from."""
    used = np.argwhere(support[: library.n_terms])
    return tuple(
        (*library.exponents[term], library.functions[f] if (f := library.function_of[term]) >= 0 else None, d)
        for term, d in used.tolist()
    )


def _kinds(functions: Sequence[TermFunction]) -> str:
    kinds = (function.kind for function in functions if isinstance(function, ScalarFunction))
    return " and ".join(dict.fromkeys(kinds))
