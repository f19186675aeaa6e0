import numpy as np
import torch

from skdyn.nn.fits.moments import Moments, Regressors, by_integrals
from skdyn.nn.fits.monomials import Library
from skdyn.nn.fits.quadrature import quadrature
from skdyn.nn.fits.screening import choose_terms, worth_adding
from tests.format2 import simulate

DIM = 8
LIBRARY = Library(DIM)


def ring(x):
    """Lorenz's model of 1996, a tenth as fast."""
    return 0.1 * ((np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8)


def true_terms(i):
    ahead, before, behind = (i + 1) % DIM, (i - 1) % DIM, (i - 2) % DIM
    return {(), (i,), tuple(sorted((ahead, before))), tuple(sorted((behind, before)))}


def moments_of(paths=3, points=60, noise=0.0, dim=DIM):
    rng = np.random.default_rng(0)
    times, states = simulate(ring, rng.normal(size=(paths, DIM)) + 2, np.linspace(0, 15, points))
    states = states[..., :dim] + noise * rng.normal(size=(paths, points, dim))
    states, times = torch.from_numpy(states)[None], torch.from_numpy(times)[None]
    mask = torch.ones(times.shape, dtype=torch.bool)
    return by_integrals(quadrature(times, mask).cumulative(Library(dim)(states)), states, mask, 40)


def test_true_terms_are_among_the_chosen():
    for noise in (0.0, 0.05):
        chosen = choose_terms(moments_of(noise=noise), LIBRARY.degrees, DIM).places
        assert chosen.shape == (1, DIM, 174 // 3)
        for i in range(DIM):
            found = {LIBRARY.terms[place] for place in chosen[0, i].tolist()}
            assert len(found) == chosen.shape[-1], "no term twice"
            assert true_terms(i) <= found
            assert {(), *((j,) for j in range(DIM))} <= found


def test_terms_that_are_worth_adding_are_the_true_ones():
    linear = {(), *((j,) for j in range(DIM))}
    known = [true_terms(i) | linear for i in range(DIM)]
    found = {}
    for noise in (0.0, 0.05):
        worth = worth_adding(moments_of(noise=noise), LIBRARY.degrees, DIM)[0]
        found[noise] = [{LIBRARY.terms[place] for place in row.nonzero()[:, 0].tolist()} for row in worth]
    assert all(true <= own for true, own in zip(known, found[0.0], strict=True))
    assert sum(true <= own for true, own in zip(known, found[0.05], strict=True)) >= DIM - 1
    assert max(len(own - linear) for own in found[0.05]) <= 10, "of 156 products"


def test_of_few_columns_all_terms_are_worth_trying():
    assert worth_adding(moments_of(dim=3), Library(3).degrees, 3) is None


def test_few_points_carry_few_terms():
    chosen = choose_terms(moments_of(paths=1, points=12), LIBRARY.degrees, DIM).places
    assert chosen.shape[-1] == 1 + DIM + 8
    assert (chosen[0, :, : 1 + DIM] == torch.arange(1 + DIM)).all()
    assert all(len(set(row)) == chosen.shape[-1] for row in chosen[0].tolist())


def test_linear_terms_beyond_what_points_carry_leave_by_what_they_explain():
    dim, points = 56, 174
    rng = np.random.default_rng(0)
    library = Library(dim)
    regressors = torch.from_numpy(rng.normal(size=(1, len(library.terms), points)))
    true = {i: [0, 1 + i, 1 + (i + 7) % dim, library.terms.index((0, 3)), 40] for i in range(dim)}
    observed = torch.stack([regressors[0, true[i]].sum(0) for i in range(dim)], -1)[None]
    observed = observed + 0.1 * torch.from_numpy(rng.normal(size=observed.shape))
    few = Regressors(regressors, observed, torch.full((1, dim), float(points)))
    chosen = choose_terms(few, library.degrees, dim).places
    assert chosen.shape[-1] == points // 3, "fewer than the constant, linear and eight more"
    for i in range(dim):
        assert set(true[i]) <= set(chosen[0, i].tolist())
    enough = Regressors(regressors, observed, torch.full((1, dim), 3.0 * (1 + dim + 8)))
    assert (choose_terms(enough, library.degrees, dim).places[..., : 1 + dim] == torch.arange(1 + dim)).all()


def test_terms_that_are_the_same_are_not_chosen_for_nothing():
    moments = moments_of()
    # A constant variable makes copies of other monomials: what is left of them is rounding.
    same = LIBRARY.terms.index((0, 0)), LIBRARY.terms.index((0, 1))
    gram = moments.gram.clone()
    gram[..., same[1], :] = gram[..., same[0], :]
    gram[..., :, same[1]] = gram[..., :, same[0]]
    cross = moments.cross.clone()
    cross[..., same[1]] = cross[..., same[0]]
    chosen = choose_terms(type(moments)(gram, cross, moments.square, moments.count), LIBRARY.degrees, DIM).places
    for row in chosen[0].tolist():
        assert not set(same) <= set(row)


def test_nothing_is_left_out_where_all_terms_fit():
    assert choose_terms(moments_of(dim=3), Library(3).degrees, 3) is None
    assert choose_terms(moments_of(paths=6, dim=4), Library(4).degrees, 4) is None


def test_choices_do_not_depend_on_units():
    moments = moments_of(noise=0.05)
    size = 10.0 ** torch.linspace(-3, 3, len(LIBRARY.terms), dtype=torch.float64)
    gram = moments.gram * size[:, None] * size
    scaled = type(moments)(gram, 1e3 * moments.cross * size, 1e6 * moments.square, moments.count)
    assert torch.equal(
        choose_terms(scaled, LIBRARY.degrees, DIM).places, choose_terms(moments, LIBRARY.degrees, DIM).places
    )


def test_a_context_has_the_terms_that_its_own_points_carry():
    long, short = moments_of(), moments_of(paths=1, points=40)
    names = ("gram", "cross", "square", "count")
    both = choose_terms(
        Moments(*(torch.cat([getattr(m, name) for m in (long, short)]) for name in names)), LIBRARY.degrees, DIM
    )
    for row, moments in enumerate((long, short)):
        alone = choose_terms(moments, LIBRARY.degrees, DIM)
        for d in range(DIM):
            assert torch.equal(both.places[row, d][both.allowed[row, d]], alone.places[0, d])
