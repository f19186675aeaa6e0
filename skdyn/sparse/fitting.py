"""Fit a sparse field to trajectories: which libraries are searched, in which order, and when it is enough.

Letters: D variables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skdyn.data.parameters import check_number
from skdyn.data.trajectories import Trajectories
from skdyn.sparse.constraints import Constraints, ReadConstraints, check_known_part
from skdyn.sparse.field_slopes import Velocity, with_slopes_of
from skdyn.sparse.function_choice import choose_functions
from skdyn.sparse.model import SparseODE
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.scaled_context import MAX_POINTS, ScaledContext, scale_context
from skdyn.sparse.search import ORDINARY_DEGREE, Search
from skdyn.sparse.term_choice import Library, TermChoice

_QUADRATIC_FEATURES = 8
#: From so many variables on, terms are chosen equation by equation, ...
_MANY = 4
#: ... among cubic ones too, if all are no more than this.
_MOST_CUBIC = 500
#: Up to so many they are then chosen together too.
_TOGETHER = 5
#: Sets of functions that are tried, by the number of variables, ...
_FUNCTION_SETS = {1: 3, 2: 2}
#: ... or equation by equation, for up to so many variables.
_MOST_WITH_FUNCTIONS = 12


def fit_sparse(
    context: Trajectories,
    prior: FieldPrior | None = None,
    max_degree: int | None = None,
    max_points: int = MAX_POINTS,
    verbose: bool = False,
    library: Library | str | Mapping[str, Any] | None = None,
    constraints: Constraints | Mapping[str, Any] | None = None,
    velocity: Velocity | None = None,
) -> SparseODE:
    """Fit a sparse field to a context of trajectories.

    Supports proposed by backward elimination on smoothed slopes are fitted by multiple-shooting least squares, changed
    by stepwise selection on the quadratic about each fit, and selected by a score of roll-out errors, the number of
    terms (as in Schwarz's criterion), runaway states and, where given, the prior's log density. The search is
    deterministic. Rescaling states or time, and reordering trajectories, changes the field only as it should, unless so
    many are given that some are left out: these depend on their order.

    Parameters
    ----------
    context : Trajectories
        Lengths, times and spacings may differ from one trajectory to another.
    prior : FieldPrior, optional
        Belief about the field away from the data.
    max_degree : int, optional
        Largest total degree of the monomials, without any other functions. Where omitted: 5 for one variable; 3 for
        two (5 if 3 misses much) and three (under noise 2, and 3 if 2 misses much or needs many terms); 2 and 3 for
        four to eleven; 2 for more; and for up to twelve variables (of three only if these leave nothing) sines,
        cosines and Hill functions where polynomials leave structure unexplained or need many terms.
    max_points : int, default=1200
        Most points that enter the fit; more are thinned evenly, which the result records. Of more than 240 trajectories
        (or half as many as points) evenly spaced ones enter.
    verbose : bool, default=False
        Report each stage on standard error.
    library : Library, mapping of its fields, "polynomial" or terms separated by commas, optional
        Which terms a field may have; not with ``max_degree``.
    constraints : Constraints or mapping of its fields, optional
        What is known of the equations. Every variable is then measured from zero.
    velocity : callable, optional
        From states, with inputs and parameters beside them (N, D + G), to rates (N, D), in the user's units. Supports
        are proposed from these too where there is no noise, which they may show when points are far apart.

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
    names = context.column_names
    known = ReadConstraints.in_context(constraints, context)
    scaled = scale_context(context, max_points, true_origin=known.any or bool(chosen.terms or chosen.extra))
    _check_known_part(known, context, scaled)
    choice = TermChoice.of(chosen, names, context.n_features, scaled.column_scale, known, scaled.highest_powers)
    sources = [scaled]
    if velocity is not None and (other := with_slopes_of(scaled, velocity)) is not None:
        sources = [replace(other, slopes=scaled.slopes), other]
    scaled = sources[-1]
    own = prior and prior.in_units(scaled.column_center, scaled.column_scale, scaled.rate)
    search = Search(sources, own, choice, known, verbose)
    given = 0 if choice.is_listed else chosen.degree
    asked = chosen.functions is not None
    if scaled.n_features >= _MANY:
        libraries = [choice.polynomials(degree) for degree in _node_wise_degrees(scaled, given)]
        few = scaled.n_features <= _MOST_WITH_FUNCTIONS and not (scaled.center.any() or known.known_part)
        kinds = chosen.kinds if few else ()
        tried = bool(kinds) and scaled.clean and search.run_functions_first(libraries, kinds, asked)
        if not search.has_few_terms():
            search.run_node_wise(libraries)
            if kinds and not tried:
                search.run_functions_node_wise(kinds, asked)
        if scaled.n_features > _TOGETHER or (scaled.clean and search.has_few_terms()):
            return search.result()
    for degree in _degrees(scaled) if given is None else (given,):
        search.run(choice.polynomials(degree), "listed terms: " if choice.is_listed else f"degree {degree}: ")
        if not search.misses_much() and (degree >= ORDINARY_DEGREE or not search.is_dense()):
            break
    if scaled.n_features < _MANY and chosen.kinds and not scaled.center.any():
        sets = _FUNCTION_SETS.get(scaled.n_features, 2 if known.known_part and asked else 0)
        if sets and (asked or search.is_dense() or search.leaves_structure()):
            search.run_functions(choose_functions(scaled, sets, chosen.kinds))
        elif not (sets or known.known_part) and (asked or scaled.clean):
            search.run_functions_node_wise(chosen.kinds, asked)
    return search.result()


def _check_known_part(known: ReadConstraints, context: Trajectories, scaled: ScaledContext) -> None:
    """Refuse a known part that is not finite where it is asked: at observed states, and on their smoothed path."""
    function, dim = known.known_part, context.n_features
    if function is None:
        return
    for k, (states, outside) in enumerate(zip(context.states, context.outside, strict=True)):
        rows = np.flatnonzero(~np.isnan(states).any(axis=1))
        points = np.hstack([states, outside])[rows]
        check_known_part(function, points, dim, [f"trajectory {k}, row {row}" for row in rows])
    path = scaled.columns * scaled.column_scale
    check_known_part(function, path, dim, [f"the smoothed state {state.tolist()}" for state in path])


def _degrees(context: ScaledContext) -> tuple[int, ...]:
    """Degrees of the polynomials to try: the next one where one misses much, or needs many terms below the third."""
    if context.n_columns == 3:  # cubic terms are twice as many as all lower ones: under noise they need a reason
        return (3,) if context.clean else (2, 3)
    return {1: (5,), 2: (3, 5)}.get(context.n_columns, (2,) if context.n_columns <= _QUADRATIC_FEATURES else (1,))


def _node_wise_degrees(context: ScaledContext, given: int | None) -> tuple[int, ...]:
    """Degrees of the polynomials among which terms are chosen equation by equation."""
    if given is not None:
        return (given,)
    cubic = math.comb(context.n_columns + ORDINARY_DEGREE, ORDINARY_DEGREE)
    return (2, ORDINARY_DEGREE) if cubic <= _MOST_CUBIC else (2,)
