"""The signature kernel agrees with its definition, and the discrepancy tells equal from unequal laws."""

from itertools import combinations

import numpy as np
import pytest

from skdyn.dynamics import signature_kernel as module
from skdyn.dynamics.signature_kernel import SignatureMMD, signature_kernel


def directly(x, y, levels, bandwidth):
    """Levels 1 ... of two paths, term by term."""
    static = np.exp(-np.square(x[:, None] - y[None]).sum(-1) / (2 * bandwidth**2))
    increments = np.diff(np.diff(static, axis=0), axis=1)
    return [
        sum(
            np.prod([increments[i, j] for i, j in zip(rows, columns, strict=True)])
            for rows in combinations(range(len(x) - 1), level)
            for columns in combinations(range(len(y) - 1), level)
        )
        for level in range(1, levels + 1)
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("lengths", "dim", "levels"), [((7, 6), 1, 5), ((6, 8), 2, 5), ((5, 5), 3, 2), ((4, 3), 2, 1)])
def test_definition(rng, lengths, dim, levels):
    x, y = (rng.normal(size=(n, length, dim)) for n, length in zip((3, 2), lengths, strict=True))
    raw = signature_kernel(x, y, levels=levels, bandwidth=0.8, normalize=False)
    expected = np.array([[1 + sum(directly(a, b, levels, 0.8)) for b in y] for a in x])
    np.testing.assert_allclose(raw, expected, rtol=1e-12)
    normalised = signature_kernel(x, y, levels=levels, bandwidth=0.8)
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            ab, aa, bb = (np.array(directly(*pair, levels, 0.8)) for pair in ((a, b), (a, a), (b, b)))
            assert normalised[i, j] == pytest.approx((1 + (ab / np.sqrt(aa * bb)).sum()) / (1 + levels), rel=1e-10)


def test_a_path_shorter_than_the_levels_has_only_the_lower_ones(rng):
    x = rng.normal(size=(2, 3, 1))
    assert signature_kernel(x, normalize=False) == pytest.approx(signature_kernel(x, levels=2, normalize=False))


def test_symmetric_with_ones_on_the_diagonal_and_positive(rng):
    x = rng.normal(size=(8, 30, 2)).cumsum(axis=1)
    kernel = signature_kernel(x)
    np.testing.assert_allclose(kernel, signature_kernel(x, x), rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(kernel), 1, rtol=1e-12)
    assert np.linalg.eigvalsh(kernel).min() > 0


def test_blocks_do_not_matter(rng, monkeypatch):
    x, y = rng.normal(size=(2, 9, 12, 2)).cumsum(axis=2)
    expected = signature_kernel(x, y)
    monkeypatch.setattr(module, "_BLOCK", 30)
    np.testing.assert_allclose(signature_kernel(x, y), expected, rtol=1e-13)


def test_still_paths_resemble_others_at_level_zero_only(rng):
    kernel = signature_kernel(np.ones((1, 9, 2)), rng.normal(size=(1, 9, 2)))
    assert kernel.item() == pytest.approx(1 / 6)


def test_units_of_state_and_bandwidth_cancel_and_shifts_do_not_matter(rng):
    x, y = rng.normal(size=(2, 3, 20, 2)).cumsum(axis=2)
    scaled = signature_kernel(7 * x + 3, 7 * y + 3, bandwidth=7.0)
    np.testing.assert_allclose(scaled, signature_kernel(x, y), rtol=1e-9)


def walks(rng, n, drift=0.0):
    return rng.normal(drift, 0.3, (n, 15, 1)).cumsum(axis=1)


def test_discrepancy_is_unbiased(rng):
    reference, paths = walks(rng, 3), walks(rng, 4)
    own, other, between = signature_kernel(reference), signature_kernel(paths), signature_kernel(paths, reference)
    pairs = [np.mean([k[i, j] for i in range(len(k)) for j in range(len(k)) if i != j]) for k in (own, other)]
    assert SignatureMMD(reference)(paths) == pytest.approx(sum(pairs) - 2 * between.mean())
    draws = [SignatureMMD(walks(rng, 10))(walks(rng, 10)) for _ in range(200)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(200)


def test_discrepancy_grows_with_the_difference(rng):
    mmd = SignatureMMD(walks(rng, 40))
    values = [mmd(walks(rng, 40, drift)) for drift in (0.0, 0.1, 0.3)]
    assert values == sorted(values)
    assert values[2] > 0.1 > abs(values[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((3, 4))}, r"x: paths of shape \(N, L, D\).*got \(3, 4\)"),
        ({"x": np.zeros((3, 1, 2))}, "at least two points"),
        ({"y": np.zeros((3, 4, 3))}, "2 and 3 variables"),
        ({"y": np.full((1, 4, 2), np.nan)}, "y: point 0 of path 0 is not finite"),
        ({"levels": 0}, "levels must be a positive integer"),
        ({"levels": 2.5}, "levels must be a positive integer"),
        ({"bandwidth": 0.0}, "bandwidth must be positive"),
        ({"bandwidth": np.nan}, "bandwidth must be positive"),
    ],
)
def test_bad_inputs(change, message):
    arguments = {"x": np.zeros((2, 4, 2)), "y": np.zeros((2, 4, 2))} | change
    with pytest.raises(ValueError, match=message):
        signature_kernel(arguments.pop("x"), arguments.pop("y"), **arguments)


def test_too_few_paths():
    with pytest.raises(ValueError, match="reference: at least two"):
        SignatureMMD(np.zeros((1, 4, 2)))
    with pytest.raises(ValueError, match="paths: at least two"):
        SignatureMMD(np.zeros((2, 4, 2)))(np.zeros((1, 4, 2)))
