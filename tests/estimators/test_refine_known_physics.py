"""FIMODERegressor(refine="sparse") with a library and constraints."""

import numpy as np
import pytest
from sklearn.base import clone

from skdyn import Constraints, FIMODERegressor, Library, Trajectories, Trajectory

T = np.linspace(0, 10, 60)
NOISE = 1 + 0.03 * np.random.default_rng(0).normal(size=(60, 2))
# Two vessels between which something flows until their levels agree.
LEVELS = np.column_stack([2 + np.exp(-0.8 * T), 2 - np.exp(-0.8 * T)]) * NOISE
DATA = Trajectories([Trajectory(T, LEVELS, ("left", "right"))])


@pytest.fixture(scope="module")
def conserving():
    known = Constraints(conserved="left + right")
    return FIMODERegressor(refine="sparse", library=Library(degree=1, functions=False), constraints=known).fit(DATA)


def test_constraints_hold_everywhere(conserving):
    points = np.random.default_rng(1).uniform(-5, 5, (50, 2))
    assert np.abs(conserving.vector_field(points).sum(axis=1)).max() < 1e-10
    assert np.abs(conserving.pretrained_field(LEVELS).sum(axis=1)).max() > 1e-6
    np.testing.assert_allclose(np.diag(conserving.jacobian([2.0, 2.0])), [-0.4, -0.4], atol=0.1)


def test_the_library_is_all_there_is(conserving):
    assert all("^" not in line and "left right" not in line for line in conserving.equations())
    assert FIMODERegressor(refine="auto", library="left, right").fit(DATA).refinement_.exponents.sum(axis=1).max() == 1


def test_parameters_travel(conserving, tmp_path):
    assert clone(conserving).constraints.conserved == "left + right"
    conserving.save(tmp_path)
    assert FIMODERegressor.load(tmp_path).equations() == conserving.equations()


def test_where_nothing_keeps_them_they_are_refused():
    with pytest.raises(ValueError, match="constraints are kept by equations alone"):
        FIMODERegressor(refine="auto", constraints=Constraints(conserved="left + right")).fit(DATA)
    with pytest.raises(ValueError, match="library is of the equations that are searched for"):
        FIMODERegressor(library="left").fit(DATA)
