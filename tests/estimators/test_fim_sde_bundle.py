"""What the bundled weights promise, on systems with known drift and diffusion."""

import numpy as np
import pytest

from skdyn import FIMSDERegressor
from skdyn.datasets.sde_systems import load_sde_systems, observe, simulate_sde


def ornstein_uhlenbeck(rate, size, step, points, seed):
    """Exact samples of ``dx = -rate x dt + size dW``."""
    rng = np.random.default_rng(seed)
    decay, kick = np.exp(-rate * step), size * np.sqrt((1 - np.exp(-2 * rate * step)) / (2 * rate))
    x = np.zeros((points, 1))
    for i in range(1, points):
        x[i] = decay * x[i - 1] + kick * rng.normal()
    return x


@pytest.mark.parametrize(
    ("rate", "size", "unit"), [(1.0, 1.0, 1.0), (0.2, 30.0, 1.0), (5.0, 1e-3, 1.0), (2.0, 1.0, 60.0)]
)
def test_an_ornstein_uhlenbeck_process_is_recovered(rate, size, unit):
    x = ornstein_uhlenbeck(rate, size, 0.05 / rate, 4000, seed=1)
    fitted = FIMSDERegressor(device="cpu").fit(x, t=0.05 / rate * unit)
    deviation = size / np.sqrt(2 * rate)
    states = deviation * np.linspace(-1.5, 1.5, 13)[:, None]
    truth = -rate / unit * states
    assert np.abs(fitted.predict(states) - truth).mean() < 0.3 * np.abs(truth).mean()
    np.testing.assert_allclose(fitted.diffusion(states), size / np.sqrt(unit), rtol=0.1)


@pytest.mark.slow
def test_simulated_paths_have_the_spread_of_the_data():
    x = ornstein_uhlenbeck(1.0, 1.0, 0.05, 4000, seed=2)
    fitted = FIMSDERegressor(device="cpu").fit(x, t=0.05)
    paths = fitted.simulate([0.0], np.array([0.0, 4.0, 8.0]), n_paths=400, random_state=0)
    assert paths[:, -1].std() == pytest.approx(np.sqrt(0.5), rel=0.2)


@pytest.fixture(scope="module")
def double_well():
    (system,) = load_sde_systems(["double-well"])
    return system, simulate_sde(system, 5000, dt=0.002, every=5)[0]


def test_the_wells_and_the_edge_of_the_double_well_are_found(double_well):
    _, path = double_well
    fitted = FIMSDERegressor(device="cpu").fit(path, t=0.01)
    zeros = sorted(float(point.state[0]) for point in fitted.equilibria())
    assert len(zeros) == 3
    np.testing.assert_allclose(zeros, [-1, 0, 1], atol=0.15)
    assert fitted.equilibria()[0].kind is not None
    middle, edge = fitted.diffusion([[0.0], [1.8]])[:, 0]
    assert middle == pytest.approx(2.0, rel=0.15)
    assert edge < 0.3


def test_observation_noise_is_told_from_diffusion(double_well):
    system, path = double_well
    noisy = observe(path, 0.05, random_state=0)
    states = np.linspace(-1.3, 1.3, 40)[:, None]
    found = FIMSDERegressor(device="cpu").fit(noisy, t=0.01).diffusion(states)
    truth = system.diffusion(states)
    naive = np.sqrt(np.mean(np.diff(noisy, axis=0) ** 2) / 0.01)
    assert np.abs(found - truth).mean() < 0.5 * np.abs(naive - truth).mean()


def test_the_predicted_scales_are_of_the_size_of_the_errors(double_well):
    system, path = double_well
    fitted = FIMSDERegressor(device="cpu").fit(path, t=0.01)
    states = np.linspace(-1.4, 1.4, 60)[:, None]
    for call, truth in ((fitted.vector_field, system.drift), (fitted.diffusion, system.diffusion)):
        found, scale = call(states, return_std=True)
        assert 0.1 < np.mean(np.abs(found - truth(states))) / scale.mean() < 6.0


def test_data_too_far_for_an_answer_have_a_score():
    x = ornstein_uhlenbeck(1.0, 1.0, 0.1, 100, seed=3)
    fitted = FIMSDERegressor(device="cpu").fit(x, t=0.1)
    assert np.isnan(fitted._drift_and_diffusion(x + 1e9)[3]).all()
    assert -1e12 < fitted.score(x + 1e9, t=0.1) < fitted.score(x, t=0.1)
    with pytest.raises(ValueError, match=r"the field cannot be computed at .*: it is too far from the data"):
        fitted.vector_field(x + 1e9, return_std=True)


def test_a_variable_that_never_moves_is_no_part_of_the_score():
    x = ornstein_uhlenbeck(1.0, 1.0, 0.1, 200, seed=4)
    still = np.column_stack([x, np.full(200, 5.0)])
    alone, beside = (
        FIMSDERegressor(device="cpu").fit(x[:150], t=0.1),
        FIMSDERegressor(device="cpu").fit(still[:150], t=0.1),
    )
    assert beside.score(still[150:], t=0.1) == pytest.approx(alone.score(x[150:], t=0.1), abs=0.1)
    assert beside.linear_share_ == pytest.approx(alone.linear_share_, abs=0.3)


@pytest.mark.parametrize("gap", [20.0, 500.0])
def test_gaps_between_bursts_do_not_hide_the_drift(gap):
    bursts = [ornstein_uhlenbeck(1.0, 1.0, 0.05, 60, seed) for seed in range(25)]
    t = np.concatenate([k * (gap + 3.0) + 0.05 * np.arange(60) for k in range(25)])
    states = np.linspace(-1.0, 1.0, 5)[:, None]
    one = FIMSDERegressor(device="cpu").fit([(t, np.concatenate(bursts))])
    apart = FIMSDERegressor(device="cpu").fit(bursts, t=0.05)
    np.testing.assert_allclose(one.predict(states), apart.predict(states), atol=1e-3)
    assert np.abs(one.predict(states) + states).mean() < 0.5 * np.abs(states).mean()


@pytest.mark.parametrize("points", [2, 3, 4])
def test_few_transitions_say_how_little_they_tell_of_the_diffusion(points):
    held = []
    for seed in range(6):
        x = ornstein_uhlenbeck(1.0, 1.0, 0.1, points, seed)
        diffusion, scale = FIMSDERegressor(device="cpu").fit(x, t=0.1).diffusion([[0.0]], return_std=True)
        held.append(abs(diffusion.item() - 1.0) < 3 * scale.item())
    assert np.mean(held) > 0.6
