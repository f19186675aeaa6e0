"""Fields as text: readable lines and LaTeX.

Letters: T terms of a library, D variables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.functions import KnownPart, TermFunction
from skdyn.sparse.library import TermLibrary

Array = NDArray[np.float64]


def exact(value: float) -> str:
    """The shortest text that reads as this very number."""
    return next(text for digits in (15, 16, 17) if float(text := f"{value:.{digits}g}") == value)


def shifted(names: Sequence[str], center: Array) -> list[str]:
    """Names (C,) as monomials have them, such as ``"(hare - 1000)"`` where the origin (C,) is not zero."""
    return [f"({name} {'-' if c > 0 else '+'} {exact(abs(c))})" if c else name for name, c in zip(names, center)]


def equations(
    library: TermLibrary,
    coefficients: Array,
    center: Array,
    digits: Sequence[int],
    names: Sequence[str],
    errors: Array | None = None,
) -> list[str]:
    """One readable line a component, such as ``"d(hare)/dt = 0.55 hare - 0.028 hare lynx"``.

    Parameters
    ----------
    library : TermLibrary
    coefficients : array of shape (T, D)
    center : array of shape (C,)
        Origin of the monomials.
    digits : sequence of D int
        Significant digits of each line's numbers; the center is written in full.
    names : sequence of C str
        Of the variables and, behind them, of inputs and parameters.
    errors : array of shape (T, D), optional
        Standard errors, written beside the coefficients.
    """
    lines, variables = [], shifted(names, center)
    for d, name in enumerate(names[: coefficients.shape[1]]):
        terms = library.names(variables, digits[d])
        text = ""
        for row in np.flatnonzero(coefficients[:, d]):
            number = f"{abs(coefficients[row, d]):.{digits[d]}g}"
            if errors is not None:
                number = f"({number} +/- {errors[row, d]:.2g})"
            factors = [factor for factor in (number, terms[row]) if factor != "1"] or ["1"]
            text += _sign(coefficients[row, d], text) + " ".join(factors)
        lines.append(f"d({name})/dt = {text or '0'}")
    return lines


def latex(
    library: TermLibrary, coefficients: Array, center: Array, digits: Sequence[int], names: Sequence[str]
) -> list[str]:
    r"""One line of LaTeX a component, such as ``\frac{d\,\mathrm{hare}}{dt} = 0.55\,\mathrm{hare}``."""
    variables = [_variable(name) for name in names]
    columns = [
        rf"\left({name} {'-' if c > 0 else '+'} {_number(exact(abs(c)))}\right)" if c else name
        for name, c in zip(variables, center)
    ]
    lines = []
    for d, name in enumerate(variables[: coefficients.shape[1]]):
        text = ""
        for row in np.flatnonzero(coefficients[:, d]):
            factors = [v if e == 1 else f"{v}^{{{e}}}" for v, e in zip(columns, library.exponents[row]) if e]
            if (f := library.function_of[row]) >= 0:
                factors.append(_function(library.functions[f], columns, digits[d]))
            number = f"{abs(coefficients[row, d]):.{digits[d]}g}"
            if number != "1" or not factors:
                factors.insert(0, _number(number))
            text += _sign(coefficients[row, d], text) + r"\,".join(factors)
        lines.append(rf"\frac{{d{name}}}{{dt}} = {text or '0'}")
    return lines


def _sign(value: float, before: str) -> str:
    return (" - " if value < 0 else " + ") if before else ("-" if value < 0 else "")


def _number(text: str) -> str:
    """A number in LaTeX, its exponent as a power of ten."""
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _variable(name: str) -> str:
    """A name in LaTeX: one letter in italics, with digits behind it as an index, anything longer upright."""
    letters = name.rstrip("0123456789")
    if len(letters) == 1 and letters.isalpha():
        return f"{letters}_{{{name[1:]}}}" if name[1:] else letters
    escaped = "".join(_SPECIAL.get(letter, letter) for letter in name)
    return rf"\mathrm{{{escaped}}}"


_SPECIAL = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\hat{\ }", " ": r"\ "}
_SPECIAL |= {letter: "\\" + letter for letter in "_%$#&{}"}


def _function(function: TermFunction, variables: Sequence[str], digits: int) -> str:
    if isinstance(function, KnownPart):
        return rf"g_{{{variables[function.component]}}}\left({', '.join(variables)}\right)"
    if function.kind in ("sin", "cos"):
        text = ""
        for a, variable in zip(function.direction, variables, strict=True):
            if a:
                number = f"{abs(a):.{digits}g}"
                text += _sign(a, text) + (variable if number == "1" else rf"{_number(number)}\,{variable}")
        return rf"\{function.kind}\left({text}\right)"
    variable, half = next((v, 1 / a) for v, a in zip(variables, function.direction, strict=True) if a)
    power = variable if function.power == 1 else f"{variable}^{{{function.power}}}"
    constant = _number(f"{half**function.power:.{digits}g}")
    return rf"\frac{{{power if function.kind == 'rise' else constant}}}{{{constant} + {power}}}"
