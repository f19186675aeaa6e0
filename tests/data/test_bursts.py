import numpy as np
import pytest

from skdyn import Trajectories
from skdyn.data.bursts import in_bursts


def relaxing(t, seed=0):
    """An Ornstein-Uhlenbeck path with relaxation time 1, exact at any step."""
    rng, x = np.random.default_rng(seed), np.zeros(len(t))
    for i, kept in enumerate(np.exp(-np.diff(t))):
        x[i + 1] = kept * x[i] + np.sqrt((1 - kept**2) / 2) * rng.standard_normal()
    return x[:, None]


def bursts(gap, count=20, length=40):
    return np.concatenate([k * (gap + 2.0) + np.linspace(0.0, 2.0, length) for k in range(count)])


@pytest.mark.parametrize(("gap", "parts"), [(0.2, 1), (1.0, 1), (3.0, 20), (50.0, 20)])
@pytest.mark.parametrize(("of_time", "of_value"), [(1.0, 1.0), (1e4, 1e-6)])
def test_gaps_that_forget_cut(gap, parts, of_time, of_value):
    t = bursts(gap)
    context = Trajectories([(of_time * t, of_value * relaxing(t))])
    cut = in_bursts(context)
    assert len(cut) == parts
    assert cut.n_points == context.n_points
    assert cut is context or all(len(part) == 40 for part in cut.times)


def test_even_steps_and_waiting_times_have_no_gaps():
    rng = np.random.default_rng(0)
    coarse = 3.0 * np.arange(200)
    for t in (coarse, np.cumsum(rng.exponential(0.05, size=2000))):
        context = Trajectories([(t, relaxing(t))])
        assert in_bursts(context) is context


def test_single_points_between_gaps_are_left_out_and_identities_stay():
    t = np.concatenate([bursts(30.0, 3), [200.0]])
    context = Trajectories([(t, relaxing(t)), (bursts(0.1, 1), relaxing(bursts(0.1, 1)))])
    cut = in_bursts(context)
    assert cut.ids == (0, 0, 0, 1)
    assert cut.n_points == context.n_points - 1
