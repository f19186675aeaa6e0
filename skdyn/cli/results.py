"""What several commands say of a fitted estimator: equations, equilibria, score."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from skdyn.cli.answer import Answer
from skdyn.exceptions import TrajectoryError

_ROUNDING = 1e-9  # of the largest one: less is written as zero
_MENTIONED = 0.05  # share of plausible fields from which a kind is named


def dynamics_of(estimator: Any) -> Any:
    """What has the field: of a coarse-grainer, the estimator of its codes."""
    return getattr(estimator, "dynamics_", estimator)


def names_of(estimator: Any) -> list[str]:
    """Names of the variables of a fitted estimator."""
    return [
        str(name)
        for name in getattr(estimator, "feature_names_in_", map("x{}".format, range(estimator.n_features_in_)))
    ]


def found_equations(estimator: Any, precision: int | None = None) -> list[str] | None:
    """Equations of a fitted estimator; None if it has none, or was not asked for any."""
    if not hasattr(estimator, "equations"):
        return None
    try:
        return estimator.equations() if precision is None else estimator.equations(precision)
    except ValueError:
        return None


def tell_equations(answer: Answer, estimator: Any, precision: int | None = None) -> bool:
    """Say the equations; returns whether there are any."""
    from skdyn.report.sections import said_of_shares

    equations, used = found_equations(estimator, precision), getattr(estimator, "equations_in_use", True)
    answer.keep(equations=equations, equations_used=equations is not None and used)
    if equations is not None:
        answer.say("Equations:", *(f"  {line}" for line in equations))
        if not used:
            shares = estimator.equation_shares().tolist()
            answer.keep(equation_shares=shares)
            answer.say(said_of_shares(shares))
    if not getattr(estimator, "refined_", True):
        answer.say("The pretrained field is surer of itself than equations found by a search: it is used.")
    return equations is not None


def tell_evidence(answer: Answer, estimator: Any) -> None:
    """Say how often each term of the equations survives in fits to resampled data."""
    from skdyn.cli.usage import UsageError

    if not hasattr(estimator, "equation_evidence"):
        raise UsageError(f"{type(estimator).__name__} has no evidence for its terms")
    evidence = estimator.equation_evidence()
    answer.say(*str(evidence).splitlines())
    answer.keep(terms=[asdict(term) for term in (*evidence.terms, *evidence.others)], unchanged=evidence.unchanged)


def tell_equilibria(answer: Answer, estimator: Any) -> None:
    """Say the equilibria of a fitted estimator that the data support, one a line, and how many others there are."""
    from skdyn.plugins import BaseFieldEstimator

    field = dynamics_of(estimator)
    names, unit = names_of(field), field.context_.time_unit
    typical, under = field.context_.typical, ""
    if isinstance(field, BaseFieldEstimator):
        every = field.equilibria(supported="all", **typical)
        values = zip(field.context_.given.names, [v for part in typical.values() for v in part.tolist()], strict=True)
        under = "".join(f", under {name} = {value:.4g}" for name, value in values)
    else:
        every = field.equilibria()
    found, sizes = [point for point in every if point.supported], _sizes(field)
    of_codes = "" if field is estimator else " of the codes"
    support = " that the data support" if len(found) < len(every) else ""
    nothing = f"Equilibria{of_codes}{under}: none in the widened box of the data{support}"
    answer.say(f"Equilibria{of_codes}{under}:" if found else nothing)
    facts = []
    for point in found:
        state = dict(zip(names, point.state.tolist(), strict=True))
        rates = _rates(point.eigenvalues) + ("" if unit is None else f" per {unit}")
        where = ", ".join(
            f"{name} = {0.0 if abs(value) < _ROUNDING * size else value:.4g}"
            for (name, value), size in zip(state.items(), sizes, strict=True)
        )
        sure = "" if point.probability is None else f", in {point.probability:.0%} of plausible fields"
        beyond = "" if point.inside else " (outside the data: an extrapolation)"
        answer.say(f"  {where}: {_kinds(point)}, eigenvalues {rates}{sure}{beyond}")
        eigenvalues = [[value.real, value.imag] for value in point.eigenvalues.tolist()]
        facts.append({"state": state, "kind": point.kind, "stable": point.stable, "inside": point.inside,
                      "extrapolated": point.extrapolated, "probability": point.probability, "kinds": dict(point.kinds),
                      "eigenvalues": eigenvalues})  # fmt: skip
    if more := len(every) - len(found):
        answer.say(f"  {more} more of the field {'is' if more == 1 else 'are'} not supported by the data")
    answer.keep(equilibria=facts, unsupported_equilibria=more)


def _kinds(point: Any) -> str:
    """The kind; with those of the plausible fields where they disagree."""
    if point.kind_is_clear:
        return str(point.kind)
    shares = [f"{kind} {share:.0%}" for kind, share in point.kinds.items() if share >= _MENTIONED]
    return f"{point.kind} (in plausible fields: {', '.join(shares)})"


def _sizes(field: Any) -> list[float]:
    """The largest observed size of each variable (D,)."""
    return [max(map(abs, column)) for column in zip(*(abs(x).max(axis=0) for x in field.context_.states), strict=True)]


def _rates(eigenvalues: Any) -> str:
    """Eigenvalues for people; of a pair, one stands for both."""
    least = _ROUNDING * abs(eigenvalues).max()
    return ", ".join(
        f"{0.0 if abs(value.real) < least else value.real:.3g}" + (f" +/- {value.imag:.3g}i" if value.imag > 0 else "")
        for value in eigenvalues.tolist()
        if value.imag >= 0
    )


def tell_score(answer: Answer, estimator: Any, trajectories: Any) -> None:
    """Say the score on the data of the fit and what it means, or why there is none."""
    meaning = score_meaning(estimator)
    try:
        value = float(estimator.score(trajectories))
    except TrajectoryError as reason:
        answer.say(f"No score on the data: {reason}")
        answer.keep(score=None)
        return
    answer.say(f"Score on the data ({meaning}): {value:.3f}")
    answer.keep(score={"value": value, "meaning": meaning})


def score_meaning(estimator: Any) -> str:
    """What the score is, by the kind of the estimator; of any other kind, what its own documentation says."""
    from skdyn.plugins import BaseDynamicsEstimator, BaseStochasticEstimator

    if isinstance(estimator, BaseDynamicsEstimator):
        return "R2 of simulations, at most 1"
    if isinstance(estimator, BaseStochasticEstimator):
        return "mean log-likelihood of a transition"
    first = (inspect.getdoc(type(estimator).score) or "see its documentation").partition("\n")[0].rstrip(".")
    return first[0].lower() + first[1:]
