"""What is given from outside at any time, and simulations under it."""

import numpy as np
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


@pytest.mark.parametrize("holds", [False, True])
def test_a_driven_decay(holds):
    """``dx/dt = u - x`` under a step, and under a ramp; rows with inputs of their own do not see each other."""
    t = np.linspace(0.0, 4.0, 21)
    first, second = np.where(t < 2.0, 1.0, -1.0), 0.5 * t
    inputs = np.stack([first, second])[..., None]
    outside = SampledSignals([t, t], list(inputs), holds)

    def field(points):
        return points[:, 1:] - points[:, :1]

    paths = integrate(field, np.zeros((2, 1)), t, outside=outside, rtol=1e-9, atol=1e-9, **UNIT)
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
    fixed = rk4_driven(field, np.zeros((2, 1)), t, inputs, holds, 20)
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
