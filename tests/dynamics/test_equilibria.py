import numpy as np
import pytest

from skdyn import SparseODERegressor
from skdyn.dynamics.equilibria import classify, find_equilibria, in_hull
from skdyn.dynamics.units import state_units, widened_box


def find(field, jacobian, low, high, data=None, **settings):
    """Search the box from ``low`` to ``high``, the field being given for one state."""
    box = np.array([low, high], dtype=float)
    if data is None:
        data = np.random.default_rng(0).uniform(box[0], box[1], size=(200, len(low)))

    def both(x):
        return np.array([field(*state) for state in x]), np.array([jacobian(*state) for state in x], dtype=float)

    return find_equilibria(
        lambda x: np.array([field(*state) for state in x], dtype=float),
        both,
        data,
        box,
        *state_units(data),
        **settings,
    )


@pytest.mark.parametrize(
    ("eigenvalues", "kind"),
    [
        ([-1], "stable node"),
        ([2], "unstable node"),
        ([0], "non-hyperbolic"),
        ([-1, -2], "stable node"),
        ([1, 2], "unstable node"),
        ([1, -2], "saddle"),
        ([-1 + 2j, -1 - 2j], "stable spiral"),
        ([1 + 2j, 1 - 2j], "unstable spiral"),
        ([1j, -1j], "centre"),
        ([1e-5 + 1j, 1e-5 - 1j], "centre"),
        ([0, -1], "non-hyperbolic"),
        ([0, 0], "non-hyperbolic"),
        ([-1e-6, -1], "non-hyperbolic"),
        ([-3, -1 + 1j, -1 - 1j], "stable spiral"),
        ([3, -1 + 1j, -1 - 1j], "saddle"),
        ([1, 2, 3], "unstable node"),
        ([-3, 1j, -1j], "non-hyperbolic"),
    ],
)
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_classify(eigenvalues, kind, unit):
    assert classify(np.array(eigenvalues, dtype=complex) * unit) == kind


def test_classify_tolerance():
    eigenvalues = np.array([-0.01 + 1j, -0.01 - 1j])
    assert classify(eigenvalues) == "stable spiral"
    assert classify(eigenvalues, tolerance=0.1) == "centre"


MATRICES = {
    "stable node": [[-1.0, 0.2], [0.0, -2.0]],
    "unstable node": [[1.0, 0.2], [0.0, 2.0]],
    "saddle": [[1.0, 0.0], [0.5, -1.0]],
    "stable spiral": [[-0.5, 1.0], [-1.0, -0.5]],
    "unstable spiral": [[0.5, 1.0], [-1.0, 0.5]],
    "centre": [[0.0, 1.0], [-4.0, 0.0]],
}


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("size", [1.0, 1e-6, 1e8])
def test_linear_systems(kind, size):
    matrix, root = np.array(MATRICES[kind]), np.array([0.3, -0.2]) * size
    (found,) = find(lambda *x: matrix @ (np.array(x) - root), lambda *x: matrix, [-size, -size], [size, size])
    np.testing.assert_allclose(found.state, root, rtol=1e-6)
    assert found.kind == kind
    assert found.inside
    assert found.residual < 1e-6 * size
    expected = np.linalg.eigvals(matrix)
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues), np.sort_complex(expected), atol=1e-9)
    assert (np.diff(found.eigenvalues.real) <= 1e-12).all()
    assert found.stable is bool(kind.startswith("stable"))


def test_one_variable():
    found = find(lambda x: [x - x**3], lambda x: [[1 - 3 * x**2]], [-2], [2])
    np.testing.assert_allclose([e.state[0] for e in found], [-1, 0, 1], atol=1e-8)
    assert [e.kind for e in found] == ["stable node", "unstable node", "stable node"]


def test_a_double_well_with_damping():
    found = find(lambda x, v: [v, x - x**3 - 0.3 * v], lambda x, v: [[0, 1], [1 - 3 * x**2, -0.3]], [-2, -1], [2, 1])
    np.testing.assert_allclose([e.state for e in found], [[-1, 0], [0, 0], [1, 0]], atol=1e-8)
    assert [e.kind for e in found] == ["stable spiral", "saddle", "stable spiral"]


def test_nine_equilibria_are_each_found_once():
    found = find(
        lambda x, y: [x - x**3, y - y**3], lambda x, y: [[1 - 3 * x**2, 0], [0, 1 - 3 * y**2]], [-1.5, -1.5], [1.5, 1.5]
    )
    grid = [[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)]
    assert len(found) == 9
    np.testing.assert_allclose(sorted(tuple(e.state.round(6) + 0.0) for e in found), grid, atol=1e-6)


def test_lorenz():
    s, r, b = 10.0, 28.0, 8 / 3
    found = find(
        lambda x, y, z: [s * (y - x), x * (r - z) - y, x * y - b * z],
        lambda x, y, z: [[-s, s, 0], [r - z, -1, -x], [y, x, -b]],
        [-20, -25, -5],
        [20, 25, 50],
    )
    wing = np.sqrt(b * (r - 1))
    np.testing.assert_allclose(
        [e.state for e in found], [[-wing, -wing, r - 1], [0, 0, 0], [wing, wing, r - 1]], atol=1e-6
    )
    assert [e.kind for e in found] == ["saddle"] * 3


def test_four_variables():
    matrix = np.diag([-1.0, -2.0, -3.0, -4.0]) + 0.1
    root = np.array([0.1, -0.2, 0.3, 0.0])
    (found,) = find(lambda *x: matrix @ (np.array(x) - root), lambda *x: matrix, [-1] * 4, [1] * 4)
    np.testing.assert_allclose(found.state, root, atol=1e-7)
    assert found.kind == "stable node"


def test_no_equilibrium():
    assert find(lambda x, y: [1 + x**2, y], lambda x, y: [[2 * x, 0], [0, 1]], [-2, -2], [2, 2]) == []


def test_only_the_box_is_searched():
    data = np.random.default_rng(0).uniform(-2, 2, size=(100, 1))
    (found,) = find(lambda x: [x - x**3], lambda x: [[1 - 3 * x**2]], [0.5], [2], data=data)
    np.testing.assert_allclose(found.state, [1], atol=1e-8)


def test_outside_the_data_is_flagged():
    data = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    for root, inside in (([0.2, 0.2], True), ([0.8, 0.8], False)):
        (found,) = find(lambda x, y, root=root: np.array([x, y]) - root, lambda x, y: np.eye(2), [-1, -1], [2, 2], data)
        np.testing.assert_allclose(found.state, root, atol=1e-8)
        assert found.inside is inside


def test_a_constant_variable():
    data = np.column_stack([np.linspace(-1, 1, 30), np.zeros(30)])
    (found,) = find(lambda x, y: [-x, -y], lambda x, y: -np.eye(2), [-1, -1], [1, 1], data)
    np.testing.assert_allclose(found.state, [0, 0], atol=1e-8)
    assert found.inside


@pytest.mark.parametrize("slope", [0.0, 1e-4])
def test_a_variable_for_which_the_box_has_no_width_is_held(slope):
    """``x' = x (1 - x + (y - 2) / 5)``: from x = 1 every step would leave y = 2 too."""
    data = np.column_stack([np.linspace(0.05, 1.6, 100), np.full(100, 2.0)])
    found = find(
        lambda x, y: np.array([x * (1 - x + (y - 2) / 5), slope]),
        lambda x, y: [[1 - 2 * x + (y - 2) / 5, x / 5], [0, 0]],
        *widened_box(data),
        data,
    )
    np.testing.assert_allclose([e.state for e in found], [[0, 2], [1, 2]], atol=1e-8)
    assert [(e.kind, e.held) for e in found] == [("unstable node", (1,)), ("stable node", (1,))]
    assert [e.residual for e in found] == pytest.approx([slope] * 2, abs=1e-8)


def test_hull():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert in_hull(np.array([0.5, 0.5]), square)
    assert in_hull(np.array([1.0, 1.0]), square)
    assert not in_hull(np.array([0.5, 1.01]), square)
    assert not in_hull(np.array([0.9, 0.9]), square[:3])
    assert in_hull(np.array([0.4]), np.array([[0.0], [1.0]]))
    assert not in_hull(np.array([1.4]), np.array([[0.0], [1.0]]))
    line = np.linspace(0, 1, 5)[:, None] * np.ones(3)
    assert in_hull(np.array([0.3, 0.3, 0.3]), line)
    assert not in_hull(np.array([0.3, 0.3, 0.4]), line)


def test_estimator_finds_the_focus(fitted):
    found = fitted.equilibria()
    (focus,) = [e for e in found if e.inside]
    assert np.abs(focus.state).max() < 0.2
    assert focus.kind in ("stable spiral", "centre")
    np.testing.assert_allclose(np.abs(focus.eigenvalues.imag), 1, atol=0.25)
    np.testing.assert_allclose(fitted.jacobian(focus.state[None])[0], fitted.jacobian(focus.state), rtol=1e-12)


def test_an_estimator_holds_what_is_constant_in_the_data():
    t = np.linspace(0, 6, 60)
    data = [(t, np.column_stack([1 / (1 + (1 / start - 1) * np.exp(-t)), np.full(60, 2.0)])) for start in (0.05, 1.6)]
    (stable,) = [e for e in SparseODERegressor().fit(data).equilibria() if e.stable]
    np.testing.assert_allclose(stable.state, [1, 2], atol=1e-3)
