"""Inputs and parameters of a neural ODE."""

import numpy as np
import pytest
from skdyn_neuralode import NeuralODERegressor
from sklearn.base import clone

from skdyn import Trajectories, Trajectory

QUICK = NeuralODERegressor(hidden=(6,), lengths=(3,), max_iter=15, max_seconds=1e3)
T = np.cumsum(np.random.default_rng(0).uniform(0.2, 0.8, 40))


def filtered(u, rate, start):
    """Exact path of x' = rate (u - x) under a held input."""
    x = [start]
    for value, gap in zip(u, np.diff(T), strict=False):
        x.append(value + (x[-1] - value) * np.exp(-rate * gap))
    return np.array(x)


def runs(seed=0, scale=1.0, shift=0.0, interpolation="previous"):
    """Three recordings under a switched input, of different rates."""
    rng, items = np.random.default_rng(seed), []
    for rate in (0.5, 1.0, 1.5):
        u = np.repeat(rng.uniform(-1, 1, 20), 2)
        x = filtered(u, rate, rng.uniform(-1, 1))
        given = {"u": scale * u + shift, "p": scale * rate + shift, "interpolation": interpolation}
        items.append(Trajectory(T, x, input_names=["level"], parameter_names=["rate"], **given))
    return Trajectories(items)


@pytest.fixture(scope="module")
def fitted():
    return clone(QUICK).fit(runs())


def test_an_unseen_input_is_followed(fitted):
    assert fitted.score(runs(seed=1)) > 0.95


def test_the_equilibrium_is_where_the_input_holds_it(fitted):
    for level in (-0.5, 0.5):
        (point,) = fitted.equilibria(inputs={"level": level}, parameters=1.0)
        assert point.state == pytest.approx([level], abs=0.15)


def test_the_derivative_by_the_input_is_the_rate(fitted):
    (slope,) = fitted.input_jacobian([0.0], inputs=0.0, parameters=1.0)
    assert slope == pytest.approx([1.0], abs=0.3)


def test_inputs_are_held_only_where_the_trajectories_say_so(fitted):
    on_lines = clone(QUICK).fit(runs(interpolation="linear"))
    assert fitted.errors_[0] < 0.2 * on_lines.errors_[0]


def test_units_of_inputs_and_the_order_of_trajectories_decide_nothing(fitted):
    grid = np.linspace(-1, 1, 5)[:, None]
    other = clone(QUICK).fit(runs(scale=250.0, shift=-3e3)[::-1])
    given, moved = ({"inputs": u, "parameters": p} for u, p in ((0.3, 0.8), (250 * 0.3 - 3e3, 250 * 0.8 - 3e3)))
    np.testing.assert_allclose(other.vector_field(grid, **moved), fitted.vector_field(grid, **given), atol=1e-6)
    slopes = fitted.input_jacobian(grid, **given)
    np.testing.assert_allclose(250 * other.input_jacobian(grid, **moved), slopes, atol=1e-6)


def test_what_never_changes_does_not_act():
    constant = Trajectories([Trajectory(t, x, u=np.full(len(t), 0.1), p=1e8) for t, x in runs()])
    beside = clone(QUICK).fit(constant)
    near = beside.vector_field([[0.2]], inputs=0.1, parameters=1e8)
    np.testing.assert_array_equal(beside.vector_field([[0.2]], inputs=-7.0, parameters=0.0), near)
    np.testing.assert_array_equal(beside.input_jacobian([[0.2]], inputs=2.0, parameters=0.0), 0.0)
