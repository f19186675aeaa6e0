import numpy as np
import pytest
import torch

from skdyn.nn.least_squares import evaluate_fits, fit_polynomials


def cubic_path(points=20000, step=0.01, noise=0.0, seed=0):
    """``dx = (x - x^3) dt + 0.7 dW`` seen with noise, in one of two dimensions."""
    rng = np.random.default_rng(seed)
    x = np.zeros(points)
    kicks = 0.7 * np.sqrt(step) * rng.normal(size=points)
    for i in range(1, points):
        x[i] = x[i - 1] + step * (x[i - 1] - x[i - 1] ** 3) + kicks[i]
    seen = np.stack([x + noise * rng.normal(size=points), np.zeros(points)], axis=-1)
    states = torch.from_numpy(seen)[None, None]
    times = step * torch.arange(points, dtype=torch.float64)[None, None]
    return states, times, torch.ones(1, 1, points, dtype=torch.bool)


def truth(queries):
    return queries - queries**3


QUERIES = torch.stack([torch.linspace(-1.2, 1.2, 25, dtype=torch.float64), torch.zeros(25, dtype=torch.float64)], -1)[
    None
]


def test_a_cubic_drift_and_a_constant_diffusion_are_found():
    drift, square, leverage = evaluate_fits(fit_polynomials(*cubic_path(), 3), 3, QUERIES)
    expected = truth(QUERIES[0, :, 0])
    for fit in (1, 2):
        error = (drift[0, :, fit, 0] - expected).abs()
        # The leverage is the variance over the squared diffusion: four standard errors.
        assert (error < 4 * 0.7 * leverage[0].sqrt() + 0.05).all()
    assert (drift[0, :, 0, 0] - expected).abs().max() > 0.5, "a line cannot be a cubic"
    np.testing.assert_allclose(square[0, :, :, 0], 0.49, rtol=0.1)


def test_instruments_and_products_take_the_noise_out():
    drift, square, _ = evaluate_fits(fit_polynomials(*cubic_path(noise=0.1, seed=1), 3), 3, QUERIES)
    error = (drift[0, :, :, 0] - truth(QUERIES[0, :, 0])[:, None]).square().mean(0).sqrt()
    assert error[2] < 0.3
    assert error[1] > 3 * error[2]
    off = (square[0, :, :, 0] - 0.49).abs().mean(0)
    assert off[1] < 0.1
    assert off[0] > 1.0


def test_padded_dimensions_stay_out():
    fits = fit_polynomials(*cubic_path(points=500), 3)
    drift, square, _ = evaluate_fits(fits, 3, QUERIES)
    assert (drift[..., 1] == 0).all()
    assert (square[..., 1] == 0).all()
    moved = QUERIES.clone()
    moved[..., 1] = 0.0
    assert torch.equal(evaluate_fits(fits, 3, moved)[0], drift)


def test_padding_is_never_read():
    states, times, mask = cubic_path(points=300)
    cut = fit_polynomials(states[:, :, :200], times[:, :, :200], mask[:, :, :200], 3)
    mask[:, :, 200:] = False
    states[:, :, 200:], times[:, :, 200:] = 1e6, -3.0
    padded = fit_polynomials(states, times, mask, 3)
    for one, other in ((cut.drift, padded.drift), (cut.square, padded.square), (cut.inverse, padded.inverse)):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("points", [2, 3, 5])
def test_a_few_points_give_finite_answers(points):
    drift, square, leverage = evaluate_fits(fit_polynomials(*cubic_path(points=points), 3), 3, QUERIES)
    assert drift.isfinite().all()
    assert square.isfinite().all()
    assert (leverage > 0).all()
