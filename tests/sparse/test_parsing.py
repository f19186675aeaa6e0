"""Terms as text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn.sparse.functions import HILL_POWERS, ScalarFunction
from skdyn.sparse.library import TermLibrary, terms
from skdyn.sparse.parsing import parse_linear, parse_sum, parse_terms

NAMES = ["x", "y", "hare pelts", "x-1"]


def test_terms_of_all_kinds():
    found = parse_terms("1, x**2*y, hare pelts x-1, x*sin(2*x - y), y x^2/(0.25 + x^2), 4/(4 + y)", NAMES, "library")
    assert [term.exponents for term in found] == [
        (0,) * 4,
        (2, 1, 0, 0),
        (0, 0, 1, 1),
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (0,) * 4,
    ]
    assert found[3].function == ScalarFunction("sin", (2.0, -1.0, 0.0, 0.0), fixed=True)
    assert found[4].function == ScalarFunction("rise", (2.0, 0.0, 0.0, 0.0), 2, fixed=True)
    assert found[5].function == ScalarFunction("fall", (0.0, 0.25, 0.0, 0.0), 1, fixed=True)


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("x, z", 3, "unknown name 'z'; the variables are x, y"),
        ("2*x", 0, "no number before it"),
        ("x*", 2, "expected a number, a variable, sin or cos, found the end"),
        ("x^1.5", 2, "a power must be a whole number"),
        ("x^99", 2, "a power must be a whole number"),
        ("x^5 y^5", 4, "total power is above 9"),
        ("sin(x", 5, r"expected '\)'"),
        ("sin(1)", 4, "a sum of variables"),
        ("sin(x) cos(y)", 7, "at most one function"),
        ("x/(y + x)", 2, "denominator of a Hill function"),
        ("x/0", 2, "division by zero"),
        ("x/(1 + x^5)", 2, "a Hill function has a power of 1, 2, 3, 4, 6, 8"),
        ("x,,y", 2, "found ','"),
        ("", 0, "found the end"),
        ("x y)", 3, "expected a comma"),
        ("__import__('os')", 0, "unknown name '__import__'"),
        ("x.real", 1, "found '.'"),
    ],
)
def test_errors_name_the_position(text, position, problem):
    with pytest.raises(ValueError, match=rf"library .*, position {position}: .*{problem}"):
        parse_terms(text, NAMES, "library")


def test_text_that_is_no_text():
    with pytest.raises(ValueError, match="library must be text, got 3"):
        parse_terms(3, NAMES, "library")


def test_sums_and_linear_forms():
    assert [(n, t.exponents) for n, t in parse_sum("-x + 0.5 x y - 3", ["x", "y"], "known")] == [
        (-1.0, (1, 0)), (0.5, (1, 1)), (-3.0, (0, 0))]  # fmt: skip
    np.testing.assert_array_equal(parse_linear("S + 2*I - R", ["S", "I", "R"], "conserved"), [1.0, 2.0, -1.0])
    with pytest.raises(ValueError, match="position 0: expected a sum of variables"):
        parse_linear("S^2", ["S"], "conserved")


@given(st.lists(st.floats(0.1, 9.0), min_size=2, max_size=2), st.sampled_from(HILL_POWERS))
def test_what_is_printed_can_be_read(scales, power):
    functions = (
        ScalarFunction("sin", tuple(scales), fixed=True),
        ScalarFunction("fall", (0.0, scales[0]), power, True),
    )
    library, points = terms(2, 3, functions), np.random.default_rng(0).uniform(0.1, 2.0, (5, 2))
    for t, name in enumerate(library.names(["q", "p"], 17)):
        ((number, term),) = parse_sum(name, ["q", "p"], "known")
        value = number * TermLibrary.of_keys([(term.exponents, term.function)]).design(points)[:, 0]
        np.testing.assert_allclose(value, library.design(points)[:, t])


@given(st.text(alphabet="xy019.+-*/^() ,sincoe", max_size=20))
def test_any_text_is_read_or_refused_with_a_position(text):
    try:
        found = parse_sum(text, ["x", "y"], "known")
    except ValueError as refused:
        if "position" not in str(refused):
            raise
    else:
        assert all(len(term.exponents) == 2 for _, term in found)


@pytest.mark.parametrize(
    ("text", "names"), [("a, a b", ["a", "b", "a b"]), ("x^2", ["x", "x^2"]), ("1, x", ["x", "1"]), ("2x", ["2x", "x"])]
)
def test_a_text_that_is_a_column_and_a_term_is_neither(text, names):
    with pytest.raises(ValueError, match="is the name of a column, and a term of others: rename the column"):
        parse_terms(text, names, "library")


def test_names_of_several_words_are_names():
    (term,) = parse_terms("blood glucose*k (1/h)", ["blood glucose", "k (1/h)"], "library")
    assert term.exponents == (1, 1)
    assert parse_terms("a*b", ["a", "b", "a b"], "library")[0].exponents == (1, 1, 0)
