"""Likelihood, families and what the estimator of an SDE finds and refuses."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from skdyn_neuralode import NeuralSDERegressor
from skdyn_neuralode.families import FAMILIES, Sizes
from skdyn_neuralode.transitions import MOST_STEPS, Transitions

from skdyn import ConvergenceWarning

QUICK = NeuralSDERegressor(hidden=(6,), max_iter=3)


def path(drift, diffusion, start, count, seed=0, step=0.05):
    rng, fine = np.random.default_rng(seed), 10
    x = [np.array(start, dtype=float)]
    for noise in rng.normal(size=(fine * (count - 1), len(start))):
        x.append(x[-1] + step / fine * drift(x[-1]) + np.sqrt(step / fine) * diffusion(x[-1]) * noise)
    return step * np.arange(count), np.stack(x[::fine])


def test_one_step_is_that_of_euler_and_maruyama():
    tau, z = np.array([0.0, 0.1, 0.2, 0.3]), np.random.default_rng(0).normal(size=(4, 2))
    found = Transitions.of([(tau, z)], 1, 10).log_likelihoods(
        lambda x: (torch.sin(x), torch.diag_embed(x.cos())), lambda x: 1 + x**2
    )
    expected = norm(z[:-1] + 0.1 * np.sin(z[:-1]), np.sqrt(0.1) * (1 + z[:-1] ** 2)).logpdf(z[1:]).sum(axis=1)
    np.testing.assert_allclose(found, expected)


def test_many_steps_come_to_the_exact_density_of_a_linear_system():
    rate = torch.tensor([[-1.0, 2.0], [-2.0, -1.0]], dtype=torch.float64)
    pair = np.array([0.0, 0.7]), np.array([[1.0, 0.5], [0.2, -0.4]])
    found = Transitions.of([pair], MOST_STEPS, 10).log_likelihoods(lambda x: (x @ rate.T, rate), lambda x: 0.3 + 0 * x)
    # exp(A t) turns by 2 t and shrinks by exp(-t); the covariance is 0.09 (1 - exp(-2 t)) / 2 in each direction.
    turn = np.array([[np.cos(1.4), np.sin(1.4)], [-np.sin(1.4), np.cos(1.4)]])
    exact = norm(np.exp(-0.7) * turn @ pair[1][0], np.sqrt(0.09 * (1 - np.exp(-1.4)) / 2)).logpdf(pair[1][1]).sum()
    coarse = Transitions.of([pair], 1, 10).log_likelihoods(lambda x: (x @ rate.T, rate), lambda x: 0.3 + 0 * x)
    assert float(found) == pytest.approx(exact, abs=0.4)
    assert abs(float(coarse) - exact) > 5 * abs(float(found) - exact)


def test_long_waits_are_cut_and_every_transition_is_kept():
    times = np.cumsum([0.0, 1.0, 1.0, 1.0, 3.5, 1.0, 100.0, 1.0])
    pairs = [(times, np.arange(8.0)[:, None]), (times[:3], np.arange(3.0)[:, None])]
    found = Transitions.of(pairs, 2, 4)
    assert found.counts.tolist() == [MOST_STEPS, 7, *[2] * 7]
    assert sorted(found.groups) == [0] * 4 + [1] * 3 + [2] * 2
    assert float((found.steps[:, 0] * torch.from_numpy(found.counts)).sum()) == pytest.approx(times[-1] + times[2])
    np.testing.assert_array_equal(found.following - found.states, 1.0)


@pytest.mark.parametrize("name", FAMILIES)
def test_sizes_are_of_what_they_multiply(name):
    tau, z = path(lambda x: 1.0 - x, lambda x: 0.4 * x, [1.0], 400)
    plain = Sizes.of([(tau, z)], np.zeros(1), FAMILIES["langevin"])
    sizes = Sizes.of([(tau, z)], np.zeros(1), FAMILIES[name])
    size = np.sqrt(np.square(z).mean())
    assert plain.noise / sizes.noise == pytest.approx(size if FAMILIES[name].noise_is_relative else 1.0)
    assert plain.speeds / sizes.speeds == pytest.approx(size if FAMILIES[name].drift_is_relative else 1.0)
    np.testing.assert_array_equal(sizes.floor, plain.floor)


EQUATIONS = {
    "langevin": (lambda x: 2 * (1.5 - x), lambda _: 0.5),
    "linear-noise": (lambda x: 2 * (1.5 - x), lambda x: 0.5 * x),
    "geometric": (lambda x: x * (2.0 - x), lambda x: 0.5 * x),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_noise_and_drift_are_found(name):
    drift, diffusion = EQUATIONS[name]
    fitted = NeuralSDERegressor(name).fit([path(drift, diffusion, [1.5], 600, seed) for seed in (0, 1)])
    assert fitted.sigma_ == pytest.approx([0.5], rel=0.1)
    points = np.array([[1.0], [1.5], [2.0]])
    np.testing.assert_allclose(fitted.diffusion(points), 0.5 * points ** (name != "langevin"), rtol=0.1)
    assert np.abs(fitted.predict(points) - drift(points)).max() < 0.7


def test_the_family_of_the_data_foretells_them_best():
    drift, diffusion = EQUATIONS["linear-noise"]
    seen, later = path(drift, diffusion, [1.5], 400, 0), path(drift, diffusion, [1.5], 400, 1)
    scores = {name: NeuralSDERegressor(name).fit([seen]).score([later]) for name in ("langevin", "linear-noise")}
    assert scores["linear-noise"] > scores["langevin"]


def test_zero_is_a_fixed_point_of_the_geometric_family():
    fitted = NeuralSDERegressor("geometric", max_iter=20).fit([path(*EQUATIONS["geometric"], [1.5], 100)])
    assert fitted.predict([[0.0]]) == 0.0
    assert fitted.diffusion([[0.0]]) < 1e-2


def test_seeds_and_irregular_trajectories():
    t, x = path(*EQUATIONS["langevin"], [1.0, 2.0], 120)
    kept = np.sort(np.random.default_rng(0).permutation(120)[:70])
    runs = [(t[kept], x[kept]), (t[:2], x[:2])]
    first, same, other = (
        NeuralSDERegressor(hidden=(6,), max_iter=5, random_state=seed).fit(runs).predict(x[:3]) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-6


def test_time_is_bounded():
    with pytest.warns(ConvergenceWarning, match="training stopped after max_seconds=1e-06"):
        NeuralSDERegressor(max_seconds=1e-6).fit([path(*EQUATIONS["langevin"], [1.0], 30)])


def test_a_constant_variable_and_two_points():
    t, x = path(*EQUATIONS["langevin"], [1.0], 40)
    fitted = QUICK.fit([(t, np.column_stack([x, np.full(40, 3.0)]))])
    assert np.isfinite(fitted.predict([[0.5, 3.0]])).all()
    assert np.isfinite(QUICK.fit([([0.0, 1.0], [[1.0, 0.0], [3.0, 1.0]])]).predict([[2.0, 0.5]])).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"family": "ito"}, "family must be one of 'langevin', 'linear-noise', 'geometric', got 'ito'"),
        ({"hidden": ()}, "hidden must be a list of positive integers"),
        ({"hidden": (4, 0)}, r"hidden\[1\] must be a positive integer, got 0"),
        ({"max_iter": 1.5}, "max_iter must be"),
        ({"patience": 0}, "patience must be"),
        ({"substeps": True}, "substeps must be"),
        ({"substeps": MOST_STEPS + 1}, "substeps must be a whole number from 1 to 8, got 9"),
        ({"max_seconds": 0}, "max_seconds must be positive"),
        ({"weight_decay": -1}, "weight_decay must be finite and at least 0"),
        ({"held_out": 0.7}, "held_out must be a number from 0 to 0.5"),
        ({"random_state": "a"}, "random_state must be None"),
    ],
)
def test_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        NeuralSDERegressor(**parameters).fit([path(*EQUATIONS["langevin"], [1.0], 30)])
