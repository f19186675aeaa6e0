"""The simplest stochastic equation: its evidence and predictions against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm
from scipy.stats import t as student

from skdyn.dynamics.linear_sde import LinearSDE, averaged


def process(rate, size, noise, step, paths, points, seed=0):
    """Exact paths of ``dx = -rate x dt + size dW``, seen with noise."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-rate * step)
    kick = size * np.sqrt((1 - decay**2) / (2 * rate) if rate else step)
    x = np.zeros((paths, points))
    for i in range(1, points):
        x[:, i] = decay * x[:, i - 1] + kick * rng.normal(size=paths)
    return [(step * np.arange(points), path) for path in x + noise * rng.normal(size=x.shape)]


def only(model, point):
    """The same at a single point of its grid."""
    parts = (part[[point]] for part in (model.rate, model.noise, model.constant, model.information, model.square))
    return LinearSDE(model.center, model.scale, *parts, np.zeros(1), model.freedom)


def test_increments_of_brownian_motion_are_predicted_as_students_t():
    """Mean and variance unknown, under flat priors of the mean and of the logarithm of the variance."""
    context = process(0.0, 0.7, 0.0, 0.25, 3, 20)
    model = LinearSDE.fit(context)
    (plain,) = np.flatnonzero((model.rate == 0) & (model.noise == 0))
    seen = np.concatenate([np.diff(x) for _, x in context])
    n = len(seen)
    expected = student(n - 1, seen.mean(), seen.std(ddof=1) * np.sqrt(1 + 1 / n))
    t, x = process(0.0, 0.7, 0.0, 0.25, 1, 30, seed=1)[0]
    np.testing.assert_allclose(only(model, plain).log_likelihoods((t, x)), expected.logpdf(np.diff(x)), rtol=1e-6)


def test_much_data_give_the_exact_transitions():
    model = LinearSDE.fit(process(1.0, 0.3, 0.0, 0.1, 20, 75))
    path = process(1.0, 0.3, 0.0, 0.1, 1, 400, seed=3)[0]
    decay = np.exp(-0.1)
    exact = norm.logpdf(path[1][1:], decay * path[1][:-1], 0.3 * np.sqrt((1 - decay**2) / 2))
    difference = model.log_likelihoods(path) - exact
    assert abs(difference.mean()) < 0.005
    assert np.abs(difference).mean() < 0.05
    weight = np.exp(model.log_weight)
    assert weight.sum() == pytest.approx(1)
    assert weight @ model.rate == pytest.approx(1.0, rel=0.3)
    assert weight @ (model.square * model.noise) * model.scale**2 < 0.03**2


def test_noise_is_weighed_by_its_evidence():
    model = LinearSDE.fit(process(1.0, 0.3, 0.1, 0.1, 20, 75))
    weight = np.exp(model.log_weight)
    assert np.sqrt(weight @ (model.square * model.noise)) * model.scale == pytest.approx(0.1, rel=0.15)
    assert weight[model.noise == 0].sum() == 0


def test_the_filter_is_the_joint_density():
    """At one point of the grid, with the diffusion known, observations are jointly normal."""
    rate, noise, square, steps = 0.8, 0.4, 0.5, np.array([0.3, 1.1, 0.2, 0.7])
    t, x = np.concatenate([[0.0], steps.cumsum()]), np.array([0.2, -0.5, 0.3, 0.9, 0.1])
    known = LinearSDE(0.0, 1.0, np.array([rate]), np.array([noise]), np.array([0.3]), np.array([1e15]),
                      np.array([square]), np.zeros(1), 10**7)  # fmt: skip
    mean, joint = [x[0]], np.zeros((5, 5))
    joint[0, 0] = noise
    for i, h in enumerate(steps):
        decay = np.exp(-rate * h)
        mean.append(0.3 / rate + decay * (mean[-1] - 0.3 / rate))
        joint[i + 1, : i + 1] = decay * joint[i, : i + 1]
        joint[: i + 1, i + 1] = joint[i + 1, : i + 1]
        joint[i + 1, i + 1] = decay**2 * joint[i, i] + (1 - decay**2) / (2 * rate)
    seen = square * (joint[1:, 1:] + noise * np.eye(4))
    expected = multivariate_normal(mean[1:], seen).logpdf(x[1:])
    assert known.log_likelihoods((t, x)).sum() == pytest.approx(expected, rel=1e-5)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_units_change_densities_by_a_constant_alone(a, b, c):
    context = process(0.5, 1.0, 0.3, 0.4, 4, 12)
    t, x = process(0.5, 1.0, 0.3, 0.4, 1, 9, seed=5)[0]
    own = LinearSDE.fit(context).log_likelihoods((t, x))
    moved = LinearSDE.fit([(c * t, a * x + b) for t, x in context]).log_likelihoods((c * t, a * x + b))
    np.testing.assert_allclose(moved + np.log(a), own, atol=1e-5)


def test_an_average_is_no_worse_than_the_odds_against_its_best():
    rng = np.random.default_rng(0)
    each, odds = rng.normal(-1, 2, (3, 40)), np.log([0.2, 0.5, 0.3])
    found = averaged(each, odds)
    joint = np.log(np.exp(each.sum(1) + odds).sum())
    assert found.sum() == pytest.approx(joint)
    assert np.all(each.sum(1) + odds <= found.sum())


def test_what_is_impossible_is_finite():
    model = LinearSDE.fit([(np.arange(3.0), np.array([0.0, 1.0, 2.0]))])
    assert np.isfinite(model.log_likelihoods((np.arange(3.0), np.array([0.0, 1e200, -1e200])))).all()
    still = LinearSDE.fit([(np.arange(4.0), np.zeros(4))])
    assert np.isfinite(still.log_likelihoods((np.arange(3.0), np.array([0.0, 0.0, 1.0])))).all()
