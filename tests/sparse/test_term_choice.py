"""Which terms a search may use."""

import numpy as np
import pytest

from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.sparse import Constraints, Library, fit_sparse
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.term_choice import TermChoice

NOTHING = ReadConstraints.of(Constraints(), ["x", "y", "u"], 2)


def choice(library, scale=1.0):
    return TermChoice.of(Library.read(library), ["x", "y", "u"], 2, np.full(3, scale), NOTHING)


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
    from scipy.integrate import solve_ivp

    def chain(_, x):
        return [x[1], -2.0 * np.sin(x[0]) - 0.1 * x[1], x[0] - x[2]]

    runs = [(t, solve_ivp(chain, (0, 12), [a, 0.0, 0.0], t_eval=t, rtol=1e-9).y.T) for a in rng.uniform(1.5, 2.8, 2)]
    field = fit_sparse(Trajectories(runs), library=Library(degree=1, extra=["sin(x0)"], functions=False))
    assert field.equations() == ["d(x0)/dt = x1", "d(x1)/dt = -0.1 x1 - 2 sin(x0)", "d(x2)/dt = x0 - x2"]
