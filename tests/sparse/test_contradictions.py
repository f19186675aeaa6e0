import numpy as np
import pytest

from skdyn import SparseODERegressor, Trajectories
from skdyn.exceptions import ModelWarning
from skdyn.sparse.constraints import Constraints, ReadConstraints
from skdyn.sparse.contradictions import contradictions

T = np.linspace(0.0, 6.0, 40)
FALL = np.column_stack([np.exp(-T), 1.0 - np.exp(-T)])


def found(states, noise=0.0, **constraints):
    context = Trajectories([(T, x) for x in states])
    known = ReadConstraints.in_context(Constraints(**constraints), context)
    return list(contradictions(known, context, np.full(context.n_features, noise)))


def test_what_the_data_support_is_no_contradiction():
    noisy = FALL + 0.01 * np.random.default_rng(0).standard_normal(FALL.shape)
    assert found([FALL, 3 * FALL], positive=True, conserved="x0 + x1") == []  # each trajectory has its own sum
    assert found([noisy, FALL], 0.01, positive=True, conserved="x0 + x1") == []
    assert found([np.where(FALL > 0, FALL, -1e-9)], positive=["x1"]) == []
    assert found([FALL - 1.0], bounds={"x0": {"x0": (-2, 0)}}) == []


def test_values_below_zero_are_named():
    below = FALL.copy()
    below[7, 1] = -0.2
    (said,) = found([FALL, below], 0.01, positive=True)
    assert "'x1' is -0.2 in trajectory 1, row 7, below zero" in said


@pytest.mark.parametrize(("sum_", "name"), [("x0", "x0"), ("2*x0 - x1", "2 x0 - x1")])
def test_sums_that_change_are_named(sum_, name):
    (said,) = found([FALL], 0.01, conserved=sum_)
    assert f"conserved: {name} goes from " in said


def test_a_fit_warns():
    circle = np.column_stack([np.cos(T), -np.sin(T)])
    with pytest.warns(ModelWarning, match=r"'x0' is -0.99\d* in trajectory 0, row"):
        SparseODERegressor(library="polynomial", constraints=Constraints(positive=["x0"])).fit([(T, circle)])
