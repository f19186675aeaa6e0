import ast
import math
import operator
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skdyn.datasets.odebench import load_odebench, odebench_times, simulate_odebench, solve

ALL = load_odebench((1, 2, 3, 4))
CHAOTIC = {55, 56, 61}


@pytest.fixture(scope="module")
def golden():
    """Fourteen published points of each trajectory, and the largest absolute value of all its points."""
    with np.load(Path(__file__).with_name("odebench_golden.npz"), allow_pickle=False) as file:
        table = dict(file)
    points = {}
    for dim in (1, 2, 3, 4):
        for row, system in enumerate(load_odebench((dim,))):
            points[system.id] = table[f"values{dim}"][row], table[f"largest{dim}"][row]
    return table["index"], points


def deviations(golden, solver):
    index, points = golden
    return {
        (system.id, k): np.abs(solve(system, solver=solver)[k, index] - points[system.id][0][k]).max()
        / points[system.id][1][k]
        for system in ALL
        for k in (0, 1)
    }


def test_counts_order_and_shapes():
    assert [system.id for system in ALL] == list(range(1, 64))
    assert [len(load_odebench((dim,))) for dim in (1, 2, 3, 4)] == [23, 28, 10, 2]
    assert len(load_odebench()) == 61
    for system in ALL:
        assert len(system.equations) == system.dim
        assert np.shape(system.initial_states) == (2, system.dim)


def test_times_are_the_protocols():
    t = odebench_times()
    assert t.shape == (200,)
    assert (t[0], t[-1]) == (0.0, 10.0)
    assert np.array_equal(t, np.linspace(0, 10, 512)[np.linspace(0, 511, 200).astype(int)])


OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS = {"sin": math.sin, "cos": math.cos, "exp": math.exp, "log": math.log, "abs": abs}


def evaluate(node, names):
    if isinstance(node, ast.Expression):
        return evaluate(node.body, names)
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.UnaryOp):
        assert isinstance(node.op, ast.USub)
        return -evaluate(node.operand, names)
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](evaluate(node.left, names), evaluate(node.right, names))
    assert isinstance(node, ast.Call)
    return FUNCTIONS[node.func.id](*(evaluate(argument, names) for argument in node.args))


@pytest.mark.parametrize("system", ALL, ids=lambda system: str(system.id))
def test_equations_shown_to_people_are_the_field(system):
    states = np.random.default_rng(system.id).uniform(0.05, 0.95, (10, system.dim))
    field = system.field(states)
    names = {f"c{i}": value for i, value in enumerate(system.constants)}
    for x, derivative in zip(states, field):
        names.update({f"x{i}": float(value) for i, value in enumerate(x)})
        expected = [evaluate(ast.parse(equation, mode="eval"), names) for equation in system.equations]
        np.testing.assert_allclose(derivative, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("system", ALL, ids=lambda system: str(system.id))
def test_field_does_not_depend_on_the_batch(system):
    states = np.random.default_rng(system.id).uniform(0.05, 0.95, (3, 4, system.dim))
    batched = system.field(states)
    assert batched.shape == states.shape
    one_by_one = [[system.field(x) for x in row] for row in states]
    np.testing.assert_allclose(batched, one_by_one, rtol=1e-13, atol=1e-15)


def test_field_outside_the_domain_is_not_finite_and_silent():
    gompertz = ALL[6]
    assert np.isnan(gompertz.field([-1.0])).all()


def test_field_refuses_wrong_dimension():
    with pytest.raises(ValueError, match="system 24 has 2 states"):
        ALL[23].field(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="system 1 has 1 states"):
        ALL[0].field(0.5)


def test_published_solver_repeats_the_published_samples(golden):
    deviation = deviations(golden, "published")
    regular = np.array([value for (number, _), value in deviation.items() if number not in CHAOTIC])
    # LSODA's choice between two steps may hang on the last bit, hence a few trajectories beyond 1e-6.
    assert (regular < 1e-6).sum() >= 105
    assert regular.max() < 1e-4
    chaotic = [deviation[case] for case in [(55, 0), (56, 0), (56, 1), (61, 0), (61, 1)]]
    assert max(chaotic) < 0.05


def test_tight_solver_is_within_the_published_solvers_error(golden):
    deviation = deviations(golden, "tight")
    regular = np.array([value for (number, _), value in deviation.items() if number not in CHAOTIC])
    assert regular.max() < 5e-3
    assert np.median(regular) < 5e-5


def test_tight_solver_agrees_with_closed_forms():
    t = odebench_times()

    (rate,) = ALL[1].constants
    for x, (start,) in zip(solve(ALL[1], solver="tight"), ALL[1].initial_states):
        np.testing.assert_allclose(x[:, 0], start * np.exp(rate * t), rtol=1e-10)

    rate, capacity = ALL[2].constants
    for x, (start,) in zip(solve(ALL[2], solver="tight"), ALL[2].initial_states):
        exact = capacity / (1 + (capacity / start - 1) * np.exp(-rate * t))
        np.testing.assert_allclose(x[:, 0], exact, rtol=1e-10)

    omega = math.sqrt(ALL[23].constants[0])
    for x, (place, speed) in zip(solve(ALL[23], solver="tight"), ALL[23].initial_states):
        exact = place * np.cos(omega * t) + speed / omega * np.sin(omega * t)
        np.testing.assert_allclose(x[:, 0], exact, atol=1e-9)


def test_own_times_start_at_the_initial_state():
    system = ALL[25]
    for solver in ("published", "tight"):
        x = solve(system, [3.0, 3.5, 7.0], solver=solver)
        assert x.shape == (2, 3, 2)
        np.testing.assert_array_equal(x[:, 0], system.initial_states)
        shifted = solve(system, [0.0, 0.5, 4.0], solver=solver)
        np.testing.assert_allclose(x, shifted, rtol=1e-5)


def test_trajectories_are_computed_once_and_read_only():
    first, second = simulate_odebench((3,)), simulate_odebench((3,))
    assert list(first) == list(range(52, 62))
    for number, x in first.items():
        assert x.shape == (2, 200, 3)
        assert x is second[number]
        assert np.isfinite(x).all()
    with pytest.raises(ValueError, match="read-only"):
        first[52][0, 0, 0] = 0.0


@pytest.mark.parametrize("solver", ["published", "tight"])
def test_a_solution_that_ceases_to_exist_is_an_error(solver):
    blow_up = replace(ALL[10], equations=("x0**3",), rhs=lambda x0: (x0**3,))
    with pytest.raises(RuntimeError, match=r"system 11 from \(3\.4,\)"):
        solve(blow_up, [0.0, 10.0], solver=solver)


def test_systems_are_picklable():
    for system in ALL:
        assert pickle.loads(pickle.dumps(system)) == system


@pytest.mark.parametrize("t", [[0.0], [0.0, 0.0], [1.0, 0.0], [0.0, np.nan], [[0.0, 1.0]], 1.0], ids=str)
def test_bad_times(t):
    with pytest.raises(ValueError, match=r"^t: "):
        solve(ALL[0], t)


def test_bad_names():
    with pytest.raises(ValueError, match=r"^solver: .*'euler'"):
        solve(ALL[0], solver="euler")
    with pytest.raises(ValueError, match=r"^dims: .*not 5"):
        load_odebench((2, 5))
