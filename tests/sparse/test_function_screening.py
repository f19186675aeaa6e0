"""Functions screened equation by equation in many variables."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.fitting import fit_sparse
from skdyn.sparse.function_screening import beside, screen_functions
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.scaled_context import scale_context


def repressors(x):
    """A ring of genes, each repressing the next."""
    return 0.1 + 2.0 / (1.0 + (np.roll(x, 1, axis=-1) / 0.6) ** 2) - 0.9 * x


def grids(x):
    """Two coupled generators: angles and speeds."""
    torque = 1.3 * np.sin(x[..., 0] - x[..., 1])
    return np.stack(
        [x[..., 2], x[..., 3], 0.2 - 0.3 * x[..., 2] - torque, -0.2 - 0.3 * x[..., 3] + 0.5 * torque], axis=-1
    )


def recorded(field, low, high, count=3, noise=0.0, duration=10.0, seed=2, points=80):
    rng, t = np.random.default_rng(seed), np.linspace(0.0, duration, points)
    out = []
    for _ in range(count):
        start = rng.uniform(low, high)
        x = solve_ivp(lambda _, x: field(x), (0, duration), start, t_eval=t, rtol=1e-9, atol=1e-10).y.T
        out.append((t, x * (1 + noise * rng.normal(size=x.shape))))
    return Trajectories(out)


def test_a_hill_function_is_found_with_its_half_saturation():
    context = scale_context(recorded(repressors, [0.1] * 4, [2.0] * 4, points=300))
    found = screen_functions(context, "hill", 4)
    axes = {}
    for exponents, function in found.functions:
        (axis,) = np.flatnonzero(function.direction)
        axes[int(axis)] = exponents, function.power, context.scale[axis] / function.direction[axis]
    assert set(axes) == {0, 1, 2, 3}
    for exponents, power, half in axes.values():
        assert exponents == (0, 0, 0, 0)
        assert power == 2
        assert half == pytest.approx(0.6, rel=0.01)
    for d, terms in enumerate(found.equations):  # each depends on the one before it
        assert {int(np.flatnonzero(function.direction)[0]) for _, function in terms} == {(d - 1) % 4}


@pytest.mark.parametrize("power", [3, 6, 8])
def test_powers_between_those_of_the_grid_are_found(power):
    def field(x):
        return 0.1 + 2.0 / (1.0 + (np.roll(x, 1, axis=-1) / 0.6) ** power) - 0.9 * x

    found = screen_functions(scale_context(recorded(field, [0.1] * 4, [2.0] * 4, points=300)), "hill", 8)
    for d, terms in enumerate(found.equations):
        own = [function.power for exponents, function in terms if not any(exponents) and function.direction[d - 1]]
        assert own == [power]


def test_one_function_is_preferred_to_several_of_which_the_first_gains_more():
    def field(x):
        """The second depends on the fourth power of the first, which ramps of it mimic."""
        rise = x[..., 0] ** 4 / (0.8 + x[..., 0] ** 4)
        return np.stack(
            [2.8 * (x[..., 2] < 9) - x[..., 0] - x[..., 2], 2.2 * rise - 0.6 * x[..., 1], x[..., 0] - x[..., 2]], -1
        )

    found = screen_functions(scale_context(recorded(field, [0.1] * 3, [2.5] * 3)), "hill", 8)
    assert [(exponents, function.power) for exponents, function in found.equations[1]] == [((0, 0, 0), 4)]


def test_a_difference_is_one_of_the_users_units():
    context = scale_context(recorded(grids, [-1.5, -0.5, -0.5, -0.5], [1.5, 0.5, 0.5, 0.5]))
    ((_, function), _) = screen_functions(context, "sin", 1).functions
    direction = np.array(function.direction) / context.scale
    np.testing.assert_allclose(np.abs(direction), [1, 1, 0, 0], atol=0.05)
    assert direction[0] == pytest.approx(-direction[1])


def test_straight_lines_need_no_function():
    t = np.linspace(0.0, 4.0, 60)
    context = scale_context(Trajectories([(t, np.exp(-np.outer(t, [0.3, 0.6, 1.0, 1.5])))]))
    for kind in ("sin", "hill"):
        assert screen_functions(context, kind, 4).functions == []


def test_nearly_the_same_function_is_not_added():
    rise = (0, 0), ScalarFunction("rise", (2.0, 0.0), 2)
    other = (1, 0), ScalarFunction("rise", (2.1, 0.0), 2)
    third = (0, 0), ScalarFunction("rise", (2.1, 0.0), 4)
    assert beside([rise], [other, third]) == [rise, third]


def food_chain(x):
    """Food, a grazer and its predator with saturating uptake (Monod), and waste that turns into food again."""
    s, g, p, w = np.moveaxis(x, -1, 0)
    grazed, caught = 1.2 * s / (0.3 + s) * g, 0.8 * g / (0.5 + g) * p
    return np.stack(
        [0.2 * (2 - s) - grazed + 0.3 * w, grazed - 0.2 * g - caught, 0.6 * caught - 0.25 * p, 0.4 * caught - 0.5 * w],
        axis=-1,
    )


@pytest.mark.slow
def test_saturating_uptake_is_found_under_noise():
    low, high = [0.1] * 4, [1.5] * 4
    context = recorded(food_chain, low, high, noise=0.03, duration=30.0)
    others = np.concatenate(recorded(food_chain, low, high, duration=30.0, seed=3).states)
    kinds = ("hill",), False
    fields = [fit_sparse(context, library={"functions": kind}) for kind in kinds]
    truth = food_chain(others)
    errors = [np.sqrt(np.mean((field.field(others) - truth) ** 2) / np.mean(truth**2)) for field in fields]
    assert errors[0] < 0.1
    assert errors[0] < errors[1] / 2
    assert fields[0].n_terms < fields[1].n_terms
    assert [any("/(" in equation for equation in field.equations()) for field in fields] == [True, False]


@pytest.mark.slow
def test_a_ring_of_genes_is_found_unasked():
    context = recorded(repressors, [0.1] * 4, [2.0] * 4, points=150)
    field = fit_sparse(context)
    others = np.concatenate(recorded(repressors, [0.1] * 4, [2.0] * 4, seed=3).states)
    assert field.n_terms == 12
    np.testing.assert_allclose(field.field(others), repressors(others), atol=1e-3)
    assert fit_sparse(context, library="polynomial").functions == ()


@pytest.mark.slow
def test_three_genes_are_found_unasked_but_no_constraint_is_broken():
    def field(x):
        return 0.1 + 2.0 / (1.0 + (np.roll(x, 1, axis=-1) / 0.6) ** 4) - 0.9 * x

    context = recorded(field, [0.1] * 3, [2.0] * 3, points=120)
    others = np.concatenate(recorded(field, [0.1] * 3, [2.0] * 3, seed=3).states)
    np.testing.assert_allclose(fit_sparse(context).field(others), field(others), atol=3e-3)
    for library in (None, {"functions": ["hill"]}):
        found = fit_sparse(context, constraints={"known": {"x0": {"x0": -1.0}}}, library=library)
        linear = (found.exponents == [1, 0, 0]).all(axis=1) & (found.function_of < 0)
        assert found.coefficients[linear, 0] == pytest.approx([-1.0], abs=1e-8)


@pytest.mark.slow
def test_a_degree_that_the_user_gives_holds_beside_functions():
    context = recorded(repressors, [0.1] * 4, [2.0] * 4, points=150)
    field = fit_sparse(context, library={"degree": 1, "functions": ["hill"]})
    assert field.functions
    assert (field.exponents[field.function_of < 0].sum(axis=1) <= 1).all()


def test_equations_that_have_to_explain_all_are_none_where_they_do_not():
    context = scale_context(recorded(repressors, [0.1] * 4, [2.0] * 4, noise=0.05))
    assert screen_functions(context, "hill", 4, complete=True) is None
    assert screen_functions(context, "hill", 4) is not None
