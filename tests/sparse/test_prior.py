"""A prior says what is wrong with it."""

import numpy as np
import pytest

from skdyn.sparse import FieldPrior


@pytest.mark.parametrize(
    ("points", "field", "scale", "message"),
    [
        (np.zeros(2), np.zeros((1, 2)), np.ones((1, 2)), r"points must have shape \(N, D\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), np.ones((0, 2)), "points must have shape"),
        (np.zeros((2, 2)), np.zeros((1, 2)), np.ones((2, 2)), "must have one shape"),
        (np.zeros((2, 1)), np.array([[0.0], [np.inf]]), np.ones((2, 1)), "field is not finite in row 1"),
        (np.zeros((2, 1)), np.zeros((2, 1)), np.array([[1.0], [0.0]]), "row 1 is not"),
    ],
)
def test_bad_priors_are_named(points, field, scale, message):
    with pytest.raises(ValueError, match=message):
        FieldPrior(points, field, scale)
