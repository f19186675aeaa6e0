from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.ode.corruption import MIXTURE_CORRUPTION, PAPER_CORRUPTION, CorruptionConfig, add_noise, observed_points
from pretrain.priors import Draw

CLEAN = CorruptionConfig(clean=1.0, window=0.0, regular=1.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(
    contexts=st.integers(1, 4),
    paths=st.integers(1, 3),
    recorded=st.integers(8, 60),
    portion=st.floats(0.2, 1.0),
    ragged=st.booleans(),
    regular=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 1000),
)
def test_observed_points_increase_within_the_path(contexts, paths, recorded, portion, ragged, regular, seed):
    points = max(4, int(portion * recorded))
    config = replace(MIXTURE_CORRUPTION, regular=regular)
    shape = (contexts, paths, points)
    index, mask = observed_points(Draw(generator(seed)), shape, recorded, ragged, config)
    assert index.shape == mask.shape == shape
    assert index.min() >= 0
    assert index.max() < recorded
    assert ((index[..., 1:] > index[..., :-1]) | ~mask[..., 1:]).all()
    assert (mask[..., :-1] | ~mask[..., 1:]).all()  # observed points come first
    assert mask.sum(-1).min() >= 4
    assert ragged or mask.all()


def test_all_points_are_observed_when_asked():
    index, mask = observed_points(Draw(generator()), (3, 2, 40), 40, False, MIXTURE_CORRUPTION)
    assert mask.all()
    assert torch.equal(index, torch.arange(40).expand(3, 2, 40))


def test_windows_see_a_part_of_the_path():
    config = replace(MIXTURE_CORRUPTION, window=1.0)
    index, _ = observed_points(Draw(generator()), (400, 1, 20), 200, False, config)
    length = (index[..., -1] - index[..., 0]).double() / 199
    assert (length < 0.99).double().mean() > 0.9
    assert 0.6 < length.mean() < 0.85
    assert index[..., 0].unique().numel() > 20


def test_more_points_than_recorded_is_an_error():
    with pytest.raises(ValueError, match="cannot observe 50 of 40"):
        observed_points(Draw(generator()), (1, 1, 50), 40, False, CLEAN)


def test_noise_has_the_stated_size():
    states = 3.0 * torch.randn(4000, 1, 50, 1, generator=generator(1)) + 5
    mask = torch.ones(4000, 1, 50, dtype=torch.bool)
    noisy, level = add_noise(Draw(generator()), states, mask, PAPER_CORRUPTION)
    ratio = ((noisy - states) / states).std((1, 2, 3)) / level
    assert level.min() >= 0
    assert level.max() <= 0.06
    assert 0.029 < level.mean() < 0.031
    assert 0.97 < ratio[level > 1e-3].mean() < 1.03


def test_strong_noise_multiplies_or_adds():
    config = replace(PAPER_CORRUPTION, clean=0.5, multiplicative=(0.0, 0.0), strong=0.2, strong_probability=1.0)
    states = torch.randn(3000, 1, 60, 1, generator=generator(1)) + 20
    mask = torch.ones(3000, 1, 60, dtype=torch.bool)
    noisy, level = add_noise(Draw(generator()), states, mask, config)
    size = (noisy - states).std((1, 2, 3))
    assert 0.45 < (level == 0).float().mean() < 0.55
    assert torch.equal(level == 0, size == 0)
    assert level.max() <= 0.2
    ratio = size[level > 0.01] / level[level > 0.01]
    multiplied = ratio > 8  # of the states, which are about 20; otherwise of their deviation, which is about one
    assert 0.45 < multiplied.float().mean() < 0.55
    assert (ratio[multiplied] / 20 - 1).abs().mean() < 0.1
    assert (ratio[~multiplied] - 1).abs().mean() < 0.15


def test_without_strong_noise_the_draws_are_as_they_were():
    states = torch.randn(50, 1, 20, 2, generator=generator(1))
    mask = torch.ones(50, 1, 20, dtype=torch.bool)
    one, _ = add_noise(Draw(generator()), states, mask, CorruptionConfig())
    other, _ = add_noise(Draw(generator()), states, mask, replace(CorruptionConfig(), strong=0.7))
    assert torch.equal(one, other)


def test_some_contexts_stay_clean():
    states = torch.randn(2000, 1, 20, 2, generator=generator(1))
    mask = torch.ones(2000, 1, 20, dtype=torch.bool)
    noisy, level = add_noise(Draw(generator()), states, mask, MIXTURE_CORRUPTION)
    clean = (noisy - states).abs().amax((1, 2, 3)) == 0
    assert torch.equal(clean, level == 0)
    assert 0.16 < clean.float().mean() < 0.24
