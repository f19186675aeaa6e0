import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import KFold, train_test_split

from skdyn import Trajectories, TrajectoryError
from skdyn.data.names import named_states
from skdyn.data.trajectories import Trajectory


def falling(points, dim):
    """Whole numbers in falling columns, which nobody takes for times."""
    return np.arange(float(points * dim))[::-1].reshape(points, dim).copy()


def same(first, second):
    return (
        len(first) == len(second)
        and all(np.array_equal(a, b) for a, b in zip(first.times, second.times, strict=True))
        and all(np.array_equal(a, b) for a, b in zip(first.states, second.states, strict=True))
    )


@pytest.fixture
def ragged():
    rng = np.random.default_rng(0)
    return [(np.cumsum(rng.uniform(0.1, 1, n)), rng.normal(size=(n, 2))) for n in (5, 3, 8)]


def test_pairs(ragged):
    X = Trajectories(ragged)
    assert (len(X), X.n_features, X.n_points) == (3, 2, 16)
    assert X.ids == (0, 1, 2)
    assert X.feature_names is None
    assert X.origin is None
    for k, (t, x) in enumerate(ragged):
        np.testing.assert_array_equal(X[k].t, t)
        np.testing.assert_array_equal(X[k].x, x)
    assert repr(X) == "Trajectories(3 trajectories, 16 points, 2 variables)"
    assert repr(X[:1]) == "Trajectories(1 trajectory, 5 points, 2 variables)"


def test_every_form_of_one_shared_axis():
    x = np.arange(24.0).reshape(2, 4, 3)
    t = np.array([0.0, 0.5, 1.0, 1.5])
    reference = Trajectories([(t, x[0]), (t, x[1])])
    frame = pd.DataFrame(x.reshape(-1, 3), columns=["a", "b", "c"]).assign(t=np.tile(t, 2), id=[0] * 4 + [1] * 4)
    forms = [
        Trajectories(x, t),
        Trajectories(x, 0.5),
        Trajectories(x, [t, t]),
        Trajectories(x, np.stack([t, t])),
        Trajectories(x, np.timedelta64(500, "ms")),
        Trajectories(list(x), t),
        Trajectories(x.tolist(), t.tolist()),
        Trajectories(tuple(x), [t, t]),
        Trajectories([[t, x[0]], [t, x[1]]]),
        Trajectories(((t, x[0]), (t, x[1]))),
        Trajectories(reference),
        Trajectories(list(reference)),
        Trajectories(frame),
        Trajectories(pl.from_pandas(frame)),
        Trajectories.from_dataframe(frame.rename(columns={"t": "when"}), time="when", id="id"),
        Trajectories(reference.to_dataframe()),
    ]
    for form in forms:
        assert same(form, reference)


def test_single_trajectories_and_unit_steps():
    x = falling(4, 2)
    for single in (x, x.tolist(), [x], x[None], (np.arange(4), x)):
        assert same(Trajectories(single), Trajectories([(np.arange(4), x)]))
    column = Trajectories([(np.arange(3.0), [1.0, 2.0, 4.0])])
    assert column.states[0].shape == (3, 1)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(np.float32),
        lambda x: x.astype(">f8"),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x[::-1][::-1],
        lambda x: x.astype(np.int16),
        lambda x: x.astype(np.uint8),
        lambda x: x.astype(object),
        lambda x: np.ma.array(x),
        lambda x: x.astype(np.longdouble),
        lambda x: np.array(x, order="F", dtype=">i4"),
    ],
)
def test_memory_layouts_and_types_are_read_and_left_alone(convert):
    x = falling(6, 2)
    given = convert(x)
    before = given.copy()
    given.flags.writeable = False
    X = Trajectories(given)
    np.testing.assert_array_equal(X.states[0], x)
    assert X.states[0].dtype == np.float64
    assert X.states[0].flags.c_contiguous
    np.testing.assert_array_equal(given, before)
    assert not np.shares_memory(X.states[0], given)


def test_memory_mapped_files(tmp_path):
    x = falling(6, 2)
    np.save(tmp_path / "x.npy", x)
    X = Trajectories(np.load(tmp_path / "x.npy", mmap_mode="r"))
    np.testing.assert_array_equal(X.states[0], x)
    assert type(X.states[0]) is np.ndarray


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    x = torch.arange(12.0).flip(0).reshape(2, 3, 2)
    assert same(Trajectories(x, torch.arange(3)), Trajectories(x.numpy()))
    with pytest.raises(TrajectoryError, match=r"^X cannot be read as an array: .*requires grad"):
        Trajectories(x.requires_grad_())


def test_results_are_read_only_and_independent(ragged):
    X = Trajectories(ragged)
    with pytest.raises(ValueError, match="read-only"):
        X.states[0][0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        X.times[0][0] = 1.0
    ragged[0][1][:] = 0.0
    assert X.states[0].any()


def test_missing_values():
    x = falling(5, 2)
    x[2, 1] = np.nan
    message = r"trajectory 1, row 2, column 1: the state is NaN; pass Trajectories\(X, missing='drop'\)"
    with pytest.raises(TrajectoryError, match=message):
        Trajectories([np.ones((2, 2)), x])
    X = Trajectories(x, missing="drop")
    np.testing.assert_array_equal(X.times[0], [0, 1, 3, 4])
    np.testing.assert_array_equal(X.states[0], x[[0, 1, 3, 4]])
    x[0, 0] = np.inf
    with pytest.raises(TrajectoryError, match=r"trajectory 0, row 0, column 0: the state is infinity"):
        Trajectories(x, missing="drop")
    with pytest.raises(TrajectoryError, match=r"trajectory 0: fewer than 2 rows are left after dropping"):
        Trajectories([[np.nan, 1.0], [1.0, 2.0]], missing="drop")


def test_gaps_are_kept_where_they_can_be_used():
    x = falling(5, 2)
    x[2, 1] = np.nan
    x[3] = np.nan
    X = Trajectories.with_gaps(x)
    np.testing.assert_array_equal(X.times[0], [0, 1, 2, 4])
    np.testing.assert_array_equal(X.states[0], x[[0, 1, 2, 4]])
    assert Trajectories.with_gaps(X).states is X.states
    x[0, 0] = np.inf
    with pytest.raises(TrajectoryError, match=r"trajectory 0, row 0, column 0: the state is infinity"):
        Trajectories.with_gaps(x)


def test_gaps_are_refused_again_where_they_cannot_be_used():
    days = np.datetime64("2024-01-01") + np.arange(4)
    X = Trajectories.with_gaps([(days, [[1.0, np.nan], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])])
    with pytest.raises(TrajectoryError, match="trajectory 0, row 0, column 1: the state is NaN"):
        Trajectories(X)
    dropped = Trajectories(X, missing="drop")
    assert dropped.n_points == 3
    assert dropped.origin == X.origin


def test_masked_values_are_missing():
    x = np.ma.array(falling(4, 2), mask=False)
    x[1, 0] = np.ma.masked
    with pytest.raises(TrajectoryError, match="trajectory 0, row 1, column 0: the state is NaN"):
        Trajectories(x)
    np.testing.assert_array_equal(Trajectories(x, missing="drop").times[0], [0, 2, 3])
    with pytest.raises(TrajectoryError, match="trajectory 0, row 1: the time is masked"):
        Trajectories([(x[:, 0], np.ones((4, 1)))])


@pytest.mark.parametrize("library", [pd, pl])
def test_dataframes(library):
    frame = library.DataFrame(
        {
            "group": ["b", "a", "b", "a", "b"],
            "time": [0.0, 5.0, 1.0, 7.0, 3.0],
            "prey": [1, 2, 3, 4, 5],
            "predator": [1.0, 4.0, 9.0, 16.0, 25.0],
        }
    )
    X = Trajectories(frame)
    assert X.ids == ("b", "a")
    assert X.feature_names == ("prey", "predator")
    assert X[0].feature_names == ("prey", "predator")
    np.testing.assert_array_equal(X.times[0], [0, 1, 3])
    np.testing.assert_array_equal(X.states[1], [[2, 4], [4, 16]])
    one = Trajectories.from_dataframe(frame, id="group", features=["predator"])
    assert one.feature_names == ("predator",)
    back = X.to_dataframe()
    assert list(back.columns) == ["id", "t", "prey", "predator"]
    assert back["id"].tolist() == ["b", "b", "b", "a", "a"]
    again = Trajectories(back)
    assert same(again, X)
    assert (again.ids, again.feature_names) == (X.ids, X.feature_names)


def test_dataframe_nulls_dates_and_durations():
    dates = pd.to_datetime(["2024-03-30", "2024-03-31", "2024-04-01"])
    for when in (dates, dates.tz_localize("Europe/Berlin"), dates - dates[0]):
        X = Trajectories(pd.DataFrame({"t": when, "x": [1.0, 2.0, 3.0]}))
        hours = np.diff(X.times[0]) / 3600
        # The night of the 31st of March 2024 has 23 hours in Berlin.
        np.testing.assert_array_equal(hours, [24, 23 if getattr(when, "tz", None) else 24])
    nullable = pd.DataFrame({"x": pd.array([1, None, 3, 4], dtype="Int64")})
    assert Trajectories(nullable, missing="drop").n_points == 3
    assert Trajectories(pl.DataFrame({"x": [1, None, 3, 4]}), missing="drop").n_points == 3


def test_indexing(ragged):
    X = Trajectories(ragged)
    assert isinstance(X[1], Trajectory)
    assert isinstance(X[1], tuple)
    assert len(X[-1].t) == 8
    for index, lengths in (
        (slice(1, None), [3, 8]),
        ([2, 0], [8, 5]),
        (np.array([True, False, True]), [5, 8]),
        (np.array([-1]), [8]),
    ):
        chosen = X[index]
        assert isinstance(chosen, Trajectories)
        assert [len(t) for t in chosen.times] == lengths
    assert X[[2, 0]].ids == (2, 0)
    assert [len(t) for t, _ in X] == [5, 3, 8]
    with pytest.raises(IndexError):
        X[3]
    with pytest.raises(IndexError, match="selects no trajectory of 3"):
        X[3:]


def test_windows():
    t = np.arange(10.0)
    X = Trajectories([(t, t), (t[:4], t[:4])])
    cut = X.windows(4)
    assert [list(w.t) for w in cut] == [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]]
    assert cut.ids == (0, 0, 1)
    assert len(X.windows(4, stride=1)) == 8
    assert len(X[:1].windows(length=np.int64(3), stride=2)) == 4
    with pytest.raises(TrajectoryError, match="the longest has 10 points"):
        X.windows(11)
    for bad in (1, 2.0, True, "3"):
        with pytest.raises(TrajectoryError, match="length must be an integer of at least 2"):
            X.windows(bad)
    with pytest.raises(TrajectoryError, match="stride must be an integer of at least 1"):
        X.windows(3, 0)


def test_scikit_learn_splits_trajectories(ragged):
    names = ("u", "v")
    frame = Trajectories(ragged).to_dataframe().rename(columns={"x0": "u", "x1": "v"})
    X = Trajectories(frame)
    train, test = train_test_split(X, test_size=1, random_state=0)
    assert (len(train), len(test)) == (2, 1)
    assert Trajectories(train).feature_names == names
    folds = list(KFold(3).split(X))
    assert [X[test].n_points for _, test in folds] == [5, 3, 8]


def test_copies_and_pickles(ragged):
    X = Trajectories(Trajectories(ragged).to_dataframe())
    for twin in (pickle.loads(pickle.dumps(X)), copy.deepcopy(X), copy.copy(X)):
        assert same(twin, X)
        assert (twin.ids, twin.feature_names, twin.origin) == (X.ids, X.feature_names, X.origin)
    piece = pickle.loads(pickle.dumps(X[0]))
    assert piece.feature_names == X.feature_names
    np.testing.assert_array_equal(piece.x, X[0].x)


def test_dates_share_one_origin():
    days = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    X = Trajectories([(days + 10, [1.0, 2.0]), (days, [1.0, 2.0])])
    np.testing.assert_array_equal(X.times[0], [864000, 950400])
    np.testing.assert_array_equal(X.times[1], [0, 86400])
    assert X.origin == np.datetime64("2020-01-01")
    assert X[1:].origin == X.origin


def test_states_in_a_table_are_numbers_and_each_name_stands_once():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    np.testing.assert_array_equal(named_states(frame.astype("Int64"), ("b", "a"), "points"), [[3.0, 1.0], [4.0, 2.0]])
    np.testing.assert_array_equal(named_states(frame.iloc[0], ("b", "a"), "points"), [3.0, 1.0])
    for wrong in (frame.astype("category"), frame > 0, frame.astype(str), pl.DataFrame({"a": ["1"], "b": ["2"]})):
        with pytest.raises(TrajectoryError, match="points, column 'a'"):
            named_states(wrong, ("a", "b"), "points")
    with pytest.raises(TrajectoryError, match="points has the variable 'a' more than once"):
        named_states(frame[["a", "a", "b"]], ("a", "b"), "points")
    with pytest.raises(TrajectoryError, match=r"points is a polars LazyFrame, .* collect\(\)"):
        named_states(pl.DataFrame({"a": [1.0]}).lazy(), ("a",), "points")
