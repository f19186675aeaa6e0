"""Known physics: kept by every field, and refused where it contradicts itself."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

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
        ({"fixed": {}}, "constraints have no 'fixed'"),
        (3, "must be None or Constraints"),
    ],
)
def test_bad_constraints(known, problem):
    data = recordings(lambda x: [-x[0], x[0]], [[1.0, 0.0]], 3.0, ("x", "y"), 0.0, 20)
    with pytest.raises(ValueError, match=problem):
        fit_sparse(data, constraints=known)


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
