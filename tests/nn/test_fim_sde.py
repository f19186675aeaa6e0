import dataclasses

import numpy as np
import pytest
import torch

from skdyn.nn.fim_sde import FIMSDE, FIMSDEConfig, make_sde_tokens

CONFIG = FIMSDEConfig.from_dict(
    {
        "model_type": "fim-sde",
        "format_version": 1,
        "max_dim": 3,
        "width": 16,
        "heads": 2,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "feedforward": 24,
        "local_width": 8,
        "fourier_octaves": 2,
        "leaves": 16,
        "lags": [1, 4, 16],
        "polynomial_degree": 3,
        "drift_clip": 50.0,
        "feature_clip": 5.0,
        "diffusion_floor": 0.05,
        "scale_clip": 6.0,
    }
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    model = FIMSDE(CONFIG).double()
    for layer in (model.token_head, model.fit_embedding, model.fit_gate):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return model


def inputs(seed=0, batch=2, paths=3, points=40, dim=2):
    rng = np.random.default_rng(seed)
    states = np.zeros((batch, paths, points, 3))
    states[..., :dim] = np.cumsum(rng.normal(size=(batch, paths, points, dim)), axis=2) * 0.2
    times = np.cumsum(rng.uniform(0.01, 0.05, size=(batch, paths, points)), axis=2)
    lengths = rng.integers(5, points + 1, size=(batch, paths))
    mask = np.arange(points) < lengths[..., None]
    dim_mask = np.broadcast_to(np.arange(3) < dim, (batch, 3)).astype(float)
    queries = np.zeros((batch, 7, 3))
    queries[..., :dim] = rng.normal(size=(batch, 7, dim))
    return [torch.from_numpy(part.copy()) for part in (states, times, mask, dim_mask)], torch.from_numpy(queries)


def test_tokens_are_as_wide_as_the_configuration_says():
    context, _ = inputs()
    tokens = make_sde_tokens(*context, CONFIG, torch.float64)
    assert tokens.features.shape == (2, 16, CONFIG.token_features)
    assert tokens.drifts.shape == (2, 16, CONFIG.drift_candidates, 3)
    assert tokens.log_diffusions.shape == (2, 16, CONFIG.diffusion_candidates, 3)
    assert tokens.features.isfinite().all()


def test_padding_and_batch_mates_do_not_matter(network):
    context, queries = inputs()
    together = network.decode_sde(network.encode(*context), queries)
    for b in range(2):
        paths = context[2][b].any(-1).nonzero()[:, 0]
        longest = int(context[2][b].sum(-1).max())
        alone = [part[b : b + 1] for part in context]
        alone = [part[:, paths, :longest] for part in alone[:3]] + alone[3:]
        apart = network.decode_sde(network.encode(*alone), queries[b : b + 1])
        for one, other in zip(together, apart, strict=True):
            torch.testing.assert_close(one[b], other[0])


def test_padding_values_are_never_read(network):
    context, queries = inputs()
    expected = network.decode_sde(network.encode(*context), queries)
    states, times, mask, dim_mask = context
    states = torch.where(mask[..., None], states, 1e3)
    times = torch.where(mask, times, -7.0)
    for one, other in zip(expected, network.decode_sde(network.encode(states, times, mask, dim_mask), queries)):
        torch.testing.assert_close(one, other)


def test_the_order_of_trajectories_does_not_matter(network):
    context, queries = inputs()
    turned = [part.flip(1) for part in context[:3]] + context[3:]
    for one, other in zip(
        network.decode_sde(network.encode(*context), queries),
        network.decode_sde(network.encode(*turned), queries),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_drift_alone_is_the_drift_of_both(network):
    context, queries = inputs()
    encoded = network.encode(*context)
    drift, scale = network.decode(encoded, queries)
    both = network.decode_sde(encoded, queries)
    assert torch.equal(drift, both[0])
    assert torch.equal(scale, both[1])
    assert (both[2] >= 0).all()
    assert (both[2][..., 2] == 0).all(), "a dimension that the system lacks has a diffusion"
    assert (drift[..., 2] == 0).all()


def test_gradients_flow_through_context_and_query(network):
    context, queries = inputs()
    context[0].requires_grad_(True)
    queries.requires_grad_(True)
    drift, _, diffusion, _ = network.decode_sde(network.encode(*context), queries)
    (drift.sum() + diffusion.sum()).backward()
    for tensor in (context[0], queries):
        assert tensor.grad.isfinite().all()
        assert (tensor.grad != 0).any()


def test_two_points_are_enough(network):
    context, queries = inputs(paths=1, points=5)
    context[2][:] = torch.arange(5) < 2
    for part in network.decode_sde(network.encode(*context), queries):
        assert part.isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leaves": 24}, "leaves must be a power of two, got 24"),
        ({"lags": [2, 4]}, r"lags must increase from 1, got \[2, 4\]"),
        ({"lags": [1, 4, 4]}, "lags must increase"),
        ({"width": 15}, "must be a multiple of heads"),
        ({"diffusion_floor": 0.0}, "diffusion_floor must be between"),
        ({"model_type": "fim-ode"}, "model_type must be 'fim-sde'"),
        ({"extra": 1}, "unknown key 'extra'"),
    ],
)
def test_a_wrong_configuration_names_the_key(change, message):
    values = dataclasses.asdict(CONFIG)
    values["lags"] = list(values["lags"])
    with pytest.raises(ValueError, match=message):
        FIMSDEConfig.from_dict(values | change)


def test_a_configuration_survives_its_dictionary():
    assert FIMSDEConfig.from_dict(CONFIG.to_dict()) == CONFIG
