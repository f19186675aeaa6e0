from pathlib import Path

import numpy as np
import pytest

import skdyn.datasets
from skdyn.datasets import load_mocap


@pytest.mark.parametrize(
    ("subject", "paths", "frames"), [("09", (6, 2, 2), 120), ("35", (16, 3, 4), 300), ("39", (6, 2, 2), 300)]
)
def test_shapes(subject, paths, frames):
    data = load_mocap(subject)
    for part, count in zip((data.train, data.validation, data.test), paths):
        assert part.shape == (count, frames, 50)
    np.testing.assert_allclose(data.t, 0.01 * np.arange(frames))


def test_angles_are_those_of_a_walk():
    data = load_mocap("35")
    angles = np.concatenate([data.train, data.validation, data.test]).reshape(-1, 50)
    assert not angles[:, [24, 25, 31, 32]].any()
    # The mean over all parts had been taken; rounding to hundredths leaves less than half of one.
    assert np.abs(angles.mean(axis=0)).max() < 0.005
    # What the published file has for the first frame.
    np.testing.assert_allclose(data.train[0, 0, :4], [0.0062, -0.0082, -0.0123, 1.3449], atol=0.00501)


def test_the_required_acknowledgement():
    assert "obtained from mocap.cs.cmu.edu" in load_mocap("09").DESCR
    assert "EIA-0196217" in load_mocap("09").DESCR
    notice = Path(skdyn.datasets.__file__).parent / "tables" / "LICENSES.txt"
    assert "Copyright (c) 2018 Pashupati Hegde" in notice.read_text("utf-8")


def test_unknown_subject():
    with pytest.raises(ValueError, match=r"^subject: expected one of .*, got '7'"):
        load_mocap("7")
