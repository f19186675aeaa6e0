"""What the public functions of dynamics refuse at their doors, where they would answer wrongly."""

import re

import numpy as np
import pytest

from skdyn.dynamics.sde import euler_maruyama
from skdyn.dynamics.simulate import integrate
from skdyn.dynamics.stationary import fokker_planck, histogram

UNIT = {"center": np.zeros(2), "scale": np.ones(2)}
T = np.arange(3.0)
AXIS = np.linspace(-3, 3, 13)


def decay(x):
    return -x


def noisy(x):
    return -x, np.ones_like(x)


def path(field=decay, x0=((1.0, 2.0),), t=T, **options):
    return integrate(field, x0, t, **UNIT, **options)


def draw(coefficients=noisy, x0=((1.0, 2.0),), t=T, **options):
    return euler_maruyama(coefficients, x0, t, rng=np.random.default_rng(0), **UNIT, **options)


@pytest.mark.parametrize("simulate", [path, draw])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"t": [0.0, 2.0, 1.0]}, "t, row 2: time decreases (2.0 then 1.0): they must increase"),
        ({"t": [0.0, np.nan]}, "t, row 1: the time is nan, not finite"),
        ({"t": [[0.0, 1.0]]}, "t has shape (1, 2): expected the times (L,)"),
        ({"t": []}, "t has shape (0,): expected the times (L,) of at least one point"),
        ({"t": "soon"}, "t has type"),
        ({"x0": [1.0, 2.0]}, "x0 has shape (2,): expected (N, D)"),
    ],
)
def test_times_and_states_of_simulations(simulate, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(**given)


def test_lists_are_read():
    np.testing.assert_array_equal(path(t=[0, 1, 2]), path())
    np.testing.assert_array_equal(draw(t=[0, 1, 2]), draw())


def test_a_method_that_is_not_there():
    with pytest.raises(ValueError, match="method must be one of 'auto', 'dopri5', 'rodas4', 'rk4'; got 'rk45'"):
        path(method="rk45")


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_a_field_of_one_column_is_not_that_of_two_variables(method):
    with pytest.raises(ValueError, match=re.escape("field returns the shape (1, 1) for 1 states: expected (1, 2)")):
        path(lambda x: -x[:, :1], method=method)


def test_derivatives_of_another_shape():
    for wrong in (lambda x: (-x[:, :1], -np.eye(2)[None]), lambda x: (-x, -np.eye(2))):
        with pytest.raises(ValueError, match="field_and_jacobian returns the shape"):
            path(method="rodas4", field_and_jacobian=wrong)


@pytest.mark.parametrize("wrong", [lambda x: (-x, 0.5), lambda x: (-x[:, :1], np.ones_like(x))])
def test_coefficients_of_another_shape(wrong):
    with pytest.raises(ValueError, match="drift_diffusion returns the shape"):
        draw(wrong)
    with pytest.raises(ValueError, match="drift_diffusion returns the shape"):
        fokker_planck(wrong, [AXIS, AXIS])


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        (4 * np.eye(2), "symmetric with ones on its diagonal, got .* belongs to the diffusion"),
        ([[1.0, 0.5], [0.0, 1.0]], "symmetric with ones"),
        ([[1.0, 1.5], [1.5, 1.0]], "a negative eigenvalue, and is that of no noise"),
        (np.eye(3), r"shape \(3, 3\): expected \(2, 2\)"),
    ],
)
def test_correlations_of_no_noise(correlation, message):
    with pytest.raises(ValueError, match=message):
        draw(correlation=correlation)
    with pytest.raises(ValueError, match=message):
        fokker_planck(noisy, [AXIS, AXIS], correlation)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ([AXIS[::-1]], r"axes\[0\] must increase from point to point"),
        ([AXIS, [0.0, np.nan, 1.0]], r"axes\[1\] must increase"),
        ([AXIS[:2]], r"axes\[0\] has shape \(2,\): axes is a list of arrays \(R,\) of at least 3 points"),
        (AXIS, r"axes\[0\] has shape \(\): axes is a list of arrays"),
        ([AXIS] * 3, "axes are of 3 variables, .* one or two: for more, simulate and call .*histogram"),
    ],
)
def test_grids_of_densities(axes, message):
    with pytest.raises(ValueError, match=message):
        fokker_planck(noisy, axes)


def test_grids_of_histograms():
    with pytest.raises(ValueError, match=r"axes\[0\] must increase"):
        histogram(np.zeros((3, 1)), [AXIS[::-1]])
    with pytest.raises(ValueError, match=r"samples has shape \(3, 1\): expected \(M, 2\), a column for each axis"):
        histogram(np.zeros((3, 1)), [AXIS, AXIS])
