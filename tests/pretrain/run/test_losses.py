import math

import pytest
import torch

from pretrain.run.losses import absolute, counted, laplace, masked_mean, once, relative_error, total, weighted_mean

NAN = float("nan")
MASK = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
WEIGHT = torch.tensor([1.0, 1.0, 0.0])
ACTIVE = torch.full((3, 1, 2), 0.5)


def values(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loss_of(truth):
    """A loss as the objectives compute it, and the gradients of the network's answers."""
    mean, log_scale = values(3, 3, 2, seed=1).requires_grad_(), values(3, 3, 2, seed=2).requires_grad_()
    likelihood = laplace(counted(truth, MASK, WEIGHT), mean, log_scale, ACTIVE)
    error = absolute(counted(truth, MASK, WEIGHT), mean, ACTIVE)
    loss = weighted_mean(masked_mean(likelihood, MASK) + masked_mean(error, MASK), WEIGHT)
    return loss, *torch.autograd.grad(loss, (mean, log_scale))


def test_the_loss_is_the_mean_over_what_counts():
    truth, mean, log_scale = (values(3, 3, 2, seed=seed) for seed in (0, 1, 2))
    each = (truth - mean).abs() / log_scale.exp() + log_scale + (truth - mean).abs()
    first, second = each[0, :2].mean(), each[1, 0].mean()
    torch.testing.assert_close(loss_of(truth)[0], (first + second) / 2)


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_masked_truths_reach_neither_the_loss_nor_its_gradient(bad):
    clean = values(3, 3, 2)
    broken = clean.clone()
    broken[~MASK] = bad
    broken[WEIGHT == 0] = bad
    for mine, wanted in zip(loss_of(broken), loss_of(clean), strict=True):
        assert torch.equal(mine, wanted)
        assert mine.isfinite().all()


def test_without_care_the_gradient_would_not_be_finite():
    # Why `counted` exists: the mean alone masks the value, and 0 * nan comes back.
    truth = values(3, 3, 2)
    truth[~MASK] = NAN
    log_scale = values(3, 3, 2, seed=2).requires_grad_()
    loss = masked_mean(laplace(truth, values(3, 3, 2, seed=1), log_scale, ACTIVE), MASK).sum()
    assert loss.isfinite()
    assert torch.autograd.grad(loss, log_scale)[0].isnan().any()


def test_a_truth_that_counts_is_not_hidden():
    truth = values(3, 3, 2)
    truth[0, 1, 0] = NAN
    assert loss_of(truth)[0].isnan()


def test_masked_means():
    x = values(3, 3)
    x[~MASK] = NAN
    means = masked_mean(x, MASK)
    torch.testing.assert_close(means, torch.stack([x[0, :2].mean(), x[1, 0], torch.tensor(0.0)]))
    torch.testing.assert_close(weighted_mean(torch.tensor([1.0, 4.0, NAN]), WEIGHT), torch.tensor(2.5))
    assert weighted_mean(torch.full((3,), NAN), torch.zeros(3)) == 0


def test_relative_errors():
    truth, found = values(3, 3, 2), values(3, 3, 2, seed=1)
    expected = (found - truth)[0, :2].abs().sum() / truth[0, :2].abs().sum()
    truth[~MASK], found[~MASK] = NAN, NAN
    errors = relative_error(found, truth, MASK)
    torch.testing.assert_close(errors[0], expected)
    assert errors[2] == 0
    torch.testing.assert_close(relative_error(2 * found, found, MASK)[:2], torch.ones(2))


def test_sums_for_the_log_are_of_values_and_weights():
    x = torch.tensor([1.0, 4.0, NAN])
    assert total(x, WEIGHT).tolist() == [5.0, 2.0]
    assert total(x, torch.tensor([False, True, False])).tolist() == [4.0, 1.0]
    value = torch.tensor(3.0, requires_grad=True)
    assert once(value).tolist() == [3.0, 1.0]
    assert not once(value).requires_grad
