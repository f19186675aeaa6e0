"""Awkward inputs and bad options: each works or says what is wrong; symmetries hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn.data.trajectories import Trajectories
from skdyn.sparse import FieldPrior, fit_sparse

T = np.linspace(0.0, 5.0, 40)
DECAY = np.exp(-T)[:, None]
CIRCLE = np.column_stack([np.cos(T), -np.sin(T)])


def fit(pairs, **options):
    return fit_sparse(Trajectories(pairs), **options)


@pytest.fixture(scope="module")
def noisy_circle():
    x = CIRCLE + 0.03 * np.random.default_rng(0).standard_normal(CIRCLE.shape)
    return x, fit([(T, x)])


@settings(max_examples=8, deadline=None)
@given(
    powers=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    time_power=st.floats(-6, 6),
    shift=st.floats(-100, 100),
)
def test_rescaling_states_and_time_rescales_the_field(noisy_circle, powers, time_power, shift):
    x, plain = noisy_circle
    unit, rate = 10.0 ** np.array(powers), 10.0**time_power
    other = fit([(shift + T / rate, x * unit)])
    np.testing.assert_array_equal(other.coefficients != 0, plain.coefficients != 0)
    np.testing.assert_allclose(other.field(x * unit) / (unit * rate), plain.field(x), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(other.score, plain.score, rtol=1e-4)


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6])
def test_one_short_trajectory_gives_a_finite_field(length):
    ode = fit([(T[:length], DECAY[:length])])
    assert np.isfinite(ode.coefficients).all()
    assert abs(ode.field([[1.0]])[0, 0] + 1.0) < 0.25


@pytest.mark.parametrize("value", [0.0, 1.0, -1e6])
def test_resting_at_an_equilibrium_gives_the_zero_field(value):
    ode = fit([(T, np.full((40, 2), value))])
    assert ode.n_terms == 0
    assert ode.equations() == ["d(x0)/dt = 0", "d(x1)/dt = 0"]
    np.testing.assert_array_equal(ode.field(np.ones((3, 2))), 0.0)


@pytest.mark.parametrize("constant", [0.0, 1.0, 250.0])
def test_a_constant_channel_stays_constant(constant):
    ode = fit([(T, np.column_stack([DECAY, np.full(40, constant)]))])
    np.testing.assert_allclose(ode.field([[0.5, constant]]), [[-0.5, 0.0]], atol=1e-3)


def test_exactly_dependent_channels():
    ode = fit([(T, np.column_stack([DECAY, 2.0 * DECAY, 1.0 - DECAY]))])
    np.testing.assert_allclose(ode.field([[0.5, 1.0, 0.5]]), [[-0.5, -1.0, 0.5]], atol=1e-3)


def test_a_small_motion_about_a_high_level_is_seen():
    ode = fit([(T, 1e5 + DECAY)])
    np.testing.assert_allclose(ode.field([[1e5 + 0.5]]), [[-0.5]], rtol=1e-3)
    np.testing.assert_allclose(ode.jacobian([[1e5 + 0.5]]), [[[-1.0]]], rtol=0.02)
    assert ode.equations() == ["d(x0)/dt = -0.21 - (x0 - 100000.21)"]


def test_nearly_coincident_times():
    t = np.sort(np.concatenate([T, [T[7] + 1e-10]]))
    x = np.column_stack([np.cos(t), -np.sin(t)]) + 0.01 * np.random.default_rng(0).standard_normal((41, 2))
    np.testing.assert_allclose(fit([(t, x)]).field([[1.0, 1.0]]), [[1.0, -1.0]], atol=0.05)


def test_white_noise_and_jumps_do_not_crash():
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=(40, 2)), (T > 2).astype(float)[:, None], 100.0 * (rng.random((40, 2)) > 0.9)):
        assert np.isfinite(fit([(T, x)]).coefficients).all()


def test_four_dimensions_find_linear_equations():
    t = np.linspace(0.0, 6.0, 80)
    x = np.column_stack([np.cos(t), -np.sin(t), np.cos(2 * t), -2 * np.sin(2 * t)])
    ode = fit([(t, x)])
    # Quadratic and cubic libraries come to the same equations; which of them does first is a matter of rounding.
    assert ode.equations() == ["d(x0)/dt = x1", "d(x1)/dt = -x0", "d(x2)/dt = x3", "d(x3)/dt = -4 x2"]
    np.testing.assert_allclose(ode.field(x), np.column_stack([x[:, 1], -x[:, 0], x[:, 3], -4 * x[:, 2]]), atol=0.01)


def test_in_a_large_library_selection_keeps_to_the_terms_in_use():
    t = np.linspace(0.0, 6.0, 80)
    rng = np.random.default_rng(0)
    x = np.column_stack([f(w * t) for w in (1.0, 1.7, 2.3) for f in (np.cos, np.sin)])
    ode = fit([(t, x + 0.01 * rng.standard_normal(x.shape))])
    truth = np.column_stack(
        [s * w * x[:, 2 * k + e] for k, w in enumerate((1.0, 1.7, 2.3)) for s, e in ((-1, 1), (1, 0))]
    )
    np.testing.assert_allclose(ode.field(x)[10:-10], truth[10:-10], atol=0.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_degree": 0}, "max_degree must be a whole number from 1 to 9, got 0"),
        ({"max_points": 1}, "max_points must be an integer of at least 2, got 1"),
        (
            {"prior": FieldPrior(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)))},
            "prior has 1 variables and the trajectories 2",
        ),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        fit([(T, CIRCLE)], **options)


def test_verbose_reports_stages(capsys):
    fit([(T, DECAY)], verbose=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "screening: score" in captured.err


def test_libraries_that_are_too_large_are_refused():
    x = np.column_stack([np.cos(T + d) for d in range(8)])
    with pytest.raises(ValueError, match="degree 9 in 8 variables have 24310 terms, more than 1000: choose a smaller"):
        fit([(T, x)], max_degree=9)
