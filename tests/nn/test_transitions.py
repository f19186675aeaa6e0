import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdyn.nn.transitions import kd_leaves, summarise


def context(seed=0, paths=3, points=40, dim=2, least=2):
    rng = np.random.default_rng(seed)
    states = np.cumsum(rng.normal(size=(1, paths, points, dim)), axis=2) * 0.3
    times = np.cumsum(rng.uniform(0.05, 0.2, size=(1, paths, points)), axis=2)
    lengths = rng.integers(least, points + 1, size=(1, paths))
    mask = np.arange(points) < lengths[..., None]
    return tuple(map(torch.from_numpy, (states, times, mask)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 200), st.integers(1, 3), st.sampled_from([2, 8, 64]), st.floats(0.1, 1.0))
def test_leaves_are_balanced_and_hold_every_point(seed, points, dim, leaves, share):
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.normal(size=(2, points, dim)))
    valid = torch.from_numpy(rng.uniform(size=(2, points)) < share)
    leaf, count = kd_leaves(z, valid, leaves)
    assert count <= leaves
    most = int(valid.sum(-1).max())
    assert count == leaves or count >= most
    for b in range(2):
        sizes = torch.bincount(leaf[b][valid[b]], minlength=count)
        assert int(sizes.sum()) == int(valid[b].sum())
        assert int(sizes.max() - sizes.min()) <= 1


def test_leaves_are_boxes_of_the_state_space():
    z = torch.from_numpy(np.random.default_rng(1).uniform(size=(1, 256, 1)))
    leaf, count = kd_leaves(z, torch.ones(1, 256, dtype=torch.bool), 16)
    order = z[0, :, 0].argsort()
    changes = (leaf[0][order].diff() != 0).sum()
    assert count == 16
    assert int(changes) == 15, "a leaf is not an interval"


def test_a_context_does_not_change_with_its_batch_mates():
    first, second = context(3), context(4, points=40)
    together = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    alone, joined = summarise(*first, (1, 4), 16), summarise(*together, (1, 4), 16)
    torch.testing.assert_close(alone.states[0], joined.states[0])
    torch.testing.assert_close(alone.lags[1].drift[0], joined.lags[1].drift[0])
    torch.testing.assert_close(alone.noise[0], joined.noise[0])


def test_moments_are_those_of_the_transitions():
    states, times, mask = context(5, paths=2, points=30)
    summary = summarise(states, times, mask, (1, 3), 4)
    n = mask[0].sum(-1).tolist()
    starts = [(k, i) for k in range(2) for i in range(n[k] - 1)]
    z = torch.stack([states[0, k, i] for k, i in starts])
    leaf, _ = kd_leaves(z[None], torch.ones(1, len(z), dtype=torch.bool), 4)
    for m in range(4):
        own = [pair for pair, node in zip(starts, leaf[0].tolist(), strict=True) if node == m]
        x, t = states[0].numpy(), times[0].numpy()
        np.testing.assert_allclose(summary.states[0, m], np.mean([x[k, i] for k, i in own], axis=0), rtol=1e-10)
        np.testing.assert_allclose(summary.spread[0, m], np.std([x[k, i] for k, i in own], axis=0), rtol=1e-6)
        assert summary.count[0, m] == len(own)
        for moments, lag in zip(summary.lags, (1, 3), strict=True):
            for start, drift in ((0, moments.drift), (1, moments.late_drift)):
                there = [(k, i + start) for k, i in own if i + start + lag < n[k]]
                change = np.array([x[k, i + lag] - x[k, i] for k, i in there]).reshape(-1, 2)
                step = np.array([t[k, i + lag] - t[k, i] for k, i in there])
                expected = change.sum(0) / step.sum() if len(there) else np.zeros(2)
                np.testing.assert_allclose(drift[0, m], expected, rtol=1e-9, atol=1e-12)
                if start == 0:
                    assert moments.seen[0, m] == len(there)
                    if there:
                        np.testing.assert_allclose(moments.square[0, m], (change**2).mean(0), rtol=1e-9)
                        np.testing.assert_allclose(moments.step[0, m], step.mean(), rtol=1e-9)
        pairs = [(k, i) for k, i in own if i > 0]
        products = [(x[k, i] - x[k, i - 1]) * (x[k, i + 1] - x[k, i]) for k, i in pairs]
        np.testing.assert_allclose(summary.noise[0, m], np.mean(products, axis=0), rtol=1e-9)


def test_the_observation_noise_shows_in_successive_increments():
    rng = np.random.default_rng(6)
    walk = np.cumsum(rng.normal(size=20000) * 0.01)
    seen = torch.from_numpy(walk + 0.05 * rng.normal(size=20000))[None, None, :, None]
    times = torch.arange(20000, dtype=torch.float64)[None, None]
    summary = summarise(seen, times, torch.ones(1, 1, 20000, dtype=torch.bool), (1, 4), 2)
    weight = summary.count / summary.count.sum()
    assert float((summary.noise[..., 0] * weight).sum()) == pytest.approx(-(0.05**2), rel=0.1)


def test_gradients_reach_the_states():
    states, times, mask = context(7, points=20)
    states.requires_grad_(True)
    summary = summarise(states, times, mask, (1, 4), 8)
    (summary.lags[0].drift.sum() + summary.lags[1].square.sum() + summary.spread.sum()).backward()
    assert states.grad.isfinite().all()
    assert (states.grad[mask] != 0).any()
    assert (states.grad[~mask] == 0).all()
