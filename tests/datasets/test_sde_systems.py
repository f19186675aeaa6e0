"""The stochastic systems are the published ones, and their paths follow them."""

import numpy as np
import pytest

from skdyn.datasets.sde_systems import load_sde_systems, observe, simulate_sde

USUAL = load_sde_systems()
EXTRA = load_sde_systems(["double-well-constant", "wang-double-well", "lorenz"])
ALL = USUAL + EXTRA

# Drift and diffusion at a state, worked out by hand from the published equations.
BY_HAND = {
    "double-well": ([0.5], [1.5], [np.sqrt(3.6875)]),
    "synthetic": ([1.0, 2.0], [-6.0, -7.0], [1.0, 1.0]),
    "wang": ([1.0, 2.0], [-6.0, -7.0], [np.sqrt(5), np.sqrt(2)]),
    "damped-linear": ([1.0, 2.0], [3.9, -2.2], [1.0, 1.0]),
    "damped-cubic": ([1.0, 2.0], [15.9, -2.8], [1.0, 1.0]),
    "duffing": ([2.0, 1.0], [1.0, -6.35], [1.0, 1.0]),
    "selkov": ([1.0, 2.0], [1.16, -1.56], [1.0, 1.0]),
    "hopf": ([1.0, 2.0], [-2.5, -10.0], [1.0, 1.0]),
    "double-well-constant": ([0.5], [1.5], [1.0]),
    "wang-double-well": ([0.5], [0.375], [np.sqrt(1.25)]),
    "lorenz": ([1.0, 2.0, 3.0], [10.0, 23.0, -6.0], [0.15, 0.15, 0.15]),
}


def test_the_usual_eight_and_their_grids():
    assert [system.name for system in ALL] == list(BY_HAND)
    assert len(USUAL) == 8
    for system in ALL:
        grid = system.grid()
        assert grid.shape == (system.points_per_axis**system.dim, system.dim)
        np.testing.assert_array_equal(np.stack([grid.min(0), grid.max(0)], axis=1), system.bounds)
        assert len(system.equations) == system.dim == len(system.bounds)
    assert {len(system.grid()) for system in USUAL} == {1024}


@pytest.mark.parametrize("system", ALL, ids=lambda system: system.name)
def test_equations(system):
    state, drift, diffusion = map(np.array, BY_HAND[system.name])
    np.testing.assert_allclose(system.drift(state), drift, rtol=1e-12)
    np.testing.assert_allclose(system.diffusion(state), diffusion, rtol=1e-12)
    many = np.broadcast_to(state, (3, 2, system.dim))
    both = system.drift_diffusion(many)
    np.testing.assert_array_equal(both[0], np.broadcast_to(system.drift(state), many.shape))
    np.testing.assert_array_equal(both[1], np.broadcast_to(system.diffusion(state), many.shape))
    with pytest.raises(ValueError, match=f"{system.name} has {system.dim} variables"):
        system.drift(np.zeros(system.dim + 1))


def test_the_double_wells_noise_ends_at_its_edge():
    (system,) = load_sde_systems(["double-well"])
    assert system.diffusion([[2.0], [-5.0]]).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("system", ALL, ids=lambda system: system.name)
def test_steps_have_the_drift_and_the_diffusion(system):
    paths = simulate_sde(system, 2, dt=0.01, seeds=range(2000))
    np.testing.assert_array_equal(paths[:, 0], np.tile(system.x0, (2000, 1)))
    drift, diffusion = system.drift_diffusion(np.array(system.x0))
    moved = paths[:, 1] - paths[:, 0]
    error = diffusion * 0.1 / np.sqrt(2000)
    assert (np.abs(moved.mean(axis=0) - drift * 0.01) < 4 * error).all()
    np.testing.assert_allclose(moved.std(axis=0), diffusion * 0.1, rtol=0.1)


def test_thinning_and_seeds():
    (system,) = load_sde_systems(["hopf"])
    whole = simulate_sde(system, 61, seeds=(3, (4, 5)))
    assert whole.shape == (2, 61, 2)
    np.testing.assert_array_equal(simulate_sde(system, 7, seeds=(3, (4, 5)), every=10), whole[:, ::10])
    np.testing.assert_array_equal(simulate_sde(system, 61, seeds=((4, 5),)), whole[1:])
    assert (whole[0, 1:] != whole[1, 1:]).all()


def test_long_paths_draw_their_noise_in_parts(monkeypatch):
    (system,) = load_sde_systems(["duffing"])
    expected = simulate_sde(system, 50)
    monkeypatch.setattr("skdyn.datasets.sde_systems._CHUNK", 7)
    np.testing.assert_array_equal(simulate_sde(system, 50), expected)


def test_observation_noise_is_relative_to_half_the_range():
    x = np.linspace([0.0, 10.0], [2.0, 50.0], 20_000)
    np.testing.assert_allclose((observe(x, 0.1, 0) - x).std(axis=0), [0.1, 2.0], rtol=0.03)
    np.testing.assert_array_equal(observe(x, 0.0, 0), x)
    np.testing.assert_array_equal(observe(x, 0.1, 7), observe(x, 0.1, 7))


def test_bad_inputs():
    (system,) = load_sde_systems(["hopf"])
    with pytest.raises(ValueError, match=r"no stochastic system 'brusselator'.*double-well"):
        load_sde_systems(["brusselator"])
    for points in (0, 2.5, True):
        with pytest.raises(ValueError, match="n_points must be a positive integer"):
            simulate_sde(system, points)
    with pytest.raises(ValueError, match="every must be a positive integer"):
        simulate_sde(system, 5, every=0)
    for dt in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="dt must be positive"):
            simulate_sde(system, 5, dt=dt)
    with pytest.raises(ValueError, match="seeds: at least one"):
        simulate_sde(system, 5, seeds=())
    with pytest.raises(ValueError, match="a path of hopf left the finite numbers: choose a dt below 10"):
        simulate_sde(system, 100, dt=10.0)
    with pytest.raises(ValueError, match="x: a path of shape"):
        observe(np.zeros(3), 0.1)
    with pytest.raises(ValueError, match="noise: a finite number"):
        observe(np.zeros((3, 1)), -0.1)
