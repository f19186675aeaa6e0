"""Derivatives against finite differences, and the pieces of the engine by themselves."""

import numpy as np
import pytest

from skdyn.sparse.candidates import Candidates, eliminate
from skdyn.sparse.context import build_context
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.library import terms
from skdyn.sparse.rollout import roll_out, sensitivities
from skdyn.sparse.score import Scorer
from skdyn.sparse.segments import split
from skdyn.sparse.smoothing import smooth
from skdyn.sparse.stepwise import step_from

FUNCTIONS = {
    "sine": (ScalarFunction("sin", (1.3, -0.7)), ScalarFunction("cos", (1.3, -0.7))),
    "rise": (ScalarFunction("rise", (0.0, 0.8), 2),),
    "fall": (ScalarFunction("fall", (1.6, 0.0), 1),),
}


@pytest.mark.parametrize(("dim", "degree", "size"), [(1, 5, 6), (2, 3, 10), (3, 3, 20), (2, 5, 21), (5, 2, 21)])
def test_library_values_prefixes_and_jacobian(dim, degree, size):
    rng = np.random.default_rng(dim)
    library = terms(dim, degree)
    x = rng.normal(size=(7, dim))
    assert library.size == size
    np.testing.assert_allclose(library.design(x), np.prod(x[:, None] ** library.exponents, axis=2))
    np.testing.assert_array_equal(terms(dim, degree - 1).exponents, library.exponents[library.up_to(degree - 1)])
    coefficients = rng.normal(size=(size, dim))
    step = 1e-6
    for e in range(dim):
        shift = step * np.eye(dim)[e]
        difference = (library.field(x + shift, coefficients) - library.field(x - shift, coefficients)) / (2 * step)
        np.testing.assert_allclose(library.jacobian(x, coefficients)[:, :, e], difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("functions", FUNCTIONS.values(), ids=FUNCTIONS)
def test_terms_with_functions_and_their_jacobian(functions):
    rng = np.random.default_rng(0)
    library = terms(2, 3, functions)
    x = rng.uniform(0.2, 2.0, (7, 2))
    monomials = np.prod(x[:, None] ** library.exponents, axis=2)
    values = [np.ones(7), *(function.evaluate(x.T)[0] for function in functions)]
    expected = monomials * np.stack([values[f + 1] for f in library.function_of], axis=1)
    np.testing.assert_allclose(library.design(x)[:, : library.n_terms], expected)
    coefficients = np.zeros((library.size, 2))
    coefficients[: library.n_terms] = rng.normal(size=(library.n_terms, 2))
    step = 1e-6
    for e in range(2):
        shift = step * np.eye(2)[e]
        difference = (library.field(x + shift, coefficients) - library.field(x - shift, coefficients)) / (2 * step)
        np.testing.assert_allclose(library.jacobian(x, coefficients)[:, :, e], difference, rtol=1e-5, atol=1e-6)


def test_hill_functions_stay_between_zero_and_one_everywhere():
    x = np.linspace(-9.0, 9.0, 50)[None]
    for kind, power in (("rise", 1), ("fall", 1), ("rise", 2), ("fall", 4)):
        value, slope = ScalarFunction(kind, (0.5,), power).evaluate(x)
        assert value.min() >= 0.0
        assert value.max() <= 1.0
        assert np.isfinite(slope).all()


def test_functions_change_units_and_print():
    sine = ScalarFunction("sin", (2.0, -1.0))
    assert sine.name(["q", "p"]) == "sin(2 q - p)"
    x = np.array([[0.3], [0.7]])
    scale = np.array([10.0, 0.1])
    np.testing.assert_allclose(sine.in_units(scale).evaluate(x / scale[:, None])[0], sine.evaluate(x)[0])
    assert ScalarFunction("rise", (0.0, 2.0), 2).name(["q", "p"]) == "p^2/(0.25 + p^2)"
    assert ScalarFunction("fall", (0.5, 0.0)).name(["q", "p"]) == "2/(2 + q)"


def test_stepwise_selection_adds_drops_and_exchanges_terms():
    rng = np.random.default_rng(1)
    design = rng.normal(size=(100, 8))
    design[:, 5] = design[:, 2] + 0.3 * rng.normal(size=100)  # a stand-in for the true term 2
    target = design[:, [2, 6]] @ [1.5, -1.0] + 0.05 * rng.normal(size=100)
    hessian, right = design.T @ design / 0.05**2, design.T @ target / 0.05**2
    begin = np.zeros(8, dtype=bool)
    begin[[0, 5]] = True
    ((used, values),) = step_from(hessian, right, begin, [2 * np.log(100)])
    assert set(np.flatnonzero(used)) == {2, 6}
    np.testing.assert_allclose(values[used], [1.5, -1.0], atol=0.03)
    assert not values[~used].any()
    empty, _ = step_from(hessian, right, begin, [1e9])[0]
    assert not empty.any()


def test_stepwise_selection_survives_a_singular_quadratic():
    hessian = np.ones((3, 3))
    ((used, values),) = step_from(hessian, np.ones(3) * 4.0, np.ones(3, dtype=bool), [0.1])
    assert used.sum() == 1
    np.testing.assert_allclose(values.sum(), 4.0)


def test_unit_factors_carry_the_field():
    rng = np.random.default_rng(0)
    library = terms(2, 3)
    xi, scale, rate = rng.normal(size=(10, 2)), np.array([3.0, 0.02]), 7.0
    x = rng.normal(size=(5, 2)) * scale
    expected = library.field(x / scale, xi) * scale * rate
    np.testing.assert_allclose(library.field(x, xi * library.unit_factors(scale, rate)), expected)


def test_sensitivities_against_finite_differences():
    rng = np.random.default_rng(4)
    library = terms(2, 3)
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
    library = terms(1, 2)
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


def test_the_score_charges_runaway_states_and_structure_is_seen():
    t = np.linspace(0.0, 6.0, 80)
    clean = np.column_stack([np.cos(t), -np.sin(t)])
    noisy = clean + 0.03 * np.random.default_rng(0).standard_normal(clean.shape)
    context = build_context([(t, noisy)])
    scorer = Scorer(context, 1)
    library = terms(2, 3)
    harmonic = np.zeros((library.size, 2))
    ratio = context.scale[1] / context.scale[0]
    harmonic[2, 0], harmonic[1, 1] = ratio / context.rate, -1.0 / (ratio * context.rate)
    explosive = harmonic.copy()
    explosive[6, 0] = 3.0  # + 3 u0^3
    assert scorer.runaway(library, harmonic[None])[0] == 0.0
    assert scorer.runaway(library, explosive[None])[0] > 0.5
    slower = 0.9 * harmonic
    for field, structured in ((harmonic, False), (slower, True)):
        states = clean[None] / context.scale
        batch = Candidates(field[None], field[None] != 0, states, np.zeros(1), np.zeros(1), ("test",))
        assert scorer.leaves_structure(library, batch) == structured
