"""Layouts and angles that are hardly meant as they are read."""

import warnings

import numpy as np
import pytest

from skdyn import FIMCoarseGrainer, SparseODERegressor, Trajectories
from skdyn.data.misread import warn_where_misread
from skdyn.exceptions import TrajectoryError

T = np.linspace(0, 20, 100)
X = np.column_stack([np.cos(T), np.sin(T)])


def said(x, t=None):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_where_misread(Trajectories(x, t))
    return [str(warning.message) for warning in found]


@pytest.mark.parametrize("give", [lambda x: x, lambda x: np.stack([x, x]), lambda x: [(T, x)], lambda x: [x]])
def test_rows_that_are_variables_are_refused_by_their_times(give):
    given = give(X.T)
    with pytest.raises(TrajectoryError, match=r"2 states of 100 variables but 100 times.*x\.T"):
        Trajectories(given, None if isinstance(given, list) and isinstance(given[0], tuple) else T)


def test_rows_that_are_variables_are_warned_of_without_times():
    (message,) = said(X.T)
    assert "at most 2) as there are variables (100)" in message
    assert "x.T" in message
    assert said(np.stack([X.T, X.T])) != []
    with pytest.warns(UserWarning, match=r"pass x\.T"):
        SparseODERegressor().fit(X[:6, :].T.repeat(2, axis=1))


def test_what_is_meant_is_not_warned_of():
    assert said(X) == []
    assert said([X[:5], X[:2]]) == []
    assert said(X[:4].T, [0.0, 0.3]) != []  # even steps may be a default
    assert said(np.random.default_rng(0).normal(size=(3, 8)), [0.0, 0.3, 1.0]) == []
    video = np.random.default_rng(0).normal(size=(20, 8, 8)).cumsum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        FIMCoarseGrainer(max_iter=1, random_state=0).fit(video)


@pytest.mark.parametrize(("turn", "call"), [(2 * np.pi, "np.unwrap(angle)"), (360, "period=360")])
@pytest.mark.parametrize("centred", [False, True])
def test_angles_that_wrap(turn, call, centred):
    angle = 0.9 * T / (2 * np.pi) * turn % turn
    angle = np.where(angle > turn / 2, angle - turn, angle) if centred else angle
    (message,) = said(np.column_stack([X[:, 0], angle]))
    assert message.startswith("x1 jumps by nearly")
    rows = np.flatnonzero(np.abs(np.diff(angle)) > turn / 2) + 1
    assert f"at {len(rows)} places, first at row {rows[0]} of trajectory 0" in message
    assert call in message


def test_what_jumps_otherwise_is_no_angle():
    rng = np.random.default_rng(1)
    assert said(rng.uniform(-np.pi, np.pi, (50, 1))) == []  # leaps everywhere
    assert said(np.column_stack([0.9 * T])) == []  # unwrapped
    assert said(np.where(T % 6 < 3, 0.1, 300.0)[:, None]) != []  # to an angle these two are close
    assert said(np.where(T % 6 < 3, 0.1, 200.0)[:, None]) == []
    assert said(6.0 * X) == []
    gaps = 400 * X
    gaps[10:20, 1] = gaps[5, 0] = np.nan
    warn_where_misread(Trajectories.with_gaps([(T, gaps)]))


def test_colours_and_images_are_told_how_to_be_given():
    with pytest.raises(TrajectoryError, match=r"X\.reshape\(len\(X\), -1\) if it is one trajectory"):
        Trajectories(np.zeros((5, 4, 4, 3)))
    xarray = pytest.importorskip("xarray")
    images = xarray.DataArray(np.zeros((5, 2, 3)), dims=("time", "y", "x"))
    with pytest.raises(TrajectoryError, match=r"transpose\('time', 'y', 'x'\)\.values\) to FIMCoarseGrainer"):
        Trajectories(images)
