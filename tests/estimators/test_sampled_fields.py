"""Sampled fields: the same at every call, with the mean and the deviation that the estimator states."""

from __future__ import annotations

import numpy as np
import pytest

from skdyn import FIMODERegressor, SparseODERegressor
from tests.golden.test_fim_ode_golden import WEIGHTS as FORMAT_1

T = np.linspace(0.0, 10.0, 80)
NOISE = 0.05 * np.random.default_rng(0).standard_normal((80, 2))
CIRCLE = np.column_stack([np.cos(T), -np.sin(T)]) + NOISE
QUERIES = np.random.default_rng(1).standard_normal((6, 2))


@pytest.fixture(
    scope="module",
    params=[
        FIMODERegressor(device="cpu"),
        FIMODERegressor(FORMAT_1, device="cpu"),
        FIMODERegressor(device="cpu", refine="sparse"),
        SparseODERegressor(),
    ],
    ids=["one pass", "format 1", "refined", "sparse"],
)
def fitted(request):
    return request.param.fit([(T, CIRCLE)])


def test_mean_and_deviation_are_those_of_the_field(fitted):
    samples = fitted.sample_fields(600, random_state=0)(QUERIES)
    field, scale = fitted.vector_field(QUERIES, return_std=True)
    deviation = np.sqrt(2.0) * scale
    assert samples.shape == (600, 6, 2)
    assert (np.abs(samples.mean(axis=0) - field) < 5 * deviation / np.sqrt(600)).all()
    np.testing.assert_allclose(samples.std(axis=0) / deviation, 1.0, atol=0.15)


def test_a_sample_is_one_function(fitted):
    fields = fitted.sample_fields(7, random_state=3)
    whole = fields(QUERIES)
    np.testing.assert_allclose(fields(QUERIES[2:3]), whole[:, 2:3], rtol=1e-4, atol=1e-5)
    near = fields(QUERIES + 1e-4)
    assert np.abs(near - whole).max() < 0.05 * np.abs(whole).max()
    assert len(fields) == 7
    assert repr(fields) == "<7 sampled fields>"


@pytest.mark.parametrize("given", [1, 2])
def test_fields_with_inputs(given):
    """Of two variables the network reads one input; of two it reads the states alone."""
    inputs = np.sin(T[:, None] * np.arange(1, given + 1))
    fitted = FIMODERegressor(device="cpu").fit([(T, CIRCLE, inputs)])
    asked = {"inputs": np.linspace(-1, 1, 6 * given).reshape(6, given)}
    samples = fitted.sample_fields(600, random_state=0)(QUERIES, **asked)
    field, scale = fitted.vector_field(QUERIES, return_std=True, **asked)
    assert (np.abs(samples.mean(axis=0) - field) < 5 * np.sqrt(2.0 / 600) * scale).all()
    np.testing.assert_allclose(samples.std(axis=0) / (np.sqrt(2.0) * scale), 1.0, atol=0.15)


def test_fields_stay_those_of_their_fit():
    named = [(T, CIRCLE)]
    estimator = SparseODERegressor(library="polynomial").fit(named)
    fields = estimator.sample_fields(2, random_state=0)
    before = fields(QUERIES)
    estimator.fit([(T, CIRCLE[:, :1])])
    np.testing.assert_array_equal(fields(QUERIES), before)


def test_states_beyond_computing_are_refused(fitted):
    for far in (1e160, 1e308):
        with pytest.raises(ValueError, match=r"cannot be computed at \[.*it is too far from the data"):
            fitted.sample_fields(2)([far, -far])
        with pytest.raises(ValueError, match=r"cannot be computed at \[.*it is too far from the data"):
            fitted.vector_field([far, -far], return_std=True)


def test_random_states(fitted):
    one, same, other = (fitted.sample_fields(2, random_state=seed)(QUERIES) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_one_sample_and_no_points(fitted):
    assert fitted.sample_fields(1, random_state=0)(QUERIES).shape == (1, 6, 2)
    assert fitted.sample_fields(3, random_state=0)(np.zeros((0, 2))).shape == (3, 0, 2)


def test_bad_parameters(fitted):
    with pytest.raises(ValueError, match="n_samples must be a positive integer, got 0"):
        fitted.sample_fields(0)
    with pytest.raises(ValueError, match="random_state"):
        fitted.sample_fields(2, random_state="seed")
    with pytest.raises(ValueError, match="points"):
        fitted.sample_fields(2)([[1.0, 2.0, 3.0]])
