"""The mixture of experts against its definition."""

import pytest
import torch

from skdyn.nn.mixture_of_experts import CHOSEN, MixtureOfExperts


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return MixtureOfExperts(16, 24, 8).double()


@pytest.fixture
def tokens():
    return torch.randn(200, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def dense(layer, x):
    """Every expert on every token, weighted; zero for the experts that a token does not use."""
    logits = layer.router(x)
    best, chosen = logits.topk(2, dim=-1)
    gates = torch.zeros_like(logits).scatter(-1, chosen, best.softmax(-1))
    everything = torch.stack([layer.expert(e, x) for e in range(8)], dim=1)
    return (gates[..., None] * everything).sum(1)


def test_gathering_equals_the_dense_sum(layer, tokens):
    torch.testing.assert_close(layer(tokens)[0], dense(layer, tokens), rtol=1e-12, atol=1e-12)


def test_gradients_equal_those_of_the_dense_sum(layer, tokens):
    weights = torch.randn(200, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    gradients = [
        torch.autograd.grad((answer * weights).sum(), list(layer.parameters()))
        for answer in (layer(tokens)[0], dense(layer, tokens))
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_two_experts_whose_weights_sum_to_one(layer, tokens):
    weights, chosen, routing = layer.route(tokens)
    assert weights.shape == chosen.shape == (200, CHOSEN) == (200, 2)
    assert (chosen[:, 0] != chosen[:, 1]).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(200, dtype=torch.float64))
    torch.testing.assert_close(routing.load.sum(), torch.tensor(1.0))


def test_the_balancing_loss_is_one_at_a_uniform_load(layer):
    layer.router.weight.data = torch.eye(16, dtype=torch.float64)[:8]
    angles = torch.cat([torch.eye(8), torch.eye(8).roll(1, 0)]).double()  # each expert is chosen equally often
    x = torch.nn.functional.pad(2 * angles + angles.roll(1, -1), (0, 8))
    _, _, routing = layer.route(x)
    torch.testing.assert_close(routing.load, torch.full((8,), 1 / 8))
    torch.testing.assert_close(routing.balance.float(), torch.tensor(1.0))


def test_the_balancing_loss_grows_when_one_expert_gets_everything(layer, tokens):
    layer.router.weight.data.zero_()
    layer.router.weight.data[3] = 10 * tokens.mean(0).sign()
    _, _, routing = layer.route(tokens.abs() * tokens.mean(0).sign())
    assert float(routing.load[3]) == 0.5
    assert float(routing.balance.detach()) > 2


def test_a_single_token_and_none(layer, tokens):
    torch.testing.assert_close(layer(tokens[:1])[0], dense(layer, tokens[:1]))
