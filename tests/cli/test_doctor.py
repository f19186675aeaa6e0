"""``skdyn doctor`` exits with 0 when all is well and with 1 when something is not."""

import dataclasses
import shutil

import pytest

from skdyn.cli import main
from skdyn.estimators import registry as estimators
from skdyn.models import catalogue
from skdyn.models import registry as models


@pytest.fixture(autouse=True)
def only_what_is_built_in(monkeypatch):
    """Whatever plugins the machine has."""
    monkeypatch.setattr(catalogue, "entry_points", lambda group: [])
    for known in (models.CATALOGUE, estimators.CATALOGUE):
        monkeypatch.setattr(known, "_registered", {})


def register(name, folder):
    models.register_model(dataclasses.replace(models.get_model("fim-ode"), name=name, location=folder))


def test_all_is_well(capsys, dummy_folder):
    register("tiny", dummy_folder)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "torch" in out
    assert out.count("verified") == 4
    assert out.endswith("All is well.\n")


def test_damaged_weights(capsys, dummy_folder, tmp_path):
    folder = shutil.copytree(dummy_folder, tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1])
    register("damaged", folder)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    (line,) = (line for line in out.splitlines() if "PROBLEM" in line)
    assert line.startswith("  damaged ")
    assert out.count("verified") == 3
    assert out.endswith("1 problem(s) found.\n")


def test_a_broken_plugin(capsys, monkeypatch, tmp_path):
    package = tmp_path / "broken_plugin-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[skdyn.estimators]\nbroken = broken_plugin:Estimator\n")
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('broken inside')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from importlib.metadata import distribution

    plugin = distribution("broken-plugin")
    monkeypatch.setattr(catalogue, "entry_points", lambda group: plugin.entry_points.select(group=group))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "fails to import: RuntimeError: broken inside" in out
    assert out.endswith("1 problem(s) found.\n")
