import math

import numpy as np
import pytest
import torch

from skdyn.nn.fits.monomials import Library, exponents, implied_by_levels, monomials


def test_monomials_come_by_degree():
    z = torch.tensor([[2.0, 3.0]])
    assert monomials(z, 3).tolist() == [[1, 2, 3, 4, 6, 9, 8, 12, 18, 27]]
    assert monomials(z, 2).tolist() == [[1, 2, 3, 4, 6, 9]]


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
@pytest.mark.parametrize("degree", [0, 1, 4])
def test_there_are_as_many_as_there_should_be(dim, degree):
    terms = exponents(dim, degree)
    assert len(terms) == len(set(terms)) == math.comb(dim + degree, degree)


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 13])
def test_a_library_evaluates_its_terms(dim):
    library = Library(dim)
    z = torch.randn(4, 3, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(dim))
    expected = np.stack([np.prod(z[..., list(term)].numpy(), axis=-1) for term in library.terms], -1)
    np.testing.assert_allclose(library(z).numpy(), expected, rtol=1e-12)
    assert library.degrees.tolist() == [len(term) for term in library.terms]
    assert library.degrees.tolist() == sorted(library.degrees.tolist())


def test_what_libraries_offer():
    assert [len(Library(dim).terms) for dim in (1, 2, 3, 12)] == [6, 10, 20, 455]
    # All cubic terms of thirteen variables are too many: of them only the pure ones are left.
    wide = Library(13)
    assert len(wide.terms) == 1 + 13 + 91 + 13
    assert {len(set(term)) for term in wide.terms if len(term) == 3} == {1}
    assert {dim: Library(dim).centred_degrees[-1] for dim in (1, 2, 20)} == {1: 5, 2: 3, 20: 3}
    for dim in (1, 2, 4, 13):
        library = Library(dim)
        assert set(library.centred_degrees) <= set(library.degrees.tolist())


def test_powers_of_few_values_are_implied():
    t = torch.linspace(0.0, 1.0, 60, dtype=torch.float64)
    given = torch.stack([(t > 0.5).double(), (3 * t).round() + 0.001 * t, t, torch.ones_like(t)], -1)
    library = Library(5)  # one variable and these
    seen = torch.ones(2, 60, dtype=torch.bool)
    seen[1, 30:] = False  # of the second context, in which the first column never changes and the second has half
    implied = implied_by_levels(library, given.expand(2, -1, -1), seen)
    for context, powers in enumerate([(1, 3, 9, 0), (0, 1, 9, 0)]):
        expected = [any(term.count(e + 1) > most for e, most in enumerate(powers)) for term in library.terms]
        assert implied[context].tolist() == expected
    assert not implied_by_levels(library, given[None, :, :0], seen[:1]).any()
