import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from skdyn import FIMODERegressor, SparseODERegressor, Trajectories, Trajectory, TrajectoryError
from skdyn.model_selection import LeaveOneTrajectoryOut, TimeSeriesWindows


def circle(radius, points=60, start=0.0):
    t = start + np.linspace(0, 6, points)
    return t, radius * np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)])


@pytest.fixture(scope="module")
def recording():
    return Trajectories([circle(1.0, points=240)])


def folds(cv, X):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(X)]


@pytest.mark.parametrize(
    "form",
    [
        lambda pairs: pairs,
        Trajectories,
        lambda pairs: list(Trajectories(pairs)),
        lambda pairs: np.stack([x for _, x in pairs]),
    ],
)
def test_each_trajectory_is_left_out_once(form):
    X = form([circle(r) for r in (1.0, 2.0, 3.0)])
    assert folds(LeaveOneTrajectoryOut(), X) == [([1, 2], [0]), ([0, 2], [1]), ([0, 1], [2])]
    assert LeaveOneTrajectoryOut().get_n_splits(X) == 3


def test_windows_of_a_recording_are_left_out_together():
    windows = Trajectories([circle(1.0), circle(2.0, 40)]).windows(20)
    assert folds(LeaveOneTrajectoryOut(), windows) == [([3, 4], [0, 1, 2]), ([0, 1, 2], [3, 4])]


def test_one_trajectory_cannot_be_left_out(recording):
    with pytest.raises(TrajectoryError, match=r"X has one$"):
        next(LeaveOneTrajectoryOut().split(recording))
    with pytest.raises(TrajectoryError, match="4 windows of one recording: split them by TimeSeriesWindows"):
        LeaveOneTrajectoryOut().get_n_splits(recording.windows(60))
    with pytest.raises(TrajectoryError, match="X is needed"):
        LeaveOneTrajectoryOut().get_n_splits()


def test_what_scikit_learn_would_cut_by_rows_is_refused():
    t, x = circle(1.0)
    table = pd.DataFrame({"id": np.repeat([0, 1], 30), "t": t, "a": x[:, 0], "b": x[:, 1]})
    for rows, held in ((table, 2), (x, 1), (x.tolist(), 1), ((t, x), 1)):
        with pytest.raises(TrajectoryError, match=rf"but holds {held} trajectories: .* Pass Trajectories\(X\)"):
            next(LeaveOneTrajectoryOut().split(rows))


def test_rows_with_nan_are_left_to_the_estimator():
    pairs = [circle(r) for r in (1.0, 2.0, 3.0)]
    pairs[1][1][5, 0] = np.nan
    assert LeaveOneTrajectoryOut().get_n_splits(pairs) == 3


def test_windows_next_to_the_test_are_left_out_by_time(recording):
    windows = recording.windows(40)  # six of about one unit of time each
    assert folds(TimeSeriesWindows(3), windows)[1] == ([0, 1, 4, 5], [2, 3])
    assert folds(TimeSeriesWindows(3, gap=0.5), windows)[1] == ([0, 5], [2, 3])
    assert folds(TimeSeriesWindows(6, gap=0.5), windows)[0] == ([2, 3, 4, 5], [0])


def test_windows_that_overlap_the_test_never_train(recording):
    windows = recording.windows(40, stride=10)
    for train, test in TimeSeriesWindows(4).split(windows):
        seen = np.concatenate([windows.times[k] for k in train])
        assert len(train) > 0
        assert not np.isin(np.concatenate([windows.times[k] for k in test]), seen).any()


def test_the_order_of_windows_does_not_matter(recording):
    windows = recording.windows(40)
    order = np.array([3, 0, 5, 1, 4, 2])
    shuffled = {tuple(sorted(order[test])): sorted(order[train]) for train, test in
                TimeSeriesWindows(3, gap=0.5).split(windows[order])}  # fmt: skip
    assert shuffled == {tuple(test): train for train, test in folds(TimeSeriesWindows(3, gap=0.5), windows)}


def shifted(t, x):
    return t + 0.003, x


@pytest.mark.parametrize("other", [lambda t, x: (t, 0.7 * x), shifted])
def test_trajectories_of_two_sources_are_no_windows_of_one_recording(other):
    """Each source numbers its own from zero; a list of both holds every number twice."""
    first = Trajectories([circle(1.0), circle(2.0)])
    second = Trajectories([other(*circle(1.0)), other(*circle(3.0))])
    joined = Trajectories([*first, *second])
    message = r"trajectories 0, 2 have the id 0, .* overlap in time with other states. Number them, .*pandas.concat"
    for cv in (LeaveOneTrajectoryOut(), TimeSeriesWindows(2)):
        with pytest.raises(TrajectoryError, match=message):
            next(cv.split(joined))
    with pytest.raises(TrajectoryError, match=message):
        LeaveOneTrajectoryOut().get_n_splits(Trajectories([*joined]))
    numbered = pd.concat([Trajectories([x]).to_dataframe().assign(id=k) for k, x in enumerate(joined)])
    assert LeaveOneTrajectoryOut().get_n_splits(Trajectories(numbered)) == 4


def test_trials_of_a_subject_are_left_out_together():
    trials = [Trajectory(*circle(radius), id=name) for name in ("Ann", "Bob") for radius in (1.0, 2.0)]
    assert [list(test) for _, test in LeaveOneTrajectoryOut().split(Trajectories(trials))] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("stride", [7, 20, 25])
def test_windows_of_one_recording_agree(stride):
    t, x = circle(1.0, points=240)
    x[11, 1] = np.nan
    recording = Trajectories.with_gaps([(t, x), circle(2.0)])
    for windows in (recording.windows(20, stride), recording.windows(20, stride)[::-1]):
        assert LeaveOneTrajectoryOut().get_n_splits(windows) == 2
        assert len(folds(TimeSeriesWindows(2), windows)) == 2
        assert len(folds(TimeSeriesWindows(2), Trajectories.with_gaps(list(windows)))) == 2


def test_a_gap_is_within_a_recording():
    windows = Trajectories([circle(1.0), circle(2.0)]).windows(20)
    train, test = folds(TimeSeriesWindows(2, gap=100.0), windows)[0]
    assert (train, test) == ([3, 4, 5], [0, 1, 2])


def test_the_gap_is_in_the_unit_of_the_times():
    days = pd.date_range("2024-01-01", periods=60)
    x = circle(1.0)[1]
    in_days = Trajectories(pd.DataFrame(x, columns=["a", "b"], index=days), time_unit="day").windows(10)
    assert folds(TimeSeriesWindows(6, gap=1.0), in_days)[2] == ([0, 4, 5], [2])
    assert folds(TimeSeriesWindows(6, gap=0.9), in_days)[2] == ([0, 1, 3, 4, 5], [2])


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (circle(1.0)[1], {}, "a ndarray, which does not say which windows are neighbours"),
        (Trajectories([circle(1.0)]), {}, r"one whole recording: cut it into windows first, X.windows\(length=...\)$"),
        (Trajectories([circle(1.0), circle(2.0)]), {}, "or use LeaveOneTrajectoryOut"),
        (Trajectories([circle(1.0)]).windows(20), {}, "n_splits=5, but X has 3 windows"),
        (Trajectories([circle(1.0)]).windows(10), {"gap": 9.0}, "gap=9.0 leaves no window .* block 0 of 5"),
        (Trajectories([circle(1.0)]).windows(10), {"gap": -1.0}, "gap must be finite and at least 0, got -1.0"),
        (Trajectories([circle(1.0)]).windows(10), {"n_splits": 1}, "n_splits must be an integer of at least 2, got 1"),
        (Trajectories([circle(1.0)]).windows(10), {"n_splits": 2.5}, "n_splits must be an integer"),
    ],
)
def test_refusals(X, options, message):
    with pytest.raises(ValueError, match=message):
        list(TimeSeriesWindows(**options).split(X))


def test_scikit_learn_takes_them(recording):
    X = Trajectories([circle(r) for r in (1.0, 2.0, 3.0)])
    assert (cross_val_score(SparseODERegressor(max_degree=1), X, cv=LeaveOneTrajectoryOut()) > 0.99).all()
    result = cross_validate(
        FIMODERegressor(device="cpu"), recording.windows(40), cv=TimeSeriesWindows(3, gap=0.5), return_estimator=True
    )
    assert [len(est.context_) for est in result["estimator"]] == [3, 2, 3]
    assert (result["test_score"] > 0.5).all()
    search = GridSearchCV(SparseODERegressor(), {"max_degree": [1, 2]}, cv=TimeSeriesWindows(3, gap=0.5))
    assert search.fit(recording.windows(40)).n_splits_ == 3
    assert repr(TimeSeriesWindows(3, gap=0.5)) == "TimeSeriesWindows(gap=0.5, n_splits=3)"
    assert repr(clone(TimeSeriesWindows(3), safe=False)) == repr(TimeSeriesWindows(3))
