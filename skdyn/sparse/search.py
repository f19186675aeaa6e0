"""The search of one library after another: candidates, shooting, stepwise selection, a last polish; the best remains.

Letters: K trajectories, D variables, T terms of a field.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.candidates import Candidates, join
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.field import SparseField
from skdyn.sparse.function_choice import DEGREE as FUNCTION_DEGREE
from skdyn.sparse.function_scales import at_best_scale, without_slope
from skdyn.sparse.function_screening import beside, criterion_of, rescaled, screen_functions
from skdyn.sparse.functions import ScalarFunction, TermFunction
from skdyn.sparse.library import TermKey, TermLibrary
from skdyn.sparse.model import SparseODE, Stage
from skdyn.sparse.node_wise import STRICTNESS, compact, propose_node_wise
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.restriction import Restriction
from skdyn.sparse.scaled_context import ScaledContext
from skdyn.sparse.score import Scorer
from skdyn.sparse.shooting import Schedule
from skdyn.sparse.stepwise import neighbours
from skdyn.sparse.term_choice import TermChoice

#: Of polynomials; where the best field needs higher powers, something else may be behind them.
ORDINARY_DEGREE = 3
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
_FEW_TERMS = 3
#: Products that an equation of many variables may have, or one a variable, before functions are tried in their place.
_FEW_PRODUCTS = 5
#: Up to so many quadratic coefficients all are open to stepwise selection.
_MOST_OPENED = 360
_RESELECTIONS = 3
_PATIENCE_WITH_MANY = 1
#: Products of points, squared variables and unknowns for which fields are fitted at once.
_BUDGET = 6e6
#: What functions must gain to be tried, in logarithms of the likelihood.
_GAIN = 24.0
#: Of up to so many variables polynomials usually explain as much, and a search more is long beside the rest.
_FEW_FEATURES = 3
#: Functions of many variables that are tried at once, for each variable.
_MOST_FUNCTIONS = 2
#: Share of the variance below which nothing is left to explain.
_EXACT = 1e-12
#: Fields whose score is this much worse are a thousand times less likely; they and all beyond so many are forgotten.
_NEARLY_AS_GOOD = 14.0
_ALTERNATIVES = 8


class Search:
    """The state of one search: the best of everything scored so far, and how it came about.

    Parameters
    ----------
    contexts : sequence of ScaledContext
        The same, with slopes from one source or more.
    prior : FieldPrior, optional
        In scaled units.
    choice : TermChoice
        Which terms a library may have.
    known : ReadConstraints
    verbose : bool
        Report each stage on standard error.
    """

    def __init__(
        self,
        contexts: Sequence[ScaledContext],
        prior: FieldPrior | None,
        choice: TermChoice,
        known: ReadConstraints,
        verbose: bool,
    ) -> None:
        self._contexts, self._context = contexts, contexts[-1]
        self._prior, self._choice, self._verbose = prior, choice, verbose
        self._known, self._positive = known if known.any else None, bool(known.positive.any())
        self._scorer = Scorer(self._context)
        self._problem: ShootingProblem  # of the best
        self._best: Candidates
        self._least = np.inf
        self._path: list[Stage] = []
        self._polished: list[tuple[ShootingProblem, Candidates]] = []

    def run(self, library: TermLibrary, label: str) -> None:
        """Search one library."""
        problem = ShootingProblem(self._context, library, self._prior, self._known)
        proposed = join([problem.propose(label + "screening", context) for context in self._contexts])
        pool = self._scored(problem, proposed).best(_POOL)
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

    def run_node_wise(self, libraries: Sequence[TermLibrary], begin: Sequence[Sequence[TermKey]] | None = None) -> None:
        """Choose terms equation by equation, fit, and choose again along the fitted paths while that helps.

        ``begin`` has terms of each equation to choose from at first too; see `propose_node_wise`.
        """
        context, path, most = self._context, self._context, _POOL
        held: tuple[ShootingProblem, Candidates] | None = None
        tried = restricted = [(own, self._over(own)) for own in libraries]
        if not (begin or self._known) and libraries[0].degree > 1:
            tried = [(self._choice.polynomials(1), None), *restricted]  # of equals the first remains, a linear one
        for stage in ("integral matching", *["along fitted paths"] * _RESELECTIONS):
            proposed = [(own, propose_node_wise(path, own, stage, STRICTNESS, begin, known)) for own, known in tried]
            begin = None
            problem, earlier, fresh = self._compacted(held, proposed, libraries[0])
            most = self._affordable(fresh.support.sum(axis=(1, 2)).mean(), _POOL)
            fitted = self._fitted(problem, fresh.best(most), (_WIDE[0] if earlier is None else _STEPPED,), stage)
            pool = (fitted if earlier is None else join([earlier, fitted])).best(most)
            held = problem, pool
            if earlier is not None and pool.score[0] >= earlier.score[0]:
                break
            path = _along(context, problem.library, pool)
            if problem.library.degrees[pool.support[0].any(axis=1)[: problem.library.n_terms]].max(initial=0) < 3:
                restricted = restricted[:1]
            tried = restricted
        assert held is not None  # there is a first stage
        problem, pool = held
        seen = {support.tobytes() for support in pool.support}
        strictness = [factor * np.log(context.n_points) for factor in _STRICTNESS]
        idle = 0
        for _ in range(_ROUNDS):
            parents = pool.best(self._affordable(problem.selectable(pool).sum(axis=(1, 2)).mean(), _PARENTS))
            expanded = problem.expand(parents, _STEPPED)
            children = neighbours(parents, expanded, strictness, seen, "stepping", problem.steps)
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
        library, parts = compact([*earlier, *fresh], opened if few else None, self._choice.extra)
        most = 2 * _MOST_OPENED if few else 0
        new = ShootingProblem(self._context, library, self._prior, self._known, most_selectable=most)
        return new, parts[0] if earlier else None, self._scored(new, join(parts[len(earlier) :]))

    def _over(self, library: TermLibrary) -> Restriction | None:
        """The constraints as a library sees them."""
        return ShootingProblem(self._context, library, known=self._known).restriction

    def _affordable(self, unknowns: float, most: int) -> int:
        """How many fields are linearised at once: fewer where each has more unknown coefficients."""
        dim = self._context.n_features
        return int(np.clip(_BUDGET / (self._context.n_points * dim**2 * (dim + unknowns)), 1, most))

    def run_functions(self, sets: Sequence[tuple[ScalarFunction, ...]]) -> None:
        """Search libraries with functions, then again with the scales of the best fitted."""
        for functions in sets:
            library = self._choice.with_functions(self._degree_beside, functions)
            self.run(library, f"{_kinds(functions)}: ")
            if self._problem.library is library and not self.leaves_structure():
                break
        if self._problem.library.parameters():
            before = self._least
            self._stretch_all()
            if self._least < before:
                library = self._problem.library
                self.run(library, f"{_kinds(library.functions)}, fitted: ")

    def run_functions_first(self, libraries: Sequence[TermLibrary], kinds: Sequence[str], asked: bool) -> bool:
        """Search with functions where polynomials, chosen equation by equation, would need many products.

        Returns whether they would.
        """
        library = libraries[-1]
        support = propose_node_wise(
            self._context, library, "", STRICTNESS[-1:], restriction=self._over(library)
        ).support[0]
        crowded = bool(self._crowded(library, support).any())
        if crowded:
            self._run_functions(kinds, library, support, asked)
        return crowded

    def run_functions_node_wise(self, kinds: Sequence[str], asked: bool) -> None:
        """Search with functions, if the user has asked for them or the best field leaves something for them."""
        if self._wants_functions(asked):
            self._run_functions(kinds, self._problem.library, self._best.support[0], asked)

    def _run_functions(
        self, kinds: Sequence[str], library: TermLibrary, support: NDArray[np.bool_], asked: bool
    ) -> None:
        """Search with the functions of a kind that the equations lack most; then with others, if much is left.

        Kinds that explain the context hardly better than a support do are left out, unless the user has asked for them,
        and of few variables those that leave anything of it.
        """
        most = _MOST_FUNCTIONS * self._context.n_features
        higher, path = self._higher(library, support), self._path_of_best()
        enough = np.inf if asked else criterion_of(path, library, support) - _GAIN
        complete = not asked and self._context.n_features <= _FEW_FEATURES
        every = [(screen_functions(path, kind, most, complete, self._positive), kind) for kind in kinds]
        screened = [(found, kind) for found, kind in every if found and found.criterion < enough]
        for found, kind in sorted(screened, key=lambda entry: entry[0].criterion):
            terms = found.functions
            for _ in range(_RESELECTIONS if terms else 0):
                before = self._least
                self.run_node_wise([self._choice.with_terms(self._degree_beside, [*higher, *terms])], found.equations)
                if not self._wants_functions(asked):
                    return
                if self._least >= before:
                    break
                if not self._context.clean:  # else the path is the observed one, as before
                    path = self._path_of_best()
                    found = screen_functions(path, kind, most, falls=self._positive) or found
                terms = beside(rescaled(path, self._problem.library, self._best.support[0]), found.functions)

    def _wants_functions(self, asked: bool) -> bool:
        """Say whether the best field of many variables misses something, and leaves structure or has many terms."""
        many = self.is_dense() if asked else self._crowded(self._problem.library, self._best.support[0]).any()
        misses = self._scorer.missed(self._problem.library, self._best)[0] >= _EXACT
        return bool(misses and (many or self.leaves_structure()))

    def _crowded(self, library: TermLibrary, support: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which equations (D,) of a support (R, D) have more products than a few, or than one a variable."""
        products = support[: library.n_terms][library.degrees > 1]
        return np.asarray(products.sum(axis=0) > max(_FEW_PRODUCTS, self._context.n_features))

    def _higher(self, library: TermLibrary, support: NDArray[np.bool_]) -> list[TermKey]:
        """Terms of a support's other equations that the polynomials beside functions lack."""
        others = support[: library.n_terms, ~self._crowded(library, support)].any(axis=1)
        high = (library.degrees > self._degree_beside) & (library.function_of < 0)
        return [library.key(t) for t in np.flatnonzero(others & high).tolist()]

    @property
    def _degree_beside(self) -> int:
        """Degree of the polynomials beside functions."""
        return self._choice.library.degree or FUNCTION_DEGREE

    def _path_of_best(self) -> ScaledContext:
        """The context with the path along which equations are judged: without noise the observed one."""
        return self._context if self._context.clean else _along(self._context, self._problem.library, self._best)

    def _stretch_all(self) -> None:
        """Fit the scale of each function of the best field, its frequency or half-saturation."""
        for direction, own in self._problem.library.parameters().items():
            if self._best.support[0, own].any():
                problem, field = self._problem, self._best
                self._scored(*at_best_scale(problem, field, direction))
                if (pure := without_slope(problem, field, direction)) is not None:
                    self._scored(*at_best_scale(problem, *pure))

    def misses_much(self) -> bool:
        """Say whether the best field misses more than four times the noise, or one percent."""
        noise = self._context.noise.sum() / max(float(self._context.observed.var(axis=0).sum()), 1e-300)
        return bool(self._scorer.missed(self._problem.library, self._best)[0] > max(4.0 * noise, 0.01))

    def has_few_terms(self) -> bool:
        """Say whether there is a field that explains all in few terms."""
        return bool(self._path) and not self.is_dense() and not self.leaves_structure()

    def is_dense(self) -> bool:
        """Say whether the best field has more than three terms a variable."""
        return bool(self._best.support.sum() > _FEW_TERMS * self._context.n_features)

    def leaves_structure(self) -> bool:
        """Say whether the best field's residuals resemble their neighbours, or it takes powers above the third."""
        library = self._problem.library
        high = self._best.support[0, : library.n_terms][library.degrees > ORDINARY_DEGREE].any()
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
