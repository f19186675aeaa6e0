"""Terms and sums of terms as text, read by a small strict parser.

A term is a product of numbers, powers of variables, and at most one function: ``x``, ``2*x^2*y``, ``0.5 hare lynx``,
``x*sin(2*x - y)``, ``y*x^2/(0.25 + x^2)``. Products are written with ``*`` or a space, powers with ``^`` or ``**``.

Letter: L variables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.functions import HILL_POWERS, ScalarFunction, TermFunction

_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[^\W\d]\w*")
_FUNCTIONS = ("sin", "cos")
_MOST_POWER = 9


@dataclass(frozen=True)
class Term:
    """A monomial, times one function or none.

    Attributes
    ----------
    exponents : tuple of L int
    function : ScalarFunction or KnownPart or None
    """

    exponents: tuple[int, ...]
    function: TermFunction | None = None


def parse_terms(text: str, names: Sequence[str], what: str) -> list[Term]:
    """Read terms that are separated by commas, each without a number before it.

    Parameters
    ----------
    text : str
        Such as ``"x0, x0*x1, sin(x2)"``.
    names : sequence of L str
        The variables.
    what : str
        What errors call the text.

    Returns
    -------
    list of Term

    Raises
    ------
    ValueError
        With the position of what cannot be read, counted from zero.

    Examples
    --------
    >>> [term.exponents for term in parse_terms("1, x, x*y^2", ["x", "y"], "library")]
    [(0, 0), (1, 0), (1, 2)]
    """
    return [term for _, term in parse_numbered(text, names, what)]


def parse_numbered(text: str, names: Sequence[str], what: str) -> list[tuple[float, Term]]:
    """Read terms that are separated by commas, each with the number that a Hill function has before it, or one.

    Examples
    --------
    >>> [(number, term.function.kind) for number, term in parse_numbered("1/(0.25 + x^2)", ["x"], "known")]
    [(4.0, 'fall')]
    """
    reader = _Reader(text, names, what)
    out = [reader.lone_term()]
    while reader.take(","):
        out.append(reader.lone_term())
    reader.expect_end("a comma, '*' or the end")
    return out


def parse_sum(text: str, names: Sequence[str], what: str) -> list[tuple[float, Term]]:
    """Read a sum of terms with their numbers, such as the right-hand side of an equation.

    Examples
    --------
    >>> [(number, term.exponents) for number, term in parse_sum("-x + 0.5 x y", ["x", "y"], "known")]
    [(-1.0, (1, 0)), (0.5, (1, 1))]
    """
    reader = _Reader(text, names, what)
    found = reader.sum()
    reader.expect_end("'+', '-', '*' or the end")
    return found


def parse_linear(text: str, names: Sequence[str], what: str) -> NDArray[np.float64]:
    """Read a linear form, such as ``"S + I + 2*R"``, as its coefficients (L,).

    Examples
    --------
    >>> parse_linear("S + 2 R", ["S", "I", "R"], "conserved")
    array([1., 0., 2.])
    """
    reader = _Reader(text, names, what)
    form = reader.linear()
    reader.expect_end("'+', '-' or the end")
    return form


def _reads(text: str, names: Sequence[str]) -> bool:
    """Whether a text is a term of these names, with or without a number."""
    try:
        return len(parse_sum(text, names, "")) == 1
    except ValueError:
        return False


class _Reader:
    """A position in a text, and what can be read there."""

    def __init__(self, text: str, names: Sequence[str], what: str) -> None:
        if not isinstance(text, str):
            raise ValueError(f"{what} must be text, got {text!r:.80}")
        self._text, self._names, self._what, self._at = text, list(names), what, 0
        self._longest = sorted(range(len(names)), key=lambda e: -len(names[e]))
        for name in names:
            if name and name in text and _reads(name, [other for other in names if other != name]):
                at = text.index(name)
                self.fail(f"{name!r} is the name of a column, and a term of others: rename the column", at)

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        place = self._at if at is None else at
        raise ValueError(f"{self._what} {self._text!r:.200}, position {place}: {problem}")

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def take(self, *symbols: str) -> str | None:
        """Step over one of the symbols and return it, if one is next."""
        self._skip()
        for symbol in symbols:
            if self._text.startswith(symbol, self._at):
                self._at += len(symbol)
                return symbol
        return None

    def expect(self, symbol: str) -> None:
        if self.take(symbol) is None:
            self.fail(f"expected {symbol!r}, found {self._found()}")

    def expect_end(self, instead: str) -> None:
        self._skip()
        if self._at < len(self._text):
            self.fail(f"expected {instead}, found {self._found()}")

    def _found(self) -> str:
        self._skip()
        return repr(self._text[self._at]) if self._at < len(self._text) else "the end"

    def number(self) -> float | None:
        self._skip()
        match = _NUMBER.match(self._text, self._at)
        if match is None or self._variable_here() is not None:  # a digit may begin the name of a variable too
            return None
        value = float(match.group())
        if not np.isfinite(value):
            self.fail("the number is too large")
        self._at = match.end()
        return value

    def _variable_here(self) -> int | None:
        for e in self._longest:
            name = self._names[e]
            end = self._at + len(name)
            goes_on = end < len(self._text) and _in_word(self._text[end]) and _in_word(name[-1:])
            if name and self._text.startswith(name, self._at) and not goes_on:
                return e
        return None

    def variable(self) -> int | None:
        """Step over the longest name of a variable that is next."""
        self._skip()
        e = self._variable_here()
        if e is not None:
            self._at += len(self._names[e])
            return e
        return None

    def _function_here(self) -> str | None:
        self._skip()
        match = _WORD.match(self._text, self._at)
        if match and match.group() in _FUNCTIONS and self._text[match.end() :].lstrip().startswith("("):
            self._at = match.end()
            return match.group()
        return None

    def lone_term(self) -> tuple[float, Term]:
        """A term; only a Hill function may have a number before it."""
        self._skip()
        begin = self._at
        number, term = self.product()
        saturating = isinstance(term.function, ScalarFunction) and term.function.kind in ("rise", "fall")
        if number != 1.0 and not (saturating and number > 0):
            self.fail("a term here has no number before it", begin)
        return number, term

    def sum(self) -> list[tuple[float, Term]]:
        sign = -1.0 if self.take("-", "+") == "-" else 1.0
        number, term = self.product()
        out = [(sign * number, term)]
        while (symbol := self.take("+", "-")) is not None:
            number, term = self.product()
            out.append((-number if symbol == "-" else number, term))
        return out

    def linear(self) -> NDArray[np.float64]:
        """A linear form without a constant."""
        begin = self._at
        form = np.zeros(len(self._names))
        for number, term in self.sum():
            if sum(term.exponents) != 1 or term.function is not None:
                self.fail("expected a sum of variables, each at most times a number", begin)
            form += number * np.array(term.exponents)
        if not form.any():
            self.fail("the sum is zero", begin)
        return form

    def product(self) -> tuple[float, Term]:
        """A number and a term."""
        number, powers, function = 1.0, [0] * len(self._names), None
        number, function = self._factor(number, powers, function)
        while True:
            self._skip()
            if self.take("/"):
                number, function = self._divisor(number, powers, function)
            elif self._next_is_product():
                number, function = self._factor(number, powers, function)
            else:
                return number, Term(tuple(powers), function)

    def _next_is_product(self) -> bool:
        if not self._text.startswith("**", self._at) and self.take("*"):
            return True
        return self._at < len(self._text) and (self._text[self._at].isalnum() or self._variable_here() is not None
                                               or self._text[self._at] in "._(")  # fmt: skip

    def _factor(
        self, number: float, powers: list[int], function: ScalarFunction | None
    ) -> tuple[float, ScalarFunction | None]:
        begin = self._at
        if (kind := self._function_here()) is not None:
            self.expect("(")
            direction = self.linear()
            self.expect(")")
            return number, self._only(function, kind, tuple(map(float, direction)), 1, begin)
        if (value := self.number()) is not None:
            return number * value, function
        if (e := self.variable()) is not None:
            powers[e] += self._power()
            if sum(powers) > _MOST_POWER:
                self.fail(f"the total power is above {_MOST_POWER}", begin)
            return number, function
        return self._refuse_factor()

    def _refuse_factor(self) -> NoReturn:
        self._skip()
        word = _WORD.match(self._text, self._at)
        if word:
            known = ", ".join(self._names[:20]) + (", ..." if len(self._names) > 20 else "")
            self.fail(f"unknown name {word.group()!r}; the variables are {known}")
        self.fail(f"expected a number, a variable, sin or cos, found {self._found()}")

    def _power(self) -> int:
        if self.take("**", "^") is None:
            return 1
        begin = self._at
        value = self.number()
        if value is None or value != int(value) or not 1 <= value <= _MOST_POWER:
            self.fail(f"a power must be a whole number from 1 to {_MOST_POWER}", begin)
        return int(value)

    def _divisor(
        self, number: float, powers: list[int], function: ScalarFunction | None
    ) -> tuple[float, ScalarFunction | None]:
        """What a product is divided by: a number, or the denominator ``(k + x^n)`` of a Hill function."""
        begin = self._at
        if (value := self.number()) is not None:
            if value == 0:
                self.fail("division by zero", begin)
            return number / value, function
        self.expect("(")
        parts = sorted(self.sum(), key=lambda part: sum(part[1].exponents))
        self.expect(")")
        constant, (size, term) = parts[0][0], parts[-1]
        used = [e for e, power in enumerate(term.exponents) if power]
        plain = len(parts) == 2 and len(used) == 1 and not any(parts[0][1].exponents)
        if not plain or any(term.function for _, term in parts) or constant <= 0 or size <= 0:
            self.fail("expected (k + x^n), the denominator of a Hill function, with a positive number k", begin)
        power = term.exponents[used[0]]
        if power not in HILL_POWERS:
            self.fail(f"a Hill function has a power of {', '.join(map(str, HILL_POWERS))}", begin)
        constant /= size
        direction = tuple(constant ** (-1.0 / power) if e == used[0] else 0.0 for e in range(len(self._names)))
        if powers[used[0]] >= power:
            powers[used[0]] -= power
            return number / size, self._only(function, "rise", direction, power, begin)
        return number / (size * constant), self._only(function, "fall", direction, power, begin)

    def _only(
        self, function: ScalarFunction | None, kind: str, direction: tuple[float, ...], power: int, at: int
    ) -> ScalarFunction:
        if function is not None:
            self.fail("a term has at most one function", at)
        return ScalarFunction(kind, direction, power, fixed=True)  # type: ignore[arg-type]


def _in_word(letter: str) -> bool:
    """Whether a letter, or none, goes on with a name."""
    return letter.isalnum() or letter == "_"
