"""The promises of FIMODERegressor's docstring, on random systems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn import FIMODERegressor
from tests.property.effort import examples


def system(seed, dim, count=3):
    """Ragged, irregular, noisy trajectories of a random linear system, and states near them."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(dim, dim)) / np.sqrt(dim) - 0.5 * np.eye(dim)
    pairs = []
    for _ in range(count):
        t = np.cumsum(rng.uniform(0.05, 0.3, size=rng.integers(6, 30)))
        x = np.empty((len(t), dim))
        state = rng.normal(size=dim)
        for i, step in enumerate(np.diff(t, prepend=0.0)):
            for _ in range(10):
                state = state + step / 10 * matrix @ state
            x[i] = state
        pairs.append((t, x * (1 + 0.02 * rng.normal(size=x.shape))))
    return pairs, np.concatenate([x for _, x in pairs])[::3] + 0.1 * rng.normal(size=dim)


def field(pairs, points):
    return FIMODERegressor(device="cpu").fit(pairs).vector_field(points, return_std=True)


def assert_close(value, reference, tolerance):
    scale = np.abs(reference).max(axis=0)
    assert (np.abs(value - reference) <= tolerance * scale).all(), np.abs(value - reference).max(axis=0) / scale


seeds = st.integers(0, 10_000)
dims = st.integers(1, 3)


@settings(max_examples=examples(15))
@given(seeds, dims, st.data())
def test_scale_equivariance(seed, dim, data):
    pairs, points = system(seed, dim)
    # Scales within the range in which no deviation is floored at a thousandth of the largest.
    scale = np.array(data.draw(st.lists(st.floats(-1, 1), min_size=dim, max_size=dim)))
    scale = 10.0 ** (scale + data.draw(st.floats(-30, 30)))
    base, std = field(pairs, points)
    moved, moved_std = field([(t, x * scale) for t, x in pairs], points * scale)
    assert_close(moved / scale, base, 2e-3)
    assert_close(moved_std / scale, std, 2e-3)


@settings(max_examples=examples(15))
@given(seeds, dims, st.floats(-30, 30), st.floats(-1e3, 1e3))
def test_time_equivariance(seed, dim, exponent, start):
    pairs, points = system(seed, dim)
    unit = 10.0**exponent
    base, std = field(pairs, points)
    moved, moved_std = field([((t + start) * unit, x) for t, x in pairs], points)
    assert_close(moved * unit, base, 2e-3)
    assert_close(moved_std * unit, std, 2e-3)


def test_epoch_seconds_and_dates_give_the_same_field():
    pairs, points = system(1, 2)
    pairs = [(np.round(t, 3), x) for t, x in pairs]
    base, _ = field(pairs, points)
    for stamp in (
        lambda t: t + 1_700_000_000.0,
        lambda t: np.datetime64("2023-11-14T22:13:20", "ms") + np.round(t * 1e3).astype("timedelta64[ms]"),
        lambda t: np.round(t * 1e3).astype("timedelta64[ms]"),
    ):
        assert_close(field([(stamp(t), x) for t, x in pairs], points)[0], base, 1e-3)
    nanoseconds = [(1_700_000_000_000_000_000 + np.round(t * 1e9).astype(np.int64), x) for t, x in pairs]
    assert_close(field(nanoseconds, points)[0] * 1e9, base, 1e-3)


def test_a_mean_of_a_billion_with_a_deviation_of_one():
    pairs, points = system(2, 2)
    base, _ = field(pairs, points)
    # The sparse fits see another origin, all else sees the same.
    assert_close(field([(t, x + 1e9) for t, x in pairs], points + 1e9)[0], base, 3e-2)


@settings(max_examples=examples(10))
@given(seeds, dims, st.permutations(range(3)))
def test_the_order_of_trajectories_does_not_matter(seed, dim, order):
    pairs, points = system(seed, dim)
    base, std = field(pairs, points)
    moved, moved_std = field([pairs[k] for k in order], points)
    assert_close(moved, base, 1e-4)
    assert_close(moved_std, std, 1e-4)


@pytest.fixture(scope="module", params=[1, 2, 3])
def estimator(request):
    return FIMODERegressor(device="cpu").fit(system(3, request.param)[0])


@pytest.fixture(scope="module")
def wide(dummy_folder):
    return FIMODERegressor(dummy_folder, device="cpu").fit(system(4, 7)[0])


def queries(estimator, seed, count):
    return np.random.default_rng(seed).normal(size=(count, estimator.n_features_in_))


@settings(max_examples=examples(10))
@given(seed=seeds, count=st.integers(1, 300), data=st.data())
def test_an_answer_depends_on_its_query_alone(estimator, wide, seed, count, data):
    for est in (estimator, wide):
        points = queries(est, seed, count)
        answers, std = est.vector_field(points, return_std=True)
        jacobians = est.jacobian(points)
        order = np.random.default_rng(seed + 1).permutation(count)
        moved, moved_std = est.vector_field(points[order], return_std=True)
        assert_close(moved, answers[order], 1e-4)
        assert_close(moved_std, std[order], 1e-3)
        assert_close(est.jacobian(points[order]), jacobians[order], 1e-6)
        start = data.draw(st.integers(0, count - 1))
        stop = data.draw(st.integers(start + 1, count))
        size = np.abs(answers).max(axis=0)
        assert (np.abs(est.vector_field(points[start:stop]) - answers[start:stop]) <= 1e-4 * size).all()
        one = est.jacobian(points[start : start + 1])[0]
        assert (np.abs(one - jacobians[start]) <= 1e-6 * np.abs(jacobians).max(axis=0)).all()


@given(shape=st.lists(st.integers(0, 4), min_size=0, max_size=4))
def test_grids_of_any_shape(estimator, shape):
    dim = estimator.n_features_in_
    points = np.random.default_rng(0).normal(size=(*shape, dim))
    answers, std = estimator.vector_field(points, return_std=True)
    assert answers.shape == std.shape == points.shape
    assert estimator.jacobian(points).shape == (*shape, dim, dim)
    np.testing.assert_array_equal(answers.reshape(-1, dim), estimator.vector_field(points.reshape(-1, dim)))
