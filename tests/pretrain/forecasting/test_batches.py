import dataclasses

import numpy as np
import pytest
import torch

from pretrain.forecasting.batches import PrefixShape, collate, make_forecast_batch
from pretrain.forecasting.corruption import Cut, ObservationConfig


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_batches(library, dim):
    config = ObservationConfig()
    shape = PrefixShape(points=40, channels=24, weight=1.0)
    batch = make_forecast_batch(library, dim, shape, config, np.random.default_rng(1))
    count = 24 // dim
    assert batch.prefixes.values.shape[:2] == (count, dim)
    assert batch.targets.shape == (count, dim, config.seen + config.unseen)
    assert batch.unseen.shape == batch.times.shape == (count, config.seen + config.unseen)
    assert (batch.unseen.sum(-1) == config.unseen).all()
    assert (batch.times.diff(dim=-1) >= 0).all()
    assert batch.times.min() >= 0
    assert batch.times.max() <= 1
    last = batch.prefixes.last[:, 0]
    assert ((last > 0.15) & (last <= 0.9 + 1e-6)).all()
    for times, unseen, end in zip(batch.times, batch.unseen, last, strict=True):
        assert torch.equal(times > end + 1e-6, unseen)
    # Observed values fill [-1, 1]; the scale is the whole recording's, which is at least as wide without noise.
    values = torch.where(batch.prefixes.mask, batch.prefixes.values, torch.nan)
    assert values.nan_to_num(0).abs().max() == pytest.approx(1.0)
    assert (batch.scale >= 1).all()


def test_clean_targets_continue_the_clean_prefix(library):
    config = ObservationConfig(clean=1.0, jittered=0.0, thinned=0.0, gapped=0.0, seen=200)
    batch = make_forecast_batch(library, 2, PrefixShape(30, 8, 1.0), config, np.random.default_rng(2))
    p = batch.prefixes
    for b in range(len(batch.times)):
        n = int(p.counts[b, 0])
        for d in range(2):
            known = np.interp(p.times[b, d, :n], batch.times[b], batch.targets[b, d])
            np.testing.assert_allclose(known, p.values[b, d, :n], atol=0.02)


def test_nothing_after_the_prefix_reaches_the_network():
    rng = np.random.default_rng(0)
    t = np.arange(30.0)
    x = rng.normal(size=(30, 2))
    cut = Cut(t[:12], x[:12], t, x, np.ptp(x, axis=0) / 2, 29.0)
    changed = dataclasses.replace(cut, targets=np.concatenate([x[:12], 100 * x[12:]]))
    first, second = (collate([part]).prefixes for part in (cut, changed))
    for field in dataclasses.fields(first):
        assert torch.equal(getattr(first, field.name), getattr(second, field.name))


def test_a_channel_that_moves_only_after_the_prefix_is_no_example():
    late = np.zeros((4, 241, 1), dtype=np.float32)
    late[:, 200:, 0] = np.linspace(0, 1, 41)
    late[0, :, 0] = np.linspace(0, 1, 241)
    config = ObservationConfig(ratio=(0.3, 0.5), clean=1.0)
    batch = make_forecast_batch({1: late}, 1, PrefixShape(40, 30, 1.0), config, np.random.default_rng(0))
    assert batch.scale.max() < 1e4
    assert batch.targets.isfinite().all()
