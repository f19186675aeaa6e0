import numpy as np
import pytest

from skdyn import ConvergenceWarning, Trajectories
from skdyn.dynamics.rollout import agreement, rollout_scores

UNIT = (np.zeros(2), np.ones(2))


def rotation(x):
    return x @ np.array([[0.0, -1.0], [1.0, 0.0]])


def rotation_jacobian(x):
    return rotation(x), np.broadcast_to(np.array([[0.0, 1.0], [-1.0, 0.0]]), (len(x), 2, 2))


def orbit(t, radius=1.0):
    return t, radius * np.column_stack([np.cos(t), -np.sin(t)])


def test_each_trajectory_is_simulated_over_its_own_times():
    rng = np.random.default_rng(0)
    observed = Trajectories([orbit(np.sort(rng.uniform(0, 9, points)), 1 + points / 9) for points in (5, 12, 30)])
    together = rollout_scores(rotation, observed, *UNIT)
    np.testing.assert_allclose(together, 1, atol=1e-6)
    slow = rollout_scores(lambda x: 0.7 * rotation(x), observed, *UNIT)
    alone = [rollout_scores(lambda x: 0.7 * rotation(x), observed[k : k + 1], *UNIT)[0] for k in range(3)]
    np.testing.assert_array_equal(slow, alone)
    assert (slow < 0.9).all()


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_units_do_not_matter(unit):
    t, x = orbit(np.linspace(0, 9, 40))
    moving, resting = Trajectories([(t, unit * x)]), Trajectories([(t, unit * (1 + 1e-13 * x))])
    scale = np.full(2, unit)
    np.testing.assert_allclose(rollout_scores(rotation, moving, np.zeros(2), scale), 1, atol=1e-6)
    np.testing.assert_array_equal(rollout_scores(lambda x: -rotation(x), moving, np.zeros(2), scale), -1)
    np.testing.assert_allclose(rollout_scores(np.zeros_like, resting, np.zeros(2), scale), 1, atol=1e-6)
    np.testing.assert_array_equal(agreement(moving, [-unit * x]), -1)


def test_a_gap_of_a_thousand_spans_is_refused_or_right():
    t = np.append(np.linspace(0, 6, 50), 6000.0)
    observed = Trajectories([orbit(t), orbit(t[:-1])])
    calls = []

    def counted(x):
        calls.append(len(x))
        return rotation(x)

    with pytest.warns(ConvergenceWarning, match="within 2500 evaluations .* 1 of 2 initial states .* rows 0;"):
        scores = rollout_scores(counted, observed, *UNIT, 2500, rotation_jacobian)
    np.testing.assert_allclose(scores, [-1, 1], atol=1e-6)
    assert len(calls) <= 2500
    decay = Trajectories([(t, np.exp(-t)[:, None])])
    one = (np.zeros(1), np.ones(1))
    scores = rollout_scores(lambda x: -x, decay, *one, 2500, lambda x: (-x, -np.ones((len(x), 1, 1))))
    np.testing.assert_allclose(scores, 1, atol=1e-6)
