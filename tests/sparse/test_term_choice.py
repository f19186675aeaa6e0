"""Which terms a search may use."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.sparse import Constraints, Library, fit_sparse
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.term_choice import TermChoice

NOTHING = ReadConstraints.of(Constraints(), ["x", "y", "u"], 2)


def choice(library, scale=1.0, highest=9):
    return TermChoice.of(Library.read(library), ["x", "y", "u"], 2, np.full(3, scale), NOTHING, (highest,))


@pytest.mark.parametrize(
    ("library", "names"),
    [
        (Library(), "1 x y u x^2 x_y x_u y^2 y_u u^2"),
        (Library(interactions=False), "1 x y u x^2 y^2 u^2"),
        (Library(interactions="inputs-linear"), "1 x y u x^2 x_y x_u y^2 y_u"),
        (Library(extra="x^3, sin(2*u)"), "1 x y u x^2 x_y x_u y^2 y_u u^2 x^3 sin(2_u)"),
        ({"interactions": False, "extra": ["x", "x*y"]}, "1 x y u x^2 y^2 u^2 x_y"),
        ("u, x*u, x^2/(4 + x^2)", "u x_u x^2/(4_+_x^2)"),
    ],
)
def test_libraries(library, names):
    found = choice(library).polynomials(2).names(["x", "y", "u"])
    assert [name.replace(" ", "_") for name in found] == names.split()


@pytest.mark.parametrize(("highest", "names"), [(0, "1 x y"), (1, "1 x y u x_u y_u"), (2, "1 x y u x_u y_u u^2")])
def test_powers_of_an_input_end_where_its_values_do_not_tell_them_apart(highest, names):
    own = choice(Library(extra="u^3"), highest=highest)
    found = own.polynomials(2).names(["x", "y", "u"])
    states = ["x^2", "x_y", "y^2"]
    assert sorted(name.replace(" ", "_") for name in found) == sorted([*names.split(), *states, "u^3"])
    functions = own.with_functions(2, (ScalarFunction("rise", (1.0, 0.0, 0.0), 2),))
    assert functions.exponents[functions.function_of == 0, 2].max() == highest
    pure = choice(Library(interactions=False), highest=highest).polynomials(3)
    assert pure.exponents[:, 2].max() == highest


def test_a_search_has_no_square_of_a_switch_unless_it_is_listed():
    t, x = np.arange(0, 24, 0.5), [0.0]
    switch = np.where(t % 8 < 3, 2.0, 0.0)
    for u in switch[:-1]:
        x.append(u + (x[-1] - u) * np.exp(-0.25))
    context = Trajectories([Trajectory(t, x, ("x",), u=switch, input_names=["u"])], interpolation="previous")
    field = fit_sparse(context, max_degree=3)
    assert field.library.exponents[:, 1].max() == 1
    assert field.equations(names=["x", "u"]) == ["d(x)/dt = -0.5 x + 0.5 u"]
    assert fit_sparse(context, library="x, u^2").equations(names=["x", "u"]) == ["d(x)/dt = -0.5 x + 0.25 u^2"]


@pytest.mark.parametrize(
    ("interactions", "factors"),
    [(True, "1 x y u x^2 xy xu y^2 yu u^2"), ("inputs-linear", "1 x y u x^2 xy xu y^2 yu"), (False, "1 x x^2")],
)
def test_factors_of_functions_are_interactions_too(interactions, factors):
    hill = ScalarFunction("rise", (1.0, 0.0, 0.0), 2)
    own = choice(Library(interactions=interactions))
    library = own.with_functions(2, (hill,))
    names = library.names(["x", "y", "u"])[own.polynomials(2).n_terms :]
    assert [
        name.removesuffix(" x^2/(1 + x^2)").replace(" ", "") for name in ["1 " + names[0], *names[1:]]
    ] == factors.split()
    more = own.with_terms(1, [((1, 0, 0), hill), ((0, 1, 0), hill), ((3, 0, 0), None)])
    assert (((0, 1, 0), hill) in map(more.key, range(more.n_terms))) == bool(interactions)
    assert ((1, 0, 0), hill) in map(more.key, range(more.n_terms))


def test_functions_of_a_difference_have_no_factors_without_interactions():
    library = choice(Library(interactions=False)).with_functions(1, (ScalarFunction("sin", (1.0, -1.0, 0.0)),))
    assert library.names(["x", "y", "u"]) == ["1", "x", "y", "u", "sin(x - y)"]


def test_two_phases_pull_each_other():
    def phases(_, x):
        return [0.5 + 0.4 * np.sin(x[1] - x[0]), 2.0 + 0.4 * np.sin(x[0] - x[1])]

    t = np.linspace(0.0, 12.0, 200)
    runs = [(t, solve_ivp(phases, (0, 12), start, t_eval=t, rtol=1e-9).y.T) for start in ([0.2, 1.0], [1.0, 0.3])]
    field = fit_sparse(Trajectories(runs), library=Library(functions=("sin",)))
    assert field.equations() == ["d(x0)/dt = 0.5 - 0.4 sin(x0 - x1)", "d(x1)/dt = 2 + 0.4 sin(x0 - x1)"]


def test_listed_terms_of_many_variables_are_chosen_equation_by_equation():
    rng, t = np.random.default_rng(0), np.linspace(0.0, 6.0, 60)
    matrix = np.diag(np.linspace(1.0, 2.0, 5), 1)
    matrix = matrix - matrix.T
    runs = [(t, solve_ivp(lambda _, x: matrix @ x, (0, 6), rng.normal(size=6), t_eval=t, rtol=1e-9).y.T)]
    field = fit_sparse(Trajectories(runs), library=", ".join(f"x{d}" for d in range(6)))
    np.testing.assert_allclose(field.jacobian(np.zeros(6)), matrix, atol=1e-3)
    assert not any("listed terms" in stage.name for stage in field.path)


def test_functions_change_units_with_the_search():
    library = choice("sin(2*x)", scale=5.0).polynomials(2)
    assert library.functions[0].direction == (10.0, 0.0, 0.0)
    assert not library.parameters()  # a number that the user gave is not fitted


@pytest.mark.parametrize(
    ("library", "problem"),
    [
        (3, "must be None, 'polynomial', terms"),
        ({"order": 2}, "library has no 'order'; it has degree"),
        (Library(degree=0), "degree must be"),
        (Library(functions=("tanh",)), "functions must be some of"),
        (Library(interactions="linear"), "interactions must be True, False or 'inputs-linear'"),
        (Library(extra=3), "extra must be text"),
        (Library(terms="x", degree=2), "exactly those"),
    ],
)
def test_bad_libraries(library, problem):
    with pytest.raises(ValueError, match=problem):
        Library.read(library)


def growth(noise=0.0):
    t = np.linspace(0.0, 9.0, 60)
    x = 30.0 / (1.0 + 40.0 * np.exp(-t))
    return Trajectories([Trajectory(t, x * (1 + noise * np.random.default_rng(4).normal(size=60)), ("mass",))])


def test_listed_terms_are_all_that_is_used():
    field = fit_sparse(growth(), library="mass, mass^2")
    assert field.equations(names=["mass"]) == ["d(mass)/dt = mass - 0.0333 mass^2"]
    assert fit_sparse(growth(), library="1").equations() == ["d(x0)/dt = 3.35"] or field.n_terms == 2
    with pytest.raises(ValueError, match="position 0: unknown name 'x0'; the variables are mass"):
        fit_sparse(growth(), library="x0")
    with pytest.raises(ValueError, match="exclude each other"):
        fit_sparse(growth(), max_degree=2, library="polynomial")


def test_noisy_growth_is_no_sine():
    for share in (0.02, 0.05):
        assert not any(fit_sparse(growth(share)).functions)


def test_functions_of_three_variables_where_they_are_asked_for():
    t = np.linspace(0.0, 12.0, 150)
    rng = np.random.default_rng(0)

    def chain(_, x):
        return [x[1], -2.0 * np.sin(x[0]) - 0.1 * x[1], x[0] - x[2]]

    runs = [(t, solve_ivp(chain, (0, 12), [a, 0.0, 0.0], t_eval=t, rtol=1e-9).y.T) for a in rng.uniform(1.5, 2.8, 2)]
    field = fit_sparse(Trajectories(runs), library=Library(degree=1, extra=["sin(x0)"], functions=False))
    assert field.equations() == ["d(x0)/dt = x1", "d(x1)/dt = -0.1 x1 - 2 sin(x0)", "d(x2)/dt = x0 - x2"]
