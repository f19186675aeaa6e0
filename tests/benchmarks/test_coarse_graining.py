"""``python -m skdyn.benchmarks coarse-graining`` and the pages on it, on short videos with the tiny model."""

import json
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from skdyn.benchmarks import coarse_graining
from skdyn.benchmarks.__main__ import main
from skdyn.datasets import load_sde_systems

matplotlib.use("agg")

ROOT = Path(__file__).parents[2]
DUMMY = ROOT / "tests" / "dummy" / "fim-sde-16d"
TINY = {"max_iter": 3, "hidden": [8], "device": "cpu"}


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    paths = {"--json": tmp_path / "cases.json", "--plot": tmp_path / "curves.png"}
    arguments = ["--seeds", "3,4", "--model", DUMMY, "--frames", 120, "--params", json.dumps(TINY)]
    arguments += [item for pair in paths.items() for item in pair]
    assert main(["coarse-graining", *map(str, arguments)]) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^ *(3|4|med\.)  .*\d$", printed, re.MULTILINE)
    assert rows == ["3", "4", "med."]
    assert "Equilibria of the drift" in printed
    cases = json.loads(paths["--json"].read_text())
    assert [case["seed"] for case in cases] == [3, 4]
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
