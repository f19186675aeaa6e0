import copy
import dataclasses

import pytest
import torch
from torch import nn

from skdyn.nn.attention import Block
from skdyn.nn.fim_ode import FIMODE, FIMODEConfig
from skdyn.nn.lora import (
    LowRankLinear,
    add_low_rank,
    attention_projections,
    initialise,
    load_low_rank_state,
    low_rank_state,
    merge,
)

CONFIG = FIMODEConfig(
    model_type="fim-ode",
    format_version=1,
    max_dim=2,
    width=16,
    heads=2,
    encoder_layers=2,
    decoder_layers=2,
    feedforward=24,
    local_width=8,
    fourier_octaves=2,
    rope_min_wavelength=0.05,
    rope_max_wavelength=200.0,
    slope_lags=(1, 3),
    slope_clip=50.0,
    feature_clip=5.0,
    scale_clip=6.0,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = FIMODE(CONFIG)
        nn.init.normal_(network.token_head.weight, std=0.1)
    return network.eval().requires_grad_(False)


def answer(network, dtype=torch.float32):
    draw = generator(1)
    states = torch.randn(2, 2, 9, 2, generator=draw, dtype=torch.float64)
    times = torch.rand(2, 2, 9, generator=draw, dtype=torch.float64).cumsum(-1)
    mask = torch.ones(2, 2, 9, dtype=torch.bool)
    mask[1, 1, 5:] = False
    queries = torch.randn(2, 7, 2, generator=draw, dtype=torch.float64).to(dtype)
    with torch.no_grad():
        encoded = network.encode(states, times, mask, torch.ones(2, 2))
        return torch.cat(network.decode(encoded, queries), dim=-1)


def perturbed(network, rank=3, alpha=6.0, seed=0):
    adapted = add_low_rank(network, attention_projections(network), rank, alpha)
    initialise(adapted, generator(seed))
    draw = generator(seed + 100)
    state = {name: t + 0.2 * torch.randn(t.shape, generator=draw) for name, t in low_rank_state(adapted).items()}
    load_low_rank_state(adapted, state)
    return adapted


def test_all_projections_of_all_attentions_are_found(network):
    names = attention_projections(network)
    blocks = [f"{part}.{i}" for part in ("encoder", "decoder") for i in range(2)]
    assert names == tuple(f"{b}.attention.{p}" for b in blocks for p in ("query", "key_value", "output"))
    # Any network that uses the package's attention will do.
    assert attention_projections(nn.Sequential(Block(8, 2, 8), nn.Linear(8, 8))) == (
        "0.attention.query",
        "0.attention.key_value",
        "0.attention.output",
    )
    assert attention_projections(nn.Linear(3, 3)) == ()


def test_nothing_changes_at_the_start(network):
    adapted = add_low_rank(network, attention_projections(network), 4, 8.0)
    initialise(adapted, generator())
    assert all(value.abs().sum() > 0 for name, value in low_rank_state(adapted).items() if name.endswith(".down"))
    assert torch.equal(answer(adapted), answer(network))
    assert torch.equal(answer(merge(adapted)), answer(network))


def test_the_update_is_the_stated_product():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        linear = nn.Linear(5, 4)
    layer = LowRankLinear(linear, 2, 3.0)
    with torch.no_grad():
        layer.down.copy_(torch.arange(10.0).reshape(2, 5) / 10)
        layer.up.copy_(torch.arange(8.0).reshape(4, 2) / 8)
    x = torch.randn(6, 5, generator=generator())
    expected = x @ (linear.weight + 1.5 * layer.up @ layer.down).T + linear.bias
    torch.testing.assert_close(layer(x), expected, atol=1e-6, rtol=0)
    merged = layer.merged()
    assert type(merged) is nn.Linear
    assert merged.bias is linear.bias
    torch.testing.assert_close(merged(x), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_merged_equals_unmerged(network, dtype):
    adapted = perturbed(copy.deepcopy(network).to(dtype))
    difference = (answer(merge(adapted), dtype) - answer(adapted, dtype)).abs().max()
    changed = (answer(adapted, dtype) - answer(copy.deepcopy(network).to(dtype), dtype)).abs().max()
    assert changed > 1e-2
    assert difference < (1e-6 if dtype is torch.float64 else 2e-5)


def test_one_layer_merged_equals_unmerged_in_single_precision():
    layer = LowRankLinear(nn.Linear(16, 16, bias=False), 4, 4.0)
    draw = generator()
    with torch.no_grad():
        layer.linear.weight.copy_(0.2 * torch.randn(16, 16, generator=draw))
        layer.down.copy_(0.1 * torch.randn(4, 16, generator=draw))
        layer.up.copy_(0.1 * torch.randn(16, 4, generator=draw))
        x = torch.randn(50, 16, generator=draw)
        assert (layer(x) - layer.merged()(x)).abs().max() < 1e-6


def test_the_base_is_shared_and_never_changed(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    names = [name for name, _ in network.named_modules()]
    one, two = perturbed(network, seed=1), perturbed(network, seed=2)
    merged = merge(one)
    own = {id(p) for p in network.parameters()}
    targets = {f"{name}.weight" for name in attention_projections(network)}
    assert {id(p) for p in one.parameters()} > own
    for name, parameter in merged.named_parameters():
        assert (id(parameter) in own) == (name not in targets)
    answers = [answer(x) for x in (network, one, two, merged)]
    assert not torch.allclose(answers[1], answers[2])
    assert not torch.allclose(answers[0], answers[1])
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert names == [name for name, _ in network.named_modules()]
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_training_moves_the_factors_alone(network):
    adapted = add_low_rank(network, attention_projections(network), 2, 2.0)
    initialise(adapted, generator())
    states = torch.randn(1, 1, 8, 2, generator=generator(5), dtype=torch.float64)
    times = torch.arange(8.0, dtype=torch.float64)[None, None]
    encoded = adapted.encode(states, times, torch.ones(1, 1, 8, dtype=torch.bool), torch.ones(1, 2))
    adapted.decode(encoded, torch.zeros(1, 3, 2))[0].square().sum().backward()
    moved = {name for name, parameter in adapted.named_parameters() if parameter.grad is not None}
    assert moved == set(low_rank_state(adapted))
    assert all(adapted.get_parameter(name).grad.abs().sum() > 0 for name in moved if name.endswith(".up"))


def test_the_same_seed_gives_the_same_factors(network):
    states = []
    for seed in (7, 7, 8):
        adapted = add_low_rank(network, attention_projections(network), 2, 2.0)
        initialise(adapted, generator(seed))
        states.append(low_rank_state(adapted)["decoder.0.attention.query.down"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    assert states[0].abs().max() <= CONFIG.width**-0.5


def test_global_randomness_is_left_alone(network):
    before = torch.get_rng_state()
    merge(perturbed(network))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("targets", "rank", "message"),
    [
        ((), 2, "targets must be distinct names"),
        (("head", "head"), 2, "targets must be distinct names"),
        (("nowhere",), 2, "'nowhere' is not a linear layer of FIMODE"),
        (("decoder_norm",), 2, "'decoder_norm' is not a linear layer of FIMODE"),
        (("decoder.0.attention.query",), 0, "rank 0 does not fit 'decoder.0.attention.query'"),
        (("decoder.0.attention.query",), 17, "which maps 16 to 16"),
    ],
)
def test_bad_targets_and_ranks(network, targets, rank, message):
    with pytest.raises(ValueError, match=message):
        add_low_rank(network, targets, rank, 1.0)


def test_other_layers_can_be_targets(network):
    adapted = perturbed_head = add_low_rank(network, ["token_head"], 2, 2.0)
    state = {name: torch.full_like(value, 0.1) for name, value in low_rank_state(adapted).items()}
    load_low_rank_state(perturbed_head, state)
    assert set(state) == {"token_head.down", "token_head.up"}
    assert not torch.allclose(answer(adapted), answer(network))
    assert dataclasses.asdict(adapted.config) == dataclasses.asdict(CONFIG)
