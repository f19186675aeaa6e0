"""Known physics: kept by every field, and refused where it contradicts itself."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn.benchmarks.large_systems import lorenz_96
from skdyn.data.trajectories import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.sparse import Constraints, fit_sparse
from skdyn.sparse.constraints import ReadConstraints
from skdyn.sparse.library import terms
from skdyn.sparse.restriction import Restriction


def recordings(field, starts, duration, names, noise, points=60):
    rng, t = np.random.default_rng(0), np.linspace(0.0, duration, points)
    items = []
    for start in starts:
        x = solve_ivp(lambda _, x: field(x), (0, duration), start, t_eval=t, rtol=1e-9, atol=1e-11).y.T
        items.append(Trajectory(t, x * (1 + noise * rng.normal(size=x.shape)), names))
    return Trajectories(items)


def epidemic(x):
    infection, recovery, loss = 0.4 * x[0] * x[1], 0.15 * x[1], 0.05 * x[2]
    return [loss - infection, infection - recovery, recovery - loss]


@pytest.fixture(scope="module")
def infections():
    return recordings(epidemic, [[3.0, 0.1, 0.2]], 40.0, ("S", "I", "R"), 0.05, 40)


def coefficient(field, names, component, term):
    return field.coefficients[field.library.names(names).index(term), names.index(component)]


@pytest.mark.slow
def test_a_conserved_sum_is_conserved_to_rounding(infections):
    names = ["S", "I", "R"]
    known = Constraints(conserved="S + I + R", positive=True, known={"R": {"I": 0.15}}, bounds={"I": {"S*I": "+"}})
    field = fit_sparse(infections, library="polynomial", constraints=known)
    points = np.random.default_rng(0).uniform(0, 3, (50, 3))
    assert np.abs(field.coefficients.sum(axis=1)).max() <= 1e-8
    assert np.abs(field.field(points).sum(axis=1)).max() <= 1e-8 * np.abs(field.field(points)).max()
    assert coefficient(field, names, "R", "I") == 0.15
    assert coefficient(field, names, "I", "S I") >= 0
    # No state leaves zero downwards.
    for d in range(3):
        edge = points.copy()
        edge[:, d] = 0.0
        assert field.field(edge)[:, d].min() >= 0
    # The alternatives keep it too, and fixed terms have no error.
    for other in field.alternatives:
        assert np.abs(other.coefficients.sum(axis=1)).max() <= 1e-8
    assert field.standard_errors[field.library.names(names).index("I"), 2] == 0.0


@pytest.mark.parametrize("kind", ["skew", "symmetric"])
def test_linear_parts(kind):
    matrix = {"skew": [[0.0, 2.0], [-2.0, 0.0]], "symmetric": [[-1.0, 0.4], [0.4, -0.5]]}[kind]
    data = recordings(lambda x: np.array(matrix) @ x, [[5.0, 0.1], [1.0, -4.0]], 4.0, None, 0.05, 40)
    field = fit_sparse(data, library="polynomial", constraints={"linear_part": kind})
    found = field.jacobian(np.zeros(2))
    assert np.abs(found - {"skew": -1, "symmetric": 1}[kind] * found.T).max() <= 1e-8
    np.testing.assert_allclose(found, matrix, atol=0.1)


def swing(x):
    return [x[1], -1.5 * np.sin(x[0]) - 0.2 * x[1]]


@pytest.mark.slow
@pytest.mark.parametrize("grey", ["text", "callable"])
def test_a_grey_box(grey):
    data = recordings(swing, [[2.0, 0.0]], 10.0, ("q", "v"), 0.0)
    known = {
        "text": Constraints(known={"q": "v", "v": "-1.5*sin(q)"}),
        "callable": Constraints(known_part=lambda x: np.column_stack([x[:, 1], -1.5 * np.sin(x[:, 0])])),
    }[grey]
    field = fit_sparse(data, library="polynomial", constraints=known)
    points = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_allclose(field.field(points), np.transpose(swing(points.T)), atol=2e-3)
    step = 1e-5 * np.eye(2)
    differences = np.stack([(field.field(points + s) - field.field(points - s)) / 2e-5 for s in step], axis=-1)
    np.testing.assert_allclose(field.jacobian(points), differences, atol=1e-5)
    assert field.equations(names=["q", "v"])[1] in (
        "d(v)/dt = -0.2 v - 1.5 sin(q)", "d(v)/dt = -0.2 v + known_v(q, v)")  # fmt: skip


def wards(x):
    """Susceptible, exposed, infected, in hospital, recovered, dead."""
    s, e, i, h, r, _ = x
    new = 1.2 * s * i
    rates = [0.05 * r - new, new - 0.5 * e, 0.5 * e - 0.4 * i, 0.1 * i - 0.3 * h, 0.27 * i + 0.25 * h - 0.05 * r]
    return np.array([*rates, 0.03 * i + 0.05 * h])


def relative_error(field, truth, points):
    expected = np.array([truth(x) for x in points])
    return np.sqrt(np.mean((field.field(points) - expected) ** 2) / np.mean(expected**2))


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_conserved_sum_of_many_variables(noise):
    # Clean, smooth recordings determine few of so many coefficients: rounding must not make them contradict each other.
    data = recordings(wards, [[0.95, 0.03, 0.02, 0.0, 0.0, 0.0]], 40.0, tuple("SEIHRD"), noise, 200)
    field = fit_sparse(data, library="polynomial", constraints={"conserved": "S + E + I + H + R + D", "positive": True})
    assert np.abs(field.coefficients.sum(axis=1)).max() <= 1e-8
    points = np.random.default_rng(0).uniform(0, 1, (50, 6))
    assert relative_error(field, wards, points) < (1e-5 if noise == 0 else 0.1)
    for d in range(6):
        edge = points.copy()
        edge[:, d] = 0.0
        assert field.field(edge)[:, d].min() >= 0


@pytest.mark.parametrize("part", [None, lambda x: np.column_stack([x[:, 1], 0 * x[:, 1], 0 * x[:, 1], 0 * x[:, 1]])])
def test_terms_that_are_known_or_required_stay_in_the_library(part):
    matrix = np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0.4], [0, 0, 0, 2], [0, -0.4, -2, 0]])
    data = recordings(lambda x: matrix @ x, [[1.0, 0.0, 0.5, -0.5]], 8.0, tuple("abcd"), 0.02, 80)
    known = {} if part else {"a": {"b": 1.0, "b*c": 0.0}}  # of which one is in no equation
    constraints = Constraints(known=known, known_part=part, required={"b": "1"}, forbidden={"a": "b"} if part else None)
    field = fit_sparse(data, max_degree=2, constraints=constraints)
    names = list("abcd")
    assert coefficient(field, names, "b", "1") != 0
    if part is None:
        assert coefficient(field, names, "a", "b") == 1.0
        assert coefficient(field, names, "a", "b c") == 0.0
    np.testing.assert_allclose(field.jacobian(np.zeros(4)), matrix, atol=0.1)


@pytest.mark.slow
def test_known_terms_of_ten_variables():
    names = tuple(f"x{d}" for d in range(10))
    data = recordings(lorenz_96, [np.linspace(-2.0, 5.0, 10) ** 2 / 5], 4.0, names, 0.02, 200)
    known = {"known": {name: f"-{name}" for name in names}, "required": {"x0": "1"}, "bounds": {"x1": {"x2*x0": "+"}}}
    field = fit_sparse(data, constraints=known)
    assert np.diag(field.jacobian(np.zeros(10))) == pytest.approx(-1.0, abs=1e-12)
    assert relative_error(field, lorenz_96, np.random.default_rng(0).normal(2, 3, (100, 10))) < 0.02
    assert coefficient(field, list(names), "x1", "x0 x2") == pytest.approx(1.0, abs=0.02)


@pytest.mark.slow
def test_positive_genes_may_repress_each_other():
    def genes(x):
        return 0.1 + 2.0 / (1.0 + (np.roll(x, 1) / 0.8) ** 2) - [1.0, 0.7, 0.9, 0.8] * x

    starts = np.random.default_rng(3).uniform(0.1, 2.5, (3, 4))
    data = recordings(genes, starts, 12.0, None, 0.0, 100)
    field = fit_sparse(data, constraints={"positive": True})
    points = np.random.default_rng(0).uniform(0.1, 2.0, (50, 4))
    assert relative_error(field, genes, points) < 1e-3
    assert all(function.kind == "fall" for function in field.functions if function.kind != "rise")
    for d in range(4):
        edge = points.copy()
        edge[:, d] = 0.0
        assert field.field(edge)[:, d].min() >= 0


def test_required_and_forbidden_terms():
    data = recordings(swing, [[2.0, 0.0]], 10.0, ("q", "v"), 0.05)
    known = Constraints(required={"q": "1"}, forbidden={"v": ["q^3", "q*v"]}, bounds={"v": {"v": (-0.1, 0.0)}})
    field = fit_sparse(data, library="polynomial", constraints=known)
    names = ["q", "v"]
    assert coefficient(field, names, "q", "1") != 0
    assert coefficient(field, names, "v", "q^3") == coefficient(field, names, "v", "q v") == 0
    assert -0.1 <= coefficient(field, names, "v", "v") <= 0.0


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        ({"known": {"w": "x"}}, "known names 'w'; the variables are x, y"),
        ({"known": {"x": {"z": 1.0}}}, r"known\['x'\] 'z', position 0: unknown name 'z'"),
        ({"known": {"x": {"y": "one"}}}, r"known\['x'\]\['y'\] must be a number"),
        ({"known": {"x": {"y": np.nan}}}, "must be finite"),
        ({"known": {"x": "y + y"}}, "given twice"),
        ({"known": {"x": {"x, y": 1.0}}}, "one term at a time"),
        ({"known": "x"}, "known must be a mapping by variable"),
        ({"bounds": {"x": {"y": (2, 1)}}}, "the lower bound 2 is above the upper one 1"),
        ({"bounds": {"x": {"y": 1.0}}}, r"must be \(low, high\), '\+' or '-'"),
        ({"known": {"x": "y"}, "bounds": {"x": {"y": (None, 0.5)}}}, "contradicts a bound of the same term"),
        ({"known": {"x": "y"}, "forbidden": {"x": "y"}}, "is forbidden by another constraint"),
        ({"required": {"x": "y"}, "forbidden": {"x": "y"}}, "requires a term that another constraint forbids"),
        ({"known": {"x": "-y"}, "positive": True}, "contradicts a bound of the same term"),
        (
            {"bounds": {"x": {"y": (None, -1.0)}}, "positive": ["x", "y"]},
            "contradicts that the variable stays positive",
        ),
        ({"positive": ["z"]}, "positive names 'z'"),
        ({"positive": "x"}, "must be True or a sequence"),
        ({"conserved": "x + z"}, "position 4: unknown name 'z'"),
        ({"conserved": "x*y"}, "a sum of variables"),
        ({"conserved": "x + y", "known": {"x": "-x", "y": "2*x"}}, "contradict each other"),
        ({"linear_part": "skew", "known": {"x": "x"}}, "contradict each other"),
        ({"linear_part": "round"}, "must be None, 'symmetric' or 'skew'"),
        ({"known_part": 3}, "must be callable"),
        ({"known_part": lambda x: [x[1], -x[0]]}, r"must return an array of shape \(20, 2\).*got shape \(2, 2\)"),
        ({"known_part": lambda x: np.hstack([x, x])}, r"got shape \(20, 4\)"),
        ({"known_part": lambda x: x > 0}, "known_part .*: it must return real numbers"),
        ({"known_part": lambda x: np.log(x)}, "is -inf for variable 1 at trajectory 0, row 0"),
        ({"known_part": lambda x: x if x[0, 0] == 1.0 else x + np.inf}, "is inf for variable 0 at the smoothed state"),
        ({"bounds": {"x": {"x*y": (1, 2), "y*x": (3, 4)}}}, "or another bound of the term"),
        (
            {"forbidden": {"y": "sin(x)"}},
            r"forbidden\['y'\]: .* 'sin' .* beside sin\(x\): pass library=Library\(functions=",
        ),
        ({"known": {"y": {"cos(x)": 0.0}}}, r"known\['y'\]\['cos\(x\)'\]: .* beside cos\(x\): pass library=Library"),
        (
            {"bounds": {"x": {"y*x^2/(4 + x^2)": "+"}}},
            r"bounds\['x'\].* beside y x\^2/.*Library\(functions=\('sin',\)\)",
        ),
        ({"fixed": {}}, "constraints have no 'fixed'"),
        (3, "must be None or Constraints"),
    ],
)
def test_bad_constraints(known, problem):
    data = recordings(lambda x: [-x[0], x[0]], [[1.0, 0.0]], 3.0, ("x", "y"), 0.0, 20)
    with pytest.raises(ValueError, match=problem):
        fit_sparse(data, constraints=known)


def test_the_number_before_a_hill_term_counts():
    texts = {"1/(0.25 + x^2)": 2.0, "5*x^2/(0.25 + x^2)": -1.0}
    as_text = ReadConstraints.of(Constraints(known={"x": "2/(0.25 + x^2) - 5*x^2/(0.25 + x^2)"}), ["x"], 1)
    assert ReadConstraints.of(Constraints(known={"x": texts}), ["x"], 1).fixed == tuple(
        (d, term, value, f"constraints: known['x'][{text!r}]")
        for (d, term, value, _), text in zip(as_text.fixed, texts, strict=True)
    )
    assert [value for _, _, value, _ in as_text.fixed] == [8.0, -5.0]
    (bound,) = ReadConstraints.of(Constraints(bounds={"x": {"1/(0.25 + x^2)": (None, 2.5)}}), ["x"], 1).bounds
    assert (bound.low, bound.high) == (-np.inf, 10.0)


def test_terms_with_functions_are_forbidden_and_bounded_where_none_is_fitted():
    data = recordings(swing, [[2.0, 0.0]], 10.0, ("q", "v"), 0.0)
    known = {"forbidden": {"q": "sin(q)"}, "bounds": {"v": {"sin(q)": (-1.0, 0.0)}}}
    field = fit_sparse(data, library="v, sin(q)", constraints=known)
    assert coefficient(field, ["q", "v"], "q", "sin(q)") == 0.0
    assert coefficient(field, ["q", "v"], "v", "sin(q)") == pytest.approx(-1.0, abs=1e-9)


def test_inputs_flow_in_where_none_is_negative():
    library = terms(2, 1)  # 1, x, u
    for lowest, inflow in ((0.0, True), (-0.1, False)):
        outside = np.array([[1.0], [lowest]])
        known = ReadConstraints.of(Constraints(positive=True), ["x", "u"], 1, outside)
        restriction = Restriction.of(known, library, np.ones(2), 1.0)
        assert restriction.allowed[:, 0].tolist() == [True, True, inflow]
        assert restriction.lower[2, 0] == (0.0 if inflow else -np.inf)
    t = np.linspace(0.0, 12.0, 150)
    dose = 1.0 + np.sin(t) ** 2
    x = solve_ivp(lambda s, x: np.interp(s, t, dose) - 0.5 * x, (0, 12), [0.2], t_eval=t, max_step=0.05).y.T
    field = fit_sparse(Trajectories([Trajectory(t, x, u=dose)]), max_degree=2, constraints={"positive": True})
    np.testing.assert_allclose(field.field([[1.0, 1.0]]), 0.5, atol=0.01)


def test_transfers_are_the_atoms_of_a_conserved_sum():
    known = ReadConstraints.of(Constraints(conserved="a + b + 2*c", known={"a": {"a": -3.0}}), ["a", "b", "c"], 3)
    restriction = Restriction.of(known, terms(3, 1), np.ones(3), 1.0)
    for at, values in restriction.atoms:
        assert len(at) == 2
        np.testing.assert_allclose(np.array([1.0, 1.0, 2.0])[at % 3] @ values, 0.0, atol=1e-12)
    assert len(restriction.atoms) == 3 * 3 + 1  # pairs for three terms; of the fourth, a has a fixed one
    ((first, second),) = restriction.balances
    for at, values in (first, second):
        np.testing.assert_allclose(values, {1: [3.0], 2: [1.5]}[int(at[0]) % 3])


def test_pairs_are_the_atoms_of_a_sum_of_many_variables():
    names = [f"x{d}" for d in range(12)]
    known = ReadConstraints.of(Constraints(conserved=" + ".join(names)), names, 12)
    restriction = Restriction.of(known, terms(12, 1), np.ones(12), 1.0)
    assert len(restriction.atoms) == 13 * 66
    assert all(len(at) == 2 and abs(values.sum()) < 1e-12 for at, values in restriction.atoms)
    assert [group.tolist() for group, _ in restriction.groups] == [list(range(12))]


def test_equations_that_nothing_ties_together_are_chosen_apart():
    names = [f"x{d}" for d in range(5)]
    known = Constraints(conserved=["x0 + x2", "x3 + x1"], known={"x0": {"x0": -1.0}, "x1": {"x1": -2.0}, "x4": "x0"})
    groups = Restriction.of(ReadConstraints.of(known, names, 5), terms(5, 1), np.ones(5), 1.0).groups
    assert sorted(group.tolist() for group, _ in groups) == [[0, 2], [1, 3], [4]]
    matrix = np.array(
        [[-1, 0, 0.5, 0, 0], [0, -2, 0, 0.3, 0], [1, 0, -0.5, 0, 0], [0, 2, 0, -0.3, 0], [1, 0, 0, 0, -1]]
    )
    data = recordings(lambda x: matrix @ x, [[2.0, 1.5, 0.2, 0.3, 0.5]], 5.0, tuple(names), 0.01, 80)
    field = fit_sparse(data, max_degree=2, constraints=known)
    assert np.abs(field.coefficients[:, [0, 1]] + field.coefficients[:, [2, 3]]).max() <= 1e-12
    found = field.jacobian(np.zeros(5))
    assert (found[0, 0], found[1, 1], found[4, 0]) == (-1.0, -2.0, 1.0)
    assert any(stage.name == "integral matching" for stage in field.path)
