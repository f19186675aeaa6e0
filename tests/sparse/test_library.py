"""Terms: their values, derivatives, names and units."""

import numpy as np
import pytest

from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.library import terms

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


def test_unit_factors_carry_the_field():
    rng = np.random.default_rng(0)
    library = terms(2, 3)
    xi, scale, rate = rng.normal(size=(10, 2)), np.array([3.0, 0.02]), 7.0
    x = rng.normal(size=(5, 2)) * scale
    expected = library.field(x / scale, xi) * scale * rate
    np.testing.assert_allclose(library.field(x, xi * library.unit_factors(scale, rate)), expected)
