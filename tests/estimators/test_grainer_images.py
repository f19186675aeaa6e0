"""Images go into `FIMCoarseGrainer` as they are, and come out as they went in."""

import numpy as np
import pytest
import torch

from skdyn import FIMCoarseGrainer, TrajectoryError
from skdyn.datasets import make_blob_video
from skdyn.estimators._grainer_images import image_shape
from tests.contract.test_contract import DUMMY_SDE

TINY = {
    "model": DUMMY_SDE,
    "max_iter": 2,
    "hidden": (8,),
    "random_state": 0,
    "device": "cpu",
    "validation_fraction": None,
}


@pytest.fixture(scope="module")
def images():
    """100 frames of 6 x 11 pixels."""
    return make_blob_video(100, size=11, dt=0.01).frames.reshape(100, 11, 11)[:, 2:8]


@pytest.fixture(scope="module")
def rows(images):
    """A grainer that was fitted to the same as rows."""
    return FIMCoarseGrainer(**TINY).fit(images.reshape(100, 66), t=0.01)


def test_one_recording_with_its_times(images):
    times = 0.01 * np.arange(100.0)
    grainer = FIMCoarseGrainer(**TINY).fit((times, images))
    assert grainer.frame_shape_ == (6, 11)
    np.testing.assert_array_equal(grainer.context_.times[0], times)


def test_images_are_decoded_to_images(images, rows, tmp_path):
    grainer = FIMCoarseGrainer(**TINY).fit(images, t=0.01)
    assert (grainer.frame_shape_, rows.frame_shape_) == ((6, 11), (66,))
    codes = grainer.transform(images)
    np.testing.assert_array_equal(codes, rows.transform(images))
    np.testing.assert_array_equal(codes, grainer.transform(images.reshape(100, 66)))
    decoded = grainer.inverse_transform(codes[:3])
    assert decoded.shape == (3, 6, 11)
    np.testing.assert_array_equal(decoded.reshape(3, 66), rows.inverse_transform(codes[:3]))
    assert grainer.score(images, t=0.01) == rows.score(images.reshape(100, 66), t=0.01)
    grainer.save(tmp_path)
    again = FIMCoarseGrainer.load(tmp_path)
    np.testing.assert_array_equal(again.inverse_transform(codes[:3]), decoded)


def test_several_recordings_of_images(images):
    t = 0.01 * np.arange(100)
    parts = [(t[:60], images[:60]), (t[:40], images[60:])]
    grainer = FIMCoarseGrainer(**TINY).fit(parts)
    assert [len(codes) for codes in grainer.context_.states] == [60, 40]
    np.testing.assert_allclose(grainer.transform([images[:60], images[60:]]), grainer.transform(images), atol=1e-12)
    np.testing.assert_array_equal(grainer.transform(tuple(parts)), grainer.transform(parts))
    assert np.isfinite(grainer.score([images[:60]], t=0.01))


def test_images_of_another_library_are_images(images, rows):
    tensor = torch.tensor(images, requires_grad=True)
    grainer = FIMCoarseGrainer(**TINY).fit(tensor.detach(), t=0.01)
    assert (grainer.frame_shape_, len(grainer.context_)) == ((6, 11), 1)
    np.testing.assert_array_equal(grainer.transform([tensor.detach()]), rows.transform(images.reshape(100, 66)))
    with pytest.raises(TrajectoryError, match=r"X cannot be read as an array: .*detach"):
        grainer.transform(tensor)


def test_lists_of_lists_of_lists_may_be_images_or_recordings(images):
    with pytest.raises(TrajectoryError, match=r"images of one recording or rows of several: pass numpy.array\(X\)"):
        FIMCoarseGrainer(**TINY).fit(images.tolist(), t=0.01)
    uneven = [images[0].tolist(), images[1, :3].tolist()]
    pair = [[0.0, 0.1, 0.2], images[0, :3].tolist()]
    assert [image_shape(X) for X in (uneven, [pair, pair], [(0.1, pair[1])], pair[1])] == [None] * 4


def test_images_of_another_shape(images):
    with pytest.raises(
        TrajectoryError, match=r"recording 1 has frames of shape \(6, 10\), but recording 0 of \(6, 11\)"
    ):
        FIMCoarseGrainer(**TINY).fit([images, images[:, :, :10]])
    grainer = FIMCoarseGrainer(**TINY).fit(images, t=0.01)
    turned = images.transpose(0, 2, 1)
    for method in (grainer.transform, grainer.score):
        with pytest.raises(
            ValueError, match=r"X has images of shape \(11, 6\), but `fit` was given images of shape \(6, 11\)"
        ):
            method(turned)
