"""The LASS-ODE network: its size, its parts against their equations, and what it promises."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from skdyn.nn.hub_attention import HubAttention
from skdyn.nn.lass_ode import LASSODE, SIZES, LASSODEConfig, make_prefixes, radial_basis
from skdyn.nn.lora import add_low_rank, attention_projections
from skdyn.nn.prefixes import patches

MICRO = LASSODEConfig.from_dict(
    SIZES["tiny"].to_dict() | {"width": 16, "heads": 2, "layers": 2, "expert_width": 24, "kernels": 16}
)
PLAIN = dataclasses.replace(MICRO, patch=0, prefix_features=False, quantiles=1, dynamics="free")


def network(config=MICRO, seed=0):
    """A network with large random dynamics, so that mistakes show."""
    torch.manual_seed(seed)
    built = LASSODE(config).double().eval()
    torch.nn.init.normal_(built.local_dynamics[-1].weight, std=0.1)
    return built


def example(batch=4, channels=3, points=50, seed=0):
    """Ragged prefixes (values, times, mask, end) of oscillations."""
    generator = torch.Generator().manual_seed(seed)
    times = torch.rand(batch, 1, points, generator=generator, dtype=torch.float64).sort(-1)[0]
    times = times.expand(batch, channels, points).clone() * 5
    phase = torch.arange(channels)[None, :, None] + torch.arange(batch)[:, None, None]
    values = 3 + torch.sin(4 * times + phase)
    counts = torch.randint(10, points + 1, (batch, channels, 1), generator=generator)
    return values, times, torch.arange(points) < counts, torch.full((batch,), 8.0, dtype=torch.float64)


def prefixes_of(parts):
    return make_prefixes(*parts, dtype=torch.float64)[0]


def forecast(built, parts, times):
    with torch.no_grad():
        return built.decode(built.encode(prefixes_of(parts)), times.expand(len(parts[0]), -1))


GRID = torch.linspace(0, 1, 31, dtype=torch.float64)


def parameters(config):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in LASSODE(config).parameters())


def test_the_papers_configuration_has_its_number_of_parameters():
    assert parameters(SIZES["paper"]) == 15_643_038  # about 15M in the paper
    assert parameters(SIZES["paper"]) - 2 * SIZES["paper"].width == 15_642_526  # without the final normalisation


@pytest.mark.parametrize(("size", "plain", "improved"), [("small", 2_647_454, 2_689_397), ("tiny", 787_614, 800_501)])
def test_parameters_of_the_smaller_sizes(size, plain, improved):
    switches = ("kernel_width", "patch", "prefix_features", "quantiles", "dynamics")
    paper = {name: getattr(SIZES["paper"], name) for name in switches}
    assert parameters(dataclasses.replace(SIZES[size], **paper)) == plain
    assert parameters(SIZES[size]) == improved
    assert 2 * improved < 8e6  # bytes in half precision


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("width", 250, "width 250 must be a multiple of heads = 8"),
        ("quantiles", 4, "quantiles must be odd"),
        ("dynamics", "wild", "dynamics must be one of 'free', 'damped', got 'wild'"),
        ("prefix_features", 1, "prefix_features must be one of False, True, got 1"),
        ("layers", 0, "layers must be between 1 and 64"),
        ("colour", 1, "unknown key 'colour'"),
    ],
)
def test_a_wrong_configuration_is_refused(key, value, message):
    with pytest.raises(ValueError, match=message):
        LASSODEConfig.from_dict(SIZES["paper"].to_dict() | {key: value})


def test_the_configuration_survives_json():
    assert all(LASSODEConfig.from_dict(config.to_dict()) == config for config in SIZES.values())


def test_the_hub_as_keys_and_values_is_the_papers_equation():
    torch.manual_seed(0)
    attention = HubAttention(16, 2).double()
    tokens, hub = torch.randn(3, 7, 16, dtype=torch.float64), torch.randn(5, 16, dtype=torch.float64)
    stacked = torch.cat([tokens, hub.expand(3, -1, -1)], dim=1)  # equation 4: attend together, keep the tokens' rows
    q, k, v = (
        layer(stacked).unflatten(-1, (2, 8)).transpose(1, 2)
        for layer in (attention.query, attention.key, attention.value)
    )
    weights = (q @ k.transpose(-2, -1) / 8**0.5).softmax(-1)
    expected = attention.output((weights @ v).transpose(1, 2).flatten(-2))[:, :7]
    torch.testing.assert_close(attention(tokens, hub), expected, rtol=1e-13, atol=1e-13)


def test_hidden_tokens_change_nothing():
    torch.manual_seed(0)
    attention = HubAttention(16, 2).double()
    tokens, hub = torch.randn(2, 6, 16, dtype=torch.float64), torch.randn(3, 16, dtype=torch.float64)
    mask = torch.arange(6).expand(2, -1) < 4
    expected = attention(tokens[:, :4], hub)
    torch.testing.assert_close(attention(tokens, hub, mask)[:, :4], expected, rtol=1e-13, atol=1e-13)


def test_kernels_peak_at_the_nearest_center():
    starts = torch.arange(40, dtype=torch.float64) / 40
    centers = torch.linspace(0, 1, 64, dtype=torch.float64)
    nearest = (starts[:, None] - centers).abs().argmin(-1)
    assert (radial_basis(starts, 64, 0.04).argmax(-1) == nearest).all()


@pytest.mark.parametrize(("width", "rank"), [(0.25, 4), (0.05, 20), (0.025, 40)])
def test_narrow_kernels_tell_tokens_apart(width, rank):
    phi = F.layer_norm(radial_basis(torch.arange(40, dtype=torch.float64) / 40, 64, width), (64,))
    singular = torch.linalg.svdvals(phi)
    assert int((singular > 1e-2 * singular[0]).sum()) == rank


def test_the_divergence_is_that_of_gaussians():
    built = network()
    encoded = built.encode(prefixes_of(example()))
    posterior = torch.distributions.Normal(encoded.mean, (0.5 * encoded.log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(encoded.kl, expected)


@pytest.mark.parametrize("config", [PLAIN, MICRO], ids=["paper", "improved"])
def test_shapes_and_gradients(config):
    built = network(config).float().train()
    prefixes, _ = make_prefixes(*example())
    encoded = built.encode(prefixes)
    answer = built.decode(encoded, GRID.float().expand(4, -1))
    assert answer.shape == (4, 3, 31, config.quantiles)
    assert encoded.kl.shape == (4, 3)
    assert encoded.load.shape == (2, 4)
    loss = answer.square().mean() + encoded.kl.mean() + encoded.balance + encoded.router_z
    loss.backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if not name.endswith("key.bias"):  # a constant added to every key changes no attention
            assert parameter.grad.abs().sum() > 0, name


def test_the_initial_state_is_drawn_in_training_only():
    built = network()
    first, second = (forecast(built, example(), GRID) for _ in range(2))
    assert torch.equal(first, second)
    built.train()
    first, second = (forecast(built, example(), GRID) for _ in range(2))
    assert not torch.equal(first, second)


def test_quantiles_are_sorted():
    assert (forecast(network(), example(), GRID).diff(dim=-1) > 0).all()


def test_two_grids_agree_where_they_share_times():
    built, parts = network(), example()
    other = torch.cat([GRID[::3], torch.rand(17, dtype=torch.float64)]).sort()[0]
    first, second = forecast(built, parts, GRID), forecast(built, parts, other)
    at = torch.searchsorted(other, GRID[::3].contiguous())
    torch.testing.assert_close(first[:, :, ::3], second[:, :, at], rtol=0, atol=1e-12)


def test_nothing_after_the_prefix_matters():
    built, (values, times, mask, end) = network(), example()
    altered = torch.where(mask, values, values + 100 * torch.randn_like(values))
    later = torch.where(mask, times, times + torch.rand_like(times))
    assert torch.equal(
        forecast(built, (values, times, mask, end), GRID), forecast(built, (altered, later, mask, end), GRID)
    )


@pytest.mark.parametrize("config", [PLAIN, MICRO], ids=["paper", "improved"])
def test_batch_mates_and_padding_do_not_matter(config):
    built, (values, times, mask, end) = network(config), example()
    together = forecast(built, (values, times, mask, end), GRID)
    wide = [F.pad(part, (0, 5, 0, 2)) for part in (values, times, mask)]
    padded = forecast(built, (*wide, end), GRID)
    torch.testing.assert_close(padded[:, :3], together, rtol=1e-9, atol=1e-9)
    for b in range(4):
        alone = forecast(built, tuple(part[b : b + 1] for part in (values, times, mask, end)), GRID)
        torch.testing.assert_close(alone[0], together[b], rtol=1e-9, atol=1e-9)


def test_units_of_values_and_time_do_not_matter():
    built, (values, times, mask, end) = network(), example()
    _, scaling = make_prefixes(values, times, mask, end)
    shift, factor = torch.tensor([5.0, -2.0, 0.3]).double()[:, None], torch.tensor([1e-3, 4.0, 1e5]).double()[:, None]
    moved = (factor * values, 60 * times + 1e6, mask, 60 * end + 1e6)
    prefixes, other = make_prefixes(*moved, dtype=torch.float64)
    first = scaling.restore(forecast(built, (values, times, mask, end), GRID))
    second = other.restore(forecast(built, moved, GRID))
    torch.testing.assert_close(second, factor[..., None] * first, rtol=1e-7, atol=1e-7)
    shifted, away = make_prefixes(values + shift, times, mask, end, dtype=torch.float64)
    torch.testing.assert_close(shifted.values, prefixes.values, rtol=0, atol=1e-9)
    torch.testing.assert_close(away.restore(shifted.values)[mask], (values + shift)[mask], rtol=1e-12, atol=1e-12)


def test_derivatives_are_those_of_the_median():
    built, prefixes = network(), prefixes_of(example())
    times = torch.linspace(0.011, 0.97, 9, dtype=torch.float64).expand(4, -1)
    encoded = built.encode(prefixes)
    step = 1e-5
    ahead, behind = (built.decode(encoded, times + offset)[..., 4] for offset in (step, -step))
    torch.testing.assert_close(built.derivative(encoded, times), (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-4)


def test_damped_dynamics_cannot_explode():
    built = network()
    torch.nn.init.normal_(built.local_dynamics[-1].weight, std=3.0)
    dynamics = built.encode(prefixes_of(example())).dynamics.detach()
    symmetric = (dynamics + dynamics.transpose(-2, -1)) / 2
    assert float(torch.linalg.eigvalsh(symmetric).max()) <= 4.0
    assert math.isclose(float(dynamics.square().sum((-2, -1)).sqrt().max()), 240.0, rel_tol=0.05)


def test_patches_interpolate_and_know_where_they_do():
    times = torch.tensor([[[0.0, 1.0, 2.0, 4.0, 0.0]]], dtype=torch.float64)
    mask = torch.arange(5)[None, None] < 4
    prefixes = prefixes_of((2 * times, times, mask, torch.tensor([8.0]).double()))
    answer = patches(prefixes, 4, 2)[0, 0]  # tokens of two units of time, values at .5, 1.5 | 2.5, 3.5 | ...
    assert answer.shape == (4, 5)
    torch.testing.assert_close(answer[:2, :2], torch.tensor([[-0.75, -0.25], [0.25, 0.75]]).double())
    assert answer[2:, :4].abs().max() == 0
    assert answer[:, 2:4].tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]
    torch.testing.assert_close(answer[:, 4].exp() - 1, torch.tensor([2.0, 1.0, 1.0, 0.0]).double())


def test_a_constant_channel_stays_near_its_value():
    values = torch.full((1, 1, 6), 7.0, dtype=torch.float64)
    times = torch.arange(6.0).double()[None, None]
    prefixes, scaling = make_prefixes(
        values, times, torch.ones(1, 1, 6, dtype=torch.bool), torch.tensor([9.0]).double()
    )
    assert prefixes.values.abs().max() == 0
    torch.testing.assert_close(scaling.half, torch.full((1, 1), 7e-3, dtype=torch.float64))


def test_too_many_channels_are_refused():
    with pytest.raises(ValueError, match="11 channels, but the table of channel codes has 10"):
        network().encode(prefixes_of(example(channels=11)))


def test_low_rank_updates_of_the_papers_attention():
    with torch.device("meta"):
        paper = LASSODE(SIZES["paper"])
        targets = attention_projections(paper)
        adapted = add_low_rank(paper, targets, 8, 16.0)
    assert len(targets) == 6 * 4
    assert sum(p.numel() for p in adapted.parameters()) - sum(p.numel() for p in paper.parameters()) == 98_304


def test_low_precision_products_train():
    built = network().float().train()
    prefixes, _ = make_prefixes(*example())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoded = built.encode(prefixes)
    assert encoded.polynomials.dtype == torch.float32
    built.decode(encoded, GRID.float().expand(4, -1)).square().mean().backward()
    assert all(p.grad.isfinite().all() for p in built.parameters())
