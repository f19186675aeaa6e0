"""The reference has every public name, and no private one."""

import re
from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENTED = {
    name for page in FOLDER.glob("*.md") for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)
}


PACKAGES = ["", ".adaptation", ".datasets", ".diagnosis", ".model_selection", ".plugins", ".preprocessing", ".testing"]


@pytest.mark.parametrize("package", [f"skdyn{name}" for name in PACKAGES])
def test_every_public_name_is_there(package):
    names = {f"{package}.{name}" for name in import_module(package).__all__ if name != "__version__"}
    assert package in DOCUMENTED or names <= DOCUMENTED, names - DOCUMENTED


def test_only_public_names_are_there():
    assert len(DOCUMENTED) > 20
    for name in DOCUMENTED:
        assert not any(part.startswith("_") for part in name.split(".")), name
