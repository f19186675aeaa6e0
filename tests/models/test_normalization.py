import numpy as np
import pytest
import torch

from skdyn.models.normalization import Scaling, fim_ode_scaling, fim_sde_scaling


def context(seed=0, shape=(2, 3, 25, 2)):
    rng = np.random.default_rng(seed)
    states = np.cumsum(rng.normal(size=shape), axis=2)
    times = np.cumsum(rng.uniform(0.1, 1, size=shape[:-1]), axis=2)
    lengths = rng.integers(2, shape[2] + 1, size=shape[:2])
    mask = np.arange(shape[2]) < lengths[..., None]
    return states, times, mask


def test_speed_is_the_mean_square_slope_at_a_twentieth_of_each_trajectory():
    states, times, mask = context(shape=(1, 3, 60, 2))
    scaling = fim_ode_scaling(states, times, mask)
    z = (states - scaling.mean[0]) / scaling.std[0]
    squares = []
    for k, length in enumerate(mask[0].sum(axis=-1)):
        lag = max(1, length // 20)
        z_k, t_k = z[0, k, :length], times[0, k, :length]
        squares += [((z_k[i + lag] - z_k[i]) / (t_k[i + lag] - t_k[i])) ** 2 for i in range(length - lag)]
    np.testing.assert_allclose(scaling.speed, [np.sqrt(np.mean(squares))], rtol=1e-12)


@pytest.mark.parametrize("rule", [fim_ode_scaling, fim_sde_scaling])
def test_padding_is_never_read(rule):
    states, times, mask = context()
    clean = rule(states, times, mask)
    states[~mask], times[~mask] = 1e6, -1e6
    dirty = rule(states, times, mask)
    for name in ("mean", "std", "speed"):
        np.testing.assert_array_equal(getattr(clean, name), getattr(dirty, name))


@pytest.mark.parametrize("rule", [fim_ode_scaling, fim_sde_scaling])
def test_numpy_and_torch_agree(rule):
    arrays = context()
    one, other = rule(*arrays), rule(*map(torch.from_numpy, arrays))
    for name in ("mean", "std", "speed"):
        np.testing.assert_allclose(getattr(other, name).numpy(), getattr(one, name), rtol=1e-13)


@pytest.mark.parametrize("size", [1e-130, 1e-30, 1e30, 1e200, 1e300])
def test_extreme_units(size):
    states, times, mask = context()
    plain, scaled = fim_ode_scaling(states, times, mask), fim_ode_scaling(states * size, times, mask)
    np.testing.assert_allclose(scaled.std / size, plain.std, rtol=1e-12)
    np.testing.assert_allclose(scaled.speed, plain.speed, rtol=1e-12)
    np.testing.assert_allclose(scaled.normalise(states * size), plain.normalise(states), rtol=1e-9, atol=1e-12)


def test_a_constant_variable_takes_the_largest_deviation():
    states, times, mask = context()
    states[..., 1] = 5.0
    scaling = fim_ode_scaling(states, times, mask)
    np.testing.assert_allclose(scaling.std[:, 1], scaling.std[:, 0], rtol=1e-12)
    np.testing.assert_allclose(scaling.mean[:, 1], 5.0, rtol=1e-12)


def test_constant_data_stays_finite():
    states, times, mask = context()
    scaling = fim_ode_scaling(np.ones_like(states), times, mask)
    for name in ("mean", "std", "speed"):
        value = getattr(scaling, name)
        assert np.isfinite(value).all()
    assert (scaling.std > 0).all()
    assert (scaling.speed > 0).all()


def test_maps_and_their_inverses():
    scaling = Scaling(np.array([[1.0, -2.0]]), np.array([[2.0, 0.5]]), np.array([3.0]))
    x = np.array([[[3.0, -1.0]]])
    np.testing.assert_array_equal(scaling.normalise(x), [[[1.0, 2.0]]])
    np.testing.assert_array_equal(scaling.normalise_times(np.array([[[5.0, 7.0]]])), [[[0.0, 6.0]]])
    field = np.array([[[1.0, 1.0]]])
    np.testing.assert_array_equal(scaling.field(field), [[[6.0, 1.5]]])
    np.testing.assert_array_equal(scaling.normalise_field(scaling.field(field)), field)
    # d f_i / d x_j in the user's units is std_i speed J_ij / std_j.
    np.testing.assert_array_equal(scaling.jacobian(np.ones((1, 1, 2, 2))), [[[[3.0, 12.0], [0.75, 3.0]]]])
    for rank in (2, 3, 4, 5):
        assert scaling.normalise(np.zeros((1,) + (2,) * (rank - 1))).ndim == rank


def test_a_linear_system_keeps_its_jacobian_through_the_units():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(2, 2))
    scaling = Scaling(rng.normal(size=(1, 2)), rng.uniform(0.1, 10, size=(1, 2)), np.array([0.3]))
    x = rng.normal(size=(1, 6, 2))
    # The normalised field of dx/dt = A x is z -> A (std z + mean) / (std speed).
    normalised = (scaling.normalise(x) * scaling.std + scaling.mean) @ matrix.T / (scaling.std * scaling.speed)
    np.testing.assert_allclose(scaling.field(normalised), x @ matrix.T, rtol=1e-12)
    normalised_jacobian = matrix * scaling.std / scaling.std.T / scaling.speed
    np.testing.assert_allclose(scaling.jacobian(normalised_jacobian[None]), matrix[None], rtol=1e-12)


def ornstein_uhlenbeck(rate, size, step, points, seed=0):
    rng = np.random.default_rng(seed)
    decay, kick = np.exp(-rate * step), size * np.sqrt((1 - np.exp(-2 * rate * step)) / (2 * rate))
    x = np.zeros(points)
    for i in range(1, points):
        x[i] = decay * x[i - 1] + kick * rng.normal()
    return x[None, None, :, None], step * np.arange(points)[None, None], np.ones((1, 1, points), dtype=bool)


@pytest.mark.parametrize("step", [0.002, 0.02, 0.2])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_speed_of_a_diffusion_hardly_depends_on_sampling_and_noise(step, noise):
    states, times, mask = ornstein_uhlenbeck(2.0, 1.5, step, 5000)
    states = states + noise * states.std() * np.random.default_rng(1).normal(size=states.shape)
    speed = fim_sde_scaling(states, times, mask).speed[0]
    # With rate 2 the standardised structure function is 2 (1 - exp(-2 t)): its slope at zero is 4, at 1/2 about 3.5.
    assert 2.0 < speed < 6.0


def test_speed_of_a_diffusion_is_the_structure_function_over_the_first_lag_at_one_half():
    states, times, mask = context(seed=2, shape=(1, 2, 80, 1))
    scaling = fim_sde_scaling(states, times, mask)
    z = (states - scaling.mean[0]) / scaling.std[0]
    total = (mask.sum(-1) - 1).sum()
    for lag in (1, 2, 4, 8, 16, 32, 64):
        changes, steps = [], []
        for k, length in enumerate(mask[0].sum(axis=-1)):
            changes += [z[0, k, i + lag, 0] - z[0, k, i, 0] for i in range(length - lag)]
            steps += [times[0, k, i + lag] - times[0, k, i] for i in range(length - lag)]
        if lag > 1 and 4 * len(changes) < total:
            break
        expected = np.sum(np.square(changes)) / np.sum(steps)
        if np.mean(np.square(changes)) >= 0.5:
            break
    np.testing.assert_allclose(scaling.speed, [expected], rtol=1e-12)


def test_diffusions_scale_with_the_root_of_time():
    scaling = Scaling(np.array([[1.0, 2.0]]), np.array([[3.0, 0.5]]), np.array([4.0]))
    normalised = np.array([[[1.0, 1.0], [2.0, 0.0]]])
    np.testing.assert_allclose(scaling.diffusion(normalised), [[[6.0, 1.0], [12.0, 0.0]]])
    np.testing.assert_allclose(scaling.normalise_diffusion(scaling.diffusion(normalised)), normalised)
