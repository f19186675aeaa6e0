"""Long recordings are thinned; what cannot be raised to powers is named."""

import numpy as np
import pytest

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.exceptions import TrajectoryError
from skdyn.sparse import fit_sparse
from skdyn.sparse.scaled_context import scale_context

T = np.linspace(0.0, 5.0, 40)
DECAY = np.exp(-T)[:, None]


def fit(pairs, **options):
    return fit_sparse(Trajectories(pairs), **options)


def test_long_input_is_thinned_and_says_so():
    t = np.linspace(0.0, 30.0, 100_000)
    ode = fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))], max_points=300)
    assert (ode.n_points_given, ode.n_points_used) == (100_000, 300)
    assert ode.equations() == ["d(x0)/dt = x1", "d(x1)/dt = -x0"]


def test_many_trajectories_are_thinned():
    t = T[:3]
    trajectories = [(t, a * np.column_stack([np.cos(t), -np.sin(t)])) for a in np.linspace(0.5, 2, 1000)]
    ode = fit(trajectories, max_points=150)
    assert ode.n_points_given == 3000
    assert ode.n_points_used <= 150
    np.testing.assert_allclose(ode.field([[1.0, -0.13]]), [[-0.13, -1.0]], atol=0.02)


def test_thinning_keeps_to_the_limit_for_ragged_input():
    t = np.linspace(0.0, 30.0, 900)
    long = (t, np.column_stack([np.cos(t), -np.sin(t)]))
    short = [(T[:3], a * np.column_stack([np.cos(T[:3]), -np.sin(T[:3])])) for a in np.linspace(0.5, 2, 20)]
    ode = fit([long, *short], max_points=100)
    assert 80 <= ode.n_points_used <= 100
    np.testing.assert_allclose(ode.field([[0.6, 0.8]]), [[0.8, -0.6]], atol=0.02)


@pytest.mark.parametrize("every", [2, 12])
def test_sensors_that_alternate_survive_thinning(every):
    t = np.linspace(0.0, 20.0, 2400)
    x = np.column_stack([np.cos(t), -np.sin(t)])
    second = np.zeros(2400, dtype=bool)
    second[1::every] = True  # at rows that evenly spaced ones would pass over
    x[second, 0] = x[~second, 1] = np.nan
    scaled = scale_context(Trajectories.with_gaps([(t, x)]))
    assert scaled.n_points == 1200
    assert abs(np.count_nonzero(scaled.seen[:, 1]) - 1200 / every) <= 1
    assert np.diff(scaled.tau[scaled.seen[:, 1]]).max() < 3 * every * np.diff(scaled.tau).mean()


def test_thinning_says_which_variable_is_lost():
    t = np.linspace(0.0, 20.0, 2400)
    x = np.column_stack([np.cos(t), -np.sin(t)])
    x[np.delete(np.arange(2400), [3, 1200, 2000]), 1] = np.nan
    with pytest.raises(
        TrajectoryError, match=r"trajectory 0, variable 1 keeps [01] observations .* to 300: .*max_points"
    ):
        scale_context(Trajectories.with_gaps([(t, x)]), max_points=300)


def test_highest_powers_follow_from_the_values_that_were_given():
    u = np.column_stack([T > 1, np.where(T > 1, 1.0, 0.001 * T), np.round(T), np.sin(T)])
    given = [Trajectory(T, DECAY, u=u, p=[dose, 3.0]) for dose in (0.5, 1.0, 1.0)]
    *few, many, dose, constant = scale_context(Trajectories(given)).highest_powers
    assert few == [1, 1, len(np.unique(np.round(T))) - 1]
    assert many > 9
    assert (dose, constant) == (1, 0)


@pytest.mark.parametrize("size", [1e-170, 1e160])
def test_inputs_that_cannot_be_raised_to_powers_are_named(size):
    with pytest.raises(TrajectoryError, match=r"^u0: inputs or parameters up to .* rescale them"):
        scale_context(Trajectories([Trajectory(T, DECAY, u=size * np.sin(T))]))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(T, np.ones((40, 65)))], "at most 64 variables, got 65"),
        ([(T, DECAY), (T, 1e30 * DECAY)], "trajectory 1, variable 0: states up to 1.0e"),
        ([(T * 1e-40, DECAY)], "trajectory 0 lasts 5.0e-40 units of time; rescale the times"),
    ],
)
def test_bad_trajectories_are_named(pairs, message):
    with pytest.raises(TrajectoryError, match=message):
        fit(pairs)
