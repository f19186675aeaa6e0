import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn.datasets import make_family_series
from skdyn.datasets.families import FAMILIES, IN_DOMAIN, ZERO_SHOT
from skdyn.datasets.families._family import Family, Problems, usable
from skdyn.datasets.families._forcing import chirp, noise_waves
from skdyn.datasets.families._solver import solve

CHAOTIC = {"lorenz63", "lorenz96"}
SLOW = {"wiener_hammerstein", "wiener_hammerstein_parallel"}  # kinks and noise keep the steps small


def test_twenty_families_and_eight_held_out():
    assert len(IN_DOMAIN) == 20
    assert len(ZERO_SHOT) == 8
    assert not set(IN_DOMAIN) & set(ZERO_SHOT)
    assert {"duffing", "wake_multi", "brusselator", "sir", "spring_chain"} <= set(ZERO_SHOT)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_solver_agrees_with_lsoda(name):
    family, n = FAMILIES[name], 2
    problems = family.draw(n, np.random.default_rng(1))
    start = np.zeros(n) if problems.start is None else problems.start
    # Chaos parts any two solvers in time.
    horizon = np.minimum(problems.horizon, 2.0) if name in CHAOTIC | SLOW else problems.horizon
    times = start + horizon * np.linspace(0, 1, 30)[:, None]
    ours = solve(family.rates, problems.x0, times, problems.parameters, rtol=1e-7, atol=1e-9)
    for i in range(n):
        one = {key: value[..., i : i + 1] for key, value in problems.parameters.items()}

        def rates(t, x, one=one):
            return np.ravel(np.asarray(family.rates(np.array([t]), x[:, None], one)))

        theirs = solve_ivp(rates, times[[0, -1], i], problems.x0[:, i], "LSODA", times[:, i], rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(ours[..., i], theirs.y, atol=3e-3 * np.ptp(theirs.y, axis=1).max())


@pytest.mark.parametrize("name", FAMILIES)
def test_recordings(name):
    family = FAMILIES[name]
    times, values = family.simulate(3, np.random.default_rng(0), np.array([10, 20, 30]))
    assert values.shape == (3, 30, len(family.channels))
    assert usable(values).all()
    assert (np.diff(times[0, :10]) > 0).all()
    assert (times[0, 10:] == times[0, 9]).all()
    assert (values[0, 10:] == values[0, 9]).all()
    assert (times[:, 0] == 0).all()
    assert np.ptp(values.std(axis=1), axis=0).min() > 0  # each recording is of another system


def test_the_solver_is_exact_where_it_can_be():
    rate = np.array([-0.5, -2.0, 0.3])
    times = np.linspace(0, 2, 9)[:, None] * np.array([1.0, 2.0, 3.0])
    x = solve(lambda t, x, p: [p["rate"] * x[0]], np.ones((1, 3)), times, {"rate": rate}, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(x[0], np.exp(rate * times), rtol=1e-7)


def test_a_system_that_diverges_is_not_a_number_from_there_on():
    times = np.linspace(0, 2, 21)[:, None] * np.ones(2)
    with np.errstate(all="ignore"):
        x = solve(lambda t, x, p: [p["c"] * x[0] ** 2], np.ones((1, 2)), times, {"c": np.array([1.0, -1.0])})
    assert np.isfinite(x[0, :10, 0]).all()
    assert np.isnan(x[0, 11:, 0]).all()
    np.testing.assert_allclose(x[0, :, 1], 1 / (1 + times[:, 1]), rtol=1e-5)


def test_a_system_out_of_steps_is_not_a_number():
    times = np.linspace(0, 1e4, 3)[:, None]
    x = solve(lambda t, x, p: [np.cos(t)], np.zeros((1, 1)), times, {}, max_steps=50)
    assert np.isnan(x[0, -1, 0])


def test_what_is_usable():
    values = np.zeros((5, 10, 2))
    values[:, :, 0] = np.linspace(0, 1, 10)
    values[1, 3, 1] = np.nan
    values[2, 3, 1] = 2e4
    values[3, :, 0] = 7.0  # both channels are constant
    values[4] += 2000.0  # varies by less than a thousandth of its level
    assert usable(values).tolist() == [True, False, False, False, False]


class Hopeless(Family):
    name, channels = "hopeless", ("x",)

    def draw(self, n, rng):
        return Problems({}, np.ones((1, n)), np.ones(n))

    def rates(self, t, x, p):
        return [0 * x[0]]


def test_a_family_without_usable_systems_says_so():
    with pytest.raises(RuntimeError, match="hopeless: 2 of 2 systems"):
        Hopeless().simulate(2, np.random.default_rng(0), 5)


def test_series_are_reproducible_and_differ():
    first, again = (make_family_series("droop", 3, random_state=5) for _ in range(2))
    for (t, x), (s, y) in zip(first, again, strict=True):
        assert np.array_equal(t, s)
        assert np.array_equal(x, y)
        assert 100 <= len(t) <= 200
        np.testing.assert_allclose(np.diff(t), t[1], rtol=1e-6)
    assert len({x.shape[0] for _, x in first} | {float(t[-1]) for t, _ in first}) > 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "hopff"}, "family: expected one of bernoulli"),
        ({"n_series": 0}, "n_series: at least 1"),
        ({"points": (1, 5)}, "points: two numbers"),
        ({"points": (9, 5)}, "points: two numbers"),
    ],
)
def test_bad_requests(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_family_series(**{"family": "hopf", "n_series": 1} | arguments)


def test_known_behaviour():
    rng = np.random.default_rng(0)
    _, epidemic = FAMILIES["sir"].simulate(4, rng)
    np.testing.assert_allclose(epidemic.sum(axis=2), 1.0, atol=1e-5)  # nobody is lost
    _, body = FAMILIES["rigid_body"].simulate(4, rng)
    spin = np.abs(np.diff(body, axis=1)).max()
    assert 0 < spin < 2
    _, wake = FAMILIES["wake_mono"].simulate(4, rng)
    np.testing.assert_allclose(wake[..., 3], 2 * wake[..., 0] * wake[..., 1], atol=1e-12)
    _, grid = FAMILIES["droop"].simulate(8, rng)
    assert (grid[:, 0] == 0).all()  # in equilibrium before the load changes


def test_inputs():
    t = np.linspace(0, 10, 20_001)[:, None]
    one = np.ones(1)
    phase = np.unwrap(np.angle(chirp(t, one, 3 * one, 10 * one, 0 * one) + 0j))
    assert np.isfinite(phase).all()
    crossings = np.flatnonzero(np.diff(np.sign(chirp(t, 2 * one, 8 * one, 10 * one, 0 * one)[:, 0])))
    gaps = np.diff(crossings)
    assert gaps[0] > 2 * gaps[-1]  # the sweep gets faster
    amplitude, frequency, _ = noise_waves(np.random.default_rng(0), np.full(50, 2.0), np.full(50, 0.3))
    np.testing.assert_allclose((amplitude**2 / 2).sum(axis=0), 0.09)
    assert np.median(frequency) == pytest.approx(2.0 * np.tan(np.arctan(10.0) / 2), rel=0.1)
