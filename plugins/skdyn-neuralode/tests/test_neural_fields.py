"""What the estimator finds, and what it refuses."""

import numpy as np
import pytest
from skdyn_neuralode import NeuralODERegressor, NeuralSDERegressor

from skdyn import ConvergenceWarning

T = np.linspace(0, 5, 40)
TINY = NeuralODERegressor(hidden=(6,), lengths=(3,), max_iter=3)


def damped(count, noise=0.0, seed=0, size=1.0):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 8, count))
    x = size * np.exp(-0.1 * t)[:, None] * np.column_stack([np.cos(t), -np.sin(t)])
    return t, x + noise * rng.normal(size=x.shape)


@pytest.mark.slow
def test_a_field_from_ragged_irregular_noisy_trajectories():
    runs = [damped(70, 0.02), damped(50, 0.02, seed=1, size=0.6)]
    fitted = NeuralODERegressor(hidden=(16,), lengths=(4, 12), max_iter=30).fit(runs)
    states = damped(40, seed=2, size=0.8)[1]
    truth = states @ np.array([[-0.1, -1.0], [1.0, -0.1]])
    assert np.abs(fitted.predict(states) - truth).max() < 0.15
    assert len(fitted.errors_) == 2
    assert fitted.errors_[-1] < 0.02


def test_seeds():
    first, same, other = (
        NeuralODERegressor(hidden=(6,), lengths=(3,), max_iter=3, random_state=seed).fit([damped(30)]).predict([[1, 0]])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-6


@pytest.mark.parametrize("estimator", [TINY, NeuralSDERegressor(hidden=(6,), max_iter=3)])
def test_the_order_of_trajectories_does_not_matter(estimator):
    runs = [damped(30 + 5 * k, 0.02, seed=k) for k in range(3)]
    orders = ((0, 1, 2), (2, 1, 0), (1, 0, 2))
    fields = [estimator.fit([runs[k] for k in order]).predict(runs[0][1]) for order in orders]
    np.testing.assert_array_equal(fields[1], fields[0])
    np.testing.assert_array_equal(fields[2], fields[0])


def test_time_is_bounded():
    with pytest.warns(ConvergenceWarning, match="segments of 4 intervals stopped after max_seconds=1e-06"):
        fitted = NeuralODERegressor(max_seconds=1e-6).fit([damped(30)])
    assert len(fitted.errors_) == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden": ()}, "hidden must be a list of positive integers"),
        ({"hidden": 32}, "hidden must be a list"),
        ({"lengths": (4, 0)}, r"lengths\[1\] must be a positive integer, got 0"),
        ({"max_iter": 1.5}, "max_iter must be"),
        ({"patience": 0}, "patience must be"),
        ({"substeps": True}, "substeps must be"),
        ({"max_seconds": 0}, "max_seconds must be positive"),
        ({"weight_decay": -1}, "weight_decay must be finite and at least 0"),
        ({"continuity": "a"}, "continuity must be"),
        ({"held_out": 0.7}, "held_out must be a number from 0 to 0.5"),
        ({"random_state": "a"}, "random_state must be None"),
    ],
)
def test_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        NeuralODERegressor(**parameters).fit([damped(30)])


def test_a_constant_variable_and_two_points():
    runs = [(T, np.column_stack([np.exp(-T), np.full(40, 3.0)])), (T[:2], [[0.7, 3.0], [0.6, 3.0]])]
    assert np.isfinite(TINY.fit(runs).predict([[0.5, 3.0]])).all()
    assert np.isfinite(TINY.fit([([0.0, 1.0], [[1.0, 0.0], [3.0, 1.0]])]).predict([[2.0, 0.5]])).all()
