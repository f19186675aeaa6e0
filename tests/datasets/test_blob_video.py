"""The video of a blob in two wells."""

import numpy as np
import pytest

from skdyn.datasets import load_sde_systems, make_blob_video, render_blob, simulate_sde


def test_the_position_is_the_path_of_the_double_well():
    video = make_blob_video(300, size=31, dt=0.01, seed=4)
    (system,) = load_sde_systems(["double-well"])
    np.testing.assert_array_equal(video.x, simulate_sde(system, 300, dt=0.01, seeds=(4,))[0])
    np.testing.assert_allclose(np.diff(video.t), 0.01)
    assert video.frames.shape == (300, 31 * 31)
    assert video.frames.dtype == np.float32


def test_the_blob_is_where_it_should_be():
    x = np.array([-1.2, 0.0, 0.9])
    images = render_blob(x, 101).reshape(3, 101, 101)
    pixels = np.linspace(-2, 2, 101)
    for position, image in zip(x, images, strict=True):
        weight = image.astype(float) / image.sum()
        assert abs(weight.sum(axis=0) @ pixels - position) < 1e-3  # across
        assert abs(weight.sum(axis=1) @ pixels) < 1e-6  # the middle row
        assert image.max() == image[50].max()
    assert images.max() <= 1
    assert images.min() >= 0


def test_the_seed_decides():
    first = make_blob_video(50, size=9, seed=1).frames
    np.testing.assert_array_equal(first, make_blob_video(50, size=9, seed=1).frames)
    assert not np.array_equal(first, make_blob_video(50, size=9, seed=2).frames)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_blob_video(0), "n_points must be a positive integer, got 0"),
        (lambda: make_blob_video(10, dt=0.0), "dt must be positive and finite"),
        (lambda: make_blob_video(10, size=1), "size must be an integer of at least 2, got 1"),
        (lambda: make_blob_video(10, system="hopf"), "hopf has 2 variables: the blob moves along one"),
        (lambda: make_blob_video(10, system="pendulum"), "no stochastic system 'pendulum'"),
        (lambda: render_blob([0.0, np.nan]), r"x\[1\] is not finite"),
    ],
)
def test_bad_inputs(call, message):
    with pytest.raises(ValueError, match=message):
        call()
