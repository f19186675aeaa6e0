"""Every expert, on series whose continuation is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn.exceptions import PluginError
from skdyn.forecasting.experts.closed_form import closed_form
from skdyn.forecasting.experts.grid import resampled
from skdyn.forecasting.experts.polynomial_fields import Fields, monomials
from skdyn.forecasting.experts.registry import STANDARD, get_expert, list_experts
from skdyn.forecasting.experts.seasons import season_of

T = np.arange(120.0)
WAVES = np.column_stack([np.sin(T / 3) + 0.5 * np.cos(T / 7), np.cos(T / 3)])
NOISE = np.random.default_rng(5).normal(size=(120, 1))
GROWN = 3 + np.exp(0.03 * T)[:, None]
SIGMOID = 20 / (1 + np.exp(-(T - 60) / 12))[:, None]
SEASONAL = (20 + 0.1 * T + 4 * np.sin(2 * np.pi * T / 12))[:, None]


def forecast(name, times, values, future):
    with np.errstate(all="ignore"):
        return get_expert(name).fit(times, values)(future)


def error(name, values, seen=90):
    """Largest error in half-ranges."""
    answer = forecast(name, T[:seen], values[:seen], T[seen:])
    return np.abs(answer - values[seen:]).max() / (np.ptp(values) / 2)


@pytest.mark.parametrize("name", STANDARD)
def test_forecasts_have_the_units_of_the_series(name):
    values = np.hstack([GROWN, SIGMOID]) if name == "growth" else WAVES
    future = np.array([90.5, 97.0, 111.25])
    expected = forecast(name, T[:90], values[:90], future)
    assert expected.shape == (3, 2)
    moved = forecast(name, 8 * T[:90] - 64, 32 * values[:90], 8 * future - 64)
    np.testing.assert_allclose(moved / 32, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "values", "largest"),
    [
        ("hankel-dmd", WAVES, 1e-6),
        ("dmd-16", WAVES, 1e-6),
        ("s-map", WAVES, 0.05),
        ("closed-form", WAVES, 0.05),
        ("quadratic-map", WAVES, 0.1),
        ("analogues", np.sin(T / 3)[:, None], 0.3),
        ("seasonal-naive", 4 * np.sin(2 * np.pi * T / 12)[:, None], 1e-9),
        ("damped-trend", SEASONAL, 0.2),
        ("theta", SEASONAL, 0.3),
        ("autoregression", SEASONAL, 0.05),
        ("drift", 3.0 - 2 * T[:, None], 1e-9),
        ("growth", GROWN, 1e-6),
        ("growth", GROWN + 0.005 * np.ptp(GROWN[:90]) * NOISE, 0.05),
        ("growth", SIGMOID + 0.005 * 20 * NOISE, 0.05),
    ],
)
def test_what_an_expert_is_for(name, values, largest):
    assert error(name, values) < largest


@pytest.mark.parametrize("name", [name for name in STANDARD if get_expert(name).seasonal])
def test_a_season_that_is_told_need_not_be_found(name):
    values = (10 + np.tile([0.0, 3, 1, 2, 7, 2], 8) + 0.4 * np.random.default_rng(0).normal(size=48))[:, None]
    expert = get_expert(name)
    told, wrong = (expert.told(season)(T[:42], values[:42])(T[42:48]) for season in (6, 4))
    assert np.abs(told - values[42:]).mean() < 0.6
    assert np.abs(wrong - told).max() > 0.1


def test_who_reads_no_season_is_told_none():
    fit = get_expert("mean").fit
    assert get_expert("mean").told(6) is fit
    assert get_expert("theta").told(None) is get_expert("theta").fit


def counts(points=55):
    rng = np.random.default_rng(35)
    return rng.poisson(5 + 4 * np.sin(2 * np.pi * np.arange(points) / 12)).astype(float)[:, None]


@pytest.mark.parametrize("name", sorted(set(STANDARD) - {"growth"}))
def test_counts_with_zeros_are_forecast_the_same_in_any_unit_of_time(name):
    values, steps = counts(), np.arange(55.0)
    assert (values == 0).any()

    def forecast(unit, begin):
        with np.errstate(over="ignore", invalid="ignore"):  # fields that run away are not taken
            return get_expert(name).fit(begin + unit * steps, values)(begin + unit * (55 + np.arange(12.0)))

    expected = forecast(1.0, 0.0)
    for unit, begin in ((0.08127, 12.0944), (86_400.0, 1.5e9), (1 / 365.25, 2020.0)):
        found = forecast(unit, begin)
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.ptp(values), err_msg=f"{unit}")


@pytest.mark.parametrize("name", ["parrot", "analogues", "s-map"])
def test_what_is_as_near_stays_so_in_other_units(name):
    values = (np.random.default_rng(114).random((105, 2)) < 0.1).astype(float)
    steps = np.arange(105.0)
    expected = get_expert(name).fit(steps, values)(105 + np.arange(8.0))
    for unit in (0.5306, 3.0, 1e-9):
        found = get_expert(name).fit(steps, unit * values)(105 + np.arange(8.0)) / unit
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=f"{unit}")


def test_an_even_grid_has_the_observed_values():
    values = counts()
    for unit, begin in ((0.08127, 12.0944), (86_400.0, 1.5e9), (1 / 365.25, 2020.0)):
        step, even = resampled(begin + unit * np.arange(55.0), values)
        assert step == pytest.approx(unit)
        np.testing.assert_array_equal(even, values)


def test_growth_is_not_cut():
    t = np.linspace(0, 3, 60)
    later = np.linspace(3.05, 6, 60)
    grown = np.exp(t)[:, None]
    np.testing.assert_allclose(forecast("closed-form", t, grown, later)[:, 0], np.exp(later), rtol=0.01)


def test_growth_is_said_of_the_channels_that_grow():
    both = np.hstack([WAVES[:90, :1], GROWN[:90], np.ones((90, 1))])
    answer = forecast("growth", T[:90], both, T[90:])
    assert np.isnan(answer[:, [0, 2]]).all()
    np.testing.assert_allclose(answer[:, 1], GROWN[90:, 0], rtol=1e-6)


@pytest.mark.parametrize("values", [WAVES, np.cumsum(NOISE, axis=0), SEASONAL, 2 * T[:, None] + NOISE, NOISE])
def test_what_does_not_grow_by_a_curve_is_left_alone(values):
    with pytest.raises(ValueError, match="no curve of growth leaves little of any channel"):
        forecast("growth", T[:90], values[:90], T[90:])


def test_a_driven_oscillator_is_recognised():
    t = np.linspace(0, 30, 300)
    driven = np.column_stack([np.cos(2.3 * t) + 0.4 * np.cos(t), -2.3 * np.sin(2.3 * t) - 0.4 * np.sin(t)])
    answer = closed_form(t[:200], driven[:200])(t[200:])
    assert np.abs(answer - driven[200:]).max() < 0.05


def test_a_pendulum_is_recognised():
    from scipy.integrate import solve_ivp

    t = np.linspace(0, 20, 200)
    path = solve_ivp(lambda _, x: [x[1], -np.sin(x[0])], (0, 20), [2.5, 0.0], t_eval=t, rtol=1e-9, atol=1e-9).y.T
    assert np.abs(closed_form(t[:120], path[:120])(t[120:]) - path[120:]).max() < 0.05


@pytest.mark.parametrize("name", [name for name in STANDARD if name not in ("last-value", "mean", "drift")])
def test_too_little_is_refused(name):
    with pytest.raises(ValueError, match=r"too short|no channel has a season"):
        forecast(name, T[:4], WAVES[:4], T[4:6])


@given(period=st.integers(3, 30), phase=st.floats(0, 6), slope=st.floats(-0.1, 0.1))
@settings(max_examples=30, deadline=None)
def test_a_season_is_found(period, phase, slope):
    t = np.arange(4 * period + 20)
    assert abs(season_of(np.sin(2 * np.pi * t / period + phase) + slope * t / period) - period) <= 1


def test_noise_has_no_season():
    found = [season_of(np.random.default_rng(seed).normal(size=200)) for seed in range(20)]
    assert found.count(1) >= 15
    assert season_of(np.zeros(50)) == 1


def test_monomials_and_velocities():
    terms = ((), (0,), (1,), (0, 0), (0, 1), (1, 1))
    z = np.random.default_rng(0).normal(size=(3, 4, 2))
    x, y = z[..., 0], z[..., 1]
    np.testing.assert_allclose(monomials(terms, z), np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1))
    turning = np.array([[[0, 0, 1.0, 0, 0, 0], [0, -1.0, 0, 0, 0, 0]]])
    field = Fields.polynomial(terms, turning, np.zeros((1, 2)), np.ones((1, 2)))
    circle = field.solve(np.array([[[1.0, 0.0]]]), np.linspace(0, 3, 31), np.ones(2), 4)
    np.testing.assert_allclose(circle[0, 0, :, 0], np.cos(np.linspace(0, 3, 31)), atol=1e-6)


def test_names_are_known_and_others_are_refused():
    assert {*STANDARD, "sparse-ode"} <= set(list_experts())
    assert all(get_expert(name).name == name and get_expert(name).suits for name in STANDARD)
    with pytest.raises(PluginError, match=r"nothing is registered as 'oracle' in skdyn\.experts"):
        get_expert("oracle")


def test_a_hundred_thousand_points_are_no_obstacle():
    t = np.arange(100_000.0)
    fast = np.sin(t / 3)[:, None]
    for name in ("parrot", "analogues", "hankel-dmd", "s-map", "damped-trend"):
        answer = forecast(name, t[:-20], fast[:-20], t[-20:])
        assert np.abs(answer - fast[-20:]).max() < 1.0
