"""Equations of variables far from zero: what gives way to simpler polynomials, and what stays."""

import numpy as np
import pytest

from skdyn import Trajectories
from skdyn.estimators._far_from_zero import simplest_alike
from skdyn.sparse import ScalarFunction, SparseField


def field(exponents, coefficients, functions=(), function_of=None):
    exponents = np.array(exponents)
    return SparseField(
        exponents=exponents,
        functions=functions,
        function_of=np.full(len(exponents), -1) if function_of is None else np.array(function_of),
        coefficients=np.array(coefficients, dtype=float),
        center=np.zeros(exponents.shape[1]),
        score=0.0,
    )


def settled(found, states, values, error=1e-3):
    """What becomes of equations of which the field has these values and an error of this share of its size."""
    context = Trajectories([(np.arange(len(states)), states)])
    errors = np.broadcast_to(error * np.abs(values).mean(axis=0), values.shape)
    simple, unclear = simplest_alike(found, context, states, values, errors)
    return simple.equations(), unclear.tolist()


def column(low, high):
    return np.linspace(low, high, 60)[:, None]


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (0.0, "1 - 0.1 x0^5"),  # zero is among the data: nothing is touched
        (20.0, "6 - 0.3 x0"),
        (293.15, "-0.285 - 0.3 (x0 - 294.1)"),
        (101325.0, "-0.3 - 0.3 (x0 - 101326)"),
    ],
)
def test_a_high_power_gives_way_to_a_line(level, line):
    x = column(level - 1.0, level + 3.0)
    power = field([[0], [5]], [[1.0], [-0.1]])
    assert settled(power, x, -0.3 * (x - level)) == ([f"d(x0)/dt = {line}"], [False])


def test_a_law_of_two_terms_does_not_give_way_to_three():
    x = column(9.0, 13.0)
    cubic = field([[0], [3]], [[10.0], [-0.01]])
    assert settled(cubic, x, cubic.field(x), error=0.006) == (["d(x0)/dt = 10 - 0.01 x0^3"], [False])


def test_where_the_range_is_small_high_powers_give_way_to_more_terms():
    x = column(1050.0, 1100.0)
    powers = field([[2], [5]], [[1e-4], [-9e-14]])
    (line,), unclear = settled(powers, x, 0.5 * (x - 1000.0) * (1.0 - (x - 1000.0) / 100.0), error=0.01)
    assert line == "d(x0)/dt = -5.5e+03 + 10.5 x0 - 0.005 x0^2"
    assert unclear == [False]


def test_terms_that_no_polynomial_replaces_are_unclear():
    x = column(998.0, 1002.0)
    swing = field([[0], [0]], [[0.8], [-0.3]], (ScalarFunction("sin", (0.95,)),), [0, -1])
    _, unclear = settled(swing, x, np.sin(3.0 * (x - 1000.0)))
    assert unclear == [True]


def test_other_equations_are_moved_and_what_is_constant_says_one_thing():
    x = np.hstack([column(998.0, 1002.0), np.full((60, 1), 7.0)])
    found = field([[0, 0], [1, 0], [0, 1], [4, 0]], [[0.0, 1.0], [0.0, 2.0], [0.0, 0.5], [1e-9, 0.0]])
    lines, unclear = settled(found, x, np.stack([0.5 * (x[:, 0] - 990.0), found.field(x)[:, 1]], axis=1))
    assert unclear == [False, False]
    assert lines == ["d(x0)/dt = 5 + 0.5 (x0 - 1000)", "d(x1)/dt = 2e+03 + 2 (x0 - 1000) + 0.5 x1"]
