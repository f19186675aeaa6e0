"""Sines, cosines and Hill functions by themselves."""

import numpy as np

from skdyn.sparse.functions import ScalarFunction


def test_hill_functions_stay_between_zero_and_one_everywhere():
    x = np.linspace(-9.0, 9.0, 50)[None]
    for kind, power in (("rise", 1), ("fall", 1), ("rise", 2), ("fall", 4)):
        value, (slope,) = ScalarFunction(kind, (0.5,), power).evaluate(x)
        assert value.min() >= 0.0
        assert value.max() <= 1.0
        assert np.isfinite(slope).all()


def test_functions_change_units_and_print():
    sine = ScalarFunction("sin", (2.0, -1.0))
    assert sine.name(["q", "p"]) == "sin(2 q - p)"
    x = np.array([[0.3], [0.7]])
    scale = np.array([10.0, 0.1])
    np.testing.assert_allclose(sine.in_units(scale).evaluate(x / scale[:, None])[0], sine.evaluate(x)[0])
    assert ScalarFunction("rise", (0.0, 2.0), 2).name(["q", "p"]) == "p^2/(0.25 + p^2)"
    assert ScalarFunction("fall", (0.5, 0.0)).name(["q", "p"]) == "2/(2 + q)"
