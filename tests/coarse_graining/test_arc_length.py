"""A single code is measured along the recorded frames, whatever bends it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdyn import FIMCoarseGrainer
from skdyn.coarse_graining.arc_length import ArcLength, arc_length
from skdyn.datasets import make_blob_video
from tests.contract.test_contract import DUMMY_SDE

TINY = {"model": DUMMY_SDE, "max_iter": 3, "random_state": 0, "device": "cpu"}


def walk(count):
    """Positions that wander over [-1.3, 1.3], and frames whose path, an arc of a circle, is as long as they say."""
    x = 1.3 * np.sin(np.random.default_rng(0).normal(scale=0.05, size=count).cumsum())
    return x, np.column_stack([np.cos(x), np.sin(x), np.zeros_like(x)])


def bend(x):
    return x + 0.3 * x**3


def misfit(code, x):
    return 1 - np.corrcoef(code, x)[0, 1] ** 2


@pytest.mark.parametrize(("noise", "share"), [(0.0, 0.02), (0.01, 0.1)])
def test_a_bent_code_is_straight_afterwards(noise, share):
    x, frames = walk(6000)
    frames = frames + noise * np.random.default_rng(1).standard_normal(frames.shape)
    straight = arc_length([bend(x)], [frames])
    assert misfit(straight(bend(x)), x) < share * misfit(bend(x), x)


def test_no_step_is_taken_across_recordings():
    x, frames = walk(6000)
    parts = np.split(np.arange(6000), 30)
    shuffled = np.random.default_rng(0).permutation(30)
    whole = arc_length([bend(x)[i] for i in parts], [frames[i] for i in parts])
    mixed = arc_length([bend(x)[parts[k]] for k in shuffled], [frames[parts[k]] for k in shuffled])
    np.testing.assert_allclose(mixed.lengths, whole.lengths, rtol=1e-9)


def test_where_little_is_told_nothing_is_changed():
    x, frames = walk(200)
    assert arc_length([x], [frames]) is None
    assert arc_length([np.repeat(x, 3)], [np.zeros((600, 3))]) is None
    assert arc_length([np.repeat([0.0, 1.0], 300)], [np.zeros((600, 3))]) is None


def test_no_part_counts_for_more_than_five_usual_ones():
    x, frames = walk(6000)
    straight = arc_length([np.sinh(4 * x)], [frames])
    slopes = np.diff(straight.lengths) / np.diff(straight.codes)
    assert 0.2 <= slopes.min() <= slopes.max() <= 5.0


steps = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=9)


@given(steps, st.data())
def test_lengths_lead_back_to_codes(codes, data):
    lengths = data.draw(st.lists(st.floats(0.01, 100.0), min_size=len(codes), max_size=len(codes)))
    straight = ArcLength(np.cumsum([-1.0, *codes]), np.cumsum([0.0, *lengths]))
    z = np.linspace(straight.codes[0] - 5, straight.codes[-1] + 5, 50)[:, None]
    np.testing.assert_allclose(straight.inverse(straight(z)), z, atol=1e-7)
    assert (np.diff(straight(z), axis=0) > 0).all()


def test_codes_of_a_grainer_are_straight_and_kept(tmp_path):
    x, frames = walk(2500)
    t = 0.01 * np.arange(2500)
    grainer, bent = (
        FIMCoarseGrainer(**TINY, validation_fraction=None, isometry=isometry).fit(frames, t=t) for isometry in (0.1, 0)
    )
    assert bent.autoencoder_.straight is None
    codes = grainer.transform(frames)
    assert misfit(codes[:, 0], x) < 0.1 * misfit(bent.transform(frames)[:, 0], x)
    np.testing.assert_allclose([codes.mean(), codes.std()], [0, 1], atol=1e-9)
    grainer.save(tmp_path)
    again = FIMCoarseGrainer.load(tmp_path)
    np.testing.assert_array_equal(again.transform(frames), codes)
    np.testing.assert_array_equal(again.inverse_transform(codes[:9]), grainer.inverse_transform(codes[:9]))


def test_frames_are_decoded_from_codes_as_the_decoder_reads_them():
    video = make_blob_video(600, size=9, dt=0.01)
    grainer = FIMCoarseGrainer(**TINY, validation_fraction=None).fit(video.frames, t=video.t)
    own = grainer.autoencoder_
    assert own.straight is not None
    with torch.inference_mode():
        again = own.decoder(own.encoder(own.scaled(video.frames.astype(float)))).numpy()
    expected = again * own.frame_scale + own.frame_mean
    np.testing.assert_allclose(grainer.inverse_transform(grainer.transform(video.frames)), expected, atol=1e-9)
