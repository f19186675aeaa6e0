"""The template of a plugin, copied and renamed, is a package that builds, is found and keeps the contract."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "docs" / "howto" / "plugins" / "template"
NAMES = {
    "skdyn-template": "foreign-linear",
    "skdyn_template": "foreign_linear",
    "TemplateRegressor": "ForeignRegressor",
    '"template"': '"foreign"',
    "template =": "foreign =",
    "`template`": "`foreign`",
}


def renamed(folder):
    """A copy of the template under other names."""
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        text = path.read_text(encoding="utf-8")
        for old, new in NAMES.items():
            text = text.replace(old, new)
        assert "template" not in text.lower(), path
        path.write_text(text, encoding="utf-8")
    (folder / "src" / "skdyn_template").rename(folder / "src" / "foreign_linear")
    return folder


def run(folder, site, *arguments):
    path = os.pathsep.join([str(site), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_copy_under_another_name_is_a_plugin(tmp_path):
    copy, site = renamed(tmp_path / "copy"), tmp_path / "site"
    run(copy, site, "-m", "hatchling", "build", "--target", "wheel")
    (wheel,) = (copy / "dist").glob("foreign_linear-*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    assert "passed" in run(copy, site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")

    (site / "foreign_linear" / "__init__.py").write_text("raise RuntimeError('out of order')\n", encoding="utf-8")
    listed = run(copy, site, "-m", "skdyn", "models")
    assert "foreign                  broken: " in listed
    assert "RuntimeError: out of order" in listed
    assert "FIMODERegressor" in listed
