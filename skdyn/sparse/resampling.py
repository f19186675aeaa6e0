"""How sure the terms of a found field are: fits to resampled data, each starting from what was found.

Letters: K trajectories, M points of the context, B blocks of neighbouring points, D variables; R rows and T terms of a
library, C candidate fields, N resampled fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.candidates import Candidates, join
from skdyn.sparse.constraints import Constraints, ReadConstraints
from skdyn.sparse.library import TermLibrary
from skdyn.sparse.model import SparseODE
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.scaled_context import MAX_POINTS, scale_context
from skdyn.sparse.score import Scorer
from skdyn.sparse.shooting import Schedule
from skdyn.sparse.stepwise import neighbours

Array = NDArray[np.float64]

#: Fewest blocks that are drawn from, where there are so many points: all points of a trajectory where there are as many
#: trajectories.
_BLOCKS = 24
_REFIT = Schedule(5, 10.0, 4)
_LAST = Schedule(12, 1e4, 4)
_STARTS = 4
_PARENTS = 3
_ROUNDS = 2
_FINALISTS = 3
_STRICTNESS = (2.0, 1.0, 0.5)


@dataclass(frozen=True, eq=False)
class Resampling:
    """A found field, and all that is needed to fit it again to other draws of its data.

    Parameters
    ----------
    problem : ShootingProblem
        Of the library of the found field, over the whole context.
    starts : Candidates
        The found field and its alternatives in this library.
    """

    problem: ShootingProblem
    starts: Candidates

    @classmethod
    def of(
        cls,
        ode: SparseODE,
        context: Trajectories,
        prior: FieldPrior | None = None,
        max_points: int = MAX_POINTS,
        constraints: Constraints | Mapping[str, Any] | None = None,
    ) -> Resampling:
        """Prepare from what `skdyn.sparse.fit_sparse` was given and returned."""
        known = ReadConstraints.in_context(constraints, context)
        scaled = scale_context(context, max_points, true_origin=not ode.center.any())
        library = ode.library.with_functions([f.in_units(scaled.column_scale) for f in ode.functions])
        factors = library.unit_factors(scaled.column_scale, scaled.rate)[:, : scaled.n_features]
        fields = [ode, *(other for other in ode.alternatives if other.library is ode.library)][:_STARTS]
        coefficients = np.zeros((len(fields), library.size, scaled.n_features))
        for row, field in zip(coefficients, fields, strict=True):
            row[: library.n_terms] = field.coefficients / factors
        count = len(fields)
        starts = Candidates(
            coefficients,
            coefficients != 0,
            np.repeat(scaled.path[None], count, axis=0),
            np.full(count, np.inf),
            np.array([field.score for field in fields]),
            ("found",) * count,
        )
        units = prior and prior.in_units(scaled.column_center, scaled.column_scale, scaled.rate)
        return cls(ShootingProblem(scaled, library, units, known if known.any else None), starts)

    @property
    def library(self) -> TermLibrary:
        """The terms that fits may have."""
        return self.problem.library

    def supports(self, n_fits: int, n_jobs: int | None, seed: int) -> NDArray[np.bool_]:
        """Terms (N, T, D) of so many fits."""
        from joblib import Parallel, delayed

        return np.array(Parallel(n_jobs)(delayed(self.fit)(drawn) for drawn in self.draws(n_fits, seed)))

    def draws(self, n_fits: int, seed: int) -> Array:
        """How often each point (N, M) is drawn: blocks of neighbours, with replacement."""
        bounds = self.problem.context.bounds
        pieces = -(-_BLOCKS // (len(bounds) - 1))
        block = np.empty(self.problem.context.n_points, dtype=np.intp)
        count = 0
        for first, end in pairwise(bounds):
            own = np.arange(end - first) * min(pieces, end - first) // (end - first)
            block[first:end] = count + own
            count += own[-1] + 1
        rng = np.random.default_rng(seed)
        return rng.multinomial(count, np.full(count, 1.0 / count), size=n_fits)[:, block].astype(np.float64)

    def fit(self, times_drawn: Array) -> NDArray[np.bool_]:
        """Terms (T, D) of the best field for the points as often as they were drawn (M,)."""
        context = self.problem.context
        context = replace(context, weights=context.weights * times_drawn[:, None])
        problem, scorer = replace(self.problem, context=context), Scorer(context)

        def fitted(batch: Candidates, schedule: Schedule) -> Candidates:
            return scorer.score(problem, problem.polish(batch, schedule, "resampled"))

        pool = fitted(self.starts, _REFIT)
        seen = {support.tobytes() for support in pool.support}
        strictness = [factor * np.log(context.n_points) for factor in _STRICTNESS]
        for _ in range(_ROUNDS):
            parents = pool.best(_PARENTS)
            children = neighbours(
                parents, problem.expand(parents, _REFIT), strictness, seen, "resampled", problem.steps
            )
            if children is None:
                break
            pool = join([pool, fitted(children, _REFIT)])
        best = fitted(pool.best(_FINALISTS), _LAST).best(1)
        return best.support[0, : self.library.n_terms]
