import numpy as np

from skdyn import Trajectories
from skdyn.data.padding import pad


def test_padding(orbits):
    context = Trajectories(orbits)
    states, times, mask = pad([context, context[:2]])
    assert states.shape == (2, 3, 40, 2)
    np.testing.assert_array_equal(mask.sum(axis=-1), [[40, 31, 23], [40, 31, 0]])
    for b, k in ((0, 0), (0, 2), (1, 1)):
        t, x = context[k]
        np.testing.assert_array_equal(states[b, k][mask[b, k]], x)
        np.testing.assert_array_equal(times[b, k][mask[b, k]], t)
    assert (np.diff(times, axis=-1) >= 0).all()
