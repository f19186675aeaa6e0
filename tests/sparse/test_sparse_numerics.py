"""Derivatives against finite differences, and the pieces of the engine by themselves."""

import numpy as np
import pytest

from skdyn.sparse.candidates import eliminate
from skdyn.sparse.context import build_context
from skdyn.sparse.library import monomials
from skdyn.sparse.rollout import roll_out, sensitivities
from skdyn.sparse.segments import split
from skdyn.sparse.smoothing import smooth


@pytest.mark.parametrize(("dim", "degree", "size"), [(1, 5, 6), (2, 3, 10), (3, 3, 20), (2, 5, 21), (5, 2, 21)])
def test_library_values_prefixes_and_jacobian(dim, degree, size):
    rng = np.random.default_rng(dim)
    library = monomials(dim, degree)
    x = rng.normal(size=(7, dim))
    assert library.size == size
    np.testing.assert_allclose(library.design(x), np.prod(x[:, None] ** library.exponents, axis=2))
    np.testing.assert_array_equal(monomials(dim, degree - 1).exponents, library.exponents[: library.prefix(degree - 1)])
    coefficients = rng.normal(size=(size, dim))
    step = 1e-6
    for e in range(dim):
        shift = step * np.eye(dim)[e]
        difference = (library.field(x + shift, coefficients) - library.field(x - shift, coefficients)) / (2 * step)
        np.testing.assert_allclose(library.jacobian(x, coefficients)[:, :, e], difference, rtol=1e-5, atol=1e-6)


def test_unit_factors_carry_the_field():
    rng = np.random.default_rng(0)
    library = monomials(2, 3)
    xi, scale, rate = rng.normal(size=(10, 2)), np.array([3.0, 0.02]), 7.0
    x = rng.normal(size=(5, 2)) * scale
    expected = library.field(x / scale, xi) * scale * rate
    np.testing.assert_allclose(library.field(x, xi * library.unit_factors(scale, rate)), expected)


def test_sensitivities_against_finite_differences():
    rng = np.random.default_rng(4)
    library = monomials(2, 3)
    batch = 3
    coefficients = 0.3 * rng.normal(size=(library.size, 2, batch))
    start = rng.normal(size=(2, batch))
    steps = rng.uniform(0.05, 0.2, size=(6, batch))
    steps[4:, 1] = 0.0  # padding
    component = np.array([[0, 1, 0], [1, 1, -1]])
    monomial = np.array([[1, 4, 9], [3, 0, 0]])
    states, stages = roll_out(library, coefficients, start, steps, keep_stages=True)
    exact = sensitivities(library, coefficients, stages, steps, component, monomial)
    np.testing.assert_array_equal(states[4, :, 1], states[6, :, 1])
    step = 1e-6
    for e in range(2):
        shift = step * np.eye(2)[e][:, None]
        up, down = (roll_out(library, coefficients, start + s, steps)[0] for s in (shift, -shift))
        np.testing.assert_allclose(exact[:, :, e], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)
    for p in range(2):
        shift = np.zeros_like(coefficients)
        for b in range(batch):
            if component[p, b] >= 0:
                shift[monomial[p, b], component[p, b], b] = step
        up, down = (roll_out(library, coefficients + s, start, steps)[0] for s in (shift, -shift))
        np.testing.assert_allclose(exact[:, :, 2 + p], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


def test_roll_out_is_of_fourth_order_and_survives_divergence():
    library = monomials(1, 2)
    growth = np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1)  # x' = x^2
    errors = []
    for n in (20, 40):
        states, _ = roll_out(library, growth, np.array([[1.0]]), np.full((n, 1), 0.5 / n))
        errors.append(abs(states[-1, 0, 0] - 2.0))
    assert 12.0 < errors[0] / errors[1] < 20.0
    states, _ = roll_out(library, growth, np.array([[1e200]]), np.full((5, 1), 1.0))
    assert not np.isfinite(states[-1]).any()


def test_elimination_matches_least_squares_and_drops_the_irrelevant():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(80, 6))
    target = design[:, [1, 4]] @ np.array([[2.0], [-1.0]]) + 0.01 * rng.normal(size=(80, 1))
    errors, coefficients = eliminate(design, target)
    np.testing.assert_allclose(coefficients[6], np.linalg.lstsq(design, target, rcond=None)[0], rtol=1e-9, atol=1e-12)
    assert set(np.flatnonzero(coefficients[2][:, 0])) == {1, 4}
    assert np.all(np.diff(errors[:, 0]) <= 1e-12)


def test_elimination_leaves_dependent_columns_out():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(50, 2))
    design = np.column_stack([base, base @ [1.0, -3.0], np.zeros(50), base[:, 0] ** 2])
    errors, coefficients = eliminate(design, base[:, :1] * 2.0)
    assert len(errors) == 4
    assert not coefficients[:, [2, 3]].any()
    np.testing.assert_allclose(coefficients[1][:, 0], [2.0, 0, 0, 0, 0], atol=1e-12)


def test_smoothing_removes_noise_and_is_affinely_equivariant():
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0.0, 10.0, 150))
    clean = np.column_stack([np.sin(t), np.cos(2 * t)])
    noisy = clean + 0.1 * rng.standard_normal(clean.shape)
    states, slopes = smooth(t, noisy)
    assert np.sqrt(np.mean((states - clean) ** 2)) < 0.05
    assert np.corrcoef(slopes[5:-5, 1], -2 * np.sin(2 * t[5:-5]))[0, 1] > 0.97
    again, slopes_again = smooth(1e3 * t + 5.0, 1e-4 * noisy + 2.0)
    np.testing.assert_allclose(again, 1e-4 * states + 2.0, rtol=1e-8)
    np.testing.assert_allclose(slopes_again, 1e-7 * slopes, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_smoothing_of_few_points_reproduces_lines(n):
    t = np.array([0.0, 0.1, 1.0, 1.2, 2.5, 2.6])[:n]
    states, slopes = smooth(t, np.column_stack([2.0 - 3.0 * t, np.full(n, 4.0)]))
    np.testing.assert_allclose(states[:, 0], 2.0 - 3.0 * t, atol=1e-10)
    np.testing.assert_allclose(slopes, np.tile([-3.0, 0.0], (n, 1)), atol=1e-9)


@pytest.mark.parametrize("wanted", [1, 2, 5, 12])
def test_segments_meet_every_observation_once(wanted):
    rng = np.random.default_rng(0)
    trajectories = [(np.sort(rng.uniform(0, 5, n)), rng.normal(size=(n, 2))) for n in (2, 3, 9, 40)]
    context = build_context(trajectories)
    segments = split(context, wanted, substeps=2)
    np.testing.assert_array_equal(np.sort(segments.row[segments.used]), np.arange(context.n_points))
    for s in range(segments.size):
        elapsed = np.concatenate([[0.0], np.cumsum(segments.steps[:, s])])
        for o in np.flatnonzero(segments.used[:, s]):
            expected = context.tau[segments.row[o, s]] - context.tau[segments.start[s]]
            np.testing.assert_allclose(elapsed[segments.at[o, s]], expected, atol=1e-12)
        if segments.linked[s]:
            reached = context.tau[segments.start[s]] + elapsed[-1]
            np.testing.assert_allclose(reached, context.tau[segments.start[s + 1]], atol=1e-12)
