"""Sines, cosines and Hill functions by themselves."""

import numpy as np
import pytest

from skdyn.sparse.functions import ScalarFunction


def test_hill_functions_stay_between_zero_and_one_everywhere():
    x = np.linspace(-9.0, 9.0, 50)[None]
    for kind, power in (("rise", 1), ("fall", 1), ("rise", 2), ("fall", 4)):
        value, (slope,) = ScalarFunction(kind, (0.5,), power).evaluate(x)
        assert value.min() >= 0.0
        assert value.max() <= 1.0
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("power", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("kind", ["rise", "fall"])
def test_slopes_of_hill_functions_against_differences(kind, power):
    function, x, step = ScalarFunction(kind, (2.0,), power), np.array([[-0.5, -1e-3, 1e-3, 0.4, 2.0]]), 1e-6
    _, (slope,) = function.evaluate(x)
    differences = (function.value(x + step) - function.value(x - step)) / (2 * step)
    np.testing.assert_allclose(2.0 * slope, differences, rtol=1e-6, atol=1e-8)


def test_the_slope_at_zero_is_that_from_above():
    _, (slope,) = ScalarFunction("rise", (2.0,), 1).evaluate(np.zeros((1, 1)))
    assert slope == 1.0


def test_functions_change_units_and_print():
    sine = ScalarFunction("sin", (2.0, -1.0))
    assert sine.name(["q", "p"]) == "sin(2 q - p)"
    x = np.array([[0.3], [0.7]])
    scale = np.array([10.0, 0.1])
    np.testing.assert_allclose(sine.in_units(scale).evaluate(x / scale[:, None])[0], sine.evaluate(x)[0])
    assert ScalarFunction("rise", (0.0, 2.0), 2).name(["q", "p"]) == "p^2/(0.25 + p^2)"
    assert ScalarFunction("fall", (0.5, 0.0)).name(["q", "p"]) == "2/(2 + q)"
