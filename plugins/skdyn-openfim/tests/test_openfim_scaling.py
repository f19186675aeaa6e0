import numpy as np
import pytest
from skdyn_openfim import delta_log_scaling

from skdyn import TrajectoryError


def padded(rng, batch=3, paths=4, points=9, dim=2):
    times = np.cumsum(rng.uniform(0.01, 1, (batch, paths, points)), axis=-1)
    states = rng.normal(size=(batch, paths, points, dim)) * 3 + 1
    mask = np.arange(points) < rng.integers(1, points + 1, (batch, paths))[..., None]
    mask[:, 0] = True
    return states, times, mask


def test_against_the_formula_context_by_context():
    states, times, mask = padded(np.random.default_rng(0))
    scaling = delta_log_scaling(states, times, mask)
    for b in range(len(states)):
        seen = states[b][mask[b]]
        steps = np.concatenate([np.diff(t[keep]) for t, keep in zip(times[b], mask[b], strict=True)])
        np.testing.assert_allclose(scaling.mean[b], seen.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(scaling.std[b], seen.std(axis=0), rtol=1e-13)
        np.testing.assert_allclose(scaling.speed[b], 0.01 / np.exp(np.log(steps).mean()), rtol=1e-13)


def test_padding_does_not_count():
    states, times, mask = padded(np.random.default_rng(1))
    scaling = delta_log_scaling(states, times, mask)
    wild = delta_log_scaling(np.where(mask[..., None], states, 1e6), np.where(mask, times, 1e9), mask)
    for name in ("mean", "std", "speed"):
        np.testing.assert_array_equal(getattr(scaling, name), getattr(wild, name))


def test_normalised_steps_have_a_geometric_mean_of_a_hundredth():
    states, times, mask = padded(np.random.default_rng(2), batch=1)
    tau = delta_log_scaling(states, times, mask).normalise_times(times)
    steps = np.diff(tau)[mask[..., 1:]]
    np.testing.assert_allclose(np.exp(np.log(steps).mean()), 0.01, rtol=1e-12)


def test_late_times_lose_nothing():
    states, times, mask = padded(np.random.default_rng(3))
    times = np.round(times * 1024) / 1024
    expected = delta_log_scaling(states, times, mask).speed
    np.testing.assert_array_equal(delta_log_scaling(states, times + 2.0**30, mask).speed, expected)


def test_a_constant_variable_keeps_the_smallest_deviation():
    states, times, mask = padded(np.random.default_rng(4))
    states[..., 1] = 5.0
    scaling = delta_log_scaling(states, times, mask)
    np.testing.assert_array_equal(scaling.std[:, 1], 1e-6)
    np.testing.assert_allclose(scaling.mean[:, 1], 5.0)


@pytest.mark.parametrize("unit", [1e-9, 1e-30])
def test_small_units_are_units(unit):
    states, times, mask = padded(np.random.default_rng(7))
    factor = np.array([unit, 1.0])
    scaling, small = (delta_log_scaling(x, times, mask) for x in (states, states * factor))
    np.testing.assert_allclose(small.std, scaling.std * factor, rtol=1e-12)
    np.testing.assert_array_equal(small.speed, scaling.speed)


def test_the_rounding_of_a_constant_is_no_deviation():
    states, times, mask = padded(np.random.default_rng(8))
    states[..., 1] = 5.0 + 1e-15 * np.arange(9)
    np.testing.assert_array_equal(delta_log_scaling(states, times, mask).std[:, 1], 1e-6)


def test_contexts_without_two_points_are_refused():
    states, times, mask = padded(np.random.default_rng(5))
    mask[1, :, 1:] = False
    with pytest.raises(TrajectoryError, match=r"^context 1: no trajectory has two points at different times"):
        delta_log_scaling(states, times, mask)
    with pytest.raises(TrajectoryError, match=r"^no trajectory has two points"):
        delta_log_scaling(states[1:2], times[1:2], mask[1:2])
    with pytest.raises(TrajectoryError, match="two points"):
        delta_log_scaling(states[:1, :, :1], times[:1, :, :1], mask[:1, :, :1])


def test_repeated_times_do_not_count():
    states, times, mask = padded(np.random.default_rng(6), batch=1)
    times[0, 0, 4] = times[0, 0, 3]
    steps = np.diff(times)[mask[..., 1:]]
    expected = 0.01 / np.exp(np.log(steps[steps > 0]).mean())
    np.testing.assert_allclose(delta_log_scaling(states, times, mask).speed, expected, rtol=1e-12)
