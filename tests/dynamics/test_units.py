import numpy as np

from skdyn.dynamics.units import state_units, widened_box


def test_the_box_is_widened_by_a_quarter_on_each_side():
    data = np.array([[0.0, -2.0], [4.0, 2.0], [1.0, 0.0]])
    np.testing.assert_array_equal(widened_box(data), [[-1.0, -3.0], [5.0, 3.0]])


def test_a_constant_variable_takes_the_largest_deviation():
    data = np.column_stack([np.arange(5.0), 10.0 * np.arange(5.0), np.full(5, 7.0)])
    mean, units = state_units(data)
    np.testing.assert_allclose(mean, [2.0, 20.0, 7.0])
    np.testing.assert_allclose(units, np.sqrt(2.0) * np.array([1.0, 10.0, 10.0]))
