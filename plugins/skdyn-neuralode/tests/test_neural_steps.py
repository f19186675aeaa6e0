"""The steps of a fit: segments, integration and the perceptron."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skdyn_neuralode.network import Network
from skdyn_neuralode.optimise import Stop, choose_held_out, minimise
from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.segments import cut, paste
from skdyn_neuralode.training import Chords, Settings, Shooting
from skdyn_neuralode.units import Units

from skdyn import Trajectories, Trajectory

quick = settings(max_examples=10, deadline=None)
SETTINGS = Settings((4,), (3,), 1, 0.0, 1.0, 0.2, 10, 8, 60.0)


def irregular(count, seed):
    tau = np.cumsum(np.random.default_rng(seed).uniform(0.2, 1.8, count)) / count
    return tau - tau[0]


def decays(counts, seed=0):
    taus = [irregular(count, seed + k) for k, count in enumerate(counts)]
    return [(tau, np.column_stack([np.exp(-tau), 2 * np.exp(-2 * tau)])) for tau in taus]


def driven(counts, holds):
    """Exact paths of x' = u - x beside their input, which is held or lies on straight lines."""
    pairs = []
    for seed, count in enumerate(counts):
        tau = irregular(count, seed)
        u, x = np.random.default_rng(seed).normal(size=count), np.zeros(count)
        for i, gap in enumerate(np.diff(tau)):
            rate = 0.0 if holds else (u[i + 1] - u[i]) / gap
            x[i + 1] = (x[i] - u[i] + rate) * np.exp(-gap) + u[i] - rate + rate * gap
        pairs.append((tau, np.column_stack([x, u])))
    return pairs


@given(order=st.permutations(range(6)))
@quick
def test_the_order_of_trajectories_decides_no_digit(order):
    rng = np.random.default_rng(0)
    runs = [Trajectory(irregular(n, n), rng.normal(size=(n, 3)), u=rng.normal(size=n)) for n in (9, 14, 6, 11, 8)]
    runs.append(Trajectory(2 * runs[0].t, runs[0].x, u=runs[0].u))
    contexts = [Trajectories(runs), Trajectories([runs[k] for k in order])]
    units, other = (Units.of(context) for context in contexts)
    np.testing.assert_array_equal(other.center, units.center)
    np.testing.assert_array_equal(other.scale, units.scale)
    for (tau, z), (tau_of_other, z_of_other) in zip(units.pairs(contexts[0]), other.pairs(contexts[1]), strict=True):
        np.testing.assert_array_equal(tau_of_other, tau)
        np.testing.assert_array_equal(z_of_other, z)


class Filter:
    """The true field of the driven paths, where a network is expected."""

    def __call__(self, z):
        return z[:, 1:] - z[:, :1]


@given(
    seed=st.integers(0, 2**16),
    hidden=st.lists(st.integers(1, 6), max_size=3),
    dim=st.integers(1, 3),
    outside=st.integers(0, 2),
)
@quick
def test_the_jacobian_is_the_derivative_of_the_field(seed, hidden, dim, outside):
    rng = np.random.default_rng(seed)
    widths = [dim + outside, *hidden, dim]
    weights = tuple(rng.normal(size=(b, a)) for a, b in pairwise(widths))
    perceptron = Perceptron(weights, tuple(rng.normal(size=width) for width in widths[1:]))
    points, step = rng.normal(size=(3, dim + outside)), 1e-6
    differences = [
        (perceptron.field(points + offset) - perceptron.field(points - offset)) / (2 * step)
        for offset in step * np.eye(dim + outside)
    ]
    np.testing.assert_allclose(perceptron.jacobian(points), np.stack(differences, axis=-1), atol=1e-6)


@pytest.mark.parametrize("length", [1, 4, 30])
@pytest.mark.parametrize("counts", [(2,), (9, 14), (5, 2, 31)])
def test_cutting_and_pasting(counts, length):
    pairs = decays(counts)
    segments = cut(pairs, [z for _, z in pairs], length, holds=False)
    assert segments.gaps.sum() == pytest.approx(sum(tau[-1] for tau, _ in pairs))
    assert segments.joined.sum() == len(segments.gaps) - len(counts)
    for pasted, (_, z) in zip(paste(pairs, segments.values, length), pairs, strict=True):
        np.testing.assert_array_equal(pasted, z)


def test_paths_of_the_true_field_go_through_all_observations():
    pairs = decays((13, 22))
    stage = Shooting(cut(pairs, [z for _, z in pairs], 5, False), SETTINGS, np.random.default_rng(0))
    paths = stage.paths(lambda z: z * torch.tensor([-1.0, -2.0], dtype=torch.float64))
    errors = (paths - stage.values)[stage.present]
    assert errors.abs().max() < 1e-6
    assert float(stage.loss(paths).detach()) < 1e-12


@pytest.mark.parametrize("holds", [False, True])
def test_inputs_are_those_of_each_interval(holds):
    pairs = driven((13, 22), holds)
    taken, otherwise = (
        Shooting(cut(pairs, [z[:, :1] for _, z in pairs], 5, way), SETTINGS, np.random.default_rng(0))
        for way in (holds, not holds)
    )
    errors = [(stage.paths(Filter()) - stage.values)[stage.present].abs().max() for stage in (taken, otherwise)]
    assert errors[0] < 1e-8
    assert errors[1] > 1e-2


def test_held_out_segments_are_not_trained_on():
    pairs = decays((41,))
    stage = Shooting(cut(pairs, [z for _, z in pairs], 4, False), SETTINGS, np.random.default_rng(0))
    assert (~stage.trained).sum() == 2
    paths = stage.values.clone()
    paths[torch.from_numpy(~stage.trained), 1:-1] += 3.0
    assert float(stage.loss(paths).detach()) == 0.0
    assert float(stage.held_out_error(paths).detach()) > 1.0
    few = Shooting(cut(pairs, [z for _, z in pairs], 10, False), SETTINGS, np.random.default_rng(0))
    assert few.trained.all()


class Field:
    """The true field of the decays, where a network is expected."""

    def __call__(self, z):
        return z * torch.tensor([-1.0, -2.0], dtype=torch.float64)


@pytest.mark.parametrize("length", [1, 4, 50])
def test_chords_of_the_true_field_close(length):
    pairs = decays((60, 25, 35))
    chords = Chords(pairs, False, np.ones(2), length, 0.2, np.random.default_rng(0))
    assert chords.errors(Field()).max() < 1e-3  # trapezia over wide intervals


@pytest.mark.parametrize("holds", [False, True])
def test_chords_under_inputs(holds):
    pairs = driven((90, 70), holds)
    taken, otherwise = (
        Chords(pairs, way, np.ones(1), 4, 0.2, np.random.default_rng(0)).errors(Filter()).max()
        for way in (holds, not holds)
    )
    assert taken < 1e-4  # trapezia
    assert otherwise > 1e-2


def test_no_chord_that_is_trained_on_touches_what_is_held_out():
    chords = Chords(decays((60,)), False, np.ones(2), 5, 0.3, np.random.default_rng(1))
    assert chords.judged.sum() == 3
    held = torch.zeros(60, dtype=torch.bool)
    for first in chords.first[chords.judged]:
        held[first + 1 : first + 5] = True
    for first in chords.first[chords.trained]:
        assert not held[first + 1 : first + 5].any()


def test_some_chords_are_trained_on_whichever_are_held_out():
    for seed in range(100):  # of 20 ways to hold out three of six groups, one leaves none beside another
        chords = Chords(decays((28,)), False, np.ones(2), 4, 0.5, np.random.default_rng(seed))
        firsts = chords.first[chords.trained]
        assert len(firsts)
        held = torch.cat([first + torch.arange(1, 4) for first in chords.first[chords.judged]])
        assert not torch.isin((firsts[:, None] + torch.arange(1, 4)), held).any()


@pytest.mark.parametrize("outside", [0, 2])
def test_the_network_and_its_frozen_layers_agree(outside):
    network = Network((5, 4), np.array([2.0, 0.5]), np.random.default_rng(0), outside)
    points = np.random.default_rng(1).normal(size=(7, 2 + outside))
    values = network(torch.from_numpy(points)).detach().numpy()
    frozen = network.frozen()
    np.testing.assert_allclose(frozen.field(points) * [2.0, 0.5], values, rtol=1e-12)
    same, jacobian = network.linearised(torch.from_numpy(points))
    np.testing.assert_allclose(same.detach(), values, rtol=1e-12)
    np.testing.assert_allclose(jacobian.detach(), frozen.jacobian(points) * [[2.0], [0.5]], rtol=1e-12)


class Bar:
    def update(self): ...
    def set_postfix(self, **_): ...


def minimised(judge, max_iter=50, patience=50, start=3.0):
    x = torch.nn.Parameter(torch.tensor([start], dtype=torch.float64))
    stop = Stop(max_iter, patience, np.inf)
    least = minimise(lambda: (x.cosh() - 1).sum(), [x], lambda: judge(x), stop, Bar())
    return float(x.detach()), least


def test_minimising_goes_back_to_where_the_held_out_error_was_least():
    assert minimised(lambda x: x.cosh().sum() - 1)[0] == pytest.approx(0.0, abs=1e-3)
    found, least = minimised(lambda x: (x - 3.0).abs().sum(), patience=2)
    assert (found, least) == (3.0, 0.0)


def test_a_loss_that_is_not_finite_is_stepped_back_from():
    x = torch.nn.Parameter(torch.tensor([1e-3], dtype=torch.float64))
    loss = lambda: (x - 1e6 * x.log()).sum()  # noqa: E731
    minimise(loss, [x], loss, Stop(80, 80, np.inf), Bar())
    assert np.isfinite(float(x.detach()))
    assert float(x.detach()) > 1e-3


@pytest.mark.parametrize(("count", "part", "expected"), [(4, 0.5, 0), (5, 0.1, 1), (20, 0.25, 5), (20, 0.0, 0)])
def test_how_many_groups_are_held_out(count, part, expected):
    assert choose_held_out(count, part, np.random.default_rng(0)).sum() == expected
