import numpy as np
import pytest
import torch

from skdyn import Trajectories
from skdyn.data.trajectory import Trajectory
from skdyn.sparse import fit_sparse
from skdyn.sparse.field_slopes import with_slopes_of
from skdyn.sparse.scaled_context import FLOOR, scale_context
from tests.coarse_paths import whirl, whirl_rates


def whirling(points):
    return whirl_rates(torch.from_numpy(points)).numpy()


@pytest.fixture(scope="module")
def gappy():
    """A chaotic path of which three fifths of the points are missing."""
    states, times, _ = whirl(0.6)
    return Trajectories([(times[0, 0].numpy(), states[0, 0].numpy())])


def error(ode, context):
    truth = whirling(context.points)
    return np.abs(ode.field(context.points) - truth).sum() / np.abs(truth).sum()


def test_a_field_shows_what_splines_do_not(gappy):
    assert error(fit_sparse(gappy), gappy) > 0.02
    assert error(fit_sparse(gappy, velocity=whirling), gappy) < 1e-3


def test_a_wrong_field_is_only_a_proposal():
    t = np.linspace(0.0, 6.0, 60)
    context = Trajectories([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    wrong = fit_sparse(context, velocity=lambda x: np.sin(5 * x))
    assert wrong.equations(names=["q", "v"]) == ["d(q)/dt = v", "d(v)/dt = -q"]


def relaxing(points):
    return -points


def relaxation(noise, gap=0.1):
    t = gap * np.arange(40)
    x = np.exp(-(t % 4))[:, None] + noise * np.random.default_rng(0).normal(size=(40, 1))
    pieces = [slice(k, k + 8) for k in range(0, 40, 8)]
    return Trajectories([(t[own], x[own]) for own in pieces])


def test_noise_is_left_as_splines_see_it():
    scaled = scale_context(relaxation(0.05))
    assert not scaled.clean
    assert with_slopes_of(scaled, relaxing) is None


@pytest.mark.parametrize("seed", range(6))
def test_noise_that_grows_with_the_level_is_not_believed(seed):
    """Most points are small, and so is what the flow misses of them; splines leave as much there."""
    t = np.linspace(0.0, 4.0, 60)
    x = (np.exp(-t) * (1 + 0.05 * np.random.default_rng(seed).normal(size=60)))[:, None]
    scaled = scale_context(Trajectories([(t, x)]))
    assert not scaled.clean
    assert with_slopes_of(scaled, relaxing) is None


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
def test_what_splines_take_for_noise_is_believed_where_the_flow_meets_it(interpolation):
    """Of x' = u, whose inputs at random move the state in ways that splines smooth away."""
    rng = np.random.default_rng(3)
    t, u = np.arange(50.0), rng.normal(size=50)
    moved = u[:-1] if interpolation == "previous" else (u[1:] + u[:-1]) / 2
    x = np.concatenate([[0.0], np.cumsum(moved)])[:, None]
    scaled = scale_context(Trajectories([Trajectory(t, x, u=u, interpolation=interpolation)]))
    assert scaled.clean == (interpolation == "linear")
    found = with_slopes_of(scaled, lambda columns: columns[:, 1:])
    assert found is not None
    assert found.clean
    np.testing.assert_allclose(found.path, scaled.observed, rtol=0, atol=2 * FLOOR)
    np.testing.assert_allclose(found.noise, FLOOR**2)
    np.testing.assert_allclose(found.slopes[:, 0] * found.scale * found.rate, u, rtol=1e-12)
    wrong = with_slopes_of(scaled, lambda columns: -columns[:, 1:])
    assert (wrong is None) == (not scaled.clean)  # without noise any field is asked for its slopes


def test_clean_data_take_smaller_steps_where_points_are_far_apart():
    dense, coarse = (scale_context(relaxation(0.0, gap)) for gap in (0.02, 0.5))
    assert dense.clean
    assert dense.substeps == 2
    assert coarse.clean
    assert coarse.substeps > 2
    assert scale_context(relaxation(0.05)).substeps == 1
