import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from skdyn.nn.fits.families import ALL_FITS, CENTRED, FITS_PER_VIEW, VIEWS, TokenModels
from skdyn.nn.fits.fitting import fit_context
from skdyn.nn.fits.quadrature import quadrature
from tests.format2 import normalised, rotations, simulate

OBSERVED = 3 * FITS_PER_VIEW


def fit(times, states, mask=None, tokens=None):
    (z, tau, seen, _, origin), scaling = normalised(times, states, mask)
    return fit_context(z, tau, seen, origin, tokens), scaling


def van_der_pol(x):
    return np.array([x[1], 1.5 * (1 - x[0] ** 2) * x[1] - x[0]])


def clean_van_der_pol():
    return simulate(van_der_pol, [[0.5, 0.0], [2.5, 1.0]], np.linspace(0, 12, 240))


def queries(batch, dim, count=9, seed=3):
    return torch.randn(batch, count, dim, generator=torch.Generator().manual_seed(seed))


def stand_in_tokens(states, seed=0):
    """Denoised states near the observed ones, and some velocities."""
    g = torch.Generator().manual_seed(seed)
    noise = [torch.randn(states.shape, generator=g) for _ in range(3)]
    return TokenModels(states.float() + 0.01 * noise[0], states.float().flip(-1) + 0.1 * noise[1], noise[2] - 2)


def in_user_units(fits, scaling, place):
    """Coefficients (D, P) of a fit in scaled coordinates, and its terms."""
    scale, std = fits.scale[0], scaling.std[0]
    length = std * scale
    powers = torch.stack([torch.tensor([term.count(d) for d in range(2)]) for term in fits.library.terms])
    per_term = (length[None] ** powers).prod(-1)
    return (fits.coefficients[0, place] * (std * scaling.speed[0] * scale)[:, None] / per_term).numpy()


def test_sparse_fits_to_a_clean_system_are_its_equations():
    fits, scaling = fit(*clean_van_der_pol())
    terms = fits.library.terms
    truth = np.zeros((2, len(terms)))
    truth[0, terms.index((1,))] = 1
    truth[1, terms.index((0,))], truth[1, terms.index((1,))], truth[1, terms.index((0, 0, 1))] = -1, 1.5, -1.5
    by_family = dict(zip(fits.families, range(len(fits.families)), strict=True))
    for view in ("observed_40", "observed_200"):
        place = by_family[VIEWS.index(view) * FITS_PER_VIEW + CENTRED + 1]
        np.testing.assert_array_equal(fits.active[0, place].numpy(), truth != 0)
        np.testing.assert_allclose(in_user_units(fits, scaling, place), truth, atol=1e-3)


def test_full_fits_to_a_clean_system_give_its_field():
    fits, scaling = fit(*clean_van_der_pol())
    z = 0.8 * queries(1, 2, 40)
    field, log_deviation = fits.answer(z)
    x = z[0].double() * scaling.std[0] + scaling.mean[0]
    truth = torch.from_numpy(np.array([van_der_pol(row) for row in x.numpy()])) / (scaling.std[0] * scaling.speed[0])
    cubic = [i for i, family in enumerate(fits.families) if family % FITS_PER_VIEW >= 2 and family // 6 in (1, 2)]
    error = (field[0] - truth[:, None]).abs()
    assert len(cubic) == 6  # cubic and two sparse ones, of two views
    assert error[:, cubic].max() < 5e-3
    assert error[:, [0]].max() > 0.3, "a line cannot be van der Pol's"
    assert log_deviation[0][:, cubic].max() < -4


@pytest.mark.parametrize("dim", [2, 5])
def test_fits_are_compared_along_the_path_and_beyond(dim):
    times, states = rotations(dim, paths=2, points=30)
    mask = np.ones((2, 30), dtype=bool)
    mask[1, 20:] = False
    fits, scaling = fit(times, states, mask)
    z = (torch.from_numpy(states) - scaling.mean) / scaling.std
    seen = z[torch.from_numpy(mask)]
    path = seen[seen.square().sum(-1).argsort()][(torch.arange(24) * 50 / 24).long()]
    beyond = torch.cat([2 * path[::2], -path[1::2]])
    for place, z in enumerate((path, beyond)):
        field, log_deviation = (part[0].float() for part in fits.answer(z[None]))
        gaps = (field[:, :, None] - field[:, None]).abs().mean(0)
        torch.testing.assert_close(fits.gaps[0, place], gaps, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(fits.sizes[0, place], field.abs().mean(0), rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(fits.log_spreads[0, place], log_deviation.mean(0), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 12])
def test_every_dimension_has_its_fits(dim):
    times, states = rotations(dim, paths=3)
    fits, _ = fit(times, states)
    per_view = FITS_PER_VIEW if dim == 1 else FITS_PER_VIEW - 1  # three degrees where degree three is the largest
    assert len(fits.families) == 3 * per_view
    assert max(fits.families) < OBSERVED < ALL_FITS
    assert (fits.terms is None) == (dim <= 3)
    field, log_deviation = fits.answer(queries(1, dim))
    assert field.shape == log_deviation.shape == (1, 9, len(fits.families), dim)
    for part in (field, log_deviation, fits.log_noise, fits.log_terms, fits.log_points, fits.root):
        assert part.isfinite().all()
    assert (field[0].amin(0) < field[0].amax(0)).all(-1).float().mean() > 0.8, "few fields are constant"


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("points", [2, 5])
def test_a_few_points_give_finite_answers(dim, points):
    times, states = rotations(dim, paths=1, points=points)
    for mask in (None, np.ones((1, points), dtype=bool)):
        fits, _ = fit(times, states, mask, stand_in_tokens(torch.from_numpy(states)[None]))
        field, log_deviation = fits.answer(queries(1, dim))
        assert field.isfinite().all()
        assert log_deviation.isfinite().all()


def test_a_variable_that_does_not_move_is_no_fault():
    times, states = rotations(3)
    states[..., 1] = 4.0
    fits, _ = fit(times, states)
    field, _ = fits.answer(queries(1, 3))
    assert field.isfinite().all()
    assert field[..., 1].abs().max() < 1e-3


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_units_of_states_and_of_time_do_not_matter(dim):
    times, states = rotations(dim)
    fits, _ = fit(times, states)
    changed, _ = fit(60.0 * times - 1e3, states * 10.0 ** np.linspace(-4, 3, dim))
    z = queries(1, dim)
    for one, other in zip(fits.answer(z), changed.answer(z), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert torch.equal(fits.active, changed.active)


def test_a_shift_moves_only_the_sparse_fits():
    times, states = rotations(2)
    fits, _ = fit(times, states)
    moved, _ = fit(times, states + np.array([3.0, -2.0]))
    centred = [i for i in range(len(fits.families)) if i not in fits.places[1]]
    z = queries(1, 2)
    one, other = fits.answer(z)[0], moved.answer(z)[0]
    torch.testing.assert_close(one[:, :, centred], other[:, :, centred], rtol=1e-5, atol=1e-6)
    assert (one[:, :, fits.places[1]] - other[:, :, fits.places[1]]).abs().max() > 1e-3


def test_padding_is_never_read_and_order_does_not_matter():
    times, states = rotations(2, paths=3)
    mask = np.ones(times.shape, dtype=bool)
    mask[1, 30:], mask[2, 7:] = False, False
    z = queries(1, 2)
    (zs, tau, seen, _, origin), _ = normalised(times, states, mask)
    tokens = stand_in_tokens(zs)
    fits = fit_context(zs, tau, seen, origin, tokens)
    junk = torch.where(seen[..., None], zs, 1e6)
    away = torch.where(seen, tau, -50.0)
    wrong = TokenModels(*(torch.where(seen[..., None], part, float("nan")) for part in vars(tokens).values()))
    wrong = TokenModels(wrong.states, wrong.velocities, torch.where(seen[..., None], tokens.log_scale, 1e3))
    padded = fit_context(junk, away, seen, origin, wrong)
    order = torch.tensor([2, 0, 1])
    shuffled = TokenModels(*(part[:, order] for part in vars(tokens).values()))
    turned = fit_context(zs[:, order], tau[:, order], seen[:, order], origin, shuffled)
    more = TokenModels(*(pad(part, (0, 0, 0, 5)) for part in vars(tokens).values()))
    longer = fit_context(pad(zs, (0, 0, 0, 5)), pad(tau, (0, 5)), pad(seen, (0, 5)), origin, more)
    for other in (padded, turned, longer):
        for mine, theirs in zip(fits.answer(z), other.answer(z), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_contexts_are_fitted_apart_from_each_other():
    contexts = [normalised(*rotations(2, seed=seed))[0] for seed in (0, 1)]
    z = queries(2, 2)
    together = fit_context(*(torch.cat(parts) for parts in list(zip(*contexts, strict=True))[:3]),
                           torch.cat([context[4] for context in contexts]))  # fmt: skip
    for b, context in enumerate(contexts):
        alone = fit_context(*context[:3], context[4])
        for mine, theirs in zip(together.answer(z), alone.answer(z[b : b + 1]), strict=True):
            torch.testing.assert_close(mine[b : b + 1], theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 6])
def test_answers_are_the_polynomials_and_their_covariance(dim):
    (zs, tau, seen, _, origin), _ = normalised(*rotations(dim))
    fits = fit_context(zs, tau, seen, origin, stand_in_tokens(zs))
    z = queries(1, dim, 4).double()
    field, log_deviation = fits.answer(z)
    for f in range(len(fits.families)):
        scaled = f in fits.places[1]
        unit = fits.scale[0] if scaled else torch.ones(dim, dtype=torch.float64)
        at = (z[0] + fits.origin[0]) / unit if scaled else z[0]
        for d in range(dim):
            terms = fits.library.terms
            if fits.terms is not None:
                terms = [terms[place] for place in fits.terms[0, int(scaled), d].tolist()]
            phi = torch.stack([at[:, list(term)].prod(-1) for term in terms], -1)
            expected = unit[d] * (phi @ fits.coefficients[0, f, d])
            torch.testing.assert_close(field[0, :, f, d], expected)
            covariance = fits.root[0, f, d].double().mT @ fits.root[0, f, d].double()
            deviation = unit[d] * torch.einsum("np,pq,nq->n", phi, covariance, phi).sqrt()
            torch.testing.assert_close(log_deviation[0, :, f, d].exp().double(), deviation.clamp(1e-6), rtol=1e-3,
                                       atol=1e-6)  # fmt: skip
        assert fits.coefficients[0, f][~fits.active[0, f]].abs().sum() == 0


def test_deviations_grow_away_from_the_data():
    fits, _ = fit(*rotations(2))
    _, near = fits.answer(torch.zeros(1, 1, 2))
    _, far = fits.answer(torch.full((1, 1, 2), 6.0))
    full = [i for i, family in enumerate(fits.families) if family % FITS_PER_VIEW == 2]
    assert (far[0, 0, full] > near[0, 0, full] + 1).all()


def test_absurd_queries_have_bounded_answers():
    fits, _ = fit(*rotations(3))
    z = torch.tensor([[[1e30, -1e30, 0.0], [12.0, -12.0, 12.0]]])
    field, log_deviation = fits.answer(z)
    assert field.abs().max() <= 60
    assert log_deviation.isfinite().all()


@pytest.mark.parametrize("dim", [2, 6])
def test_without_tokens_the_rest_stays_as_it_was(dim):
    (zs, tau, seen, _, origin), _ = normalised(*rotations(dim))
    alone = fit_context(zs, tau, seen, origin)
    with_tokens = fit_context(zs, tau, seen, origin, stand_in_tokens(zs))
    kept = with_tokens.without_tokens()
    assert kept.families == alone.families
    assert set(with_tokens.families) - set(kept.families) == {f for f in with_tokens.families if f >= OBSERVED}
    z = queries(1, dim)
    for one, other in zip(kept.answer(z), alone.answer(z), strict=True):
        assert torch.equal(one, other)
    for name in ("log_noise", "log_terms", "active"):
        assert torch.equal(getattr(kept, name), getattr(alone, name))


def test_tokens_are_one_more_source():
    times, states = rotations(2, noise=0.0)
    (zs, tau, seen, _, origin), _ = normalised(times, states)
    matrix = torch.tensor([[-0.3, 1.0], [-1.0, 0.2]], dtype=torch.float64)
    said = TokenModels(zs, zs @ matrix.mT, torch.zeros_like(zs))
    fits = fit_context(zs, tau, seen, origin, said)
    z = queries(1, 2).double()
    field, _ = fits.answer(z)
    first = VIEWS.index("velocities") * FITS_PER_VIEW
    told = [i for i, family in enumerate(fits.families) if family >= first]
    torch.testing.assert_close(
        field[0][:, told], (z[0] @ matrix.mT)[:, None].expand(-1, len(told), -1), atol=0.02, rtol=0
    )


def test_residuals_of_every_view_are_those_of_the_integrated_answer():
    """Matched by hand: what a fit's field, integrated along the observed path, leaves of the observed states."""
    times, states = rotations(2, paths=1, points=60)
    (z, tau, mask, _, origin), _ = normalised(times, states)
    fits = fit_context(z, tau, mask, origin)
    fields = fits.answer(z[:, 0])[0][0]  # (L, F, D)
    rule = quadrature(tau.double(), mask)
    moved = rule.cumulative(fields.flatten(1)[None, None]).unflatten(-1, fields.shape[1:])[0, 0]
    left = z[0, 0, :, None].double() - moved
    expected = (left - left.mean(0)).square().sum(0) / (len(left) - 1)
    torch.testing.assert_close(fits.log_residuals[0, :, 2].double(), 0.5 * expected.log(), atol=1e-4, rtol=0)
    own = fits.log_residuals[0, torch.arange(len(fits.families)), torch.tensor(fits.families) // FITS_PER_VIEW]
    assert (own <= fits.log_noise[0] + 1e-4).all(), "their own view's residuals, less the freedom of the terms"


def test_residuals_of_the_networks_velocities():
    times, states = rotations(2, paths=2, points=50)
    (z, tau, mask, _, origin), _ = normalised(times, states)
    tokens = stand_in_tokens(z)
    fits = fit_context(z, tau, mask, origin, tokens)
    moved = quadrature(tau.double(), mask).cumulative(tokens.velocities.double())
    left = z.double() - moved
    expected = (left - left.mean(2, keepdim=True)).square().sum((1, 2)) / (2 * 49)
    torch.testing.assert_close(fits.log_of_network[:, 2].double(), 0.5 * expected.log(), atol=1e-4, rtol=0)
    assert fits.without_tokens().log_of_network is None
    assert fits.without_tokens().log_residuals.shape[2] == 3
