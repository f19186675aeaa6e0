"""Awkward and bad inputs: each works or says what is wrong; symmetries hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn.exceptions import TrajectoryError
from skdyn.sparse import FieldPrior, fit_sparse

T = np.linspace(0.0, 5.0, 40)
DECAY = np.exp(-T)[:, None]
CIRCLE = np.column_stack([np.cos(T), -np.sin(T)])


@settings(max_examples=8, deadline=None)
@given(
    powers=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    time_power=st.floats(-6, 6),
    shift=st.floats(-100, 100),
)
def test_rescaling_states_and_time_rescales_the_field(powers, time_power, shift):
    rng = np.random.default_rng(0)
    x = CIRCLE + 0.03 * rng.standard_normal(CIRCLE.shape)
    unit, rate = 10.0 ** np.array(powers), 10.0**time_power
    plain = fit_sparse([(T, x)])
    other = fit_sparse([(shift + T / rate, x * unit)])
    np.testing.assert_array_equal(other.coefficients != 0, plain.coefficients != 0)
    np.testing.assert_allclose(other.field(x * unit) / (unit * rate), plain.field(x), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(other.score, plain.score, rtol=1e-4)


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6])
def test_one_short_trajectory_gives_a_finite_field(length):
    ode = fit_sparse([(T[:length], DECAY[:length])])
    assert np.isfinite(ode.coefficients).all()
    assert abs(ode.field([[1.0]])[0, 0] + 1.0) < 0.25


@pytest.mark.parametrize("value", [0.0, 1.0, -1e6])
def test_resting_at_an_equilibrium_gives_the_zero_field(value):
    ode = fit_sparse([(T, np.full((40, 2), value))])
    assert ode.n_terms == 0
    assert ode.equations() == ["d(x0)/dt = 0", "d(x1)/dt = 0"]
    np.testing.assert_array_equal(ode.field(np.ones((3, 2))), 0.0)


@pytest.mark.parametrize("constant", [0.0, 1.0, 250.0])
def test_a_constant_channel_stays_constant(constant):
    ode = fit_sparse([(T, np.column_stack([DECAY, np.full(40, constant)]))])
    np.testing.assert_allclose(ode.field([[0.5, constant]]), [[-0.5, 0.0]], atol=1e-3)


def test_exactly_dependent_channels():
    ode = fit_sparse([(T, np.column_stack([DECAY, 2.0 * DECAY, 1.0 - DECAY]))])
    np.testing.assert_allclose(ode.field([[0.5, 1.0, 0.5]]), [[-0.5, -1.0, 0.5]], atol=1e-3)


def test_a_small_motion_about_a_high_level_is_seen():
    ode = fit_sparse([(T, 1e5 + DECAY)])
    np.testing.assert_allclose(ode.field([[1e5 + 0.5]]), [[-0.5]], rtol=1e-3)
    np.testing.assert_allclose(ode.jacobian([[1e5 + 0.5]]), [[[-1.0]]], rtol=0.02)
    assert "(x0 - 100000)" in ode.equations()[0]


def test_nearly_coincident_times():
    t = np.sort(np.concatenate([T, [T[7] + 1e-10]]))
    x = np.column_stack([np.cos(t), -np.sin(t)]) + 0.01 * np.random.default_rng(0).standard_normal((41, 2))
    np.testing.assert_allclose(fit_sparse([(t, x)]).field([[1.0, 1.0]]), [[1.0, -1.0]], atol=0.05)


def test_long_input_is_thinned_and_says_so():
    t = np.linspace(0.0, 30.0, 100_000)
    ode = fit_sparse([(t, np.column_stack([np.cos(t), -np.sin(t)]))], max_points=300)
    assert (ode.n_points_given, ode.n_points_used) == (100_000, 300)
    assert ode.equations() == ["d(x0)/dt = x1", "d(x1)/dt = -x0"]


def test_many_trajectories_are_thinned():
    t = T[:3]
    trajectories = [(t, a * np.column_stack([np.cos(t), -np.sin(t)])) for a in np.linspace(0.5, 2, 1000)]
    ode = fit_sparse(trajectories, max_points=150)
    assert ode.n_points_given == 3000
    assert ode.n_points_used <= 150
    np.testing.assert_allclose(ode.field([[1.0, -0.13]]), [[-0.13, -1.0]], atol=0.02)


def test_thinning_keeps_to_the_limit_for_ragged_input():
    t = np.linspace(0.0, 30.0, 900)
    long = (t, np.column_stack([np.cos(t), -np.sin(t)]))
    short = [(T[:3], a * np.column_stack([np.cos(T[:3]), -np.sin(T[:3])])) for a in np.linspace(0.5, 2, 40)]
    ode = fit_sparse([long, *short], max_points=150)
    assert 120 <= ode.n_points_used <= 150
    np.testing.assert_allclose(ode.field([[0.6, 0.8]]), [[0.8, -0.6]], atol=0.02)


def test_white_noise_and_jumps_do_not_crash():
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=(40, 2)), (T > 2).astype(float)[:, None], 100.0 * (rng.random((40, 2)) > 0.9)):
        assert np.isfinite(fit_sparse([(T, x)]).coefficients).all()


def test_four_dimensions_use_degree_two():
    t = np.linspace(0.0, 6.0, 80)
    x = np.column_stack([np.cos(t), -np.sin(t), np.cos(2 * t), -2 * np.sin(2 * t)])
    ode = fit_sparse([(t, x)])
    assert ode.exponents.sum(axis=1).max() == 2
    np.testing.assert_allclose(ode.field(x), np.column_stack([x[:, 1], -x[:, 0], x[:, 3], -4 * x[:, 2]]), atol=0.01)


def test_in_a_large_library_selection_keeps_to_the_terms_in_use():
    t = np.linspace(0.0, 6.0, 80)
    rng = np.random.default_rng(0)
    x = np.column_stack([f(w * t) for w in (1.0, 1.7, 2.3) for f in (np.cos, np.sin)])
    ode = fit_sparse([(t, x + 0.01 * rng.standard_normal(x.shape))])
    truth = np.column_stack(
        [s * w * x[:, 2 * k + e] for k, w in enumerate((1.0, 1.7, 2.3)) for s, e in ((-1, 1), (1, 0))]
    )
    np.testing.assert_allclose(ode.field(x)[10:-10], truth[10:-10], atol=0.15)


@pytest.mark.parametrize(
    ("trajectories", "message"),
    [
        ([], "at least one trajectory"),
        ([(T, DECAY), (T[:1], DECAY[:1])], "Trajectory 1 has 1 point"),
        ([(T, DECAY), (T, CIRCLE)], "Trajectory 1 has states"),
        ([(T, np.ones((40, 65)))], "at most 64 state variables"),
        ([(T, np.where(T[:, None] == T[7], np.nan, DECAY))], "Trajectory 0 is not finite in row 7"),
        ([(T[::-1], DECAY)], "strictly increasing"),
        ([(T, 1e30 * DECAY)], "Trajectory 0, variable 0: states up to 1.0e"),
        ([(T * 1e-40, DECAY)], "rescale the times"),
    ],
)
def test_bad_trajectories_are_named(trajectories, message):
    with pytest.raises(TrajectoryError, match=message):
        fit_sparse(trajectories)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_degree": 0}, "max_degree must be from 1 to 9"),
        ({"max_points": 1}, "max_points must be at least 2"),
        ({"prior": FieldPrior(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))}, "prior has 1 state variables"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        fit_sparse([(T, CIRCLE)], **options)


@pytest.mark.parametrize(
    ("points", "field", "scale", "message"),
    [
        (np.zeros(2), np.zeros((1, 2)), np.ones((1, 2)), r"points must have shape \(M, D\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), np.ones((0, 2)), "points must have shape"),
        (np.zeros((2, 2)), np.zeros((1, 2)), np.ones((2, 2)), "must have one shape"),
        (np.zeros((2, 1)), np.array([[0.0], [np.inf]]), np.ones((2, 1)), "field is not finite in row 1"),
        (np.zeros((2, 1)), np.zeros((2, 1)), np.array([[1.0], [0.0]]), "row 1 is not"),
    ],
)
def test_bad_priors_are_named(points, field, scale, message):
    with pytest.raises(ValueError, match=message):
        FieldPrior(points, field, scale)


def test_result_is_frozen_readable_and_shaped():
    x = CIRCLE + 0.01 * np.random.default_rng(0).standard_normal(CIRCLE.shape)
    ode = fit_sparse([(T, x)])
    with pytest.raises(ValueError, match="read-only"):
        ode.coefficients[0, 0] = 1.0
    assert ode.field(np.zeros((4, 3, 2))).shape == (4, 3, 2)
    assert ode.jacobian(np.zeros((4, 3, 2))).shape == (4, 3, 2, 2)
    assert ode.field([1.0, 0.0]).shape == (2,)
    assert ode.equations(precision=1, names=["q", "v"]) == ["d(q)/dt = v", "d(v)/dt = -q"]
    scores = [stage.score for stage in ode.path]
    assert scores == sorted(scores, reverse=True)
    assert ode.score == scores[-1]
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\)"):
        ode.field(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="names must hold 2"):
        ode.equations(names=["q"])


def test_jacobian_against_finite_differences():
    x = CIRCLE + 0.01 * np.random.default_rng(0).standard_normal(CIRCLE.shape)
    ode = fit_sparse([(T, x * [2.0, 30.0])], max_degree=3)
    states = np.random.default_rng(1).normal(size=(6, 2)) * [2.0, 30.0]
    for e, step in enumerate((1e-5, 1e-4)):
        shift = step * np.eye(2)[e]
        difference = (ode.field(states + shift) - ode.field(states - shift)) / (2 * step)
        np.testing.assert_allclose(ode.jacobian(states)[:, :, e], difference, rtol=1e-5, atol=1e-6)


def test_verbose_reports_stages(capsys):
    fit_sparse([(T, DECAY)], verbose=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "screening: score" in captured.err
