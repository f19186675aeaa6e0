import numpy as np
import pytest
import torch

from skdyn.nn.fits.flow import Given, _rule, along_flow, integrals_along, with_points_between
from skdyn.nn.fits.monomials import Library
from tests.coarse_paths import coarse_swing, errors, integrals, nothing, path_of, solved, swing_rates


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


def driven_rates(columns):
    """Of x' = y, y' = -2 x - x^3 + u x + u."""
    x, y, u = columns.unbind(-1)
    return torch.stack([y, -2 * x - x**3 + u * x + u], -1)


def driven(holds):
    """States, times, mask and what is given of a swing at steps of .3 under an input that is held or goes straight."""
    times = torch.from_numpy(0.3 * np.arange(30))
    values = torch.from_numpy(np.random.default_rng(1).normal(size=30))
    states = [torch.tensor([1.0, 0.0], dtype=torch.float64)]
    for k in range(29):
        change = 0.0 if holds else (values[k + 1] - values[k]) / 0.3

        def rates(columns, k=k, change=change):
            x, since = columns.split((2, 1), -1)
            return torch.cat([driven_rates(torch.cat([x, values[k] + change * since], -1)), torch.ones_like(since)], -1)

        states.append(solved(rates, np.array([0.0, 0.3]), [*states[-1].tolist(), 0.0])[-1, :2])
    mask = torch.ones(1, 1, 30, dtype=torch.bool)
    return torch.stack(states)[None, None], times[None, None], mask, Given(values[None, None, :, None], holds)


@pytest.mark.parametrize("holds", [False, True])
def test_the_flow_takes_inputs_along(holds):
    states, times, mask, given = driven(holds)
    room = with_points_between(path_of(states, times, mask))
    exact = along_flow(room, times, given, mask, driven_rates)
    library = Library(3)
    places = torch.randn(400, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    coefficients = torch.linalg.lstsq(library(places), driven_rates(places)).solution
    moved = integrals_along(exact, library, given.beside(exact), given) @ coefficients
    torch.testing.assert_close(moved, states - states[:, :, :1], rtol=0, atol=1e-6)


def test_what_is_given_is_straight_or_held_between_points():
    states, times, mask, given = driven(holds=False)
    room = with_points_between(path_of(states, times, mask))
    line = Given(times[..., None], holds=False)
    held = Given(times[..., None], holds=True)
    parts = (room.states.shape[2] - 1) // (times.shape[2] - 1)
    for kind in (line, held):
        values = kind.beside(room)[..., -1]
        torch.testing.assert_close(values[..., ::parts], times, rtol=0, atol=0)
        assert (values.diff() >= 0).all()
    assert (line.beside(room)[..., -1].diff() > 0).all()
    assert set(held.beside(room)[..., -1].unique().tolist()) == set(times.unique().tolist())
    assert given.beside(path_of(states, times, mask)).shape == (1, 1, 30, 3)


def test_places_are_real_whatever_numpy_makes_of_eigenvalues(monkeypatch):
    eigenvalues = np.linalg.eigvals
    monkeypatch.setattr(
        np.linalg, "eigvals", lambda matrix: eigenvalues(matrix).astype(complex)
    )  # as from NumPy 2.5 on
    places, weights = _rule.__wrapped__()
    assert all(isinstance(number, float) for number in places + weights)
    np.testing.assert_allclose(places, 1 - np.array(places[::-1]), atol=1e-15)
    assert sum(weights) == pytest.approx(1)
