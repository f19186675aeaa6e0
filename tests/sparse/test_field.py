"""What a fit returns: frozen, readable, shaped, and differentiable."""

import numpy as np
import pytest

from skdyn.data.trajectories import Trajectories
from skdyn.sparse import fit_sparse
from skdyn.sparse.field import SparseField
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.library import terms

T = np.linspace(0.0, 5.0, 40)
CIRCLE = np.column_stack([np.cos(T), -np.sin(T)])


@pytest.fixture(scope="module")
def ode():
    x = CIRCLE + 0.01 * np.random.default_rng(0).standard_normal(CIRCLE.shape)
    return fit_sparse(Trajectories([(T, x)]))


def test_result_is_frozen_readable_and_shaped(ode):
    with pytest.raises(ValueError, match="read-only"):
        ode.coefficients[0, 0] = 1.0
    assert ode.field(np.zeros((4, 3, 2))).shape == (4, 3, 2)
    assert ode.jacobian(np.zeros((4, 3, 2))).shape == (4, 3, 2, 2)
    assert ode.field([1.0, 0.0]).shape == (2,)
    assert ode.equations(precision=1, names=["q", "v"]) == ["d(q)/dt = v", "d(v)/dt = -q"]
    scores = [stage.score for stage in ode.path]
    assert scores == sorted(scores, reverse=True)
    assert ode.score == scores[-1]
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\)"):
        ode.field(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="names must hold 2"):
        ode.equations(names=["q"])


def test_jacobian_against_finite_differences(ode):
    states = np.random.default_rng(1).normal(size=(6, 2))
    for e, step in enumerate((1e-5, 1e-5)):
        shift = step * np.eye(2)[e]
        difference = (ode.field(states + shift) - ode.field(states - shift)) / (2 * step)
        np.testing.assert_allclose(ode.jacobian(states)[:, :, e], difference, rtol=1e-5, atol=1e-6)


def test_precision_holds_inside_functions():
    library = terms(1, 2, (ScalarFunction("sin", (1.2345678,)), ScalarFunction("rise", (1 / 3.4567,), 1)))
    coefficients = np.zeros((library.n_terms, 1))
    coefficients[[3, 5], 0] = 0.98765432, 2.0
    field = SparseField(
        exponents=library.exponents,
        functions=library.functions,
        function_of=library.function_of,
        coefficients=coefficients,
        center=np.zeros(1),
        score=0.0,
    )
    assert coefficients.flags.writeable  # the caller's
    assert field.equations(precision=7) == ["d(x0)/dt = 0.9876543 sin(1.234568 x0) + 2 x0/(3.4567 + x0)"]
    assert field.equations(precision=2) == ["d(x0)/dt = 0.99 sin(1.2 x0) + 2 x0/(3.5 + x0)"]
