import pytest
import torch

from skdyn.nn.fits.flow import along_flow, with_points_between
from tests.coarse_paths import coarse_swing, errors, integrals, nothing, path_of, swing_rates


@pytest.fixture(scope="module")
def coarse():
    return coarse_swing()


def test_integrals_along_the_flow_are_of_the_dynamics(coarse):
    states, times, mask = coarse
    plain = path_of(states, times, mask)
    exact = along_flow(with_points_between(plain), times, nothing(states), mask, swing_rates)
    assert errors(exact, states, mask) < 1e-6
    assert errors(plain, states, mask) > 1e3 * errors(exact, states, mask)
    observed = exact.states[:, :, :: (exact.states.shape[2] - 1) // (states.shape[2] - 1)]
    torch.testing.assert_close(observed * mask[..., None], states, rtol=0, atol=0)


def test_room_between_points_changes_no_integral(coarse):
    states, times, mask = coarse
    plain = path_of(states, times, mask)
    torch.testing.assert_close(integrals(with_points_between(plain)), integrals(plain), rtol=1e-13, atol=1e-13)


def test_steps_that_a_flow_does_not_follow_keep_their_rule(coarse):
    states, times, mask = coarse
    room = with_points_between(path_of(states, times, mask))
    astray = along_flow(room, times, nothing(states), mask, lambda x: 5 + x)
    torch.testing.assert_close(integrals(astray), integrals(room), rtol=1e-13, atol=1e-13)
    endless = along_flow(room, times, nothing(states), mask, lambda x: 1e9 * x**3)
    assert torch.isfinite(endless.states).all()
