import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdyn.nn.fits.solve import eliminate, ridge


def regression(points=40, terms=6, noise=0.1, seed=0, sizes=None, sparse=()):
    """Regressors, observations and their moments as one batched problem."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(points, terms)) + 0.7 * rng.normal(size=(points, 1))
    x = x * (np.ones(terms) if sizes is None else sizes)
    c = rng.normal(size=terms)
    c[list(sparse)] = 0
    y = x @ c + noise * rng.normal(size=points)
    moments = [torch.from_numpy(np.asarray(part))[None] for part in (x.T @ x, x.T @ y, y @ y, float(points))]
    return x, y, moments


def every(terms):
    return torch.ones(1, terms, dtype=torch.bool)


def test_without_a_prior_it_is_least_squares():
    sizes = np.array([1e-4, 1.0, 1e3, 1.0, 1e-2, 10.0])
    x, y, moments = regression(sizes=sizes)
    fit = ridge(*moments, every(6), prior=0.0, rounds=3)
    expected, (left,), *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(fit.coefficients[0].numpy() * sizes, expected * sizes, rtol=1e-5)
    np.testing.assert_allclose(fit.variance[0], left / (40 - 6), rtol=1e-6)


@pytest.mark.parametrize("prior", [0.3, 30.0])
def test_it_is_the_posterior_mean_and_covariance(prior):
    x, _, moments = regression(noise=1.0)
    cross = moments[1][0].numpy()
    before = ridge(*moments, every(6), prior, rounds=2).variance[0].item()
    fit = ridge(*moments, every(6), prior, rounds=3)
    information = x.T @ x / before + prior * np.eye(6)
    np.testing.assert_allclose(fit.coefficients[0], np.linalg.solve(information, cross / before), rtol=1e-6)
    covariance = (fit.root.mT @ fit.root)[0]
    np.testing.assert_allclose(covariance, np.linalg.inv(information), rtol=1e-6, atol=1e-12)


def test_inactive_terms_stay_out():
    x, y, moments = regression()
    active = every(6)
    active[0, [1, 4]] = False
    fit = ridge(*moments, active, prior=0.0, rounds=2)
    kept = active[0].numpy()
    np.testing.assert_allclose(fit.coefficients[0][kept], np.linalg.lstsq(x[:, kept], y, rcond=None)[0], rtol=1e-6)
    assert (fit.coefficients[0][~kept] == 0).all()
    covariance = (fit.root.mT @ fit.root)[0]
    assert (covariance[~kept] == 0).all()
    assert (covariance[:, ~kept] == 0).all()


@pytest.mark.parametrize("fault", ["collinear", "zero", "all zero", "no points", "nothing active"])
def test_degenerate_problems_have_finite_answers(fault):
    x, y, _ = regression()
    active = every(6)
    if fault == "collinear":
        x[:, 3] = x[:, 1] - 2 * x[:, 2]
    elif fault == "zero":
        x[:, 2] = 0
    elif fault == "all zero":
        x, y = 0 * x, 0 * y
    elif fault == "no points":
        x, y = x[:0], y[:0]
    else:
        active = ~active
    moments = [torch.from_numpy(np.asarray(p))[None] for p in (x.T @ x, x.T @ y, y @ y, float(len(y)))]
    fit = ridge(*moments, active, prior=0.3, rounds=3)
    for part in (fit.coefficients, fit.root, fit.variance):
        assert part.isfinite().all()
    assert (fit.variance > 0).all()
    if fault == "collinear":
        np.testing.assert_allclose(x @ fit.coefficients[0].numpy(), x @ np.linalg.lstsq(x, y, rcond=None)[0], atol=0.1)
    for support in eliminate(*moments, active, (2.0, 5.0)):
        assert (support <= active).all()


def test_problems_are_solved_apart_from_each_other():
    one, other = regression(seed=1)[2], regression(seed=2, sizes=np.full(6, 1e5))[2]
    both = [torch.stack([a, b], 1) for a, b in zip(one, other, strict=True)]
    active = every(6).expand(1, 2, 6).clone()
    active[0, 1, 0] = False
    together = ridge(*both, active, 0.3, 3)
    for place, moments in enumerate((one, other)):
        alone = ridge(*moments, active[:, place], 0.3, 3)
        torch.testing.assert_close(together.coefficients[:, place], alone.coefficients)
        torch.testing.assert_close(together.root[:, place], alone.root)


def one_at_a_time(x, y, threshold):
    """Wald's elimination as a textbook has it."""
    kept = list(range(x.shape[1]))
    while kept:
        inverse = np.linalg.inv(x[:, kept].T @ x[:, kept])
        c = inverse @ x[:, kept].T @ y
        variance = np.sum((y - x[:, kept] @ c) ** 2) / max(len(y) - len(kept), 2)
        statistic = np.abs(c) / np.sqrt(variance * np.diag(inverse))
        if statistic.min() >= threshold:
            break
        del kept[int(statistic.argmin())]
    return kept


@given(
    seed=st.integers(0, 10_000),
    terms=st.integers(1, 8),
    noise=st.sampled_from([0.05, 0.5, 3.0]),
    thresholds=st.lists(st.floats(0.5, 8.0), min_size=1, max_size=3),
)
def test_elimination_is_that_of_one_term_at_a_time(seed, terms, noise, thresholds):
    """No term is 10,000 times the noise: the ridge that keeps Gram matrices regular, 1e-9 of them, would count."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-3, 1, terms)
    x, y, moments = regression(30, terms, noise, seed, sizes, sparse=rng.permutation(terms)[: terms // 2])
    supports = eliminate(*moments, every(terms), tuple(thresholds))
    for threshold, support in zip(thresholds, supports, strict=True):
        assert support[0].nonzero()[:, 0].tolist() == one_at_a_time(x, y, threshold)


def test_elimination_finds_what_is_there():
    _, _, moments = regression(100, 8, 1e-3, sparse=(0, 3, 6))
    for support in eliminate(*moments, every(8), (5.0,)):
        assert support[0].nonzero()[:, 0].tolist() == [1, 2, 4, 5, 7]
    allowed = every(8)
    allowed[0, 4] = False
    (support,) = eliminate(*moments, allowed, (1.0,))
    assert not support[0, 4]
