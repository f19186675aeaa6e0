"""Known systems are found term for term, from noise, from several trajectories, from little data."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn.data.trajectories import Trajectories
from skdyn.sparse import FieldPrior, fit_sparse


def fit(pairs, **options):
    return fit_sparse(Trajectories(pairs), **options)


def lotka_volterra(t, x):
    return [0.9 * x[0] - 0.6 * x[0] * x[1], -0.8 * x[1] + 0.4 * x[0] * x[1]]


def van_der_pol(t, x):
    return [x[1], -x[0] + 0.8 * x[1] - 0.8 * x[0] ** 2 * x[1]]


def lorenz(t, x):
    return [10.0 * (x[1] - x[0]), 28.0 * x[0] - x[1] - x[0] * x[2], x[0] * x[1] - 8.0 / 3.0 * x[2]]


TRUTHS = {
    "lotka-volterra": (
        lotka_volterra,
        [[1.0, 0.8], [3.0, 2.5]],
        15.0,
        200,
        {(1, 0): (0.9, 0), (1, 1): (-0.6, 0.4), (0, 1): (0, -0.8)},
        5,
    ),
    "van der pol": (
        van_der_pol,
        [[0.5, 0.5], [3.0, -1.0]],
        12.0,
        200,
        {(0, 1): (1, 0.8), (1, 0): (0, -1.0), (2, 1): (0, -0.8)},
        3,
    ),
    "lorenz": (
        lorenz,
        [[2.0, 3.0, 15.0], [-8.0, 5.0, 30.0], [10.0, 1.0, 10.0], [1.0, -9.0, 20.0]],
        2.0,
        150,
        {
            (1, 0, 0): (-10.0, 28.0, 0),
            (0, 1, 0): (10.0, -1.0, 0),
            (0, 0, 1): (0, 0, -8.0 / 3.0),
            (1, 0, 1): (0, -1.0, 0),
            (1, 1, 0): (0, 0, 1.0),
        },
        5,
    ),
}


def simulate(field, x0, t):
    return solve_ivp(field, (t[0], t[-1]), x0, t_eval=t, rtol=1e-9, atol=1e-10).y.T


def as_matrix(ode, truth):
    """Return the true coefficients (T, D) in the order of the fit."""
    out = np.zeros_like(ode.coefficients)
    for row, powers in enumerate(ode.exponents):
        out[row] = truth.get(tuple(int(p) for p in powers), 0.0)
    return out


@pytest.mark.parametrize("name", list(TRUTHS))
def test_terms_and_coefficients_from_five_percent_noise(name):
    field, starts, duration, n, truth, seed = TRUTHS[name]
    rng = np.random.default_rng(seed)
    t = np.linspace(0.0, duration, n)
    trajectories = []
    for start in starts:
        clean = simulate(field, start, t)
        trajectories.append((t, clean * (1.0 + 0.05 * rng.standard_normal(clean.shape))))
    ode = fit(trajectories)
    expected = as_matrix(ode, truth)
    np.testing.assert_array_equal(ode.coefficients != 0, expected != 0)
    np.testing.assert_allclose(ode.coefficients, expected, rtol=0.15)
    within = np.abs(ode.coefficients - expected)[expected != 0] / ode.standard_errors[expected != 0]
    assert within.max() < 5.0
    assert ode.standard_errors[expected == 0].max() == 0.0


def test_ragged_irregular_trajectories_are_fitted_together():
    rng = np.random.default_rng(1)
    trajectories = []
    for n, duration in ((40, 6.0), (17, 2.0), (90, 12.0), (5, 0.5)):
        t = np.sort(rng.uniform(0.0, duration, n)) + 3.0
        x = simulate(lotka_volterra, rng.uniform(0.5, 3.0, 2), t)
        trajectories.append((t, x * (1.0 + 0.02 * rng.standard_normal(x.shape))))
    ode = fit(trajectories)
    expected = as_matrix(ode, TRUTHS["lotka-volterra"][4])
    np.testing.assert_allclose(ode.coefficients, expected, rtol=0.05, atol=1e-12)
    assert ode.start_states.shape == (4, 2)
    assert ode.n_points_used == ode.n_points_given == 152


def test_permutation_of_trajectories_changes_nothing():
    t = np.linspace(0.0, 4.0, 30)
    rng = np.random.default_rng(2)
    trajectories = []
    for start in ([1.0, 0.5], [3.0, 1.0], [0.4, 2.0]):
        x = simulate(lotka_volterra, start, t)
        trajectories.append((t, x + 0.03 * rng.standard_normal(x.shape)))
    first = fit(trajectories)
    second = fit(trajectories[::-1])
    np.testing.assert_allclose(first.coefficients, second.coefficients, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(first.start_states, second.start_states[::-1], rtol=1e-5)


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_many_short_trajectories_suffice(length):
    t = np.linspace(0.0, 0.3, length)
    trajectories = []
    for angle in np.linspace(0.0, 6.0, 25):
        size = 0.5 + angle / 4.0
        trajectories.append((t, size * np.column_stack([np.cos(t + angle), -np.sin(t + angle)])))
    ode = fit(trajectories)
    state = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(ode.field(state), [[2.0, -1.0]], atol=0.02)


def test_prior_decides_where_the_data_are_silent():
    # Near the origin the pendulum looks linear: only the prior knows that it is not.
    t = np.linspace(0.0, 6.0, 60)
    x = simulate(lambda t, x: [x[1], -x[0] + 0.3 * x[0] ** 3], [0.15, 0.0], t)
    x = x + 0.003 * np.random.default_rng(0).standard_normal(x.shape)
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (64, 2))
    true_field = np.column_stack([points[:, 1], -points[:, 0] + 0.3 * points[:, 0] ** 3])
    far = np.array([[1.4, 0.0]])
    alone = fit([(t, x)])
    helped = fit([(t, x)], prior=FieldPrior(points, true_field, np.full_like(points, 0.02)))
    true_value = -1.4 + 0.3 * 1.4**3
    assert abs(helped.field(far)[0, 1] - true_value) < 0.15
    assert abs(helped.field(far)[0, 1] - true_value) < abs(alone.field(far)[0, 1] - true_value)


def test_prior_is_read_in_the_users_units():
    t = np.linspace(0.0, 6.0, 60)
    x = np.column_stack([np.cos(t), -np.sin(t)]) + 0.02 * np.random.default_rng(0).standard_normal((60, 2))
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (64, 2))
    field = np.column_stack([points[:, 1], -points[:, 0]])
    scale = np.full_like(points, 0.1)
    plain = fit([(t, x)], prior=FieldPrior(points, field, scale))
    unit, rate = np.array([1e3, 1e-3]), 50.0
    other = fit([(t / rate, x * unit)], prior=FieldPrior(points * unit, field * unit * rate, scale * unit * rate))
    np.testing.assert_allclose(other.field(points * unit), plain.field(points) * unit * rate, rtol=1e-4, atol=1e-3)


def test_degree_five_where_it_is_given():
    t = np.linspace(0.0, 12.0, 200)
    x = simulate(lambda t, x: [x[1], -0.3 * x[0] - x[0] ** 5 + 0.4 * x[1] - 0.6 * x[0] ** 4 * x[1]], [0.4, 0.0], t)
    ode = fit([(t, x)], max_degree=5)
    truth = {(0, 1): (1, 0.4), (1, 0): (0, -0.3), (5, 0): (0, -1.0), (4, 1): (0, -0.6)}
    np.testing.assert_allclose(ode.coefficients, as_matrix(ode, truth), atol=0.01)


def test_degree_five_is_tried_where_three_misses_much():
    t = np.linspace(0.0, 30.0, 200)
    x = simulate(lambda t, x: [x[1], -x[0] + 3.0 * (1.0 - x[0] ** 4) * x[1]], [0.5, 0.0], t)
    ode = fit([(t, x)])
    easy = fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    tried = [any(stage.name.startswith("degree 5") for stage in fit.path) for fit in (ode, easy)]
    assert tried == [True, False]


@pytest.mark.parametrize(
    ("noise", "field", "expected"),
    [
        (0.0, lambda t, x: [x[1], -x[0] - 0.2 * x[1], 0.3 * x[0] - 0.5 * x[2]], {3}),
        (0.02, lambda t, x: [x[1], -x[0] - 0.2 * x[1], 0.3 * x[0] - 0.5 * x[2]], {2}),
        (0.02, lambda t, x: [x[1], x[0] - x[0] ** 3 - 0.1 * x[1], x[0] - 0.5 * x[2]], {2, 3}),
    ],
    ids=["clean", "noisy", "noisy and cubic"],
)
def test_three_variables_begin_with_quadratic_terms_under_noise(noise, field, expected):
    t = np.linspace(0.0, 12.0, 200)
    x = simulate(field, [0.3, 0.0, 1.0], t)
    ode = fit([(t, x + noise * x.std(axis=0) * np.random.default_rng(0).standard_normal(x.shape))])
    assert {int(stage.name.split()[1][:-1]) for stage in ode.path if stage.name.startswith("degree")} == expected
    truth = np.transpose(field(0.0, x.T))
    assert np.abs(ode.field(x) - truth).max() < 0.1 * np.abs(truth).max()


FUNCTIONAL = {
    "self-activation": (
        lambda t, x: [0.2 + 2 * x[0] ** 2 / (1 + x[0] ** 2) - 0.8 * x[0]], [0.1], 8.0, [[2.9], [4.0]],
    ),
    "predator with saturation": (
        lambda t, x: [x[0] * (1 - x[0] / 5) - x[0] * x[1] / (1 + x[0]), 0.9 * x[0] * x[1] / (1 + x[0]) - 0.4 * x[1]],
        [2.0, 1.0], 20.0, [[4.5, 0.5], [1.0, 3.0]],
    ),
    "pendulum": (lambda t, x: [x[1], -1.3 * np.sin(x[0]) - 0.1 * x[1]], [2.0, 0.0], 12.0, [[2.6, 0.0], [-1.0, 1.5]]),
    "rational oscillator": (
        lambda t, x: [8.9 - x[0] - 4.0 * x[0] * x[1] / (1 + x[0] ** 2), 1.4 * x[0] * (1 - x[1] / (1 + x[0] ** 2))],
        [0.2, 0.35], 10.0, [[3.0, 9.0], [1.0, 2.0]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(FUNCTIONAL))
def test_functions_are_found_where_polynomials_leave_structure(name):
    field, start, duration, elsewhere = FUNCTIONAL[name]
    t = np.linspace(0.0, duration, 200)
    ode = fit([(t, simulate(field, start, t))])
    assert ode.functions
    states = np.array(elsewhere)
    truth = np.column_stack(field(0.0, states.T))
    np.testing.assert_allclose(ode.field(states), truth, rtol=0.1, atol=0.02 * np.abs(truth).max())
    step = 1e-6
    for e in range(states.shape[1]):
        shift = step * np.eye(states.shape[1])[e]
        difference = (ode.field(states + shift) - ode.field(states - shift)) / (2 * step)
        np.testing.assert_allclose(ode.jacobian(states)[:, :, e], difference, rtol=1e-4, atol=1e-6)
    assert any(function.name([f"x{d}" for d in range(2)]) in " ".join(ode.equations()) for function in ode.functions)


@pytest.mark.parametrize("unit", [1.0, 180 / np.pi])
def test_an_angle_that_goes_on_is_turned(unit):
    t = np.linspace(0.0, 20.0, 400)
    turns = unit * simulate(lambda _, x: [x[1], -np.sin(x[0]) - 0.05 * x[1]], [0.0, 2.6], t)
    ode = fit([(t, turns)])
    assert ode.n_terms == 3
    states = unit * np.array([[0.5, 1.0], [40.0, -2.0]])
    truth = np.column_stack([states[:, 1], -unit * np.sin(states[:, 0] / unit) - 0.05 * states[:, 1]])
    np.testing.assert_allclose(ode.field(states), truth, atol=1e-3 * unit)


def test_a_wave_has_its_own_frequency_and_not_its_slope_beside_it():
    t = np.linspace(0.0, 10.0, 80)
    ode = fit([(t, simulate(lambda _, x: [x[1], -9.81 * np.sin(x[0]) - 0.2 * x[1]], [2.5, 0.0], t))])
    assert ode.equations(names=["q", "w"]) == ["d(q)/dt = w", "d(w)/dt = -0.2 w - 9.81 sin(q)"]


@pytest.mark.parametrize("least", [1e-9, -1e-9])
def test_uptake_saturates_where_rounding_is_below_zero(least):
    t = np.linspace(0.0, 6.0, 60)
    x = simulate(lambda _, x: [-2.0 * x[0] / (0.5 + x[0])], [3.0], t)
    x[-1] = least
    ode = fit([(t, x)])
    assert ode.n_terms == 1
    np.testing.assert_allclose(ode.field([[0.3], [2.0]]), [[-0.75], [-1.6]], rtol=5e-3)


@pytest.mark.parametrize("library", [None, {"functions": ["hill"]}])
def test_functions_are_tried_where_a_dense_polynomial_follows_the_path(library):
    def chemostat(_, x):
        growth = 0.6 * x[1] / (0.3 + x[1])
        return [(growth - 0.2) * x[0], 0.2 * (2 - x[1]) - 2 * growth * x[0]]

    t = np.linspace(0.0, 30.0, 150)
    ode = fit([(t, simulate(chemostat, [0.05, 2.0], t))], library=library)  # near a line: 2 x0 + x1 is about 2
    states = np.array([[0.4, 1.0], [0.1, 1.5], [0.8, 0.8]])
    np.testing.assert_allclose(ode.field(states), np.transpose(chemostat(0, states.T)), atol=5e-3)


def test_a_degree_given_keeps_to_polynomials():
    field, start, duration, _ = FUNCTIONAL["pendulum"]
    t = np.linspace(0.0, duration, 100)
    assert fit([(t, simulate(field, start, t))], max_degree=3).functions == ()
