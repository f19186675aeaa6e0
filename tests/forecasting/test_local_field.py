"""The field beside a curve."""

import numpy as np
import pytest

from skdyn.exceptions import PluginError
from skdyn.forecasting.local_field import REACH, LocalLinearField


@pytest.fixture
def spiral():
    t = np.linspace(0, 12, 600)
    matrix = np.array([[-0.2, 1.0], [-1.0, -0.2]])
    decay = np.exp(-0.2 * t)
    states = np.column_stack([decay * np.cos(t), -decay * np.sin(t)])
    return LocalLinearField(100 * states + 5, 100 * states @ matrix.T), matrix


def test_a_linear_system_is_recovered_between_the_turns(spiral):
    local, matrix = spiral
    points = np.random.default_rng(0).uniform(-50, 50, (40, 2)) + 5
    field, jacobian = local(points)
    np.testing.assert_allclose(field, (points - 5) @ matrix.T, atol=3.0)
    assert np.abs(jacobian - matrix).max() < 0.15


def test_distance_is_relative_to_the_extent(spiral):
    local, _ = spiral
    half = local.half
    edge = local.states[0] * half + local.center
    assert local.is_far(np.stack([edge, edge + 0.9 * REACH * half / 2**0.5, edge + 1.5 * REACH * half])).tolist() == [
        False,
        False,
        True,
    ]


def test_a_constant_variable_does_not_divide_by_zero():
    t = np.linspace(0, 3, 50)
    states = np.column_stack([np.exp(-t), np.full(50, 2.0)])
    field, jacobian = LocalLinearField(states, np.column_stack([-np.exp(-t), np.zeros(50)]))(states[::10])
    np.testing.assert_allclose(field[:, 0], -states[::10, 0], atol=1e-3)
    np.testing.assert_allclose(field[:, 1], 0, atol=1e-9)
    assert np.isfinite(jacobian).all()


def test_no_points():
    t = np.linspace(0, 1, 9)[:, None]
    local = LocalLinearField(t, np.ones((9, 1)))
    assert local(np.zeros((0, 1)))[0].shape == (0, 1)
    assert local.is_far(np.zeros((0, 1))).shape == (0,)


def test_no_curve_is_said_to_be_missing():
    with pytest.raises(PluginError, match="`_reference_curves` of the forecaster returned none; let it return one for"):
        LocalLinearField.near([])
