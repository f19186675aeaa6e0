"""The forecaster's loss against numbers worked out by hand."""

import math

import pytest
import torch

from skdyn.nn.forecast_loss import SEEN_WEIGHT, forecast_loss


def case(prediction, target, seen, levels=(0.5,)):
    """The loss of one channel; ``seen`` is the number of points in the prefix."""
    target = torch.tensor(target, dtype=torch.float64)[None, None]
    index = torch.arange(target.shape[-1])[None, None]
    quantiles = torch.tensor(prediction, dtype=torch.float64).reshape(1, 1, target.shape[-1], len(levels))
    return float(forecast_loss(quantiles, target, index < seen, index >= seen, levels))


def test_prefix_and_future_are_averaged_apart():
    # Errors 0.2 in three points of the prefix, 0.4 in the single point of the future.
    assert math.isclose(case([0.2, 0.2, 0.2, 0.4], [0.0] * 4, 3), SEEN_WEIGHT * 0.2**2 / 2 + 0.4**2 / 2, rel_tol=1e-12)


def test_large_errors_pull_with_constant_force():
    assert math.isclose(case([10.0], [0.0], 0), 10 - 0.5, rel_tol=1e-12)


def test_the_range_of_the_future_divides():
    expected = (0.5**2 / 2) / (1 + math.log(1 + 4.0))
    assert math.isclose(case([0.5, 4.5], [0.0, 4.0], 0), expected, rel_tol=1e-12)


def test_pinball_of_several_quantiles():
    # Errors 0.3, 0.1 and -0.2 at the levels 1/4, 1/2 and 3/4.
    pinball = (0.25 * 0.3 + 0.5 * 0.1 + 0.25 * 0.2) / 3
    assert math.isclose(case([[0.7, 0.9, 1.2]], [1.0], 0, (0.25, 0.5, 0.75)), 0.1**2 / 2 + pinball, rel_tol=1e-12)


def test_the_pinball_loss_is_least_at_the_quantiles():
    generator = torch.Generator().manual_seed(0)
    sample = torch.rand(1, 1, 4001, generator=generator, dtype=torch.float64)
    everything = torch.ones_like(sample, dtype=torch.bool)
    levels = (0.1, 0.5, 0.9)

    def loss(guess):
        guess = torch.tensor(guess, dtype=torch.float64).expand(1, 1, 4001, 3)
        return float(forecast_loss(guess, sample, ~everything, everything, levels))

    best = loss((0.1, 0.5, 0.9))
    for other in ((0.15, 0.5, 0.9), (0.05, 0.5, 0.9), (0.1, 0.5, 0.8), (0.1, 0.5, 0.99)):
        assert best < loss(other)


def test_what_is_not_counted_may_be_missing():
    quantiles = torch.zeros(1, 1, 3, 1, requires_grad=True)
    targets = torch.tensor([[[0.5, math.nan, 0.5]]])
    seen, unseen = torch.tensor([[[True, False, False]]]), torch.tensor([[[False, False, True]]])
    loss = forecast_loss(quantiles, targets, seen, unseen, (0.5,)).sum()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1.3 * 0.5**2 / 2)
    assert quantiles.grad.isfinite().all()
    assert quantiles.grad[0, 0, 1] == 0
