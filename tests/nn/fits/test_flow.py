import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from skdyn.nn.fits.flow import Path, along_flow, followed, with_points_between
from skdyn.nn.fits.monomials import Library
from skdyn.nn.fits.quadrature import quadrature, roughness


def swing(times, start=(1.0, 0.0)):
    """A path of x' = y, y' = -2 x - x^3."""
    run = solve_ivp(
        lambda _, x: [x[1], -2 * x[0] - x[0] ** 3], (0, times[-1]), start, "LSODA", times, rtol=1e-11, atol=1e-12
    )
    return torch.from_numpy(run.y.T.copy())


def swing_rates(states):
    x, y = states.unbind(-1)
    return torch.stack([y, -2 * x - x**3], -1)


def path_of(states, times, mask):
    return Path(states, mask, quadrature(times, mask, roughness(times, mask, states).smooth))


@pytest.fixture(scope="module")
def coarse():
    """Two trajectories with steps of .45 and of .3 to .6, the second of 30 points of 36."""
    even = np.arange(36) * 0.45
    uneven = np.concatenate([[0.0], np.random.default_rng(0).uniform(0.3, 0.6, 35).cumsum()])
    states = torch.stack([swing(even), swing(uneven, (0.3, -1.2))])[None]
    times = torch.from_numpy(np.stack([even, uneven]))[None]
    mask = torch.arange(36)[None, None] < torch.tensor([36, 30])[:, None]
    return torch.where(mask[..., None], states, 0.0), times, mask


def integrals(path, states_of=lambda x: x):
    return path.rule.cumulative(states_of(path.states) * path.mask[..., None])


def errors(path, observed, mask):
    """Of the states' changes by integrals of the true rates."""
    moved = observed - observed[:, :, :1]
    return torch.where(mask[..., None], integrals(path, swing_rates) - moved, 0.0).abs().max()


def test_integrals_along_the_flow_are_of_the_dynamics(coarse):
    states, times, mask = coarse
    plain = path_of(states, times, mask)
    exact = along_flow(with_points_between(plain), times, mask, swing_rates)
    assert errors(exact, states, mask) < 1e-4
    assert errors(plain, states, mask) > 30 * errors(exact, states, mask)


def test_polynomials_and_path_find_each_other(coarse):
    states, times, mask = coarse
    plain = path_of(states, times, mask)
    found = followed(plain, times, Library(2), torch.tensor([True]))
    assert errors(found, states, mask) < 0.05 * errors(plain, states, mask)
    torch.testing.assert_close(found.states[:, :, ::4] * mask[..., None], states, rtol=0, atol=0)


def test_room_between_points_changes_no_integral(coarse):
    states, times, mask = coarse
    plain = path_of(states, times, mask)
    torch.testing.assert_close(integrals(with_points_between(plain)), integrals(plain), rtol=1e-13, atol=1e-13)


def test_steps_that_a_flow_does_not_follow_keep_their_rule(coarse):
    states, times, mask = coarse
    room = with_points_between(path_of(states, times, mask))
    astray = along_flow(room, times, mask, lambda x: 5 + x)
    torch.testing.assert_close(integrals(astray), integrals(room), rtol=1e-13, atol=1e-13)
    endless = along_flow(room, times, mask, lambda x: 1e9 * x**3)
    assert torch.isfinite(endless.states).all()


def test_contexts_that_are_not_coarse_keep_their_path(coarse):
    states, times, mask = coarse
    both = [torch.cat([part, part]) for part in (states, times, mask)]
    plain = path_of(*both)
    assert followed(plain, both[1], Library(2), torch.tensor([False, False])) is plain
    found = followed(plain, both[1], Library(2), torch.tensor([True, False]))
    alone = followed(path_of(states, times, mask), times, Library(2), torch.tensor([True]))
    torch.testing.assert_close(integrals(found)[:1], integrals(alone), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(integrals(found)[1:], integrals(plain)[1:], rtol=1e-13, atol=1e-13)


def test_what_explains_nothing_better_is_not_taken():
    g = torch.Generator().manual_seed(0)
    times = torch.arange(40, dtype=torch.float64)[None, None]
    mask = torch.ones_like(times, dtype=torch.bool)
    plain = path_of(torch.randn(1, 1, 40, 2, dtype=torch.float64, generator=g), times, mask)
    assert followed(plain, times, Library(2), torch.tensor([True])) is plain
