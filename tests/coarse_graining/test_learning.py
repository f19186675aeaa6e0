"""What training starts from, what it weighs, and how the end of recordings decides how long it takes."""

import numpy as np
import pytest
import torch

from skdyn import FIMCoarseGrainer, TrajectoryError
from skdyn.coarse_graining import learning
from skdyn.coarse_graining.learning import split
from skdyn.coarse_graining.steps import follow, steps_of
from skdyn.coarse_graining.training import Losses, stretch_variance
from skdyn.datasets import make_blob_video
from tests.contract.test_contract import DUMMY_SDE

TINY = {"model": DUMMY_SDE, "max_iter": 4, "hidden": (8,), "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def video():
    return make_blob_video(150, size=9, dt=0.01)


def components(frames, count):
    """Frames as their first principal components have them, by a singular value decomposition."""
    mean = frames.mean(axis=0)
    _, _, rows = np.linalg.svd(frames - mean, full_matrices=False)
    return (frames - mean) @ rows[:count].T @ rows[:count] + mean


def test_it_starts_as_principal_components(video, monkeypatch):
    monkeypatch.setattr(learning, "best_steps", lambda *_: 0)
    grainer = FIMCoarseGrainer(2, **TINY).fit(video.frames, t=video.t)
    assert (grainer.n_iter_, grainer.loss_curve_) == (0, [])
    codes = grainer.transform(video.frames)
    expected = components(video.frames.astype(float), 2)
    np.testing.assert_allclose(grainer.inverse_transform(codes), expected, atol=1e-5)
    np.testing.assert_allclose(codes.T @ codes / len(codes), np.eye(2), atol=1e-4)


@pytest.mark.parametrize(
    ("errors", "steps"), [([1, 2, 2, 2, 2, 2], 0), ([3, 2, 1, 4, 4, 4], 4), ([3, 2, np.nan, 2, 2, 1], 10)]
)
def test_what_is_held_out_tells_for_how_long_to_train(errors, steps, video, monkeypatch):
    answers = iter(map(float, errors))
    monkeypatch.setattr(learning, "held_out_error", lambda *_: next(answers))
    grainer = FIMCoarseGrainer(**TINY | {"max_iter": 10}).fit(video.frames, t=video.t)
    assert grainer.n_iter_ == len(grainer.loss_curve_) == steps


def test_no_frame_is_held_out_of_recordings_that_are_too_short():
    assert split([(np.arange(4.0), np.zeros((4, 2)))] * 3, 0.2) is None
    seen, unseen = split([(np.arange(100.0), np.zeros((100, 2)))] * 2, 0.25)
    assert [len(t) for t, _ in seen] == [75, 75]
    assert [t[0] for t, _ in unseen] == [74, 74]


def test_own_modules_and_random_weights_are_trained_once(video, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(learning, "best_steps", refuse)
    for own in ({"method": "random"}, {"encoder": torch.nn.Linear(81, 1)}, {"validation_fraction": None}):
        assert FIMCoarseGrainer(**TINY | own).fit(video.frames, t=video.t).n_iter_ == 4


def test_more_components_than_directions():
    frames = np.random.default_rng(0).normal(size=(9, 2)).cumsum(axis=0)
    message = (
        r"n_components=3, but 9 frames of 2 features vary in 2 directions at most: choose fewer, or method='random'"
    )
    with pytest.raises(TrajectoryError, match=message):
        FIMCoarseGrainer(3, **TINY | {"validation_fraction": None}).fit(frames)


def test_both_losses_are_balanced():
    losses = Losses(torch.tensor(3.0), torch.tensor(1.0), torch.zeros(1, 1))
    assert losses.balanced(0.0) == 3
    assert losses.balanced(1.0) == 2
    assert losses.balanced(3.0) == 1.5


def test_a_fast_drift_is_followed_in_several_steps():
    start, step = np.full((5, 1), 2.0), np.full((5, 1), 1.0)
    count = steps_of(-start, np.ones(1))
    assert count == 4
    np.testing.assert_allclose(follow(lambda z: -z, start, step, count, -start), 2 * 0.75**4)
    assert steps_of(-0.01 * start, np.ones(1)) == 1
    assert steps_of(np.full((5, 1), np.nan), np.ones(1)) == 4


def test_principal_components_are_not_stretched():
    rng = np.random.default_rng(0)
    turned = torch.nn.Linear(2, 7)
    with torch.no_grad():
        turned.weight.copy_(torch.from_numpy(np.linalg.qr(rng.normal(size=(7, 2)))[0]))
    codes = torch.from_numpy(rng.normal(size=(50, 2)) * [3, 0.5]).float()
    assert stretch_variance(turned, codes, torch.tensor([3.0, 0.5]), rng) < 1e-6
