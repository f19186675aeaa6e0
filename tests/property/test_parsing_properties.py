"""Every accepted form of the same numbers is the same Trajectories."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skdyn import Trajectories, TrajectoryError

finite = st.floats(-1e300, 1e300)
steps = st.floats(1e-3, 1e3)


@st.composite
def shared(draw):
    """Times (L,) and states (K, L, D) on one axis."""
    count, points, dim = draw(st.integers(1, 3)), draw(st.integers(2, 6)), draw(st.integers(1, 3))
    t = draw(finite.filter(lambda x: abs(x) < 1e3)) + np.cumsum(draw(arrays(float, points, elements=steps)))
    return t, draw(arrays(float, (count, points, dim), elements=finite, unique=True))


@st.composite
def ragged(draw):
    """Pairs of times (L_k,) and states (L_k, D)."""
    dim = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(2, 6), min_size=1, max_size=4))
    return [
        (np.cumsum(draw(arrays(float, n, elements=steps))), draw(arrays(float, (n, dim), elements=finite, unique=True)))
        for n in lengths
    ]


def assert_same(first, second):
    assert len(first) == len(second)
    for (t, x), (s, y) in zip(first, second, strict=True):
        np.testing.assert_array_equal(t, s)
        np.testing.assert_array_equal(x, y)


@given(shared())
def test_one_axis(data):
    t, x = data
    reference = Trajectories([(t, one) for one in x])
    for form in (
        Trajectories(x, t),
        Trajectories(list(x), t.tolist()),
        Trajectories(tuple(x), [t] * len(x)),
        Trajectories(x.astype(">f8"), np.stack([t] * len(x))),
        Trajectories(np.asfortranarray(x), pd.Series(t)),
        Trajectories(x.astype(object), t.astype(object)),
        Trajectories([[t, one] for one in x]),
        Trajectories(reference),
        Trajectories(list(reference)),
        Trajectories([reference[k] for k in range(len(x))]),
    ):
        assert_same(form, reference)


@given(ragged(), st.randoms(use_true_random=False))
def test_long_frames(pairs, random):
    reference = Trajectories(pairs)
    frame = reference.to_dataframe()
    assert_same(Trajectories(frame), reference)
    assert_same(Trajectories(pl.from_pandas(frame)), reference)
    # Rows of different trajectories may be interleaved, as long as each keeps its order and first appearance.
    order = sorted(range(len(frame)), key=lambda row: (frame["t"][row], frame["id"][row]))
    shuffled = Trajectories(frame.iloc[order])
    assert sorted(shuffled.ids) == list(reference.ids)
    assert_same(shuffled[[shuffled.ids.index(k) for k in reference.ids]], reference)


@given(ragged())
def test_reading_changes_nothing_and_shares_nothing(pairs):
    before = copy.deepcopy(pairs)
    X = Trajectories(pairs)
    for (t, x), (s, y) in zip(pairs, before, strict=True):
        np.testing.assert_array_equal(t, s)
        np.testing.assert_array_equal(x, y)
    for (t, x), (s, y) in zip(pairs, X, strict=True):
        assert not np.shares_memory(t, s)
        assert not np.shares_memory(x, y)


@given(ragged(), st.data())
def test_a_nan_is_always_found(pairs, data):
    k = data.draw(st.integers(0, len(pairs) - 1))
    row = data.draw(st.integers(0, len(pairs[k][1]) - 1))
    column = data.draw(st.integers(0, pairs[0][1].shape[1] - 1))
    pairs[k][1][row, column] = np.nan
    with pytest.raises(TrajectoryError, match=f"trajectory {k}, row {row}, column {column}: the state is NaN"):
        Trajectories(pairs)
    if len(pairs[k][0]) > 2:
        dropped = Trajectories(pairs, missing="drop")
        np.testing.assert_array_equal(dropped.states[k], np.delete(pairs[k][1], row, axis=0))
        np.testing.assert_array_equal(dropped.times[k], np.delete(pairs[k][0], row))


@given(ragged(), st.integers(2, 4), st.integers(1, 4))
def test_windows_are_slices(pairs, length, stride):
    X = Trajectories(pairs)
    expected = [(t[i : i + length], x[i : i + length]) for t, x in X for i in range(0, len(t) - length + 1, stride)]
    if expected:
        assert_same(X.windows(length, stride), expected)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=2, max_size=6, unique=True))
def test_large_integers_keep_their_differences(ticks):
    ticks.sort()
    X = Trajectories([(np.array(ticks), np.zeros((len(ticks), 1)))]) if max(np.diff(np.array(ticks, object))) else None
    exact = [tick - (X.origin or 0) for tick in ticks]
    np.testing.assert_array_equal(X.times[0], np.array(exact, dtype=float))
