"""What the estimators find, and what they refuse."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from skdyn_gp import GPODERegressor, ShootingGPODERegressor
from skdyn_gp.units import thinned

from skdyn import Trajectories

BOTH = [GPODERegressor(), ShootingGPODERegressor(max_iter=3, n_inducing=6)]
T = np.linspace(0, 5, 40)


def van_der_pol(count, noise=0.0, seed=0, x0=(-1.5, 2.5)):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 7, count))
    path = solve_ivp(field, (0, 7), x0, t_eval=t, rtol=1e-8, atol=1e-8).y.T
    return t, path + noise * rng.normal(size=path.shape)


def field(_, x):
    return np.array([x[1], -x[0] + 0.5 * x[1] * (1 - x[0] ** 2)])


def test_a_field_from_ragged_irregular_trajectories():
    runs = [van_der_pol(80), van_der_pol(60, seed=1, x0=(2.0, -2.0))]
    fitted = GPODERegressor().fit(runs)
    states = np.concatenate([x for _, x in runs])
    assert np.abs(fitted.predict(states) - field(None, states.T).T).max() < 0.2


def test_the_error_covers_what_is_missed_under_noise():
    t, x = van_der_pol(80, 0.1)
    mean, scale = GPODERegressor().fit([(t, x)]).vector_field(van_der_pol(80)[1], return_std=True)
    errors = np.abs(mean - field(None, van_der_pol(80)[1].T).T)
    assert np.mean(errors < 2 * np.sqrt(2) * scale) > 0.3
    assert np.mean(errors / scale) < 10


@pytest.mark.slow
def test_shooting_follows_noisy_data_better_than_matching():
    t, x = van_der_pol(50, 0.2)
    clean = van_der_pol(50)
    matched = GPODERegressor().fit([(t, x)])
    shot = ShootingGPODERegressor(max_iter=60, n_inducing=12).fit([(t, x)])
    assert shot.score([clean]) > matched.score([clean])
    assert shot.noise_ == pytest.approx([0.2, 0.2], rel=0.5)


def test_seeds():
    t, x = van_der_pol(20, 0.1)
    first, same, other = (
        ShootingGPODERegressor(max_iter=2, n_inducing=6, random_state=seed).fit([(t, x)]).predict(x)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-6


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_inducing": 0}, "n_inducing must be a positive integer, got 0"),
        ({"segment": 1.5}, "segment must be a positive integer"),
        ({"max_iter": True}, "max_iter must be"),
        ({"max_points": -3}, "max_points must be"),
        ({"tolerance": 0.0}, "tolerance must be positive and finite"),
        ({"learning_rate": np.nan}, "learning_rate must be"),
        ({"random_state": "a"}, "random_state must be None"),
    ],
)
def test_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        ShootingGPODERegressor(**parameters).fit([(T, np.sin(T))])


@pytest.mark.parametrize("estimator", BOTH)
def test_a_constant_variable_and_two_points(estimator):
    fitted = estimator.fit([(T, np.column_stack([np.exp(-T), np.full(40, 3.0)])), (T[:2], [[0.7, 3.0], [0.6, 3.0]])])
    np.testing.assert_allclose(fitted.predict([[0.5, 3.0]]), [[-0.5, 0.0]], atol=0.1)
    assert np.isfinite(estimator.fit([([0.0, 1.0], [[1.0, 0.0], [3.0, 1.0]])]).predict([[2.0, 0.5]])).all()


def test_long_recordings_are_thinned_with_a_warning():
    with pytest.warns(UserWarning, match="120 points are thinned evenly to about 30"):
        fitted = GPODERegressor(max_points=30).fit([(np.linspace(0, 5, 120), np.exp(-np.linspace(0, 5, 120)))])
    np.testing.assert_allclose(fitted.predict([[0.5]]), [[-0.5]], atol=0.05)


def test_many_short_trajectories_are_thinned_to_some_of_them():
    context = Trajectories([(T[:3], k + np.sin(T[:3])) for k in range(100)])
    with pytest.warns(UserWarning, match="300 points are thinned evenly to about 60, of 30 of 100 trajectories"):
        kept = thinned(context, 60)
    assert kept.n_points == 60
    firsts = [float(x[0, 0]) for x in kept.states]
    assert (firsts[0], firsts[-1]) == (0.0, 99.0)
    assert np.diff(firsts).max() < 7


def test_a_long_recording_among_many_snippets_is_kept():
    snippets = [(T[:2], k + np.sin(T[:2])) for k in range(300)]
    context = Trajectories([*snippets[:3], (np.arange(3000.0), np.cos(np.arange(3000.0))), *snippets[3:]])
    with pytest.warns(UserWarning, match="3600 points are thinned evenly to about 500, of 250 of 301 trajectories"):
        kept = thinned(context, 500)
    assert (len(kept), kept.n_points) == (250, 500)
    with pytest.warns(UserWarning, match="about 700"):
        kept = thinned(context, 700)
    assert kept.n_points <= 700
    assert max(map(len, kept.times)) > 90
