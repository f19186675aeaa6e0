"""Segments of ragged trajectories."""

from dataclasses import replace

import numpy as np
import pytest

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.scaled_context import scale_context
from skdyn.sparse.segments import split


@pytest.mark.parametrize("wanted", [1, 2, 5, 12])
def test_segments_meet_every_point_once(wanted):
    rng = np.random.default_rng(0)
    trajectories = [(np.sort(rng.uniform(0, 5, n)), rng.normal(size=(n, 2))) for n in (2, 3, 9, 40)]
    context = replace(scale_context(Trajectories(trajectories)), clean=True)  # two steps an interval
    segments = split(context, wanted)
    np.testing.assert_array_equal(np.sort(segments.row[segments.used]), np.arange(context.n_points))
    for s in range(segments.size):
        elapsed = np.concatenate([[0.0], np.cumsum(segments.steps[:, s])])
        for o in np.flatnonzero(segments.used[:, s]):
            expected = context.tau[segments.row[o, s]] - context.tau[segments.start[s]]
            np.testing.assert_allclose(elapsed[segments.at[o, s]], expected, atol=1e-12)
        if segments.linked[s]:
            reached = context.tau[segments.start[s]] + elapsed[-1]
            np.testing.assert_allclose(reached, context.tau[segments.start[s + 1]], atol=1e-12)
