"""Printed equations say the field that they print, whatever the scales and offsets of the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdyn.sparse.digits import digits_that_reproduce, rounded
from skdyn.sparse.field import SparseField
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.library import terms
from skdyn.sparse.printing import equations, exact, latex
from tests.sparse.reading import read_equations

NAMES = ("prey", "predator")


@st.composite
def fields_and_states(draw):
    """A field of two variables with up to eight terms, and states at which it matters."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = 10.0 ** np.array(draw(st.tuples(st.floats(-8, 8), st.floats(-8, 8))))
    level = np.array(draw(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)))) * scale
    sine = ScalarFunction("sin", (1.7 / scale[0], -0.3 / scale[1]))
    hill = ScalarFunction("rise", (0.0, 0.71 / scale[1]), 2)
    functions = draw(st.sampled_from([(), (sine,), (hill,)]))
    library = terms(2, 3, functions)
    centered = draw(st.booleans())
    coefficients = np.where(rng.random((library.n_terms, 2)) < 0.3, rng.normal(size=(library.n_terms, 2)), 0.0)
    coefficients[1, 0] = coefficients[2, 1] = 1.0
    field = SparseField(
        exponents=library.exponents,
        functions=library.functions,
        function_of=library.function_of,
        coefficients=coefficients * library.unit_factors(scale, 10.0 ** draw(st.floats(-6, 6))),
        center=level if centered else np.zeros(2),
        score=0.0,
    )
    return field, (level if centered else 0.1 * level) + scale * rng.normal(size=(30, 2))


@given(fields_and_states())
def test_the_printed_equation_is_the_field(given_field):
    field, states = given_field
    lines = equations(field.library, field.coefficients, field.center, digits_that_reproduce(field, states), NAMES)
    truth, printed = field.field(states), read_equations(lines, NAMES)(states)
    assert (np.abs(printed - truth).max(axis=0) <= 1.01e-3 * np.sqrt(np.mean(truth**2, axis=0))).all(), lines


@given(fields_and_states())
def test_no_more_digits_than_it_takes(given_field):
    field, states = given_field
    truth = field.field(states)
    allowed = 1e-3 * np.sqrt(np.mean(truth**2, axis=0))
    for d, digits in enumerate(digits_that_reproduce(field, states)):
        assert 3 <= digits <= 17
        if digits > 3:
            error = np.abs(rounded(field, digits - 1).field(states) - truth)[:, d]
            assert error.max() > allowed[d]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exact_numbers_are_read_as_they_were(value):
    assert float(exact(value)) == value


def test_exact_numbers_are_short():
    assert exact(100000.0) == "100000"
    assert exact(1234567.8) == "1234567.8"
    assert exact(0.1 + 0.2) == "0.30000000000000004"


def test_standard_errors_stand_beside_the_coefficients():
    library = terms(1, 1)
    coefficients, errors = np.array([[2.0], [-1.0]]), np.array([[0.034], [0.00123]])
    assert equations(library, coefficients, np.zeros(1), [3], ["x"], errors) == [
        "d(x)/dt = (2 +/- 0.034) - (1 +/- 0.0012) x"
    ]


@pytest.mark.parametrize(
    ("functions", "expected"),
    [
        ((), r"-2.5 \cdot 10^{-7} + x_{0}^{2}\,\left(\mathrm{a\_b} - 1.5\right)"),
        ((ScalarFunction("sin", (2.0, -1.0)),), r"\sin\left(2\,x_{0} - \left(\mathrm{a\_b} - 1.5\right)\right)"),
        ((ScalarFunction("rise", (0.5, 0.0), 2),), r"\frac{x_{0}^{2}}{4 + x_{0}^{2}}"),
        ((ScalarFunction("fall", (0.5, 0.0), 1),), r"\frac{2}{2 + x_{0}}"),
    ],
)
def test_latex(functions, expected):
    library = terms(2, 3, functions)
    coefficients = np.zeros((library.n_terms, 2))
    if functions:
        coefficients[np.flatnonzero(library.function_of == 0)[0], 0] = 1.0
    else:
        coefficients[0, 0] = -2.5e-7
        coefficients[library.names(["x", "y"]).index("x^2 y"), 0] = 1.0
    first, second = latex(library, coefficients, np.array([0.0, 1.5]), [3, 3], ["x0", "a_b"])
    assert first == rf"\frac{{dx_{{0}}}}{{dt}} = {expected}"
    assert second == r"\frac{d\mathrm{a\_b}}{dt} = 0"
