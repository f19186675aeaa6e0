import re

import numpy as np
import pytest

from skdyn import ConvergenceWarning
from skdyn.dynamics.signals import SampledSignals
from skdyn.dynamics.simulate import integrate
from skdyn.dynamics.steps import solved

UNIT = {"center": np.zeros(2), "scale": np.ones(2)}
ONE = {"center": np.zeros(1), "scale": np.ones(1)}
FAR = np.array([0, 1e300])


def rotation(x):
    return x @ np.array([[0.0, -1.0], [1.0, 0.0]])


@pytest.mark.parametrize(("method", "tolerance"), [("dopri5", 1e-4), ("rk4", 1e-5)])
def test_a_rotation(method, tolerance):
    t = np.linspace(3, 9, 40) ** 1.1
    x0 = np.array([[1.0, 0.0], [0.0, -2.0], [0.3, 0.4]])
    paths = integrate(rotation, x0, t, method=method, **UNIT)
    assert paths.shape == (3, 40, 2)
    np.testing.assert_array_equal(paths[:, 0], x0)
    cos, sin = np.cos(t - t[0]), np.sin(t - t[0])
    truth = np.stack([x0[:, :1] * cos + x0[:, 1:] * sin, x0[:, 1:] * cos - x0[:, :1] * sin], axis=-1)
    np.testing.assert_allclose(paths, truth, atol=tolerance)


def test_tolerances_and_substeps_set_the_error():
    t = np.linspace(0, 10, 11)
    x0 = np.array([[1.0, 0.0]])
    truth = np.column_stack([np.cos(t), -np.sin(t)])

    def error(**settings):
        return np.abs(integrate(rotation, x0, t, **settings, **UNIT)[0] - truth).max()

    assert error(rtol=1e-9, atol=1e-10) < 1e-7 < error(rtol=1e-3, atol=1e-3)
    # The classical method is of fourth order.
    ratio = error(method="rk4", substeps=2) / error(method="rk4", substeps=4)
    assert 12 < ratio < 20


def test_the_error_is_measured_in_the_units_of_the_data():
    t = np.linspace(0, 5, 20)
    size = np.array([1e-8, 1e6])

    def field(x):
        return rotation(x / size) * size

    paths = integrate(field, np.array([[1.0, 0.0]]) * size, t, center=np.zeros(2), scale=size)
    np.testing.assert_allclose(paths[0] / size, np.column_stack([np.cos(t), -np.sin(t)]), atol=1e-4)


def test_an_easy_state_never_hides_a_hard_one():
    def field(x):
        return -x * (1 + 50 * (x > 1))

    t = np.linspace(0, 0.5, 6)
    hard = integrate(field, np.array([[40.0]]), t, **ONE)
    crowd = integrate(field, np.concatenate([[[40.0]], np.full((500, 1), 0.5)]), t, **ONE)
    np.testing.assert_allclose(crowd[0], hard[0], rtol=1e-3)


def test_one_time_is_the_initial_state():
    for method in ("dopri5", "rk4"):
        paths = integrate(rotation, np.array([[1.0, 2.0]]), np.array([5.0]), method=method, **UNIT)
        np.testing.assert_array_equal(paths, [[[1.0, 2.0]]])


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_divergence(method):
    t = np.linspace(0, 10, 50)
    x0 = np.array([[1.0], [-1.0], [0.001], [0.0]])
    with pytest.warns(ConvergenceWarning) as caught:
        paths = integrate(lambda x: np.where(x > 0, x, -0.1 * x), x0, t, method=method, bound=50, **ONE)
    assert len(caught) == 1
    assert str(caught[0].message).startswith("1 of 4 initial states diverged beyond 50 scales of the data")
    assert str(caught[0].message).endswith("rows 0")
    truth = np.exp(t)
    gone = np.isnan(paths[0, :, 0])
    assert not gone[0]
    np.testing.assert_array_equal(gone, truth > 50)
    np.testing.assert_allclose(paths[0, ~gone, 0], truth[~gone], rtol=1e-2)
    assert np.isfinite(paths[1:]).all()
    np.testing.assert_allclose(paths[2, :, 0], 0.001 * truth, rtol=1e-2)


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_blow_up_in_finite_time(method):
    with pytest.warns(ConvergenceWarning, match="2 of 3 initial states diverged .* rows 0, 2"):
        paths = integrate(lambda x: x**3, np.array([[2.0], [0.0], [-3.0]]), np.linspace(0, 5, 30), method=method, **ONE)
    assert np.isnan(paths[[0, 2], -1]).all()
    np.testing.assert_array_equal(paths[1], 0)


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_a_field_that_is_not_finite(method):
    def field(x):
        return np.where(x < 0, np.nan, 1.0 - x)

    with pytest.warns(ConvergenceWarning, match="1 of 2 initial states diverged .* rows 1"):
        paths = integrate(field, np.array([[0.5], [-1.0]]), np.linspace(0, 1, 5), method=method, **ONE)
    np.testing.assert_allclose(paths[0, :, 0], 1 - 0.5 * np.exp(-np.linspace(0, 1, 5)), atol=1e-4)
    assert paths[1, 0] == -1
    assert np.isnan(paths[1, 1:]).all()


def test_a_start_beyond_the_bound():
    with pytest.warns(ConvergenceWarning, match="1 of 1 initial states diverged"):
        paths = integrate(lambda x: -x, np.array([[1e3]]), np.linspace(0, 1, 4), **ONE)
    assert paths[0, 0, 0] == 1e3
    assert np.isnan(paths[0, 1:]).all()


def test_many_divergent_states_are_one_short_warning():
    x0 = np.linspace(1, 2, 40)[:, None]
    with pytest.warns(ConvergenceWarning) as caught:
        integrate(lambda x: x * x, x0, np.linspace(0, 3, 10), **ONE)
    assert len(caught) == 1
    assert str(caught[0].message).endswith("rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...")


@pytest.mark.filterwarnings("error")
def test_a_rest_is_followed_as_far_as_numbers_go():
    paths = integrate(np.zeros_like, np.array([[0.5]]), np.array([0, 1, 1.7e308]), most_evaluations=2500, **ONE)
    np.testing.assert_array_equal(paths, np.full((1, 3, 1), 0.5))


@pytest.mark.parametrize("last", [1e6, 1e300])
@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_a_spent_budget_ends_the_simulation_with_the_time_reached(method, last):
    t = np.array([0, 1, 2, 3, last])
    calls = []

    def counted(x):
        calls.append(None)
        return rotation(x)

    start = np.array([[1.0, 0.0], [200.0, 0.0], [0.0, 2.0]])
    with pytest.warns(ConvergenceWarning) as caught:
        paths = integrate(counted, start, t, method=method, most_evaluations=400, substeps=30, **UNIT)
    assert 340 < len(calls) <= 400
    divergence, spent = (str(warning.message) for warning in caught)
    assert divergence.endswith("rows 1")
    found = re.fullmatch(
        r"within 400 evaluations of the field the simulation has come to t = (.*) of (.*), and 2 of 3 initial states "
        r"are NaN from there on: rows 0, 2; go on from the last states that are not, or check the unit of the times",
        spent,
    )
    reached = float(found[1].split(" to ")[0])
    assert float(found[2]) == last
    assert 3 <= reached < 100
    assert np.isnan(paths[:, 4]).all()
    np.testing.assert_allclose(paths[0, :4], np.column_stack([np.cos(t[:4]), -np.sin(t[:4])]), atol=1e-4)


def test_enough_evaluations_far_ahead_are_no_matter():
    t = np.array([0.0, 1e6])
    paths = integrate(lambda x: -1e-6 * x, np.array([[1.0]]), t, most_evaluations=200, **ONE)
    np.testing.assert_allclose(paths[0, :, 0], [1, np.exp(-1)], atol=1e-4)


def test_a_hard_field_far_ahead_says_one_thing():
    with pytest.warns(ConvergenceWarning) as caught:
        paths = integrate(lambda x: 1e9 * np.cos(x), np.array([[0.1]]), FAR, most_evaluations=50, **ONE)
    assert [str(warning.message).startswith("within 50 evaluations") for warning in caught] == [True]
    assert np.isnan(paths[0, 1]).all()


def van_der_pol(x, mu=6.0):
    return np.stack([x[:, 1], mu * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)


def van_der_pol_jacobian(x, mu=6.0):
    a, b = x.T
    rows = [np.stack([0 * a, 0 * a + 1], axis=1), np.stack([-2 * mu * a * b - 1, mu * (1 - a**2)], axis=1)]
    return van_der_pol(x, mu), np.stack(rows, axis=1)


def robertson(x):
    a, b, c = x.T
    slow, back, fast = 0.04 * a, 1e4 * b * c, 3e7 * b * b
    return np.stack([back - slow, slow - back - fast, fast], axis=1)


def robertson_jacobian(x):
    _, b, c = x.T
    one = np.ones_like(b)
    rows = [[-0.04 * one, 1e4 * c, 1e4 * b], [0.04 * one, -1e4 * c - 6e7 * b, -1e4 * b], [0 * one, 6e7 * b, 0 * one]]
    return robertson(x), np.stack([np.stack(row, axis=1) for row in rows], axis=1)


@pytest.mark.parametrize("method", ["auto", "dopri5", "rodas4"])
def test_a_state_depends_neither_on_batch_mates_nor_on_other_times(method):
    t = np.linspace(0, 40, 81)
    starts = np.random.default_rng(3).normal(size=(7, 2))
    settings = {"method": method, "field_and_jacobian": van_der_pol_jacobian, **UNIT}
    together = integrate(van_der_pol, starts, t, **settings)
    for row, path in zip(starts, together, strict=True):
        np.testing.assert_array_equal(
            integrate(van_der_pol, row[None], t[[0, 33, 80]], **settings)[0], path[[0, 33, 80]]
        )
    order = np.random.default_rng(4).permutation(7)
    np.testing.assert_array_equal(integrate(van_der_pol, starts[order], t, **settings), together[order])


def test_a_hard_state_takes_no_evaluations_of_the_others():
    rows = []

    def field(x):
        rows.append(len(x))
        return np.where(x > 1, 300 * np.cos(300 * x), -x)

    with pytest.warns(ConvergenceWarning, match="1 of 50 initial states are NaN from there on: rows 0;"):
        paths = integrate(field, np.append(2.0, np.full(49, 0.5))[:, None], np.array([0.0, 10.0]),
                          most_evaluations=3000, method="dopri5", **ONE)  # fmt: skip
    assert rows[-1] == 1
    assert np.isfinite(paths[1:]).all()


@pytest.mark.parametrize("method", ["auto", "rodas4"])
def test_the_problem_of_robertson(method):
    """The reference is scipy's Radau with tolerances of 1e-10."""
    t = np.array([0, 0.4, 40, 4e3, 1e5])
    paths = integrate(
        robertson,
        np.array([[1.0, 0.0, 0.0]]),
        t,
        field_and_jacobian=robertson_jacobian,
        center=np.zeros(3),
        scale=np.ones(3),
        method=method,
        most_evaluations=2500,
    )
    truth = [0.9851721, 0.7158271, 0.1832023, 0.0178659]
    np.testing.assert_allclose(paths[0, 1:, 0], truth, atol=2e-5)
    np.testing.assert_allclose(paths.sum(axis=2), 1, atol=1e-9)


def test_stiffness_comes_and_goes():
    t = np.linspace(0, 3000, 61)
    counts = {}

    def counted(x, mu=1000.0):
        counts[method] = counts.get(method, 0) + 1
        return van_der_pol(x, mu)

    paths = {}
    for method in ("auto", "rodas4"):
        paths[method] = integrate(
            counted,
            np.array([[2.0, 0.0]]),
            t,
            field_and_jacobian=lambda x: van_der_pol_jacobian(x, 1000.0),
            method=method,
            rtol=1e-7,
            atol=1e-8,
            center=np.zeros(2),
            scale=np.array([1.0, 1000.0]),
        )
    np.testing.assert_allclose(paths["auto"][0, :, 0], paths["rodas4"][0, :, 0], atol=5e-3)
    assert counts["auto"] < 10_000


def test_both_pairs_have_their_orders():
    t = np.array([0, 3.0])
    exact = integrate(van_der_pol, np.array([[1.0, 0.5]]), t, method="dopri5", rtol=1e-12, atol=1e-12, **UNIT)
    for method in ("dopri5", "rodas4"):
        errors = [
            np.abs(
                integrate(van_der_pol, np.array([[1.0, 0.5]]), t, method=method, rtol=tolerance, atol=tolerance,
                          field_and_jacobian=van_der_pol_jacobian, **UNIT) - exact
            ).max() for tolerance in (1e-4, 1e-7)
        ]  # fmt: skip
        assert errors[0] < 2e-2
        assert errors[1] < 2e-5


def test_singular_matrices_are_their_rows_own_matter():
    good, right = np.array([[2.0, 0.0], [0.0, 4.0]]), np.ones((2, 2))
    found = solved(np.stack([np.ones((2, 2)), good]), right)
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], [0.5, 0.25])


@pytest.mark.parametrize("method", ["dopri5", "rodas4", "auto"])
def test_breaks_are_met_exactly(method):
    """A decay towards a target that jumps at given times, and then moves with time."""
    jumps = np.array([3.0, 4.5])

    def target(t):
        return np.where(t < 3.0, 1.0, np.where(t < 4.5, -2.0, t))

    def field(x, t):
        return target(t)[:, None] - x

    seen = []

    class Clock:
        def __init__(self):
            self.jumps, self.corners = [jumps], [np.empty(0)]

        def __call__(self, rows, t):
            seen.extend(t)
            return t[:, None]

    def watched(points):
        return field(points[:, :1], points[:, 1])

    def derivatives(points):
        by_time = (points[:, 1] > 4.5)[:, None] * 1.0
        return watched(points), np.stack([-np.ones((len(points), 1)), by_time], axis=-1)

    t = np.array([2.0, 2.5, 3.0, 3.7, 4.5, 6.0])
    path = integrate(
        watched,
        np.array([[0.0]]),
        t,
        outside=Clock(),
        method=method,
        field_and_jacobian=derivatives,
        **ONE,
    )[0, :, 0]
    at_3 = 1 - np.exp(-1)
    at_45 = -2 + (at_3 + 2) * np.exp(-1.5)
    truth = [0, 1 - np.exp(-0.5), at_3, -2 + (at_3 + 2) * np.exp(-0.7), at_45, 5 + (at_45 - 3.5) * np.exp(-1.5)]
    np.testing.assert_allclose(path, truth, atol=1e-4)
    assert min(3.0 - time for time in seen if time < 3.0) < 1e-12
    assert 3.0 in seen


def test_what_methods_need_is_said():
    with pytest.raises(ValueError, match="'rodas4' needs field_and_jacobian"):
        integrate(rotation, np.ones((1, 2)), np.arange(3.0), method="rodas4", **UNIT)
    held = SampledSignals([np.arange(3.0)], [np.ones((3, 1))], holds=True)
    with pytest.raises(ValueError, match="'rk4' takes no inputs nor parameters"):
        integrate(rotation, np.ones((1, 2)), np.arange(3.0), method="rk4", outside=held, **UNIT)


def test_no_rows_have_no_paths():
    assert integrate(rotation, np.empty((0, 2)), np.arange(3.0), **UNIT).shape == (0, 3, 2)


def test_progress_is_the_time_reached(capsys):
    integrate(rotation, np.array([[1.0, 2.0]]), np.array([5.0, 6.0, 7.5]), progress=True, **UNIT)
    assert "2.5/2.5" in capsys.readouterr().err


def test_inputs_are_left_alone():
    x0, t = np.array([[1.0, 2.0]]), np.linspace(0, 1, 4)
    x0.flags.writeable = t.flags.writeable = False
    for method in ("dopri5", "rk4"):
        integrate(rotation, x0, t, method=method, **UNIT)


def test_the_answer_does_not_depend_on_the_origin_of_time():
    t = np.linspace(0, 2, 9)
    plain = integrate(rotation, np.array([[1.0, 0.0]]), t, **UNIT)
    late = integrate(rotation, np.array([[1.0, 0.0]]), t + 2.0**20, **UNIT)
    np.testing.assert_allclose(late, plain, rtol=1e-9, atol=1e-9)


def test_estimator_simulates_one_or_many_states(fitted):
    t = np.linspace(0, 4, 12)
    many = fitted.simulate([[1.0, 0.0], [0.0, -0.5]], t)
    assert many.shape == (2, 12, 2)
    one = fitted.simulate([1.0, 0.0], t)
    assert one.shape == (12, 2)
    np.testing.assert_allclose(one, many[0], atol=1e-3)
    decay = np.exp(-0.1 * t)
    np.testing.assert_allclose(one, np.column_stack([decay * np.cos(t), -decay * np.sin(t)]), atol=0.15)
    fixed = fitted.simulate([1.0, 0.0], t, method="rk4")
    np.testing.assert_allclose(fixed, one, atol=1e-3)
