"""The steps of a fit: segments, integration and the perceptron."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.segments import cut, paste
from skdyn_neuralode.training import Settings, _Stage

quick = settings(max_examples=10, deadline=None)
SETTINGS = Settings((4,), (3,), 1, 0.01, 0.0, 1.0, 0.2, 10, 8, 60.0)


def irregular(count, seed):
    tau = np.cumsum(np.random.default_rng(seed).uniform(0.2, 1.8, count)) / count
    return tau - tau[0]


def decays(counts, seed=0):
    taus = [irregular(count, seed + k) for k, count in enumerate(counts)]
    return [(tau, np.column_stack([np.exp(-tau), 2 * np.exp(-2 * tau)])) for tau in taus]


@given(seed=st.integers(0, 2**16), hidden=st.lists(st.integers(1, 6), max_size=3), dim=st.integers(1, 3))
@quick
def test_the_jacobian_is_the_derivative_of_the_field(seed, hidden, dim):
    rng = np.random.default_rng(seed)
    widths = [dim, *hidden, dim]
    weights = tuple(rng.normal(size=(b, a)) for a, b in pairwise(widths))
    perceptron = Perceptron(weights, tuple(rng.normal(size=width) for width in widths[1:]))
    points, step = rng.normal(size=(3, dim)), 1e-6
    differences = [
        (perceptron.field(points + offset) - perceptron.field(points - offset)) / (2 * step)
        for offset in step * np.eye(dim)
    ]
    np.testing.assert_allclose(perceptron.jacobian(points), np.stack(differences, axis=-1), atol=1e-6)


@pytest.mark.parametrize("length", [1, 4, 30])
@pytest.mark.parametrize("counts", [(2,), (9, 14), (5, 2, 31)])
def test_cutting_and_pasting(counts, length):
    pairs = decays(counts)
    segments = cut(pairs, [z for _, z in pairs], length)
    assert segments.gaps.sum() == pytest.approx(sum(tau[-1] for tau, _ in pairs))
    assert segments.joined.sum() == len(segments.gaps) - len(counts)
    for pasted, (_, z) in zip(paste(pairs, segments.values, length), pairs, strict=True):
        np.testing.assert_array_equal(pasted, z)


def test_paths_of_the_true_field_go_through_all_observations():
    pairs = decays((13, 22))
    stage = _Stage(cut(pairs, [z for _, z in pairs], 5), SETTINGS, np.random.default_rng(0))
    paths = stage.paths(lambda z: z * torch.tensor([-1.0, -2.0], dtype=torch.float64))
    errors = (paths - stage.values)[stage.present]
    assert errors.abs().max() < 1e-6
    assert float(stage.loss(paths).detach()) < 1e-12


def test_held_out_segments_are_not_trained_on():
    pairs = decays((41,))
    stage = _Stage(cut(pairs, [z for _, z in pairs], 4), SETTINGS, np.random.default_rng(0))
    assert (~stage.trained).sum() == 2
    paths = stage.values.clone()
    paths[torch.from_numpy(~stage.trained), 1:-1] += 3.0
    assert float(stage.loss(paths).detach()) == 0.0
    assert stage.held_out_error(paths) > 1.0
    few = _Stage(cut(pairs, [z for _, z in pairs], 10), SETTINGS, np.random.default_rng(0))
    assert few.trained.all()
