"""The sections of a report as HTML; every text that is not this file's own is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from skdyn.diagnosis.check import Diagnosis
from skdyn.plotting.common import names_of

_ROUNDING = 1e-9  # of the largest one: less is written as zero


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table of texts and numbers."""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def data_section(estimator: Any) -> str:
    """What was read, and from where."""
    context = estimator.context_
    axis, roles = context.axis, context.roles
    since = "" if axis.origin is None else f", counted from {axis.shown(np.zeros(1))[0]}"
    unit = "a unit that is not said" if axis.unit is None else f"{axis.unit}s"
    steps = np.concatenate([np.diff(t) for t in context.times])
    facts = [
        ("trajectories", f"{len(context)}, told apart by {roles['id']}" if "id" in roles else len(context)),
        ("points", context.n_points),
        ("time", f"{'from ' + roles['time'] + ', ' if 'time' in roles else ''}in {unit}{since}"),
        (
            "from one point to the next",
            f"{_cell(steps.min())} to {_cell(steps.max())}, {_cell(np.median(steps))} as a rule",
        ),
    ]
    states = np.concatenate(context.states)
    rows = [
        (name, column.min(), column.mean(), column.max(), column.std())
        for name, column in zip(names_of(estimator), states.T, strict=True)
    ]
    return table(("what was read", ""), facts) + table(("state", "least", "mean", "largest", "deviation"), rows)


def equations_section(estimator: Any, n_fits: int) -> str:
    """The equations, where there are any, whether they are what answers, and how often each term survives."""
    if not hasattr(estimator, "equations"):
        return "<p>An estimator of this kind has no equations.</p>"
    try:
        lines = estimator.equations()
    except ValueError as error:
        return f"<p>None: {escape(str(error))}</p>"
    used = getattr(estimator, "equations_in_use", True)
    unused = "" if used else f"<p>{said_of_shares(estimator.equation_shares())}</p>"
    return f"<pre>{escape(chr(10).join(lines))}</pre>{unused}{_evidence(estimator, n_fits)}"


def said_of_shares(shares: Sequence[float]) -> str:
    """What equations of one pass are, by the shares of the field that agree with them."""
    said = ", ".join(f"{share:.0%}" for share in shares)
    return f"They are the leading part of the field ({said} of it agree), which is what answers."


def _evidence(estimator: Any, n_fits: int) -> str:
    """Terms with their errors and shares of fits to resampled data, where equations were searched for."""
    if n_fits == 0 or not hasattr(estimator, "equation_evidence"):
        return ""
    try:
        evidence = estimator.equation_evidence(n_fits)
    except ValueError:  # no searched equations are in use
        return ""
    rows = [
        (f"d({term.variable})/dt", term.term, term.coefficient, term.standard_error, f"{term.share:.0%}")
        if term.coefficient
        else (f"d({term.variable})/dt", f"{term.term} (not in the equation)", "", "", f"{term.share:.0%}")
        for term in (*evidence.terms, *evidence.others)
    ]
    weak = sum(not term.supported for term in evidence.terms)
    kind = "doubt" if weak else "fine"
    said = f"{weak} of {len(evidence.terms)} terms are" if weak else "No term is"
    return (
        f'<div class="{kind}">{said} missing in more than a tenth of {n_fits} fits to resampled data; '
        f"{evidence.unchanged:.0%} of them have exactly these terms.</div>"
        + table(("equation", "term", "coefficient", "standard error", "in fits"), rows)
    )


def equilibria_section(estimator: Any) -> str:
    """Where the field vanishes, and what kind each equilibrium is."""
    typical = estimator.context_.typical
    every = estimator.equilibria(**typical, supported="all")
    found = [point for point in every if point.supported]
    values = zip(estimator.context_.given.names, np.concatenate([*typical.values(), []]), strict=True)
    held = ", ".join(f"{name} = {value:.4g}" for name, value in values)
    under = f"<p>Under {escape(held)}, the mean of the data.</p>" if held else ""
    rest = len(every) - len(found)
    doubtful = (
        f"<p>{rest} more of the field {'is' if rest == 1 else 'are'} not supported by the data.</p>" if rest else ""
    )
    if not found:
        return f"{under}<p>None that the data support, in and around their box.</p>{doubtful}"
    unit = estimator.context_.time_unit
    rates = "eigenvalues" if unit is None else f"eigenvalues per {unit}"
    size = np.abs(np.concatenate(estimator.context_.states)).max(axis=0)
    rows = [
        (*_region(point, size), _kinds(point), _rates(point.eigenvalues),
         "among the data" if point.inside else "outside the data",
         "not known" if point.probability is None else f"{point.probability:.0%}")
        for point in found
    ]  # fmt: skip
    header = (*names_of(estimator), "kind", rates, "where", "in plausible fields")
    return under + table(header, rows) + doubtful


def _region(point: Any, size: np.ndarray) -> list[str]:
    """Each coordinate with the deviation of where plausible fields have the equilibrium."""
    state = np.where(np.abs(point.state) < _ROUNDING * size, 0.0, point.state)
    if point.covariance is None:
        return [_cell(value) for value in state]
    deviations = np.sqrt(np.diag(point.covariance))
    return [f"{value:.4g} \u00b1 {deviation:.2g}" for value, deviation in zip(state, deviations, strict=True)]


def _kinds(point: Any) -> str:
    """What it is, and where that is not clear what else it may be."""
    if point.kind_is_clear:
        return str(point.kind)
    others = ", ".join(f"{kind} {share:.0%}" for kind, share in point.kinds.items())
    return f"{point.kind}; not clear: {others}"


def adequacy_section(diagnosis: Diagnosis) -> str:
    """What speaks against the model, and every check."""
    parts = []
    for check in diagnosis.findings:
        kind = "hopeless" if check.hopeless else "doubt"
        parts.append(
            f'<div class="{kind}"><b>{escape(str(check))}</b><br>likely: {escape(check.likely)}<br>'
            f"try: {escape(check.advice)}</div>"
        )
    parts = parts or ['<div class="fine">Nothing speaks against the model.</div>']
    verdict = {True: "failed", False: "passed"}
    rows = [
        (check.name, check.measure.rstrip(","), "too few data" if np.isnan(check.evidence) else check.evidence,
         f"{check.side} {check.threshold:g}", verdict[check.failed])
        for check in diagnosis.checks
    ]  # fmt: skip
    return "".join(parts) + table(("check", "measure", "evidence", "fails", ""), rows)


def python_section(estimator: Any, source: str | None) -> str:
    """The lines that fit this estimator again."""
    kind = type(estimator)
    module = "skdyn" if kind.__module__.startswith("skdyn.") else kind.__module__
    read = "X = ...  # the trajectories of the fit" if source is None else source
    call = " ".join(repr(estimator).split())
    lines = [
        f"from {module} import {kind.__name__}",
        read,
        f"est = {call}.fit(X)",
        "est.diagnose()",
        "est.equilibria()",
    ]
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _rates(eigenvalues: np.ndarray) -> str:
    """Eigenvalues without the rounding of their parts; of a pair, one stands for both."""
    least = _ROUNDING * np.abs(eigenvalues).max()
    return ", ".join(
        f"{0.0 if abs(value.real) < least else value.real:.3g}"
        + (f" \u00b1 {value.imag:.3g}i" if value.imag > 0 else "")
        for value in eigenvalues
        if value.imag >= 0
    )


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else escape(str(value))
