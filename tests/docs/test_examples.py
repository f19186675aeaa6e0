"""Every example of the gallery runs, smaller where it takes long, and writes its pictures where it is told."""

import re
import runpy
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from skdyn import ConvergenceWarning

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
DUMMIES = ROOT / "tests" / "dummy"
# The options that make an example quick, and words that it prints.
RUNS = {
    "coarse_graining": (
        {"model": DUMMIES / "fim-sde-16d", "n_frames": 150, "size": 9, "max_iter": 3, "hidden": [8], "device": "cpu"},
        "correlation of code and position: ",
    ),
    "bifurcation": ({"refine": None}, "d(population)/dt = "),
    "double_well": ({"model": DUMMIES / "fim-sde-16d"}, "total variation between the stationary densities: "),
    "driven_pendulum": ({}, "R2 of the simulation under the new torque: 1.000"),
    "equilibria": ({}, "saddle at (1.0"),
    "forecast_pelts": ({"model": DUMMIES / "lass-ode-tiny"}, "pelts: error "),
    "hare_lynx": ({"model": DUMMIES / "fim-ode-16d"}, ""),
    "hidden_lorenz": ({"lags": (8,), "seen": 900}, "the forecast after it, with lag 0.16, for "),
    "known_physics": ({}, "with constraints:"),
    "lorenz96": ({"estimators": ("one pass",)}, "one pass: near a new path for "),
    "model_selection": ({"cv": 2}, "the grid search prefers "),
    "over_time": ({"model": DUMMIES / "fim-ode-16d", "samples": 2}, "Diagnosis: "),
    "pharmacokinetics": ({"people": 1}, "d(concentration)/dt = 2.053 unabsorbed dose"),
    "recover_equations": ({"systems": ["lorenz"]}, "d(z)/dt = "),
}


def pictures_of(name):
    """Pictures that the gallery shows above the code of an example."""
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    (section,) = [part for part in page.split("\n## ") if f'--8<-- "docs/examples/{name}.py"' in part]
    return set(re.findall(r"\]\(pictures/(\w+\.png)\)", section))


def test_the_gallery_is_complete():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(RUNS)
    for name in RUNS:
        assert all((ROOT / "docs" / "pictures" / picture).is_file() for picture in pictures_of(name))


@pytest.mark.parametrize("name", RUNS)
def test_an_example_runs(name, tmp_path, monkeypatch, capsys):
    options, words = RUNS[name]
    here, folder = tmp_path / "here", tmp_path / "pictures"
    here.mkdir()
    folder.mkdir()
    monkeypatch.chdir(here)
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # random weights push simulations away
        example["main"](folder, **options)
    assert words in capsys.readouterr().out
    made = {path.name for path in folder.iterdir()}
    assert made
    assert made == pictures_of(name)
    assert not list(here.iterdir())
    plt.close("all")
