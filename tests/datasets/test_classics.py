import numpy as np
import pytest

from skdyn.datasets.classics import fitzhugh_nagumo, lorenz, lotka_volterra, make_trajectories, van_der_pol

T = np.linspace(0.0, 7.0, 60)


@pytest.mark.parametrize(
    ("field", "state", "derivative"),
    [
        (van_der_pol, [2.0, 1.0], [1.0, -3.5]),
        (fitzhugh_nagumo, [-1.0, -1.0], [-5.0, 3.4 / 3]),
        (lotka_volterra, [3.0, 1.5], [0.0, 0.0]),
        (lotka_volterra, [2.0, 1.0], [1.0, -1.0]),
        (lorenz, [1.0, 2.0, 3.0], [10.0, 23.0, -6.0]),
    ],
)
def test_fields(field, state, derivative):
    np.testing.assert_allclose(field(state), derivative, rtol=1e-14, atol=1e-14)
    grid = np.broadcast_to(state, (2, 3, len(state)))
    np.testing.assert_allclose(field(grid), np.broadcast_to(derivative, grid.shape), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("field", [van_der_pol, fitzhugh_nagumo, lotka_volterra, lorenz])
def test_field_refuses_wrong_dimension(field):
    with pytest.raises(ValueError, match=r"^x: states of shape"):
        field(np.zeros((5, 4)))


def test_lotka_volterra_keeps_its_invariant():
    (_, x), (_, y) = make_trajectories("lotka_volterra", [[1.0, 1.0], [4.0, 0.5]], T)
    for orbit in (x, y):
        prey, predators = orbit.T
        invariant = prey - 3.0 * np.log(prey) + predators - 1.5 * np.log(predators)
        assert np.ptp(invariant) < 1e-6


@pytest.mark.parametrize("name", ["van_der_pol", "fitzhugh_nagumo", "lotka_volterra", "lorenz"])
def test_names_mean_the_public_fields(name):
    fields = {
        "van_der_pol": van_der_pol,
        "fitzhugh_nagumo": fitzhugh_nagumo,
        "lotka_volterra": lotka_volterra,
        "lorenz": lorenz,
    }
    start = [1.0, 0.5, 2.0][: 3 if name == "lorenz" else 2]
    (t, by_name), (_, by_field) = (make_trajectories(system, start, T[:10])[0] for system in (name, fields[name]))
    np.testing.assert_array_equal(t, T[:10])
    np.testing.assert_array_equal(by_name[0], start)
    np.testing.assert_array_equal(by_name, by_field)


def test_own_field():
    ((_, x),) = make_trajectories(lambda x: -x, [2.0], T)
    np.testing.assert_allclose(x[:, 0], 2.0 * np.exp(-T), rtol=1e-6)


def test_noise_is_multiplicative_and_seeded():
    clean = make_trajectories("van_der_pol", [[1.0, 0.0], [2.0, 1.0]], T)
    noisy = make_trajectories("van_der_pol", [[1.0, 0.0], [2.0, 1.0]], T, noise=0.1, random_state=3)
    again = make_trajectories("van_der_pol", [[1.0, 0.0], [2.0, 1.0]], T, 0.1, np.random.default_rng(3))
    assert noisy[0][1][0, 1] == 0.0  # a state of zero stays zero
    ratios = np.concatenate([(b[1][1:] / a[1][1:] - 1.0).ravel() for a, b in zip(clean, noisy)])
    assert 0.085 < ratios.std() < 0.115
    assert abs(ratios.mean()) < 0.03
    for a, b in zip(noisy, again):
        np.testing.assert_array_equal(a[1], b[1])


def test_solution_that_ceases_to_exist():
    with pytest.raises(RuntimeError, match=r"no solution from \[1.0\] up to t = 7"), np.errstate(all="ignore"):
        make_trajectories(lambda x: x**2, [1.0], T)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"system": "rossler"}, "^system: expected one of .*'rossler'"),
        ({"x0": [[np.inf, 0.0]]}, "^x0: "),
        ({"x0": np.zeros((2, 2, 2))}, "^x0: "),
        ({"x0": [1.0, 2.0, 3.0]}, "^x: states of shape"),
        ({"t": [0.0]}, "^t: "),
        ({"t": [0.0, 1.0, 0.5]}, "^t: "),
        ({"noise": -0.1}, "^noise: "),
        ({"noise": np.nan}, "^noise: "),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_trajectories(**{"system": "van_der_pol", "x0": [1.0, 0.0], "t": T, **arguments})
