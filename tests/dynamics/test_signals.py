"""What is given from outside at any time, and simulations under it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn.data.given import Given
from skdyn.dynamics.driving import read_signals
from skdyn.dynamics.signals import CalledSignals, SampledSignals
from skdyn.dynamics.simulate import integrate, rk4_driven

UNIT = {"center": np.zeros(1), "scale": np.ones(1)}
BOTH = Given(("u",), ("p",))


def read_times(t):
    return np.asarray(t, dtype=float)


@settings(max_examples=60)
@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), st.booleans(), st.integers(0, 2**32 - 1))
def test_ragged_signals_are_those_of_each_row(lengths, holds, seed):
    rng = np.random.default_rng(seed)
    times = [np.cumsum(rng.uniform(0.1, 1.0, length)) for length in lengths]
    values = [rng.normal(size=(length, 2)) for length in lengths]
    rows = rng.integers(len(lengths), size=20)
    asked = np.array([rng.choice(np.append(times[row], rng.uniform(0, 6, 5))) for row in rows])
    found = SampledSignals(times, values, holds)(rows, asked)
    for row, t, answer in zip(rows, asked, found, strict=True):
        if holds:
            before = max(np.searchsorted(times[row], t, side="right") - 1, 0)
            np.testing.assert_array_equal(answer, values[row][before])
        else:
            expected = [np.interp(t, times[row], column) for column in values[row].T]
            np.testing.assert_allclose(answer, expected, atol=1e-12)


def test_jumps_are_where_held_values_differ():
    signals = SampledSignals([np.arange(4.0)], [np.array([[0.0], [0.0], [1.0], [1.0]])], holds=True)
    np.testing.assert_array_equal(signals.jumps[0], [2.0])
    assert len(SampledSignals([np.arange(4.0)], [np.ones((4, 1))], holds=False).jumps[0]) == 0


def test_corners_are_the_ends_of_rests_and_where_chords_leave_the_line():
    t = np.arange(9.0)
    rain = np.array([0.0, 0, 0, 1e-6, 0, 0, 5, 5, 0])
    ramp = np.append(np.arange(8.0), 3.0)
    drift = 5 * t + np.where(t == 4, 0.1, 0.0)
    lines = [np.column_stack([rain, np.ones(9)]), np.column_stack([ramp, drift])]
    found = SampledSignals([t, t], lines, holds=False).corners
    np.testing.assert_array_equal(found[0], [0, 2, 4, 5, 6, 7, 8])  # not the peak of a millionth
    np.testing.assert_array_equal(found[1], [0, 7, 8])
    assert len(SampledSignals([t], lines[:1], holds=True).corners[0]) == 0


def decay(points):
    """``dx/dt = u - x``."""
    return points[:, 1:] - points[:, :1]


@pytest.mark.parametrize("method", ["auto", "dopri5", "rodas4"])
def test_no_event_on_straight_lines_is_passed(method):
    """A reservoir at rest, and showers of one row each: those of other rows, and earlier ones, are no matter."""
    t = np.arange(0.0, 120.0, 0.25)
    showers = np.zeros((2, len(t)))
    showers[0, [40, 124, 241, 360]] = 8.0, 9.0, 12.0, 0.01
    showers[1, 160] = 20.0
    outside = SampledSignals([t, t], list(showers[..., None]), holds=False)
    paths = integrate(
        decay, np.zeros((2, 1)), t, outside=outside, method=method,
        field_and_jacobian=lambda x: (decay(x), np.tile([[-1.0, 1.0]], (len(x), 1, 1))), **UNIT
    )  # fmt: skip
    exact = rk4_driven(decay, np.zeros((2, 1)), t, showers[..., None], False, 10)
    np.testing.assert_allclose(paths, exact, atol=2e-4)


def test_the_cost_of_dense_lines_is_that_of_their_corners():
    """Two thousand points of a slow wave take hardly more evaluations than the wave itself."""
    t, calls = np.linspace(0.0, 60.0, 2001), [0, 0]
    waves = (
        SampledSignals([t], [np.sin(t)[:, None]], False),
        CalledSignals(lambda s: np.sin(s)[:, None], np.empty((1, 0)), t[::2000]),
    )
    for k, outside in enumerate(waves):

        def counted(points, k=k):
            calls[k] += 1
            return points[:, 1:] - points[:, :1]

        ends = t if k == 0 else t[::2000]
        integrate(counted, np.zeros((1, 1)), ends, outside=outside, **UNIT)
    assert calls[0] < 3 * calls[1]


@pytest.mark.parametrize("count", [2, 201])
def test_an_event_of_a_function_is_not_passed_however_few_times_are_asked(count):
    t = np.linspace(0.0, 20.0, count)
    outside = read_signals(
        lambda s: np.where((s >= 7.28) & (s < 7.78), 2.0, 0.0), None, Given(("u",)), t, 1, read_times
    )
    path = integrate(decay, np.zeros((1, 1)), t, outside=outside, **UNIT)[0, :, 0]
    np.testing.assert_allclose(path[-1], 2 * (np.exp(7.78 - 20.0) - np.exp(7.28 - 20.0)), rtol=0.05)
    if count > 2:
        np.testing.assert_allclose(path.max(), 2 * (1 - np.exp(-0.5)), rtol=0.05)


@pytest.mark.parametrize("holds", [False, True])
def test_a_driven_decay(holds):
    """``dx/dt = u - x`` under a step, and under a ramp; rows with inputs of their own do not see each other."""
    t = np.linspace(0.0, 4.0, 21)
    first, second = np.where(t < 2.0, 1.0, -1.0), 0.5 * t
    inputs = np.stack([first, second])[..., None]
    outside = SampledSignals([t, t], list(inputs), holds)

    paths = integrate(decay, np.zeros((2, 1)), t, outside=outside, rtol=1e-9, atol=1e-9, **UNIT)
    for row, values in enumerate((first, second)):
        fine = np.linspace(0.0, 4.0, 40_001)
        if holds:
            driving = values[np.searchsorted(t, fine + 1e-9, side="right") - 1]
        else:
            driving = np.interp(fine, t, values)
        middle = driving[:-1] if holds else (driving[1:] + driving[:-1]) / 2
        step = fine[1]
        state, states = 0.0, [0.0]
        for u in middle:
            state = u + (state - u) * np.exp(-step)
            states.append(state)
        np.testing.assert_allclose(paths[row, :, 0], np.interp(t, fine, states), atol=1e-6)
    fixed = rk4_driven(decay, np.zeros((2, 1)), t, inputs, holds, 20)
    np.testing.assert_allclose(fixed, paths, atol=1e-6)


def test_forms_of_inputs_mean_the_same():
    t = np.linspace(0, 1, 5)
    expected = read_signals(np.sin(t), 2.0, BOTH, t, 2, read_times)
    rows, when = np.array([0, 1, 1]), np.array([0.0, 0.3, 0.9])
    forms = [
        np.sin(t)[:, None],
        {"u": np.sin(t)},
        (t, np.sin(t)),
        (t, np.sin(t)[:, None]),
        np.stack([np.sin(t)] * 2)[..., None],
        {"u": np.stack([np.sin(t)] * 2)},
    ]
    for inputs in forms:
        for parameters in (2.0, [2.0], [[2.0], [2.0]], {"p": 2.0}):
            found = read_signals(inputs, parameters, BOTH, t, 2, read_times)
            np.testing.assert_array_equal(found(rows, when), expected(rows, when))
    called = read_signals(np.sin, 2.0, BOTH, t, 2, read_times)
    assert isinstance(called, CalledSignals)
    np.testing.assert_allclose(called(rows, when), np.column_stack([np.sin(when), [2.0] * 3]))
    constant = read_signals(0.5, [[1.0], [3.0]], BOTH, t, 2, read_times)
    np.testing.assert_array_equal(constant(rows, when), [[0.5, 1.0], [0.5, 3.0], [0.5, 3.0]])
    assert read_signals(None, None, Given(), t, 2, read_times) is None


def test_the_index_of_inputs_is_their_times():
    t, long = np.linspace(5.0, 7.0, 5), np.linspace(0.0, 10.0, 101)
    one = Given(("u",))
    rows, when = np.zeros(4, dtype=int), np.array([5.0, 5.05, 6.1, 7.0])
    series = pd.Series(np.sin(long), index=long)
    for inputs in (
        series,
        series.to_frame("u"),
        series.loc[5:7],
        pd.Series(np.sin(np.arange(3, 9)), index=range(3, 9)),
    ):
        expected = np.interp(when, inputs.index, np.ravel(inputs))
        np.testing.assert_allclose(read_signals(inputs, None, one, t, 1, read_times)(rows, when)[:, 0], expected)
    dates = pd.Series(np.sin(t), index=pd.Timestamp("2024-01-01") + pd.to_timedelta(t, "s"))

    def seconds(index):
        return np.asarray((index - pd.Timestamp("2024-01-01")).total_seconds())

    for inputs in (dates, {"u": dates}):
        found = read_signals(inputs, None, one, t, 1, seconds)(np.zeros(5, dtype=int), t)
        np.testing.assert_allclose(found[:, 0], np.sin(t))
    plain = pd.Series(np.sin(t))  # rows counted from zero, at t
    for inputs in (plain, plain.set_axis(t), {"u": plain}, {"u": plain.set_axis(t)}):
        found = read_signals(inputs, None, one, t, 1, read_times)(np.zeros(5, dtype=int), t)
        np.testing.assert_allclose(found[:, 0], np.sin(t))
    for inputs, message in (
        (series[::-1], r"is a Series whose index, which is its times, does not increase: pass its \.sort_index\(\)"),
        (series.loc[:6], r"given from t = 0 to 6, but .* or as \.to_numpy\(\) if its rows are at t"),
        (plain.set_axis(range(3, 8)), r"whose index \(3, \.\.\.\) is not t: pass its \.to_numpy\(\)"),
        (
            {"u": plain.set_axis(t[::-1])},
            r"inputs\['u'\] is a Series whose index, which is its times, does not increase",
        ),
        (
            {"u": plain.set_axis(t + 1)},
            r"inputs\['u'\] is a Series whose index \(6\.0, .* or all inputs as a DataFrame",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            read_signals(inputs, None, one, t, 1, read_times)


def test_constants_and_values_of_different_shapes():
    t, pair = np.linspace(0, 1, 5), Given(("a", "b"))
    rows, when = np.array([0, 1]), np.array([0.0, 0.3])
    for constants in ((1.0, 2.0), [1.0, 2.0], {"a": 1.0, "b": 2.0}):
        np.testing.assert_array_equal(read_signals(constants, None, pair, t, 2, read_times)(rows, when), [[1, 2]] * 2)
    each, shared = np.stack([t, -t]), 5 * t
    found = [read_signals({"a": each, "b": shared}, None, pair, t, 2, read_times)(rows, when),
             read_signals({"b": shared, "a": each}, None, pair, t, 2, read_times)(rows, when)]  # fmt: skip
    np.testing.assert_allclose(found, [[[0, 0], [-0.3, 1.5]]] * 2)


@pytest.mark.parametrize("method", ["auto", "dopri5", "rodas4"])
def test_a_function_is_asked_for_no_time_beyond_the_simulation(method):
    t, asked = np.linspace(3.0, 7.0, 9), []

    def inputs(times):
        asked.extend(times)
        return np.cos(times)

    outside = read_signals(inputs, None, Given(("u",)), t, 2, read_times)
    start = np.sin([[3.0], [3.0]])
    paths = integrate(
        lambda x: x[:, 1:] - 1e-9 * x[:, :1],
        start,
        t,
        outside=outside,
        method=method,
        **UNIT,
        field_and_jacobian=lambda x: (x[:, 1:] - 1e-9 * x[:, :1], np.tile([[-1e-9, 1.0]], (len(x), 1, 1))),
    )
    np.testing.assert_allclose(paths[..., 0], [np.sin(t)] * 2, atol=1e-4)
    assert min(asked) >= 3.0
    assert max(asked) <= 7.0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((np.array([0.0, 0.5]), np.zeros(2)), "given from t = 0 to 0.5, but the simulation runs from 0 to 1"),
        (np.zeros(4), r"inputs has shape \(4,\)"),
        (None, "depends on the inputs u: pass inputs="),
        (lambda t: np.zeros((len(t), 3)), r"returns the shape \(1, 3\) for 1 times"),
        (lambda t: np.full(t.shape, np.nan), "not finite"),
    ],
)
def test_signals_that_cannot_be_read(inputs, message):
    t = np.linspace(0, 1, 5)
    with pytest.raises(ValueError, match=message):
        read_signals(inputs, 1.0, BOTH, t, 1, read_times)(np.zeros(1, dtype=int), np.zeros(1))
