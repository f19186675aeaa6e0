"""Small tables of individuals: what is printed in their sources."""

import numpy as np
import pytest

from skdyn.datasets import load_beavers, load_orange_trees, load_theophylline


def test_theophylline():
    data = load_theophylline()
    drug = data.trajectories
    assert [len(t) for t in drug.times] == [11] * 12
    assert drug.ids == tuple(range(1, 13))
    assert drug.parameter_names == ("dose", "weight")
    np.testing.assert_array_equal(drug.parameters[0], [4.02, 79.6])
    # Everybody took as many milligrams, but for the ninth.
    np.testing.assert_allclose(np.delete(drug.parameters.prod(axis=1), 8), 320, atol=1.5)
    assert drug.states[0].argmax() == 3
    assert drug.times[0][3] == 1.12
    assert sum(x[0, 0] > 0 for x in drug.states) == 3
    assert "Boeckmann" in data.DESCR


def test_orange_trees():
    trees = load_orange_trees().trajectories
    for t, x in trees:
        np.testing.assert_array_equal(t, [118, 484, 664, 1004, 1231, 1372, 1582])
        assert (np.diff(x[:, 0]) >= 0).all()
    assert [x[-1, 0] for x in trees.states] == [145, 203, 140, 214, 177]


def test_beavers():
    beavers = load_beavers().trajectories
    assert [len(t) for t in beavers.times] == [114, 100]
    assert beavers.given.interpolation == "previous"
    assert [u.sum() for u in beavers.inputs] == [6, 62]
    active = beavers.inputs[1][:, 0] == 1
    assert beavers.states[1][active].mean() > beavers.states[1][~active].mean() + 0.5
    np.testing.assert_allclose(np.diff(beavers.times[1]), 1 / 6)


@pytest.mark.parametrize("load", [load_theophylline, load_orange_trees, load_beavers])
def test_each_load_is_fresh(load):
    assert load().trajectories is not load().trajectories
