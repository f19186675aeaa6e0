import numpy as np
import torch

from skdyn.nn.fits.moments import Moments, by_integrals, by_velocities, less_means, matching, windows


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def test_windows_keep_every_point_once():
    values, mask = normal(2, 3, 25, 4), torch.arange(25) < torch.tensor([25, 7, 0])[:, None]
    cut, there = windows(values, mask.expand(2, -1, -1), 10)
    assert cut.shape == (2, 9, 10, 4)
    assert there.shape == (2, 9, 10)
    assert torch.equal(cut.unflatten(1, (3, 3)).flatten(2, 3)[:, :, :25], values)
    assert there.sum((1, 2)).tolist() == [32, 32]


def test_windows_have_no_mean_left():
    values, mask = normal(2, 5, 8, 3), torch.rand(2, 5, 8, generator=generator(1)) < 0.6
    centred = less_means(values, mask)
    torch.testing.assert_close(centred.sum(2), torch.zeros(2, 5, 3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert (centred[~mask] == 0).all()
    assert torch.equal(less_means(values, torch.zeros_like(mask)), torch.zeros_like(values))


def test_integral_matching_is_least_squares_with_an_offset_in_each_window():
    counts, size = [23, 12, 1], 10
    integrals, states = normal(1, 3, 23, 4), normal(1, 3, 23, 2, seed=1)
    mask = (torch.arange(23) < torch.tensor(counts)[:, None])[None]
    found = by_integrals(integrals, states, mask, size)
    starts = [(k, i) for k, count in enumerate(counts) for i in range(0, count, size)]
    rows, observed = [], []
    for number, (k, i) in enumerate(starts):
        for j in range(i, min(i + size, counts[k])):
            rows.append([*integrals[0, k, j].tolist(), *np.eye(len(starts))[number]])
            observed.append(states[0, k, j].tolist())
    solution, residual, *_ = np.linalg.lstsq(np.array(rows), np.array(observed), rcond=None)
    for d in range(2):
        mine = torch.linalg.solve(found.gram[0, d], found.cross[0, d])
        np.testing.assert_allclose(mine, solution[:4, d], rtol=1e-9)
        left = found.square[0, d] - 2 * mine @ found.cross[0, d] + mine @ found.gram[0, d] @ mine
        np.testing.assert_allclose(left, residual[d], rtol=1e-9)
    assert found.count.tolist() == [[sum(counts) - len(starts)] * 2]


def test_velocities_are_matched_by_weighted_least_squares():
    regressors, velocities = normal(1, 30, 5), normal(1, 30, 2, seed=1)
    weights = torch.rand(1, 30, 2, dtype=torch.float64, generator=generator(2)) + 0.1
    weights[:, 20:] = 0
    found = by_velocities(regressors, velocities, weights)
    again = by_velocities(regressors, velocities, 7 * weights)
    for d in range(2):
        w = weights[0, :, d].numpy()
        solution = np.linalg.lstsq(regressors[0].numpy() * w[:, None], velocities[0, :, d].numpy() * w, rcond=None)[0]
        np.testing.assert_allclose(torch.linalg.solve(found.gram[0, d], found.cross[0, d]), solution, rtol=1e-8)
        np.testing.assert_allclose(found.count[0, d], (w / w.max()) @ (w / w.max()) / 3)
    for one, other in ((found.gram, again.gram), (found.cross, again.cross), (found.square, again.square)):
        torch.testing.assert_close(one, other)


def test_selected_terms_have_their_own_moments():
    integrals, states, mask = normal(2, 1, 20, 6), normal(2, 1, 20, 2, seed=1), torch.ones(2, 1, 20, dtype=torch.bool)
    whole = by_integrals(integrals, states, mask, 10)
    terms = torch.tensor([[[0, 2, 5], [1, 3, 4]], [[0, 1, 2], [2, 4, 5]]])
    selected = whole.select(terms, slice(None))
    for b in range(2):
        for d in range(2):
            part = by_integrals(integrals[b : b + 1, :, :, terms[b, d]], states[b : b + 1], mask[b : b + 1], 10)
            torch.testing.assert_close(selected.gram[b, d], part.gram[0, d])
            torch.testing.assert_close(selected.cross[b, d], part.cross[0, d])
    few_points = matching(integrals[:, :, :5], states[:, :, :5], mask[:, :, :5], 10)
    for source in (whole, few_points):
        both = source.select(terms, slice(None))
        second = source.select(terms[:, 1:], slice(1, None))
        for name in ("gram", "cross", "square", "count"):
            torch.testing.assert_close(getattr(second, name), getattr(both, name)[:, 1:])
    stacked = Moments.stack([whole, whole])
    assert stacked.gram.shape == (2, 2, 2, 6, 6)
    assert torch.equal(stacked.cross[:, 1], whole.cross)
