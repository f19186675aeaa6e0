"""The promises of FIMSDERegressor's docstring, on random contexts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn import FIMSDERegressor
from tests.property.effort import examples


@pytest.fixture(scope="module")
def answers(dummy_folder):
    """Drift, diffusion and the scales of their errors, of the tiny model at given points."""
    folder = dummy_folder.parent / "fim-sde-16d"

    def infer(pairs, points):
        est = FIMSDERegressor(folder, device="cpu").fit(pairs)
        return (*est.vector_field(points, return_std=True), *est.diffusion(points, return_std=True))

    return infer


def context(seed, dim, count=3):
    """Ragged, irregular random walks with a pull to the origin, and states near them."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        t = np.cumsum(rng.uniform(0.05, 0.3, size=rng.integers(6, 60)))
        x = rng.normal(size=(len(t), dim))
        for i, h in enumerate(np.diff(t), start=1):
            x[i] = x[i - 1] * (1 - h) + x[i] * np.sqrt(h)
        pairs.append((t, x))
    return pairs, rng.normal(size=(9, dim))


def assert_close(value, reference, tolerance=2e-3):
    assert (np.abs(value - reference) <= tolerance * np.abs(reference).max()).all()


seeds, dims = st.integers(0, 10_000), st.integers(1, 4)


@settings(max_examples=examples(15))
@given(seeds, dims, st.data())
def test_affine_equivariance(answers, seed, dim, data):
    pairs, points = context(seed, dim)
    scale = 10.0 ** np.array(data.draw(st.lists(st.floats(-30, 30), min_size=dim, max_size=dim)))
    shift = scale * np.array(data.draw(st.lists(st.floats(-1e3, 1e3), min_size=dim, max_size=dim)))
    moved = answers([(t, x * scale + shift) for t, x in pairs], points * scale + shift)
    for value, reference in zip(moved, answers(pairs, points), strict=True):
        assert_close(value / scale, reference)


@settings(max_examples=examples(15))
@given(seeds, dims, st.floats(-30, 30), st.floats(-1e3, 1e3))
def test_time_equivariance(answers, seed, dim, exponent, start):
    pairs, points = context(seed, dim)
    unit = 10.0**exponent
    moved = answers([((t + start) * unit, x) for t, x in pairs], points)
    factors = (unit, unit, np.sqrt(unit), np.sqrt(unit))
    for value, reference, factor in zip(moved, answers(pairs, points), factors, strict=True):
        assert_close(value * factor, reference)


@settings(max_examples=examples(10))
@given(seeds, dims, st.permutations(range(3)))
def test_the_order_of_trajectories_does_not_matter(answers, seed, dim, order):
    pairs, points = context(seed, dim)
    for value, reference in zip(answers([pairs[k] for k in order], points), answers(pairs, points), strict=True):
        assert_close(value, reference, 1e-4)


@settings(max_examples=examples(10))
@given(seeds, st.integers(1, 300))
def test_an_answer_depends_on_its_query_alone(dummy_folder, seed, count):
    est = FIMSDERegressor(dummy_folder.parent / "fim-sde-16d", device="cpu").fit(context(4, 7)[0])
    points = np.random.default_rng(seed).normal(size=(count, 7))
    order = np.random.default_rng(seed + 1).permutation(count)
    together = est.diffusion(points)
    assert (together >= 0).all()
    assert_close(est.diffusion(points[order]), together[order], 1e-5)
    assert_close(est.diffusion(points[: count // 2 + 1]), together[: count // 2 + 1], 1e-5)
