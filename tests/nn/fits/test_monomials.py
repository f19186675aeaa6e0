import math

import numpy as np
import pytest
import torch

from skdyn.nn.fits.monomials import Library, exponents, monomials


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
